"""Photos that come inside a JSON body: what one act shows comes with it or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict

from zhongshu.core import pictures
from zhongshu.core.intake import by_device
from zhongshu.core.values import Refused
from zhongshu.flow.photos import Shot

MOST = 3


class TooManyPhotos(Refused):
    message = "%(field)s: %(value)s photos at once; at most %(most)s are taken."
    remedy = "Choose the ones that show it best."


class PhotoIn(BaseModel):
    """A photo in base64; `taken_at` is when, by the clock of the device that took it."""

    model_config = ConfigDict(extra="forbid")

    data: Base64Bytes
    taken_at: AwareDatetime | None = None


def shots(sent: Sequence[PhotoIn], *, step: str, now: datetime) -> list[Shot]:
    """Return the photos cleaned, or refuse the first that is no picture."""
    if len(sent) > MOST:
        raise TooManyPhotos("photos", len(sent), most=MOST)
    return [
        Shot(
            picture=pictures.clean(photo.data, name=f"photos.{n}", field="photos"),
            step=step,
            taken_at=by_device(photo.taken_at, now=now),
        )
        for n, photo in enumerate(sent)
    ]
