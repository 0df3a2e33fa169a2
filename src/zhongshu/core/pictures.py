"""A photo, made safe: decoded, shrunk, and written anew without anything it carried along.

Re-encoding drops place, time, device and whatever else was hidden in the file.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from zhongshu.core.values import Refused

MAX_UPLOAD = 12 * 1024 * 1024
MAX_PIXELS = 40_000_000
LONGEST_SIDE = 1600
_FORMATS = ("JPEG", "PNG", "WEBP")


class NotAPicture(Refused):
    message = "%(field)s: the file “%(value)s” is not a picture that can be read."
    remedy = "Send a photo as JPEG, PNG or WebP."


class TooLarge(Refused):
    status = 413
    message = "%(field)s: the file “%(value)s” is too large."
    remedy = "Send a photo of at most 12 MB and 40 million pixels."


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A cleaned JPEG, at most 1600 pixels on its longest side."""

    sha256: bytes
    width: int
    height: int
    data: bytes
    mime: str = "image/jpeg"


def clean(data: bytes, *, name: str, field: str = "photo") -> Picture:
    """Return the photo decoded and written anew, or refuse the file by name."""
    if len(data) > MAX_UPLOAD:
        raise TooLarge(field, name)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            # The header tells the size before any pixel is decoded.
            if opened.width * opened.height > MAX_PIXELS:
                raise TooLarge(field, name)
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise NotAPicture(field, name) from None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=82, optimize=True)
    written = out.getvalue()
    return Picture(
        sha256=hashlib.sha256(written).digest(),
        width=upright.width, height=upright.height, data=written,
    )  # fmt: skip
