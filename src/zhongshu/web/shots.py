"""Photos that come in: inside a JSON body, or as the files of a form."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from zhongshu.core import pictures
from zhongshu.core.cases.evidence import PhotoStep, Shot
from zhongshu.core.values import Refused

MOST = 3
#: Further away than this, nobody stands at the place (half the way around the earth).
FARTHEST_M = 20_100_000


class TooManyPhotos(Refused):
    message = "%(field)s: %(value)s photos at once; at most %(most)s are taken."
    remedy = "Choose the ones that show it best."


class PhotoIn(BaseModel):
    """A photo in base64. What its camera wrote inside is read, and not kept in the picture. A
    device that takes it out may say instead when it was taken, by its clock (`taken_at`), and
    how many `metres` from the case.
    """

    model_config = ConfigDict(extra="forbid")

    data: Base64Bytes
    taken_at: AwareDatetime | None = None
    metres: int | None = Field(default=None, ge=0, le=FARTHEST_M)


def shots(sent: Sequence[PhotoIn], *, step: PhotoStep) -> tuple[Shot, ...]:
    """Return the photos cleaned, or refuse the first that is no picture."""
    _few("photos", len(sent))
    return tuple(
        Shot(
            step=step, taken_at=photo.taken_at, metres=photo.metres,
            picture=pictures.clean(photo.data, name=f"photos.{n}", field="photos"),
        )
        for n, photo in enumerate(sent)
    )  # fmt: skip


async def read(files: Sequence[UploadFile | str]) -> list[tuple[str, bytes]]:
    """Return the files of a form's field that were chosen, by name and content."""
    chosen = [f for f in files if not isinstance(f, str) and f.filename]
    _few("photo", len(chosen))
    return [(f.filename or "", await f.read(pictures.MAX_UPLOAD + 1)) for f in chosen]


def of_files(files: Sequence[tuple[str, bytes]], *, step: PhotoStep) -> tuple[Shot, ...]:
    """Return files as photos of a step, cleaned."""
    return tuple(
        Shot(step=step, picture=pictures.clean(data, name=name, field="photo"))
        for name, data in files
    )


def _few(field: str, count: int) -> None:
    if count > MOST:
        raise TooManyPhotos(field, count, most=MOST)
