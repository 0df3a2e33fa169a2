"""Frozen snapshots: numbers of a period written once, with their hash, and what came later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.indicators import BY_CODE, Indicator, Mark, Period
from zhongshu.core.snapshots import Counted, Difference, Figure, Row
from zhongshu.flow import snapshots
from zhongshu.flow.city import City
from zhongshu.flow.snapshots import Why
from zhongshu.store import snapshots as store
from zhongshu.store.snapshots import Entry, Snapshot
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["snapshots"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Freezer = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]


#: What a form or a body calls the two ends of a period.
Ends = tuple[str, str]


class FreezeIn(BaseModel):
    """Which period to freeze: its days, both included, or moments with their offset."""

    start: str
    until: str


@router.get("/snapshots")
def listed(request: Request, hub: TheHub, actor: Reader) -> list[dict[str, Any]]:
    """List the snapshots, the one frozen last first, at most 60; `before` (a number) goes on."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        return [as_json(one) for one in store.latest(tx, before=before(request.query_params))]


@router.post("/snapshots", status_code=201)
def freeze(body: FreezeIn, hub: TheHub, actor: Freezer) -> dict[str, Any]:
    """Freeze a period that is over, as the ledger stands now. A period is frozen once."""
    return as_json(frozen_by_hand(hub, actor, body.start, body.until))


@router.get("/snapshots/{snapshot}")
def one(snapshot: int, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return a snapshot with its `document`, the text its `sha256` is of, byte for byte."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.find(tx, snapshot)
    return {**as_json(found), "document": found.document}


@router.get("/snapshots/{snapshot}/document")
def document(snapshot: int, hub: TheHub, actor: Reader) -> Response:
    """Return the document itself, as a file: `sha256sum` of it prints the hash."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.find(tx, snapshot)
    return Response(
        found.document.encode(), media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="snapshot-{snapshot}.json"'},
    )  # fmt: skip


@router.get("/snapshots/{snapshot}/check")
def check(snapshot: int, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Work a snapshot out again: its hash, and its figures from the ledger up to its position."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.find(tx, snapshot)
        flaws, differing = snapshots.checked(tx, hub.city(), found)
    return {"flaws": list(flaws), "differences": [difference_json(one) for one in differing]}


@router.get("/snapshots/{snapshot}/since")
def since(snapshot: int, hub: TheHub, actor: Reader) -> list[dict[str, Any]]:
    """Return every figure that is counted otherwise today; `why` is where its cases are."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.find(tx, snapshot)
        differing = snapshots.since_then(tx, hub.city(), found, at=hub.clock())
    return [
        {**difference_json(one), "why": f"/api/v1/snapshots/{snapshot}/why/{one.indicator}"}
        for one in differing
    ]


@router.get("/snapshots/{snapshot}/why/{code}")
def why(snapshot: int, code: str, hub: TheHub, actor: Reader) -> list[dict[str, Any]]:
    """Return the first 200 cases an indicator counts otherwise today, with what came since."""
    snapshots.only_whole(actor)
    indicator = indicator_of(code)
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.why(tx, snapshots.find(tx, snapshot), indicator)
    return [why_json(one) for one in found]


def frozen_by_hand(
    hub: Hub, actor: Actor, start: str, until: str, *, fields: Ends = ("start", "until")
) -> Snapshot:
    """Freeze the period somebody names; ``fields`` is what it was named by."""
    snapshots.only_whole(actor, to=Permission.CASE_SUPERVISE)
    period = period_of(hub.city(), start, until, hub.clock(), fields=fields)
    with hub.db.transaction() as tx:
        return snapshots.freeze(tx, hub.city(), period, by=actor.account, at=hub.clock())


def period_of(
    city: City, start: str, until: str, now: datetime, *, fields: Ends = ("start", "until")
) -> Period:
    """Read the days or moments of a period; what cannot be read is refused by its field."""
    first, last = fields
    begins = wanted.moment(first, start, city, now)
    ends = wanted.moment(last, until, city, now)
    if begins is None or ends is None:
        raise BadField(first if begins is None else last, "", why="a day such as 2026-11-24")
    if begins >= ends:
        raise BadField(first, start, why="the period begins before it ends")
    return Period(start=begins.astimezone(city.zone), until=ends.astimezone(city.zone))


def before(query: Mapping[str, str]) -> int | None:
    """Return the number a page goes on from."""
    text = query.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadField("before", text, why="the number of a snapshot")
    return int(text) if text else None


def indicator_of(code: str) -> Indicator:
    found = BY_CODE.get(code)
    if found is None:
        raise NotFound("indicator", code)
    return found


def behind(counted: Counted, row: Row, code: str, part: str, reason: Mark | str = "") -> str:
    """Return the query that opens the cases behind a frozen number, as they were known."""
    of = {} if row.of == "whole" else {"only": row.code} if row.of == "unit" else {"area": row.code}
    return urlencode(
        {
            "from": counted.period.start.isoformat(), "to": counted.period.until.isoformat(),
            "upto": str(counted.upto), **of, "code": code, "part": part,
            **({"reason": str(reason)} if reason else {}),
        }
    )  # fmt: skip


def as_json(one: Entry) -> dict[str, Any]:
    return {
        "number": one.id, "from": one.period.start, "until": one.period.until,
        "position": str(one.upto), "frozen_at": one.frozen_at, "frozen_by": one.by_name or None,
        "sha256": one.sha256.hex(),
    }  # fmt: skip


def figure_json(one: Figure) -> dict[str, Any]:
    return {"numerator": one[0], "denominator": one[1], "excluded": one[2]}


def difference_json(one: Difference) -> dict[str, Any]:
    return {
        "of": one.row.of, "code": one.row.code, "indicator": one.indicator,
        "then": figure_json(one.then), "now": figure_json(one.now),
    }  # fmt: skip


def why_json(one: Why) -> dict[str, Any]:
    return {
        "case": one.number,
        "then": sorted(one.then),
        "now": sorted(one.now),
        "since": [{"kind": f.kind, "at": f.at, "rule": f.by.rule} for f in one.since],
    }
