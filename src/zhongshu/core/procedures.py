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

from zhongshu.core.access import Permission
from zhongshu.core.cases.clocks import ClockKind, ClockState, by_kind
from zhongshu.core.cases.lifecycle import Case, Stage
from zhongshu.core.values import AccountId, CaseId, Refused, UnitId

P = Permission


class Kind(StrEnum):
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


class At(StrEnum):
    """Whose post lets one take a step."""

    CASE = "case"  # a post that covers the case or its lead unit
    UNIT = "unit"  # a post in the unit the procedure speaks to


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One lawful step: where it leads, who may take it, what it must say.

    ``ends`` closes the procedure. ``fresh`` asks for a hand that took no earlier step of it.
    """

    to: str
    needs: P
    at: At = At.CASE
    asks: tuple[str, ...] = ()
    ends: bool = False
    fresh: bool = False


_WORK = Permission.CASE_WORK
_STARTED: tuple[Stage, ...] = (Stage.DISPATCHED, Stage.IN_HAND)
_BUSY: tuple[Stage, ...] = (*_STARTED, Stage.HANDLED, Stage.CHECKED)

#: In which stages a procedure may be begun.
BEGINS: Mapping[Kind, frozenset[Stage]] = MappingProxyType(
    {
        Kind.VERIFY: frozenset({Stage.WAITING_PLACE, Stage.RECEIVED, Stage.FILED}),
        Kind.ASSIST: frozenset(_STARTED),
        Kind.EXTENSION: frozenset(_STARTED),
        Kind.HOLD: frozenset(_STARTED),
        Kind.TRANSFER: frozenset(_STARTED),
        Kind.DISPUTE: frozenset({Stage.FILED}),
        Kind.CALL: frozenset({Stage.FILED, *_BUSY}),
        Kind.SUPERVISION: frozenset({Stage.RECEIVED, Stage.FILED, *_BUSY}),
        Kind.RECHECK: frozenset({Stage.CLOSED}),
        Kind.APPEAL: frozenset({Stage.CLOSED}),
    }
)

#: The steps: (kind, state, move) → path. The state "" is: not begun.
PATHS: Mapping[tuple[Kind, str, Move], Path] = MappingProxyType(
    {
        (Kind.VERIFY, "", Move.OPEN): Path(to="asked", needs=P.CASE_FILE),
        (Kind.VERIFY, "asked", Move.CONFIRM): Path(to="confirmed", needs=P.CASE_CHECK, ends=True),
        (Kind.VERIFY, "asked", Move.DENY): Path(to="not_found", needs=P.CASE_CHECK, asks=("reason",), ends=True),
        (Kind.VERIFY, "asked", Move.UNABLE): Path(to="cannot_check", needs=P.CASE_CHECK, asks=("reason",), ends=True),

        (Kind.ASSIST, "", Move.OPEN): Path(to="asked", needs=P.CASE_DISPATCH, asks=("unit", "limit")),
        (Kind.ASSIST, "asked", Move.ACCEPT): Path(to="accepted", needs=_WORK, at=At.UNIT),
        (Kind.ASSIST, "asked", Move.DECLINE): Path(to="declined", needs=_WORK, at=At.UNIT, asks=("reason", "clause"), ends=True),
        (Kind.ASSIST, "accepted", Move.FINISH): Path(to="done", needs=_WORK, at=At.UNIT, asks=("result",), ends=True),
        (Kind.ASSIST, "asked", Move.WITHDRAW): Path(to="withdrawn", needs=P.CASE_DISPATCH, asks=("reason",), ends=True),
        (Kind.ASSIST, "accepted", Move.WITHDRAW): Path(to="withdrawn", needs=P.CASE_DISPATCH, asks=("reason",), ends=True),

        (Kind.EXTENSION, "", Move.OPEN): Path(to="asked", needs=_WORK, asks=("reason",)),
        (Kind.EXTENSION, "asked", Move.APPROVE): Path(to="granted", needs=P.CASE_APPROVE, ends=True, fresh=True),
        (Kind.EXTENSION, "asked", Move.REFUSE): Path(to="refused", needs=P.CASE_APPROVE, asks=("reason",), ends=True, fresh=True),
        (Kind.EXTENSION, "asked", Move.WITHDRAW): Path(to="withdrawn", needs=_WORK, ends=True),

        (Kind.HOLD, "", Move.OPEN): Path(to="asked", needs=_WORK, asks=("reason", "owner", "plan", "next_step", "review_at", "until")),
        (Kind.HOLD, "asked", Move.APPROVE): Path(to="seconded", needs=P.CASE_APPROVE, fresh=True),
        (Kind.HOLD, "asked", Move.REFUSE): Path(to="refused", needs=P.CASE_APPROVE, asks=("reason",), ends=True, fresh=True),
        (Kind.HOLD, "asked", Move.WITHDRAW): Path(to="withdrawn", needs=_WORK, ends=True),
        (Kind.HOLD, "seconded", Move.APPROVE): Path(to="held", needs=P.CASE_SUPERVISE, fresh=True),
        (Kind.HOLD, "seconded", Move.REFUSE): Path(to="refused", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (Kind.HOLD, "held", Move.REVIEW): Path(to="held", needs=P.CASE_APPROVE, asks=("next_step", "review_at")),
        (Kind.HOLD, "held", Move.RESUME): Path(to="resumed", needs=P.CASE_APPROVE, ends=True),

        (Kind.TRANSFER, "", Move.OPEN): Path(to="proposed", needs=_WORK, asks=("unit", "reason")),
        (Kind.TRANSFER, "proposed", Move.ACCEPT): Path(to="accepted", needs=_WORK, at=At.UNIT, ends=True),
        (Kind.TRANSFER, "proposed", Move.DECLINE): Path(to="declined", needs=_WORK, at=At.UNIT, asks=("reason",), ends=True),
        (Kind.TRANSFER, "proposed", Move.WITHDRAW): Path(to="withdrawn", needs=_WORK, ends=True),

        (Kind.DISPUTE, "", Move.OPEN): Path(to="open", needs=P.CASE_DISPATCH, asks=("reason",)),
        (Kind.DISPUTE, "open", Move.RULE): Path(to="ruled", needs=P.CASE_SUPERVISE, asks=("unit", "reason", "clause"), ends=True),

        (Kind.CALL, "", Move.OPEN): Path(to="called", needs=P.CASE_CALL, asks=("unit", "reason", "until")),
        (Kind.CALL, "called", Move.ARRIVE): Path(to="arrived", needs=_WORK, at=At.UNIT),
        (Kind.CALL, "arrived", Move.FINISH): Path(to="finished", needs=P.CASE_CALL, asks=("result",), ends=True),
        (Kind.CALL, "called", Move.WITHDRAW): Path(to="withdrawn", needs=P.CASE_CALL, asks=("reason",), ends=True),
        (Kind.CALL, "finished", Move.RATE): Path(to="finished", needs=P.CASE_CALL, asks=("rating",), ends=True),
        (Kind.CALL, "finished", Move.ANSWER): Path(to="finished", needs=_WORK, at=At.UNIT, asks=("rating",), ends=True),

        (Kind.SUPERVISION, "", Move.OPEN): Path(to="open", needs=P.CASE_SUPERVISE, asks=("reason", "until")),
        (Kind.SUPERVISION, "open", Move.ANSWER): Path(to="answered", needs=_WORK, asks=("result",)),
        (Kind.SUPERVISION, "open", Move.RAISE): Path(to="open", needs=P.CASE_SUPERVISE, asks=("reason",)),
        (Kind.SUPERVISION, "answered", Move.RAISE): Path(to="open", needs=P.CASE_SUPERVISE, asks=("reason",)),
        (Kind.SUPERVISION, "open", Move.LIFT): Path(to="lifted", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True),
        (Kind.SUPERVISION, "answered", Move.LIFT): Path(to="lifted", needs=P.CASE_SUPERVISE, ends=True),

        (Kind.RECHECK, "", Move.OPEN): Path(to="drawn", needs=P.CASE_SUPERVISE),
        (Kind.RECHECK, "drawn", Move.CONFIRM): Path(to="good", needs=P.CASE_CHECK, ends=True),
        (Kind.RECHECK, "drawn", Move.DENY): Path(to="not_good", needs=P.CASE_CHECK, asks=("reason",), ends=True),
        (Kind.RECHECK, "drawn", Move.UNABLE): Path(to="cannot_check", needs=P.CASE_CHECK, asks=("reason",), ends=True),

        (Kind.APPEAL, "", Move.OPEN): Path(to="asked", needs=_WORK, asks=("reason",)),
        (Kind.APPEAL, "asked", Move.APPROVE): Path(to="seconded", needs=P.CASE_SUPERVISE, asks=("reason",), fresh=True),
        (Kind.APPEAL, "asked", Move.REFUSE): Path(to="dismissed", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (Kind.APPEAL, "seconded", Move.APPROVE): Path(to="upheld", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
        (Kind.APPEAL, "seconded", Move.REFUSE): Path(to="dismissed", needs=P.CASE_SUPERVISE, asks=("reason",), ends=True, fresh=True),
    }
)  # fmt: skip

#: Kinds of which several may be open on one case at once, one for each unit.
PER_UNIT: frozenset[Kind] = frozenset({Kind.ASSIST, Kind.CALL})
#: Kinds that a case may have only once.
ONCE: frozenset[Kind] = frozenset({Kind.APPEAL, Kind.DISPUTE})
#: How long a decision may take, where the procedure itself names no moment.
DECIDED_WITHIN: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.VERIFY: "4wh", Kind.EXTENSION: "1wd", Kind.HOLD: "3wd", Kind.TRANSFER: "4wh",
        Kind.DISPUTE: "3wd", Kind.RECHECK: "5wd", Kind.APPEAL: "5wd",
    }
)  # fmt: skip
MOST_EXTENSIONS = 2
LONGEST_HOLD = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something asked for on a case. ``hands`` are the accounts that took a step of it, in
    order (the hub's own steps have none); ``said`` is all that the steps said.
    """

    id: int
    case: CaseId
    kind: Kind
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


def begun(
    case: Case, kind: Kind, others: tuple[Procedure, ...], *, id: int, at: datetime,
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
    if kind is Kind.EXTENSION:
        _extendable(case, at)
    if kind is Kind.HOLD:
        _holdable(case, said, at)
    return Procedure(
        id=id, case=case.id, kind=kind, state=path.to, opened_at=at, unit=unit, due_at=due_at,
        hands=() if by is None else (by,), said=dict(said),
    )  # fmt: skip


def moved(
    procedure: Procedure, move: Move, case: Case, *, at: datetime, by: AccountId | None,
    said: Mapping[str, Any], unit: UnitId | None = None,
) -> Procedure:  # fmt: skip
    """Return the procedure after a step, or refuse it. ``by`` is None for the hub's rules."""
    path = PATHS.get((procedure.kind, procedure.state, move))
    if path is None or move is Move.OPEN:
        raise NoSuchMove("procedure", procedure.kind, state=procedure.state, move=move.value)
    _asked(procedure.kind, path, {**said, "unit": unit or said.get("unit")})
    if path.fresh and by is not None and by in procedure.hands:
        raise SameHand("by", by)
    if (
        procedure.kind is Kind.RECHECK
        and by is not None
        and by in (case.handled_by, case.checked_by)
    ):
        raise SameHand("by", by)
    if (procedure.kind, move) == (Kind.EXTENSION, Move.APPROVE):
        _extendable(case, at)
    if (procedure.kind, procedure.state, move) == (Kind.HOLD, "seconded", Move.APPROVE):
        _running(case)
    if (procedure.kind, move) == (Kind.HOLD, Move.REVIEW):
        _within("review_at", said["review_at"], at, _date(procedure.said["until"]))
    return replace(
        procedure, state=path.to, ended_at=(procedure.ended_at or at) if path.ends else None,
        hands=procedure.hands if by is None or by in procedure.hands else (*procedure.hands, by),
        unit=unit or procedure.unit, said=_joined(procedure, move, said),
        due_at=_date(said["review_at"]) if move is Move.REVIEW else procedure.due_at,
    )  # fmt: skip


def moves(procedure: Procedure) -> tuple[Move, ...]:
    """Return the steps the table lists for a procedure as it stands."""
    return tuple(
        m for m in Move if m is not Move.OPEN and (procedure.kind, procedure.state, m) in PATHS
    )


def _joined(procedure: Procedure, move: Move, said: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what earlier steps said; what is said again under the same name goes under its step."""
    fresh = {name: value for name, value in said.items() if value not in (None, "")}
    level = {"level": int(procedure.said.get("level", 1)) + 1} if move is Move.RAISE else {}
    if move is Move.REVIEW:
        return {**procedure.said, **fresh}
    return {
        **procedure.said,
        **{n if n not in procedure.said else f"{move.value}_{n}": v for n, v in fresh.items()},
        **level,
    }


def _asked(kind: Kind, path: Path, said: Mapping[str, Any]) -> None:
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
