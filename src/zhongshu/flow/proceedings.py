"""Procedures at work: a step is taken, and what it means for the case happens with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from zhongshu.core.access import Actor, Forbidden, NotFound
from zhongshu.core.calendar import due, parse_limit
from zhongshu.core.cases import Act, Case, Stage, with_unit
from zhongshu.core.cases.clocks import Tick
from zhongshu.core.cases.evidence import Shot
from zhongshu.core.facts import By
from zhongshu.core.procedures import (
    LEVELS,
    PATHS,
    Move,
    Procedure,
    ProcedureKind,
    StepRule,
    SupervisionLevel,
    TooHigh,
    Whose,
    barred,
    level_of,
    may_begin,
    moved,
    moves,
    reaches,
)
from zhongshu.core.values import UnitId
from zhongshu.flow import acts, evidence, links, pending, things
from zhongshu.flow.city import City
from zhongshu.store import cases, procedures, tasks
from zhongshu.store.db import Tx


def begin(
    tx: Tx, city: City, case: Case, kind: ProcedureKind, *, by: By, at: datetime,
    said: Mapping[str, Any], unit: UnitId | None = None,
) -> tuple[Case, Procedure]:  # fmt: skip
    """Ask for something on a locked case."""
    if unit is not None and (unit not in city.units or not city.units[unit].active):
        raise acts.NoSuchUnit("unit", unit)
    if kind is ProcedureKind.ASSIST or kind is ProcedureKind.TRANSFER:
        _competent(tx, city, case, unit, at)
        if unit == case.unit:
            raise acts.NoSuchUnit("unit", unit)
    return pending.opened(tx, city, case, kind, by=by, at=at, said=said, unit=unit)


def take(
    tx: Tx, city: City, case: Case, identity: int, move: Move, *, by: By, at: datetime,
    said: Mapping[str, Any], unit: UnitId | None = None, photos: Sequence[Shot] = (),
) -> Case:  # fmt: skip
    """Take a step of a procedure of a locked case, with what it means for the case and the
    photos that show it.
    """
    everything = list(procedures.of_case(tx, case.id))
    place = next((n for n, one in enumerate(everything) if one.id == identity), None)
    if place is None:
        raise NotFound("procedure", identity)
    before = everything[place]
    if move is Move.RAISE and not said.get("until"):
        said = {**said, "until": answer_due(city, case, before.level + 1, at).isoformat()}
    after = moved(before, move, case, at=at, by=by, said=said, unit=unit)
    everything[place] = after
    procedures.save(tx, after)
    sets = _meaning(tx, city, case, after, move, by, at)
    shown = evidence.along(tx, city, case, photos, at=at)
    case = pending.written(tx, case, everything, after, move, by=by, at=at, sets=sets, says=shown)
    links.told(tx, city, case, _TICKS.get((after.kind, after.state)), at=at)
    return _consequence(tx, city, case, after, move, by, at)


def answer_due(city: City, case: Case, level: int, at: datetime) -> datetime:
    """Return by when a supervision at a level is to be answered, where nobody says otherwise."""
    return due(city.hours(case.unit), at, parse_limit(level_of(level).within))


#: What a procedure that came to a state was to the handling clock: those who share it follow.
_TICKS: Mapping[tuple[ProcedureKind, str], Tick] = {
    (ProcedureKind.EXTENSION, "granted"): Tick.EXTENDED,
    (ProcedureKind.HOLD, "held"): Tick.HELD, (ProcedureKind.HOLD, "resumed"): Tick.RESUMED,
    (ProcedureKind.TRANSFER, "accepted"): Tick.DISPATCHED,
    (ProcedureKind.DISPUTE, "ruled"): Tick.DISPATCHED,
}  # fmt: skip


def path_of(procedure: Procedure, move: Move) -> StepRule | None:
    return PATHS.get((procedure.kind, procedure.state, move))


def post_for(
    actor: Actor, path: StepRule, case: Case, unit: UnitId | None,
    level: SupervisionLevel | None = None,
) -> By:  # fmt: skip
    """Return who acts through the post that allows a step, or refuse. A ``level`` of
    supervision asks for a post that reaches so far.
    """
    there = path.at is Whose.UNIT
    area_code, lead = (None, unit) if there else (case.area_code, case.unit)
    post = actor.acting(path.needs, area_code=area_code, unit=lead)
    if post is None:
        raise Forbidden("permission", path.needs.value)
    if level is not None:
        far = replace(actor, holdings=tuple(h for h in actor.holdings if reaches(level, h)))
        post = far.acting(path.needs, area_code=area_code, unit=lead)
        if post is None:
            raise TooHigh("level", level.number)
    return By(account=actor.account, post=post)


def level_asked(
    kind: ProcedureKind, move: Move, procedure: Procedure | None, said: Mapping[str, Any]
) -> SupervisionLevel | None:
    """Return the level of supervision a step presses at or takes away; None for other steps."""
    if kind is not ProcedureKind.SUPERVISION:
        return None
    if procedure is None:
        return level_of(int(said.get("level", 1)))
    now = procedure.level
    return {Move.RAISE: level_of(min(now + 1, len(LEVELS))), Move.LIFT: level_of(now)}.get(move)


def offered(procedure: Procedure, case: Case, actor: Actor) -> tuple[Move, ...]:
    """Return the steps an actor may take now."""
    return tuple(move for move in moves(procedure) if _may(procedure, move, case, actor))


def _may(procedure: Procedure, move: Move, case: Case, actor: Actor) -> bool:
    path = PATHS[procedure.kind, procedure.state, move]
    if move is Move.RAISE and procedure.level == len(LEVELS):
        return False
    try:
        level = level_asked(procedure.kind, move, procedure, {})
        by = post_for(actor, path, case, procedure.unit, level)
    except (Forbidden, TooHigh):
        return False
    return not barred(procedure, path, case, by)


def levels_for(case: Case, actor: Actor) -> tuple[SupervisionLevel, ...]:
    """Return the levels of supervision an actor may open on a case."""

    def may(level: SupervisionLevel) -> bool:
        try:
            post_for(actor, PATHS[ProcedureKind.SUPERVISION, "", Move.OPEN], case, None, level)
        except (Forbidden, TooHigh):
            return False
        return True

    return tuple(level for level in LEVELS if may(level))


def beginnings(case: Case, actor: Actor, *, at: datetime) -> tuple[ProcedureKind, ...]:
    """Return the procedures an actor may begin on a case as it stands. A dispute is opened by
    the second return and never by hand.
    """

    def may(kind: ProcedureKind) -> bool:
        try:
            post_for(actor, PATHS[kind, "", Move.OPEN], case, None)
        except Forbidden:
            return False
        return kind is not ProcedureKind.DISPUTE and may_begin(case, kind, at=at)

    return tuple(kind for kind in ProcedureKind if may(kind))


def _competent(tx: Tx, city: City, case: Case, unit: UnitId | None, at: datetime) -> None:
    if unit is not None:
        city.check_competence(case, unit, at=at, asset=things.of(tx, case))


def _meaning(
    tx: Tx, city: City, case: Case, after: Procedure, move: Move, by: By, at: datetime
) -> dict[str, Any]:
    """Return what a step changes on the case itself, in the same fact."""
    match (after.kind, after.state, move):
        case (ProcedureKind.EXTENSION, "granted", _):
            return city.ticked(case, Tick.EXTENDED, at)
        case (ProcedureKind.HOLD, "held", Move.APPROVE):
            return {"held_at": at, **city.ticked(case, Tick.HELD, at)}
        case (ProcedureKind.HOLD, "resumed", _):
            return {"held_at": None, **city.ticked(case, Tick.RESUMED, at)}
        case (ProcedureKind.APPEAL, "upheld", _):
            return {"exempted": True}
        case (ProcedureKind.TRANSFER, "accepted", _):
            return _handed_over(tx, city, case, after.unit, at, by, stage=Stage.IN_HAND)
        case (ProcedureKind.DISPUTE, "ruled", _) if (
            case.stage in (Stage.DISPATCHED, Stage.IN_HAND) and after.unit != case.unit
        ):
            return _handed_over(tx, city, case, after.unit, at, by, stage=Stage.DISPATCHED)
        case _:
            return {}


def _handed_over(
    tx: Tx, city: City, case: Case, unit: UnitId | None, at: datetime, by: By, *, stage: Stage
) -> dict[str, Any]:
    """Give the work to another unit, with a clock of its own: at no moment is it nobody's."""
    if case.held_at is not None:
        raise acts.Held("act", "transfer")  # its clock would run while the case is on hold
    work = city.work(case, at=at, asset=things.of(tx, case), unit=unit)
    if work is None:
        raise acts.NoUnit("unit", unit)
    _competent(tx, city, case, unit, at)
    sets = city.dispatched(case, work, at)
    tasks.end(tx, case.id, "handle", "cancelled", at=at, by=by.account, result="handed over")
    tasks.open_(
        tx, case.id, "handle", at=at, unit=work.unit, limit=str(work.limit), due_at=sets["due_at"]
    )
    if stage is Stage.IN_HAND:
        tasks.accept(tx, case.id, at=at, by=by.account)
    involved = with_unit(with_unit(case.involved, case.unit), unit)
    # The clock starts anew for the other unit: it is shared no longer.
    return {
        **sets, "stage": stage, "dispatched_at": at, "involved": involved, "linked_to": None
    }  # fmt: skip


def _consequence(
    tx: Tx, city: City, case: Case, after: Procedure, move: Move, by: By, at: datetime
) -> Case:
    """Do what a step leads to beyond the fact of it."""
    match (after.kind, after.state, move):
        case (ProcedureKind.DISPUTE, "ruled", _) if case.stage is Stage.FILED:
            form = acts.Form(unit=after.unit)
            return acts.act(tx, city, case, Act.DISPATCH, by=by, at=at, form=form)
        case (ProcedureKind.RECHECK, "not_good", _) if case.stage is Stage.CLOSED:
            form = acts.Form(reason=str(after.said.get("reason", "")))
            return acts.act(tx, city, case, Act.REOPEN, by=by, at=at, form=form)
        case _:
            return case


def notice_late(tx: Tx, city: City, *, at: datetime) -> int:
    """Find procedures whose moment passed and holds whose time is over; return how many.

    A procedure of a merged case waits: nobody is to be pressed for it.
    """
    ending = procedures.held_until(tx, at=at)
    for hold in ending:
        case = cases.lock(tx, hold.case)
        if case is not None and case.held_at is not None:
            take(tx, city, case, hold.id, Move.RESUME, by=By(rule="hold_over"), at=at, said={})
    late = procedures.due(tx, at=at)
    for one in late:
        case = cases.lock(tx, one.case)
        now = next((p for p in procedures.of_case(tx, one.case) if p.id == one.id), None)
        if case is None or now is None or not now.open or case.stage is Stage.MERGED:
            continue
        if now.kind is ProcedureKind.SUPERVISION and now.level < len(LEVELS):
            # Nobody answered: it presses harder by itself, with a new moment.
            take(
                tx, city, case, now.id, Move.RAISE, by=By(rule="answer_late"), at=at,
                said={"reason": "answer_late"},
            )  # fmt: skip
            continue
        marked = replace(now, late_at=at)
        procedures.save(tx, marked)
        everything = procedures.of_case(tx, case.id)
        pending.written(tx, case, everything, marked, Move.OPEN, by=By(rule="deadline"), at=at)
    return len(ending) + len(late)
