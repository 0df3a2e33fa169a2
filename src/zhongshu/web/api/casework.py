"""Casework beside the lifecycle: clocks that explain themselves, and procedures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.calendar import due, parse_limit
from zhongshu.core.cases import Case
from zhongshu.core.cases.evidence import PhotoStep, Shot
from zhongshu.core.procedures import PATHS, Move, NoSuchMove, Procedure, ProcedureKind
from zhongshu.core.values import UnitId
from zhongshu.flow import browse, proceedings
from zhongshu.flow.city import City
from zhongshu.flow.once import once
from zhongshu.store import procedures as store
from zhongshu.store.db import Tx
from zhongshu.web.again import RetryKey, sent
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField
from zhongshu.web.shots import PhotoIn, shots

router = APIRouter(tags=["casework"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class SaidIn(BaseModel):
    """What a step of a procedure says; which fields it needs, the list of procedures tells.
    `within` is a limit (`0.5uh`, `1wd`) that stands for an `until`, counted by the unit's hours.
    """

    model_config = ConfigDict(extra="forbid")

    reason: str = ""
    clause: str = ""
    unit: str | None = None
    limit: str = ""
    result: str = ""
    owner: str = ""
    plan: str = ""
    next_step: str = ""
    review_at: str = ""
    until: str = ""
    rating: int | None = None
    photos: list[PhotoIn] = []
    level: int | None = None
    within: str = ""


@router.get("/cases/{number}/clocks")
def clocks(number: str, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Return the clocks of a case, each with the days that make its deadline."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
    return [
        {
            **told.clock.record(), "rung": told.clock.rung, "late": told.clock.late,
            "trace": [
                {"day": s.day, "from": s.start, "to": s.end, "seconds": s.seconds, "why": s.why}
                for s in told.stretches
            ],
        }
        for told in browse.told(hub.city(), found)
    ]  # fmt: skip


@router.get("/cases/{number}/procedures")
def of_case(number: str, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return the procedures of a case, the steps one may take now, and what may be begun."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        kept = store.of_case(tx, found.id)
    return {
        "procedures": [as_json(p, found, actor, hub.city()) for p in kept],
        "may_begin": [
            {
                "kind": kind,
                "fields": PATHS[kind, "", Move.OPEN].asks,
                "may": PATHS[kind, "", Move.OPEN].may,
            }
            for kind in proceedings.beginnings(found, actor, at=hub.clock())
        ],
    }


@router.post("/cases/{number}/procedures/{kind}", status_code=201)
def begin(number: str, kind: str, body: SaidIn, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Ask for an extension, a hold, a joint call…; somebody else decides."""
    with hub.db.seeing(actor.sight) as tx:
        case, procedure = begun(tx, hub, actor, number, kind, body)
    return as_json(procedure, case, actor, hub.city())


@router.post("/cases/{number}/procedures/{identity}/{move}")
def take(
    number: str, identity: int, move: str, body: SaidIn, actor: Reader, hub: TheHub,
    idempotency_key: RetryKey = None,
) -> dict[str, Any]:  # fmt: skip
    """Take a step of a procedure; the answer is the procedure after it. The same
    `Idempotency-Key` with the same body is answered as the first time.
    """
    now = hub.clock()
    photos = shots(body.photos, step=PhotoStep.CHECK)

    def take_once() -> dict[str, Any]:
        case = taken(tx, hub, actor, number, identity, move, body, photos)
        after = next(p for p in store.of_case(tx, case.id) if p.id == identity)
        return jsonable_encoder(as_json(after, case, actor, hub.city()))

    with hub.db.seeing(actor.sight) as tx:
        return once(
            tx, actor.account, idempotency_key, sent(number, f"{identity}/{move}", body), at=now,
            do=take_once,
        )  # fmt: skip


def begun(
    tx: Tx, hub: Hub, actor: Actor, number: str, kind: str, body: SaidIn
) -> tuple[Case, Procedure]:
    city = hub.city()
    try:
        what = ProcedureKind(kind)
    except ValueError:
        raise BadField("kind", kind, why=f"one of: {', '.join(ProcedureKind)}") from None
    case = browse.case(tx, actor.sight, number, lock=True)
    spoken = said(body, city, now=hub.clock())
    level = proceedings.level_asked(what, Move.OPEN, None, spoken)
    by = proceedings.post_for(actor, PATHS[what, "", Move.OPEN], case, None, level)
    return proceedings.begin(
        tx, city, case, what, by=by, at=hub.clock(), said=spoken, unit=unit_of(body, city)
    )


def taken(
    tx: Tx, hub: Hub, actor: Actor, number: str, identity: int, move: str, body: SaidIn,
    photos: Sequence[Shot] = (),
) -> Case:  # fmt: skip
    city = hub.city()
    try:
        what = Move(move)
    except ValueError:
        raise BadField("move", move, why=f"one of: {', '.join(Move)}") from None
    case = browse.case(tx, actor.sight, number, lock=True)
    procedure = next((p for p in store.of_case(tx, case.id) if p.id == identity), None)
    path = proceedings.path_of(procedure, what) if procedure is not None else None
    if procedure is None:
        raise BadField("procedure", identity, why="the case has no procedure of this number")
    if path is None:
        raise NoSuchMove("procedure", procedure.kind, state=procedure.state, move=what.value)
    spoken = said(body, city, now=hub.clock())
    level = proceedings.level_asked(procedure.kind, what, procedure, spoken)
    return proceedings.take(
        tx, city, case, identity, what,
        by=proceedings.post_for(actor, path, case, procedure.unit, level), at=hub.clock(),
        said=spoken, unit=unit_of(body, city), photos=photos,
    )  # fmt: skip


def unit_of(body: SaidIn, city: City) -> UnitId | None:
    if not body.unit:
        return None
    unit = city.unit_codes.get(body.unit)
    if unit is None:
        raise BadField("unit", body.unit, why="no unit has this code; see /api/v1/units")
    return unit.id


def said(body: SaidIn, city: City, *, now: datetime) -> dict[str, Any]:
    """Return what was said, cleaned: texts cut to a length, moments with their offset."""
    given: dict[str, Any] = {
        name: value.strip()[:2000] if isinstance(value, str) else value
        for name, value in body.model_dump(exclude={"unit", "within", "photos"}).items()
        if value not in (None, "")
    }
    for name in ("review_at", "until"):
        if name in given:
            given[name] = _moment(name, given[name], city)
    if body.within and "until" not in given:
        limit = parse_limit(body.within, field="within")
        given["until"] = due(city.hours(unit_of(body, city)), now, limit).isoformat()
    if not 1 <= given.get("rating", 1) <= 5:
        raise BadField("rating", given["rating"], why="1 to 5")
    return given


def _moment(field: str, text: str, city: City) -> str:
    """Read a moment; without an offset it is the city's own time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadField(field, text, why="write 2026-11-24T09:30:00+08:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=city.zone)).isoformat()


def as_json(procedure: Procedure, case: Case, actor: Actor, city: City) -> dict[str, Any]:
    return {
        "id": procedure.id, "case": case.number, "kind": procedure.kind, "state": procedure.state,
        "open": procedure.open, "unit": city.code_of(procedure.unit) or None,
        "opened_at": procedure.opened_at, "due_at": procedure.due_at, "late_at": procedure.late_at,
        "ended_at": procedure.ended_at, "said": procedure.said, "level": procedure.level or None,
        "moves": [
            {
                "move": move, "fields": PATHS[procedure.kind, procedure.state, move].asks,
                "may": PATHS[procedure.kind, procedure.state, move].may,
                "href": f"/api/v1/cases/{case.number}/procedures/{procedure.id}/{move.value}",
            }
            for move in proceedings.offered(procedure, case, actor)
        ],
    }  # fmt: skip
