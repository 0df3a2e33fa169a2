"""Photos of a case: before the work, after it, of a check; judged as they come in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.encoders import jsonable_encoder
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from zhongshu.core.access import Actor, Forbidden, NotFound, Permission
from zhongshu.core.cases import Case
from zhongshu.core.cases.evidence import Shot, step_of
from zhongshu.core.facts import By
from zhongshu.flow import browse, evidence
from zhongshu.flow.once import once
from zhongshu.store import cases, vault
from zhongshu.store.db import Tx
from zhongshu.web.again import RetryKey, sent
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.shots import PhotoIn, shots

router = APIRouter(tags=["cases"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class PhotosIn(BaseModel):
    """One to three photos of a case and the step they show: before, after or check. `version`
    is the one that was seen: the answer has the version after, unless the case moved between.
    """

    model_config = ConfigDict(extra="forbid")

    step: str
    photos: list[PhotoIn] = Field(min_length=1)
    version: int | None = None


@router.get("/cases/{number}/photos")
def photos(number: str, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """List a case's photos with what does not fit (`findings`); `camera_at` is what the camera
    said, `metres` how far from the case it was. Where somebody stood is not kept.
    """
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        return [as_json(photo, found) for photo in vault.photos_of(tx, found.id)]


@router.get("/cases/{number}/photos/{photo_id}")
def photo(number: str, photo_id: int, actor: Reader, hub: TheHub) -> Response:
    """Return one photo."""
    return picture(hub, actor, number, photo_id)


@router.post("/cases/{number}/photos", status_code=201)
def add(
    number: str, body: PhotosIn, actor: Reader, hub: TheHub, idempotency_key: RetryKey = None
) -> dict[str, Any]:
    """Add photos to a case, apart from an act; each is judged (`findings`). Post those the
    photo rule asks for, then report the case as handled; or bring them with it.
    """
    taken = shots(body.photos, step=step_of(body.step))
    with hub.db.seeing(actor.sight) as tx:

        def add_once() -> dict[str, Any]:
            before, after = keep(tx, hub, actor, number, taken)
            kept = vault.photos_of(tx, after.id)[-len(taken) :]
            mine = body.version in (None, before.version)
            said = {
                "photos": [as_json(one, after) for one in kept],
                "version": after.version if mine else None,
            }
            return jsonable_encoder(said)

        return once(
            tx, actor.account, idempotency_key, sent(number, "photos", body), at=hub.clock(),
            do=add_once,
        )  # fmt: skip


def keep(
    tx: Tx, hub: Hub, actor: Actor, number: str, taken: tuple[Shot, ...]
) -> tuple[Case, Case]:  # fmt: skip
    """Keep photos through the post that allows them; return the case before and after."""
    found = browse.case(tx, actor.sight, number, lock=True)
    by = _by(actor, found, taken)
    return found, evidence.add(tx, hub.city(), found, taken, by=by, at=hub.clock())


def _by(actor: Actor, found: Case, taken: tuple[Shot, ...]) -> By:
    """Return who brings photos, through the post that allows it here; or refuse."""
    post = None
    for needed in {evidence.NEEDS[shot.step] for shot in taken}:
        post = actor.acting(needed, area_code=found.area_code, unit=found.unit)
        if post is None:
            raise Forbidden("permission", needed.value)
    return By(account=actor.account, post=post)


def picture(hub: Hub, actor: Actor, number: str, photo_id: int) -> Response:
    """Return a photo of a case in sight, or of one merged into it."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        kept = vault.photo(tx, photo_id)
        whose = cases.get(tx, kept[0]) if kept is not None else None
    if kept is None or whose is None or found.id not in (whose.id, whose.merged_into):
        raise NotFound("photo", photo_id)
    return Response(kept[2], media_type=kept[1], headers={"Cache-Control": "private, max-age=3600"})


def as_json(photo: vault.PhotoRow, case: Case) -> dict[str, Any]:
    return {
        **evidence.as_said(photo), "kept_at": photo.taken_at, "presented": photo.presented,
        "href": f"/api/v1/cases/{case.number}/photos/{photo.id}",
    }  # fmt: skip
