"""A photo, made safe: decoded, shrunk, and written anew without anything it carried along.

Re-encoding drops place, time, device and whatever else was hidden in the file. What the
camera said of time and place is read before; whoever takes the picture in decides what of
it is kept (`core.cases.evidence`), and where nobody asks it is forgotten.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from zhongshu.core.values import Refused

MAX_UPLOAD = 12 * 1024 * 1024
MAX_PIXELS = 40_000_000
LONGEST_SIDE = 1600
_FORMATS = ("JPEG", "PNG", "WEBP")
#: What reading a file that was made to confuse its reader can raise.
_CONFUSED = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, LookupError,
    ArithmeticError, AttributeError, struct.error, Image.DecompressionBombError,
)  # fmt: skip


class NotAPicture(Refused):
    message = "%(field)s: the file “%(value)s” is not a picture that can be read."
    remedy = "Send a photo as JPEG, PNG or WebP."


class TooLarge(Refused):
    status = 413
    message = "%(field)s: the file “%(value)s” is too large."
    remedy = "Send a photo of at most 12 MB and 40 million pixels."


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """What a camera wrote beside its picture, as far as it can be believed to be readable:
    when (naive where it gave no offset from UTC) and where (WGS-84, degrees).
    """

    taken: datetime | None = None
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A cleaned JPEG, at most 1600 pixels on its longest side."""

    sha256: bytes
    width: int
    height: int
    data: bytes
    mime: str = "image/jpeg"
    camera: Camera = field(default_factory=Camera)


def clean(data: bytes, *, name: str, field: str = "photo") -> Picture:
    """Return the photo decoded and written anew, or refuse the file by name."""
    if len(data) > MAX_UPLOAD:
        raise TooLarge(field, name)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            # The header tells the size before any pixel is decoded.
            if opened.width * opened.height > MAX_PIXELS:
                raise TooLarge(field, name)
            camera = _camera(opened)
            upright = _upright(opened).convert("RGB")
    except _CONFUSED:
        raise NotAPicture(field, name) from None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=82, optimize=True)
    written = out.getvalue()
    return Picture(
        sha256=hashlib.sha256(written).digest(),
        width=upright.width, height=upright.height, data=written, camera=camera,
    )  # fmt: skip


def _upright(opened: Image.Image) -> Image.Image:
    """Return the picture turned as the camera was held; unreadable marks do not turn it."""
    try:
        return ImageOps.exif_transpose(opened)
    except _CONFUSED:
        return opened


def _camera(opened: Image.Image) -> Camera:
    """Return what the camera said; marks that cannot be read are no reason to refuse a photo."""
    try:
        marks = opened.getexif()
        shot: Mapping[int, Any] = marks.get_ifd(ExifTags.IFD.Exif)
        place: Mapping[int, Any] = marks.get_ifd(ExifTags.IFD.GPSInfo)
    except _CONFUSED:
        return Camera()
    lat = _degrees(place, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "NS", 90)
    lon = _degrees(place, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "EW", 180)
    unknown = place.get(ExifTags.GPS.GPSStatus) == "V" or (lon, lat) == (0, 0)
    if lon is None or lat is None or unknown:
        lon = lat = None
    return Camera(taken=_moment(shot), lon=lon, lat=lat)


def _moment(shot: Mapping[int, Any]) -> datetime | None:
    """Read when the shutter was pressed; “0000:00:00” and other nonsense is no time."""
    said = shot.get(ExifTags.Base.DateTimeOriginal)
    offset = shot.get(ExifTags.Base.OffsetTimeOriginal) or ""
    try:
        day, _, hour = str(said).strip().strip("\0").partition(" ")
        naive = datetime.fromisoformat(f"{day.replace(':', '-')}T{hour[:8]}")
    except ValueError:
        return None
    try:
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{str(offset).strip()[:6]}").tzinfo
    except ValueError:
        zone = None
    return naive.replace(tzinfo=zone)


def _degrees(
    place: Mapping[int, Any], value: int, reference: int, signs: str, most: int
) -> float | None:
    """Read degrees, minutes and seconds with their hemisphere."""
    sign = str(place.get(reference, "")).strip().strip("\0").upper()
    try:
        degrees, minutes, seconds = (float(part) for part in place[value])
        found = degrees + minutes / 60 + seconds / 3600
    except _CONFUSED:
        return None
    if sign not in (signs[0], signs[1]) or not 0 <= found <= most:
        return None
    return found if sign == signs[0] else -found
