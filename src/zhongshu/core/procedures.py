"""Procedures: what is asked for on a case, and decided by somebody else.

An extension, a hold, a joint call or an appeal runs beside the lifecycle and never changes
its table. Each kind is a small table of steps; a step says who may take it, what it must
say, and whose earlier hand it may not share. `PATHS` is the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from zhongshu.core.access import Holding, Permission
from zhongshu.core.cases.clocks import ClockKind, ClockState, by_kind
from zhongshu.core.cases.lifecycle import Case, Stage, looked_after
from zhongshu.core.facts import By
from zhongshu.core.values import AccountId, CaseId, Name, Refused, UnitId

P = Permission


class ProcedureKind(StrEnum):
    """What can be asked for on a case."""

    VERIFY = "verify"  # 核实: is it there as reported?
    ASSIST = "assist"  # 协办: a part another unit does
    EXTENSION = "extension"  # 延期
    HOLD = "hold"  # 挂账
    TRANSFER = "transfer"  # 移交
    DISPUTE = "dispute"  # 争议裁定
    CALL = "call"  # 吹哨报到
    SUPERVISION = "supervision"  # 督办
    RECHECK = "recheck"  # 复查
    APPEAL = "appeal"  # 申诉


class Move(StrEnum):
    """A step of a procedure."""

    OPEN = "open"
    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    REVIEW = "review"
    RESUME = "resume"
    RULE = "rule"
    ARRIVE = "arrive"
    FINISH = "finish"
    RATE = "rate"
    ANSWER = "answer"
    RAISE = "raise"
    LIFT = "lift"
    CONFIRM = "confirm"
    DENY = "deny"
    UNABLE = "unable"


class Whose(StrEnum):
    """Whose post lets one take a step."""

    CASE = "case"  # a post that covers the case or its lead unit
    UNIT = "unit"  # a post in the unit the procedure speaks to


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRule:
    """One lawful step: where it leads, who may take it, what it must say.

    ``ends`` closes the procedure. ``fresh`` asks for a hand that took no earlier step of it.
    What it ``may`` say besides has a usual value where it is not said.
    """

    to: str
    needs: P
    at: Whose = Whose.CASE
    asks: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    ends: bool = False
    fresh: bool = False


_WORK = Permission.CASE_WORK
_STARTED: tuple[Stage, ...] = (Stage.DISPATCHED, Stage.IN_HAND)
_BUSY: tuple[Stage, ...] = (*_STARTED, Stage.HANDLED, Stage.CHECKED)

#: In which stages a procedure may be begun.
BEGINS: Mapping[ProcedureKind, frozenset[Stage]] = MappingProxyType(
    {
        ProcedureKind.VERIFY: frozenset({Stage.WAITING_PLACE, Stage.RECEIVED, Stage.FILED}),
        ProcedureKind.ASSIST: frozenset(_STARTED),
        ProcedureKind.EXTENSION: frozenset(_STARTED),
        ProcedureKind.HOLD: frozenset(_STARTED),
        ProcedureKind.TRANSFER: frozenset(_STARTED),
        ProcedureKind.DISPUTE: frozenset({Stage.FILED}),
        ProcedureKind.CALL: frozenset({Stage.FILED, *_BUSY}),
        ProcedureKind.SUPERVISION: frozenset({Stage.RECEIVED, Stage.FILED, *_BUSY}),
        ProcedureKind.RECHECK: frozenset({Stage.CLOSED}),
        ProcedureKind.APPEAL: frozenset({Stage.CLOSED}),
    }
)

#: The steps: (kind, state, move) → path. The state "" is: not begun.
PATHS: Mapping[tuple[ProcedureKind, str, Move], StepRule] = MappingProxyType(
    {
        (ProcedureKind.VERIFY, "", Move.OPEN): StepRule(to="asked", needs=P.CASE_FILE),
        (ProcedureKind.VERIFY, "asked", Move.CONFIRM): StepRule(to="confirmed", needs=P.CASE_CHECK, ends=True),
        (ProcedureKind.VERIFY, "asked", Move.DENY): StepRule(to="not_found", needs=P.CASE_CHECK, asks=("reason",), ends=True),
        (ProcedureKind.VERIFY, "asked", Move.UNABLE): StepRule(to="cannot_check", needs=P.CASE_CHECK, asks=("reason",), ends=True),

        (ProcedureKind.ASSIST, "", Move.OPEN): StepRule(to="asked", needs=P.CASE_DISPATCH, asks=("unit", "limit")),
        (ProcedureKind.ASSIST, "asked", Move.ACCEPT): StepRule(to="accepted", needs=_WORK, at=Whose.UNIT),
        (ProcedureKind.ASSIST, "asked", Move.DECLINE): StepRule(to="declined", needs=_WORK, at=Whose.UNIT, asks=("reason", "clause"), ends=True),
        (ProcedureKind.ASSIST, "accepted", Move.FINISH): StepRule(to="done", needs=_WORK, at=Whose.UNIT, asks=("result",), ends=True),
        (ProcedureKind.ASSIST, "asked", Move.WITHDRAW): StepRule(to="withdrawn", needs=P.CASE_DISPATCH, asks=("reason",), ends=True),
        (ProcedureKind.ASSIST, "accepted", Move.WITHDRAW): StepRule(to="withdrawn", needs=P.CASE_DISPATCH, asks=("reason",), ends=True),

        (ProcedureKind.EXTENSION, "", Move.OPEN): StepRule(to="asked", needs=_WORK, asks=("reason",)),
        (ProcedureKind.EXTENSION, "asked", Move.APPROVE): StepRule(to="granted", needs=P.CASE_APPROVE, ends=True, fresh=True),
        (ProcedureKind.EXTENSION, "asked", Move.REFUSE): StepRule(to="refused", needs=P.CASE_APPROVE, asks=("reason",), ends=True, fresh=True),
        (ProcedureKind.EXTENSION, "asked", Move.WITHDRAW): StepRule(to="withdrawn", needs=_WORK, ends=True),

        (ProcedureKind.HOLD, "", Move.OPEN): StepRule(to="asked", needs=_WORK, asks=("reason", "owner", "plan", "next_step", "review_at", "until")),
        (ProcedureKind.HOLD, "asked", Move.APPROVE): StepRule(to="seconded", needs=P.CASE_APPROVE, fresh=True),
        (ProcedureKind.HOLD, "asked", Move.REFUSE): StepRule(to="refused", needs=P.CASE_APPROVE, asks=("reason",), ends=True, fresh=True),
        (ProcedureKind.HOLD, "asked", Move.WITHDRAW): StepRule(to="withdrawn", needs=_WORK, ends=True),
        (ProcedureKind.HOLD, "seconded", Move.APPROVE): StepRule(to="held", needs=P.CASE_SUPERVISE, fresh=True),
        (ProcedureKind.HOLD, "seconded", Move.REFUSE): StepRule(to="refused", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (ProcedureKind.HOLD, "held", Move.REVIEW): StepRule(to="held", needs=P.CASE_APPROVE, asks=("next_step", "review_at")),
        (ProcedureKind.HOLD, "held", Move.RESUME): StepRule(to="resumed", needs=P.CASE_APPROVE, ends=True),

        (ProcedureKind.TRANSFER, "", Move.OPEN): StepRule(to="proposed", needs=_WORK, asks=("unit", "reason")),
        (ProcedureKind.TRANSFER, "proposed", Move.ACCEPT): StepRule(to="accepted", needs=_WORK, at=Whose.UNIT, ends=True),
        (ProcedureKind.TRANSFER, "proposed", Move.DECLINE): StepRule(to="declined", needs=_WORK, at=Whose.UNIT, asks=("reason",), ends=True),
        (ProcedureKind.TRANSFER, "proposed", Move.WITHDRAW): StepRule(to="withdrawn", needs=_WORK, ends=True),

        (ProcedureKind.DISPUTE, "", Move.OPEN): StepRule(to="open", needs=P.CASE_DISPATCH, asks=("reason",)),
        (ProcedureKind.DISPUTE, "open", Move.RULE): StepRule(to="ruled", needs=P.CASE_SUPERVISE, asks=("unit", "reason", "clause"), ends=True),

        (ProcedureKind.CALL, "", Move.OPEN): StepRule(to="called", needs=P.CASE_CALL, asks=("unit", "reason", "until")),
        (ProcedureKind.CALL, "called", Move.ARRIVE): StepRule(to="arrived", needs=_WORK, at=Whose.UNIT),
        (ProcedureKind.CALL, "arrived", Move.FINISH): StepRule(to="finished", needs=P.CASE_CALL, asks=("result",), ends=True),
        (ProcedureKind.CALL, "called", Move.WITHDRAW): StepRule(to="withdrawn", needs=P.CASE_CALL, asks=("reason",), ends=True),
        (ProcedureKind.CALL, "finished", Move.RATE): StepRule(to="finished", needs=P.CASE_CALL, asks=("rating",), ends=True),
        (ProcedureKind.CALL, "finished", Move.ANSWER): StepRule(to="finished", needs=_WORK, at=Whose.UNIT, asks=("rating",), ends=True),

        (ProcedureKind.SUPERVISION, "", Move.OPEN): StepRule(to="open", needs=P.CASE_SUPERVISE, asks=("reason", "until"), may=("level",)),
        (ProcedureKind.SUPERVISION, "open", Move.ANSWER): StepRule(to="answered", needs=_WORK, asks=("result",)),
        (ProcedureKind.SUPERVISION, "open", Move.RAISE): StepRule(to="open", needs=P.CASE_SUPERVISE, asks=("reason",), may=("until",)),
        (ProcedureKind.SUPERVISION, "answered", Move.RAISE): StepRule(to="open", needs=P.CASE_SUPERVISE, asks=("reason",), may=("until",)),
        (ProcedureKind.SUPERVISION, "open", Move.LIFT): StepRule(to="lifted", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True),
        (ProcedureKind.SUPERVISION, "answered", Move.LIFT): StepRule(to="lifted", needs=P.CASE_SUPERVISE, ends=True),

        (ProcedureKind.RECHECK, "", Move.OPEN): StepRule(to="drawn", needs=P.CASE_SUPERVISE),
        (ProcedureKind.RECHECK, "drawn", Move.CONFIRM): StepRule(to="good", needs=P.CASE_CHECK, ends=True),
        (ProcedureKind.RECHECK, "drawn", Move.DENY): StepRule(to="not_good", needs=P.CASE_CHECK, asks=("reason",), ends=True),
        (ProcedureKind.RECHECK, "drawn", Move.UNABLE): StepRule(to="cannot_check", needs=P.CASE_CHECK, asks=("reason",), ends=True),

        (ProcedureKind.APPEAL, "", Move.OPEN): StepRule(to="asked", needs=_WORK, asks=("reason",)),
        (ProcedureKind.APPEAL, "asked", Move.APPROVE): StepRule(to="seconded", needs=P.CASE_SUPERVISE, asks=("reason",), fresh=True),
        (ProcedureKind.APPEAL, "asked", Move.REFUSE): StepRule(to="dismissed", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (ProcedureKind.APPEAL, "seconded", Move.APPROVE): StepRule(to="upheld", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (ProcedureKind.APPEAL, "seconded", Move.REFUSE): StepRule(to="dismissed", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
    }
)  # fmt: skip

#: Kinds of which several may be open on one case at once, one for each unit.
PER_UNIT: frozenset[ProcedureKind] = frozenset({ProcedureKind.ASSIST, ProcedureKind.CALL})
#: Kinds that a case may have only once.
ONCE: frozenset[ProcedureKind] = frozenset({ProcedureKind.APPEAL})
#: How long a decision may take, where the procedure itself names no moment.
DECIDED_WITHIN: Mapping[ProcedureKind, str] = MappingProxyType(
    {
        ProcedureKind.VERIFY: "4wh", ProcedureKind.EXTENSION: "1wd", ProcedureKind.HOLD: "3wd", ProcedureKind.TRANSFER: "4wh",
        ProcedureKind.DISPUTE: "3wd", ProcedureKind.RECHECK: "5wd", ProcedureKind.APPEAL: "5wd",
    }
)  # fmt: skip


class Reach(StrEnum):
    """How far a supervisor's post has to reach to press at a level."""

    ANY = "any"  # any post that covers the case
    AREA = "area"  # a post on an area or for the whole city: from outside the unit
    CITY = "city"  # a post for the whole city


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionLevel:
    """One level of supervision (督办): who may press so hard, and how soon an answer is due
    where nobody says another moment.
    """

    number: int
    name: Name
    reach: Reach
    within: str


#: From the mildest on. An answer that is late climbs to the next by itself.
LEVELS: tuple[SupervisionLevel, ...] = (
    SupervisionLevel(number=1, name=Name("一般督办", "Ordinary"), reach=Reach.ANY, within="1wd"),
    SupervisionLevel(number=2, name=Name("重点督办", "Pressing"), reach=Reach.AREA, within="4wh"),
    SupervisionLevel(number=3, name=Name("挂牌督办", "Of the city"), reach=Reach.CITY, within="2wh"),
)  # fmt: skip
#: A joint call is rated once from each side: the help by the caller, the call by the unit.
#: It is the call that is rated, and nobody in it.
RATINGS: Mapping[Move, str] = MappingProxyType(
    {Move.RATE: "rating_of_help", Move.ANSWER: "rating_of_call"}
)
#: How soon a unit is to arrive, as a limit of its own hours: what a caller is offered first.
ARRIVE_WITHIN: Mapping[str, str] = MappingProxyType({"urgent": "0.5uh", "ordinary": "1wd"})
MOST_EXTENSIONS = 2
LONGEST_HOLD = timedelta(days=366)
LONGEST_CALL = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something asked for on a case. ``hands`` are the accounts that took a step of it, in
    order (the hub's own steps have none); ``said`` is all that the steps said.
    """

    id: int
    case: CaseId
    kind: ProcedureKind
    state: str
    opened_at: datetime
    unit: UnitId | None = None
    due_at: datetime | None = None
    late_at: datetime | None = None
    ended_at: datetime | None = None
    hands: tuple[AccountId, ...] = ()
    said: Mapping[str, Any]

    @property
    def open(self) -> bool:
        return self.ended_at is None

    @property
    def level(self) -> int:
        """The level of a supervision; 0 for every other kind."""
        return int(self.said.get("level", 1)) if self.kind is ProcedureKind.SUPERVISION else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureFilter:
    """What somebody looks for among procedures. Nothing said: all that are open.

    ``units`` are those a procedure speaks to, or that lead its case; ``late`` asks for those
    due before a moment.
    """

    kind: str = ""
    level: int | None = None
    units: frozenset[UnitId] = frozenset()
    late: datetime | None = None
    ended: bool = False


class NotNow(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” cannot be begun while the case is at “%(stage)s”."
    remedy = "Wait until the case has come to the stage it belongs to."


class NoSuchMove(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” is at “%(state)s”: “%(move)s” cannot be done now."
    remedy = "Reload the case and choose one of the steps it offers."


class SaidNothing(Refused):
    message = "“%(value)s” needs %(field)s."
    remedy = "Fill it in; without it nobody can decide."


class AlreadyOpen(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” is open on this case already."
    remedy = "Bring the open one to its end first."


class OnlyOnce(Refused):
    status: ClassVar[int] = 409
    message = "A case has “%(value)s” only once."
    remedy = "What was decided stays; begin nothing new."


class SameHand(Refused):
    status: ClassVar[int] = 403
    message = "Who asked for it, or decided before, cannot decide here too."
    remedy = "Let somebody else decide."


class AfterDeadline(Refused):
    status: ClassVar[int] = 409
    message = "The deadline has passed: no extension can be asked for or granted any more."
    remedy = "Handle the case; appeal after closing if the delay was not the unit's."


class NoClock(Refused):
    status: ClassVar[int] = 409
    message = "No clock of the work is running on this case."
    remedy = "Only running time can be extended or held."


class TooMany(Refused):
    status: ClassVar[int] = 409
    message = "The case was extended %(value)s times; more is not allowed."
    remedy = "Handle it, or ask for a hold with a plan."


class TooFar(Refused):
    message = "%(field)s: %(value)s is not within what is allowed (%(most)s)."
    remedy = "Choose an earlier moment that is still to come."


class NoSuchLevel(Refused):
    message = "%(field)s: there is no level of supervision “%(value)s”."
    remedy = "Choose 1, 2 or 3; the highest is raised no further."


class TooHigh(Refused):
    status: ClassVar[int] = 403
    message = "Supervision at level %(value)s is not for this post."
    remedy = "Level 2 needs a supervisor of an area or of the city, level 3 one of the whole city."


def begun(
    case: Case, kind: ProcedureKind, others: tuple[Procedure, ...], *, id: int, at: datetime,
    by: AccountId | None, unit: UnitId | None = None, due_at: datetime | None = None,
    said: Mapping[str, Any],
) -> Procedure:  # fmt: skip
    """Return a new procedure on a case, or refuse it.

    ``others`` are all the procedures the case has had.
    """
    path = PATHS[kind, "", Move.OPEN]
    if case.stage not in BEGINS[kind]:
        raise NotNow("procedure", kind, stage=case.stage.value)
    alike = [p for p in others if p.kind is kind]
    if any(p.open and (kind not in PER_UNIT or p.unit == unit) for p in alike):
        raise AlreadyOpen("procedure", kind)
    if kind in ONCE and alike:
        raise OnlyOnce("procedure", kind)
    _asked(kind, path, {**said, "unit": unit})
    if kind is ProcedureKind.EXTENSION:
        _extendable(case, at)
    if kind is ProcedureKind.HOLD:
        _holdable(case, said, at)
    if kind is ProcedureKind.SUPERVISION:
        level_of(said.get("level", 1))
        _within("until", said["until"], at, at + LONGEST_HOLD)
    if kind is ProcedureKind.CALL:
        _within("until", said["until"], at, at + LONGEST_CALL)
    return Procedure(
        id=id, case=case.id, kind=kind, state=path.to, opened_at=at, unit=unit, due_at=due_at,
        hands=() if by is None else (by,), said=dict(said),
    )  # fmt: skip


def may_begin(case: Case, kind: ProcedureKind, *, at: datetime) -> bool:
    """Say whether the case as it stands lets a procedure of a kind be begun now."""
    if case.stage not in BEGINS[kind] or (kind in case.pending and kind not in PER_UNIT):
        return False
    try:
        if kind is ProcedureKind.EXTENSION:
            _extendable(case, at)
        if kind is ProcedureKind.HOLD:
            _running(case)
    except Refused:
        return False
    return True


def moved(
    procedure: Procedure, move: Move, case: Case, *, at: datetime, by: By,
    said: Mapping[str, Any], unit: UnitId | None = None,
) -> Procedure:  # fmt: skip
    """Return the procedure after a step, or refuse it."""
    path = PATHS.get((procedure.kind, procedure.state, move))
    if path is None or move is Move.OPEN:
        raise NoSuchMove("procedure", procedure.kind, state=procedure.state, move=move.value)
    if _rated(procedure, move):
        raise OnlyOnce("procedure", procedure.kind)
    _asked(procedure.kind, path, {**said, "unit": unit or said.get("unit")})
    if barred(procedure, path, case, by):
        raise SameHand("by", by.account)
    if (procedure.kind, move) == (ProcedureKind.EXTENSION, Move.APPROVE):
        _extendable(case, at)
    if (procedure.kind, procedure.state, move) == (ProcedureKind.HOLD, "seconded", Move.APPROVE):
        _running(case)
    if (procedure.kind, move) == (ProcedureKind.HOLD, Move.REVIEW):
        _within("review_at", said["review_at"], at, _date(procedure.said["until"]))
    if move is Move.RAISE:
        level_of(procedure.level + 1)
        _within("until", said["until"], at, at + LONGEST_HOLD)
    return replace(
        procedure, state=path.to, ended_at=(procedure.ended_at or at) if path.ends else None,
        hands=_with(procedure.hands, by.account),
        unit=unit or procedure.unit, said=_joined(procedure, move, _stamped(procedure.kind, move, said, at)),
        **_pressed(procedure, move, said),
    )  # fmt: skip


def barred(procedure: Procedure, path: StepRule, case: Case, by: By) -> bool:
    """Say whether this hand has had too much to do with the matter to take such a step. A
    recheck is for one who neither handled the case nor checked it, by person and by post.
    """
    if path.fresh and by.account is not None and by.account in procedure.hands:
        return True
    return procedure.kind is ProcedureKind.RECHECK and looked_after(case, by)


def _with(hands: tuple[AccountId, ...], one: AccountId | None) -> tuple[AccountId, ...]:
    return hands if one is None or one in hands else (*hands, one)


def _pressed(procedure: Procedure, move: Move, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step does to the moment something is due by: a review and a raise set a
    new one, and an answered supervision waits for nobody but the supervisor.
    """
    if move is Move.REVIEW:
        return {"due_at": _date(said["review_at"])}
    if move is Move.RAISE:
        return {"due_at": _date(said["until"]), "late_at": None}
    if procedure.kind is ProcedureKind.SUPERVISION and move is Move.ANSWER:
        return {"due_at": None}
    return {}


def level_of(number: int) -> SupervisionLevel:
    """Return a level of supervision by its number."""
    if not 1 <= number <= len(LEVELS):
        raise NoSuchLevel("level", number)
    return LEVELS[number - 1]


def reaches(level: SupervisionLevel, held: Holding) -> bool:
    """Say whether a post that may supervise a case may do so at a level."""
    whole_city = held.area is None and not held.units
    match level.reach:
        case Reach.ANY:
            return True
        case Reach.AREA:
            return whole_city or held.area is not None
        case Reach.CITY:
            return whole_city


def moves(procedure: Procedure) -> tuple[Move, ...]:
    """Return the steps the table lists for a procedure as it stands."""
    return tuple(
        m
        for m in Move
        if m is not Move.OPEN
        and (procedure.kind, procedure.state, m) in PATHS
        and not _rated(procedure, m)
    )


def _rated(procedure: Procedure, move: Move) -> bool:
    return procedure.kind is ProcedureKind.CALL and RATINGS.get(move) in procedure.said


def _stamped(
    kind: ProcedureKind, move: Move, said: Mapping[str, Any], at: datetime
) -> Mapping[str, Any]:
    """Return what a step says; of a joint call with the moment of the arrival, and a rating under
    whose it is.
    """
    if kind is not ProcedureKind.CALL:
        return said
    if move is Move.ARRIVE:
        return {**said, "arrived_at": at.isoformat()}
    if move in RATINGS and "rating" in said:
        return {**{n: v for n, v in said.items() if n != "rating"}, RATINGS[move]: said["rating"]}
    return said


def _joined(procedure: Procedure, move: Move, said: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what earlier steps said; what is said again under the same name goes under its step."""
    fresh = {name: value for name, value in said.items() if value not in (None, "")}
    level = (
        {"level": procedure.level + 1, "until": fresh.pop("until")} if move is Move.RAISE else {}
    )
    if move is Move.REVIEW:
        return {**procedure.said, **fresh}
    return {
        **procedure.said,
        **{n if n not in procedure.said else f"{move.value}_{n}": v for n, v in fresh.items()},
        **level,
    }


def _asked(kind: ProcedureKind, path: StepRule, said: Mapping[str, Any]) -> None:
    for name in path.asks:
        value = said.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise SaidNothing(name, kind)


def _running(case: Case) -> None:
    clock = by_kind(case.clocks, ClockKind.HANDLE)
    if clock is None or clock.state is not ClockState.RUNNING:
        raise NoClock("clock")


def _extendable(case: Case, at: datetime) -> None:
    _running(case)
    clock = by_kind(case.clocks, ClockKind.HANDLE)
    assert clock is not None
    assert clock.due_at is not None
    if clock.due_at <= at:
        raise AfterDeadline("due_at", clock.due_at.isoformat())
    if clock.extended >= MOST_EXTENSIONS:
        raise TooMany("extension", clock.extended)


def _holdable(case: Case, said: Mapping[str, Any], at: datetime) -> None:
    _running(case)
    until = _date(said["until"])
    _within("until", said["until"], at, at + LONGEST_HOLD)
    _within("review_at", said["review_at"], at, until)


def _within(field: str, value: Any, after: datetime, most: datetime) -> None:
    if not after < _date(value) <= most:
        raise TooFar(field, str(value), most=most.isoformat())


def _date(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
