"""Photos of a case: before the work, after it, of a check; judged as they come in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import Response

from zhongshu.core import pictures
from zhongshu.core.access import Actor, Forbidden, NotFound, Permission
from zhongshu.core.cases import Case
from zhongshu.core.cases.evidence import Shot, step_of
from zhongshu.core.facts import By
from zhongshu.flow import browse, evidence
from zhongshu.store import vault
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["cases"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
#: How many photos one request may bring.
AT_ONCE = 6


@router.get("/cases/{number}/photos")
def photos(number: str, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """List a case's photos with what does not fit (`findings`); `camera_at` is what the camera
    said, `metres` how far from the case it was. Where somebody stood is not kept.
    """
    with hub.db.transaction() as tx:
        found = browse.case(tx, actor.sight, number)
        return [as_json(photo, found) for photo in vault.photos_of(tx, found.id)]


@router.get("/cases/{number}/photos/{photo_id}")
def photo(number: str, photo_id: int, actor: Reader, hub: TheHub) -> Response:
    """Return one photo."""
    return picture(hub, actor, number, photo_id)


@router.post("/cases/{number}/photos", status_code=201)
def add(
    number: str, actor: Reader, hub: TheHub, step: Annotated[str, Form()],
    photo: Annotated[list[UploadFile], File()],
) -> list[dict[str, Any]]:  # fmt: skip
    """Add photos to a case, as multipart form: `step` is before, after or check. Post those
    the city's rule asks for, then report the case as handled.
    """
    read = [(file.filename or "", file.file.read(pictures.MAX_UPLOAD + 1)) for file in photo]
    taken = keep(hub, actor, number, shots(step, read))
    with hub.db.transaction() as tx:
        return [as_json(one, taken) for one in vault.photos_of(tx, taken.id)][-len(read) :]


def shots(step: str, read: list[tuple[str, bytes]]) -> list[Shot]:
    """Return files, by name and content, as photos of a step."""
    if not 1 <= len(read) <= AT_ONCE:
        raise BadField("photo", len(read), why=f"1 to {AT_ONCE} files")
    meant = step_of(step)
    return [
        Shot(step=meant, picture=pictures.clean(data, name=name, field="photo"))
        for name, data in read
    ]


def keep(hub: Hub, actor: Actor, number: str, taken: list[Shot]) -> Case:
    """Keep photos through the post that allows each; return the case after."""
    with hub.db.writing() as tx:
        found = browse.case(tx, actor.sight, number, lock=True)
        return evidence.add(
            tx, hub.city(), found, taken, by=by(actor, found, taken), at=hub.clock()
        )


def by(actor: Actor, found: Case, taken: list[Shot]) -> By:
    """Return who brings photos, through the post that allows it here; or refuse."""
    post = None
    for needed in {evidence.NEEDS[shot.step] for shot in taken}:
        post = actor.acting(needed, area_code=found.area_code, unit=found.unit)
        if post is None:
            raise Forbidden("permission", needed.value)
    return By(account=actor.account, post=post)


def picture(hub: Hub, actor: Actor, number: str, photo_id: int) -> Response:
    """Return a photo of a case in sight."""
    with hub.db.transaction() as tx:
        found = browse.case(tx, actor.sight, number)
        kept = vault.photo(tx, photo_id)
    if kept is None or kept[0] != found.id:
        raise NotFound("photo", photo_id)
    return Response(kept[2], media_type=kept[1], headers={"Cache-Control": "private, max-age=3600"})


def as_json(photo: vault.PhotoRow, case: Case) -> dict[str, Any]:
    return {
        **evidence.as_said(photo), "kept_at": photo.taken_at, "presented": photo.presented,
        "href": f"/api/v1/cases/{case.number}/photos/{photo.id}",
    }  # fmt: skip
