"""Photos as cameras make them: a small picture with, or without, when and where it was taken."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

from zhongshu.core.cases.evidence import PhotoStep, Shot
from zhongshu.core.pictures import clean


def jpeg(
    *, taken: datetime | str | None = None, place: tuple[float, float] | None = None,
    shade: int = 128, marks: dict[int, Any] | None = None,
) -> bytes:  # fmt: skip
    """Return a JPEG; ``place`` is (lon, lat), ``shade`` makes one differ from another."""
    exif = Image.Exif()
    shot = exif.get_ifd(ExifTags.IFD.Exif)
    if isinstance(taken, datetime):
        shot[ExifTags.Base.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
        if taken.tzinfo is not None:
            offset = taken.strftime("%z")
            shot[ExifTags.Base.OffsetTimeOriginal] = f"{offset[:3]}:{offset[3:]}"
    elif taken is not None:
        shot[ExifTags.Base.DateTimeOriginal] = taken
    if place is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(_place(*place))
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(marks or {})
    exif[ExifTags.Base.Model] = "Phone of somebody"
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (shade, shade, 90)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def _place(lon: float, lat: float) -> dict[int, Any]:
    return {
        ExifTags.GPS.GPSLatitudeRef: "N" if lat >= 0 else "S",
        ExifTags.GPS.GPSLatitude: _dms(abs(lat)),
        ExifTags.GPS.GPSLongitudeRef: "E" if lon >= 0 else "W",
        ExifTags.GPS.GPSLongitude: _dms(abs(lon)),
    }


def _dms(degrees: float) -> tuple[float, float, float]:
    minutes = degrees % 1 * 60
    return float(int(degrees)), float(int(minutes)), minutes % 1 * 60


def shot(step: PhotoStep, **camera: Any) -> Shot:
    """Return a photo of a step, taken in as the web takes it in."""
    return Shot(step=step, picture=clean(jpeg(**camera), name="photo.jpg"))
