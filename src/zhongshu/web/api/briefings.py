"""Briefings: sections of sentences made from numbers, each number with its cases; then frozen."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.grid import Area
from zhongshu.flow import briefings, snapshots
from zhongshu.flow.city import City
from zhongshu.store.briefings import Briefing, Entry
from zhongshu.store.db import Tx
from zhongshu.web.api.snapshots import Ends, period_of
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["briefings"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Author = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]


class BriefingIn(BaseModel):
    """Of which period (days, both included) and area (its code; empty: the whole city)."""

    start: str
    until: str
    area: str = ""
    title: str = ""


class TextsIn(BaseModel):
    """An author's own words by section; empty ones take them out. ``version`` is the one seen."""

    texts: dict[str, str] = {}
    title: str | None = None
    version: int | None = None


class FrozenIn(BaseModel):
    version: int | None = None


@router.get("/briefings")
def listed(hub: TheHub, actor: Reader) -> list[dict[str, Any]]:
    """List the briefings of what is in sight, the latest period first, at most 200."""
    with hub.db.seeing(actor.sight) as tx:
        found = briefings.latest(tx, hub.city(), actor.sight)
    return [as_json(one, hub.city()) for one in found]


@router.post("/briefings", status_code=201)
def make(body: BriefingIn, hub: TheHub, actor: Author) -> dict[str, Any]:
    """Make a draft."""
    with hub.db.transaction() as tx:
        made = made_of(tx, hub, actor, body)
        return as_json(briefings.find(tx, made), hub.city())


@router.get("/briefings/{briefing}")
def one(briefing: int, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return a briefing with what it says: as frozen, or as it would be now."""
    with hub.db.seeing(actor.sight) as tx:
        found = seen(tx, hub.city(), actor, briefing)
        said = briefings.document(tx, hub.city(), found, now=hub.clock())
    return {**as_json(found, hub.city()), "says": said}


@router.put("/briefings/{briefing}/texts")
def write(briefing: int, body: TextsIn, hub: TheHub, actor: Author) -> dict[str, Any]:
    """Write into the sections of a draft, under one's own name."""
    with hub.db.transaction() as tx:
        seen(tx, hub.city(), actor, briefing, to=Permission.CASE_SUPERVISE)
        briefings.write(
            tx, briefing, body.texts, title=body.title, by=actor.account, at=hub.clock(),
            version=body.version,
        )  # fmt: skip
        return as_json(briefings.find(tx, briefing), hub.city())


@router.post("/briefings/{briefing}/freeze")
def freeze(briefing: int, body: FrozenIn, hub: TheHub, actor: Author) -> dict[str, Any]:
    """Freeze a draft as the snapshot of its period counted; where there is none whoever
    supervises the whole city makes it with this, and for others the ledger is counted as it
    stands. Nothing of it changes afterwards.
    """
    whole = snapshots.whole(actor.sight_for(Permission.CASE_SUPERVISE))
    with hub.db.transaction() as tx:
        seen(tx, hub.city(), actor, briefing, to=Permission.CASE_SUPERVISE)
        found = briefings.freeze(
            tx, hub.city(), briefing, by=actor.account, at=hub.clock(), version=body.version,
            whole=whole,
        )  # fmt: skip
    return as_json(found, hub.city())


@router.get("/briefings/{briefing}/document")
def document(briefing: int, hub: TheHub, actor: Reader) -> Response:
    """Return the frozen document, byte for byte: `sha256sum` of it prints the hash."""
    with hub.db.seeing(actor.sight) as tx:
        found = seen(tx, hub.city(), actor, briefing)
    if found.document is None:
        raise NotFound("briefing", briefing)
    return Response(
        found.document.encode(), media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="briefing-{briefing}.json"'},
    )  # fmt: skip


def made_of(
    tx: Tx, hub: Hub, actor: Actor, body: BriefingIn, *, fields: Ends = ("start", "until")
) -> int:
    """Make the draft somebody asks for; ``fields`` is what the period was named by."""
    city = hub.city()
    area = area_named(city, body.area)
    briefings.only_whole(actor, area, to=Permission.CASE_SUPERVISE)
    period = period_of(city, body.start, body.until, hub.clock(), fields=fields)
    return briefings.make(
        tx, city, period, area=area, title=body.title, by=actor.account, at=hub.clock(),
        field=fields[0],
    )  # fmt: skip


def area_named(city: City, code: str) -> Area | None:
    area = city.tree.named(code) if code else None
    if code and area is None:
        raise BadField("area", code, why="no area has this code; see /api/v1/areas")
    return area


def seen(
    tx: Tx, city: City, actor: Actor, briefing: int, *, to: Permission = Permission.CASE_READ
) -> Briefing:
    """Return a briefing for all of which the actor has a permission."""
    found = briefings.find(tx, briefing)
    briefings.only_whole(actor, briefings.area_of(city, found), to=to)
    return found


def as_json(one: Entry, city: City) -> dict[str, Any]:
    area = briefings.area_of(city, one)
    return {
        "number": one.id, "from": one.period.start, "until": one.period.until,
        "area": area.code if area else None, "title": one.title, "made_by": one.maker,
        "made_at": one.made_at, "version": one.version, "snapshot": one.snapshot,
        "frozen_at": one.frozen_at, "frozen_by": one.freezer or None,
        "sha256": one.sha256.hex() if one.sha256 else None,
    }  # fmt: skip
