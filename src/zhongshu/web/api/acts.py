"""Acts on a case: one, and those that arrive together.

Acts on different cases that arrive while others are being written share a transaction with
them, for what a commit costs is paid once (`web/gather.py`). Whatever might make one wait for
another, or undo it, is done alone: a case that somebody holds, one that is linked to others, an
act that touches two, one that is refused after something was written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission, Sight
from zhongshu.core.cases import NEEDS_REASON, Act, Case, Outcome
from zhongshu.core.cases.evidence import Shot, step_with
from zhongshu.core.place import Datum, Point, to_wgs84
from zhongshu.core.values import ReportId
from zhongshu.flow import acts, browse
from zhongshu.flow.bulk import through
from zhongshu.flow.city import City
from zhongshu.flow.once import once
from zhongshu.store.db import Tx
from zhongshu.web.again import RetryKey, sent
from zhongshu.web.answer import answer
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField
from zhongshu.web.shots import PhotoIn, shots

router = APIRouter(tags=["cases"])

#: Which fields an act reads, for programs that draw their own buttons.
FIELDS: dict[Act, tuple[str, ...]] = {
    Act.LOCATE: ("lon", "lat", "datum", "address", "asset"),
    Act.CLASSIFY: ("category", "condition", "asset"), Act.FILE: ("category", "condition", "asset"),
    Act.DISPATCH: ("unit", "condition"), Act.HANDLE: ("outcome", "note"), Act.MERGE: ("into",),
    Act.LINK: ("into",), Act.SPLIT: ("report",), Act.RATE: ("solved", "satisfied"),
    Act.NOTE: ("note",), Act.RETURN: ("clause", "cause"),
}  # fmt: skip


class ActIn(BaseModel):
    """What comes with an act; `version` refuses it (409) when the case has moved on. `done_at`
    is when it was done by a device that had no net; photos come with the act or not at all.
    `asset` is the code of the thing the case is about; `-` says that it is about none.
    """

    model_config = ConfigDict(extra="forbid")

    reason: str = ""
    clause: str = ""
    cause: str = ""
    note: str = ""
    version: int | None = None
    done_at: AwareDatetime | None = None
    photos: list[PhotoIn] = []
    unit: str | None = None
    category: str | None = None
    condition: int | None = None
    lon: float | None = None
    lat: float | None = None
    datum: str = "wgs84"
    address: str = ""
    outcome: str | None = None
    into: str | None = None
    report: str | None = None
    asset: str | None = None


def act_of(text: str, among: Collection[Act] = tuple(Act)) -> Act:
    """Return the act a word names, if it is one of these; or refuse it."""
    if text not in among:
        raise BadField("act", text, why=f"one of: {', '.join(among)}")
    return Act(text)


def with_acts(
    found: Case, actor: Actor, city: City, *, parts_open: bool
) -> dict[str, Any]:  # fmt: skip
    return {
        **browse.as_json(found, city),
        "acts": [
            {
                "act": act, "href": f"/api/v1/cases/{found.number}/acts/{act.value}",
                "fields": [*FIELDS.get(act, ()), *(("reason",) if act in NEEDS_REASON else ())],
            }
            for act in browse.acts_for(found, actor, parts_open=parts_open)
        ],
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One act as it was asked for."""

    actor: Actor
    number: str
    what: Act
    body: ActIn
    photos: tuple[Shot, ...] = ()
    key: str | None = None


@router.post("/cases/{number}/acts/{act}", response_model=dict[str, Any])
async def do(
    request: Request, number: str, act: str, body: ActIn,
    actor: Annotated[Actor, Depends(Needs(Permission.CASE_READ))],
    hub: TheHub, idempotency_key: RetryKey = None,
) -> Response:  # fmt: skip
    """Do one act; the answer is the case after it, with the acts that may follow. The same
    `Idempotency-Key` with the same body is answered as the first time, and not done again.
    """
    what = act_of(act)
    photos: tuple[Shot, ...] = ()
    if body.photos:
        photos = await to_thread.run_sync(partial(shots, body.photos, step=step_with(what)))
    asked = Asked(
        actor=actor, number=number, what=what, body=body, photos=photos, key=idempotency_key
    )
    said = None if what in _OF_TWO or photos else await request.app.state.acts.send(asked)
    return answer(said or await to_thread.run_sync(_alone, hub, asked))


#: Acts that touch another case too, and lock both in an order of their own.
_OF_TWO = frozenset({*acts.OF_TWO, Act.UNMERGE})


def together(hub: Hub, asked: Sequence[Asked]) -> list[dict[str, Any] | None]:
    """Do acts that arrived together; return the answer to each, or None where it has to be
    done alone. Those who see the same share a transaction; a case has one act in it.
    """
    said: list[dict[str, Any] | None] = [None] * len(asked)
    sharing: dict[Sight, dict[str, int]] = {}
    for n, one in enumerate(asked):
        sharing.setdefault(one.actor.sight, {}).setdefault(one.number, n)
    for sight, places in sharing.items():
        try:
            with hub.db.seeing(sight) as tx:
                free = browse.free(tx, sight, [*places])
                answers = {
                    n: _once(tx, hub, asked[n], free[number])
                    for number, n in places.items()
                    if number in free
                }
        except Exception:  # noqa: BLE001, S112 — undone with all its neighbours: each says why, alone
            continue
        for n, answered in answers.items():
            said[n] = answered
    return said


def _alone(hub: Hub, asked: Asked) -> dict[str, Any]:
    with hub.db.seeing(asked.actor.sight) as tx:
        return _once(tx, hub, asked)


def _once(tx: Tx, hub: Hub, asked: Asked, found: Case | None = None) -> dict[str, Any]:
    """Do an act and return its answer; or only the answer, where it was done before."""
    city = hub.city()
    form = replace(form_of(asked.body, city), photos=asked.photos)

    def act() -> dict[str, Any]:
        after = done(tx, hub, asked.actor, asked.number, asked.what, form, found=found)
        return with_acts(after, asked.actor, city, parts_open=acts.parts_open(tx, after))

    return once(
        tx, asked.actor.account, asked.key, sent(asked.number, asked.what, asked.body),
        at=hub.clock(), do=act,
    )  # fmt: skip


def done(
    tx: Tx, hub: Hub, actor: Actor, number: str, what: Act, form: acts.Form, *,
    found: Case | None = None,
) -> Case:  # fmt: skip
    """Do one act to a case in sight, through the post that allows it; return the case after.
    A case that was ``found`` is locked.
    """
    # An act of two cases locks both, in an order of its own; both have to be in sight.
    alone = what not in _OF_TWO
    found = found or browse.case(tx, actor.sight, number, lock=alone)
    if what in acts.OF_TWO and form.into is not None:
        browse.seen(tx, actor.sight, form.into)
    return acts.act(
        tx, hub.city(), found if alone else found.id, what, by=through(actor, what, found),
        at=hub.clock(), form=form,
    )  # fmt: skip


def form_of(body: ActIn, city: City) -> acts.Form:
    """Turn what was sent into what the flow reads."""
    unit = city.unit_codes.get(body.unit) if body.unit else None
    if body.unit and unit is None:
        raise BadField("unit", body.unit, why="no unit has this code; see /api/v1/units")
    return acts.Form(
        reason=body.reason[:2000],
        clause=body.clause[:300],
        cause=body.cause,
        note=body.note[:2000],
        version=body.version,
        done_at=body.done_at,
        unit=unit.id if unit else None,
        category=body.category or None,
        condition=body.condition,
        place=_place(body),
        address=body.address[:300],
        outcome=_outcome(body.outcome),
        into=browse.number_id(body.into) if body.into else None,
        report=_report(body.report),
        asset=None if not body.asset else "" if body.asset == "-" else body.asset.strip()[:60],
    )


def _place(body: ActIn) -> Point | None:
    if body.lon is None and body.lat is None:
        return None
    if body.lon is None or body.lat is None:
        raise BadField("lon" if body.lon is None else "lat", None, why="a place needs both")
    try:
        datum = Datum(body.datum)
    except ValueError:
        raise BadField("datum", body.datum, why=f"one of: {', '.join(Datum)}") from None
    return to_wgs84(Point(body.lon, body.lat), datum)


def _outcome(text: str | None) -> Outcome | None:
    try:
        return Outcome(text) if text else None
    except ValueError:
        raise BadField("outcome", text, why=f"one of: {', '.join(Outcome)}") from None


def _report(text: str | None) -> ReportId | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadField("report", text, why="the number of a report of this case")
    return ReportId(int(text))
