"""A case and the one table of what may happen to it.

Where the work stands (`stage`), what came of it (`outcome`), whether somebody else
confirmed it (`confirmation`) and what the reporter thinks (`solved`, `satisfied`) are
separate fields: folding them into one status is how “closed” comes to mean “not fixed”.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, cast

from zhongshu.core.cases.clocks import Clock, waiting
from zhongshu.core.facts import By, Data, Fact, Kind
from zhongshu.core.values import (
    AccountId,
    AreaId,
    CaseId,
    CategoryId,
    PostId,
    Refused,
    UnitId,
)


class Stage(StrEnum):
    """Where the work stands."""

    WAITING_PLACE = "waiting_place"  # 待定位: no place was given
    NOT_OURS = "not_ours"  # 非本辖区: the place is outside the city
    RECEIVED = "received"  # 待受理: located, its category still open
    FILED = "filed"  # 待派遣 (立案)
    DISPATCHED = "dispatched"  # 待接单
    IN_HAND = "in_hand"  # 处置中
    HANDLED = "handled"  # 待核查
    CHECKED = "checked"  # 待结案
    CLOSED = "closed"  # 已结案
    REJECTED = "rejected"  # 不予受理
    MERGED = "merged"  # 已并案


class Act(StrEnum):
    """What a person (or an explicit rule) may do to a case."""

    LOCATE = "locate"
    CLASSIFY = "classify"
    FILE = "file"
    REJECT = "reject"
    DISPATCH = "dispatch"
    WITHDRAW = "withdraw"  # 撤回派遣: within seconds, by whoever sent it
    ACCEPT = "accept"
    RETURN = "return"
    HANDLE = "handle"
    PASS = "pass"  # noqa: S105 — an act, not a password
    FAIL = "fail"
    CLOSE = "close"
    REOPEN = "reopen"
    MERGE = "merge"
    UNMERGE = "unmerge"
    SPLIT = "split"
    LINK = "link"
    UNLINK = "unlink"
    RATE = "rate"
    NOTE = "note"


class Outcome(StrEnum):
    """What came of the work; counted apart, never folded into the stage."""

    SOLVED = "solved"  # 已解决
    STAGE_RESULT = "stage_result"  # 阶段性办结
    EXPLAINED = "explained"  # 解释说明
    CANNOT = "cannot"  # 无法解决
    NOT_AS_REPORTED = "not_as_reported"  # 不属实


class Confirmation(StrEnum):
    """What somebody other than the handler found."""

    CONFIRMED = "confirmed"
    DENIED = "denied"


OPEN: frozenset[Stage] = frozenset(
    {
        Stage.WAITING_PLACE,
        Stage.NOT_OURS,
        Stage.RECEIVED,
        Stage.FILED,
        Stage.DISPATCHED,
        Stage.IN_HAND,
        Stage.HANDLED,
        Stage.CHECKED,
    }
)
_BEFORE_WORK = (Stage.WAITING_PLACE, Stage.NOT_OURS, Stage.RECEIVED, Stage.FILED)
_MERGEABLE = (
    Stage.WAITING_PLACE, Stage.NOT_OURS, Stage.RECEIVED, Stage.FILED,
    Stage.DISPATCHED, Stage.IN_HAND,
)  # fmt: skip

#: The whole lifecycle. Anything not listed here cannot happen.
#: ``None``: the act leads back to where the case was before it was merged.
TRANSITIONS: Mapping[tuple[Stage, Act], Stage | None] = MappingProxyType(
    {
        (Stage.WAITING_PLACE, Act.LOCATE): Stage.RECEIVED,
        (Stage.NOT_OURS, Act.LOCATE): Stage.RECEIVED,
        (Stage.RECEIVED, Act.LOCATE): Stage.RECEIVED,
        (Stage.FILED, Act.LOCATE): Stage.FILED,
        (Stage.WAITING_PLACE, Act.CLASSIFY): Stage.WAITING_PLACE,
        (Stage.NOT_OURS, Act.CLASSIFY): Stage.NOT_OURS,
        (Stage.RECEIVED, Act.CLASSIFY): Stage.RECEIVED,
        (Stage.FILED, Act.CLASSIFY): Stage.FILED,
        (Stage.RECEIVED, Act.FILE): Stage.FILED,
        **{(stage, Act.REJECT): Stage.REJECTED for stage in _BEFORE_WORK},
        (Stage.FILED, Act.DISPATCH): Stage.DISPATCHED,
        (Stage.DISPATCHED, Act.WITHDRAW): Stage.FILED,
        (Stage.DISPATCHED, Act.ACCEPT): Stage.IN_HAND,
        (Stage.DISPATCHED, Act.RETURN): Stage.FILED,
        (Stage.IN_HAND, Act.RETURN): Stage.FILED,
        (Stage.IN_HAND, Act.HANDLE): Stage.HANDLED,
        (Stage.HANDLED, Act.PASS): Stage.CHECKED,
        (Stage.HANDLED, Act.FAIL): Stage.IN_HAND,
        (Stage.CHECKED, Act.CLOSE): Stage.CLOSED,
        (Stage.CLOSED, Act.REOPEN): Stage.FILED,
        (Stage.REJECTED, Act.REOPEN): Stage.RECEIVED,
        (Stage.CLOSED, Act.RATE): Stage.CLOSED,
        **{(stage, Act.MERGE): Stage.MERGED for stage in _MERGEABLE},
        (Stage.MERGED, Act.UNMERGE): None,
        **{(stage, Act.SPLIT): stage for stage in OPEN},
        # A case that no unit has yet goes to the leading case's unit, and is linked there.
        (Stage.FILED, Act.LINK): Stage.DISPATCHED,
        (Stage.DISPATCHED, Act.LINK): Stage.DISPATCHED,
        (Stage.IN_HAND, Act.LINK): Stage.IN_HAND,
        (Stage.DISPATCHED, Act.UNLINK): Stage.DISPATCHED,
        (Stage.IN_HAND, Act.UNLINK): Stage.IN_HAND,
        **{(stage, Act.NOTE): stage for stage in Stage},
    }
)

_KIND: Mapping[Act, Kind] = MappingProxyType(
    {
        Act.LOCATE: Kind.LOCATED,
        Act.CLASSIFY: Kind.CLASSIFIED,
        Act.FILE: Kind.FILED,
        Act.REJECT: Kind.REJECTED,
        Act.DISPATCH: Kind.DISPATCHED,
        Act.WITHDRAW: Kind.WITHDRAWN,
        Act.ACCEPT: Kind.ACCEPTED,
        Act.RETURN: Kind.RETURNED,
        Act.HANDLE: Kind.HANDLED,
        Act.PASS: Kind.PASSED,
        Act.FAIL: Kind.FAILED,
        Act.CLOSE: Kind.CLOSED,
        Act.REOPEN: Kind.REOPENED,
        Act.MERGE: Kind.MERGED,
        Act.UNMERGE: Kind.UNMERGED,
        Act.SPLIT: Kind.SPLIT,
        Act.LINK: Kind.LINKED,
        Act.UNLINK: Kind.UNLINKED,
        Act.RATE: Kind.RATED,
        Act.NOTE: Kind.NOTED,
    }
)

#: Acts that must say why, in words.
NEEDS_REASON: frozenset[Act] = frozenset({Act.REJECT, Act.RETURN, Act.FAIL, Act.REOPEN})


_SAYS_WHOSE = frozenset({Act.HANDLE, Act.CLOSE, Act.REOPEN, Act.RATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The de-duplicated matter. One case, many reports.

    Times are aware. ``area`` and ``area_code`` are the deepest cell of the main chain
    and its place on the tree's line; ``cells`` are the areas of the levels that cut
    across. ``before_merge`` remembers the stage a merged case goes back to. ``due_at`` is
    the deadline of the work: what the handling clock says. ``pending`` names the kinds of
    procedure that are open on it, ``involved`` the units besides the lead that may see it.
    ``repeat_of`` is a case closed shortly before, of the same class at the same place.
    ``condition`` is the number of the filing condition somebody chose within its category;
    without one the first applies that fits the hazard.
    ``asset`` is the code of the thing it is about. ``linked_to`` is the leading case whose
    handling clock it shares (捆绑计时), or shared until its own work was done; ``leads`` says
    that others were linked to this one.
    """

    id: CaseId
    number: str
    stage: Stage
    reported_at: datetime
    title: str = ""
    address: str = ""
    channel: str = ""
    category: CategoryId | None = None
    condition: int | None = None
    hazard: bool = False
    priority: int = 3
    lon: float | None = None
    lat: float | None = None
    area: AreaId | None = None
    area_code: int | None = None
    cells: tuple[int, ...] = ()
    unit: UnitId | None = None
    outcome: Outcome | None = None
    confirmation: Confirmation | None = None
    solved: bool | None = None
    satisfied: int | None = None
    reports: int = 1
    filed_at: datetime | None = None
    dispatched_at: datetime | None = None
    due_at: datetime | None = None
    handled_at: datetime | None = None
    handled_by: AccountId | None = None
    handled_post: PostId | None = None
    checked_by: AccountId | None = None
    checked_post: PostId | None = None
    closed_at: datetime | None = None
    overdue_at: datetime | None = None
    merged_into: CaseId | None = None
    before_merge: Stage | None = None
    clocks: tuple[Clock, ...] = ()
    pending: tuple[str, ...] = ()
    involved: tuple[UnitId, ...] = ()
    returns: int = 0
    returned_by: UnitId | None = None
    held_at: datetime | None = None
    exempted: bool = False
    repeat_of: CaseId | None = None
    asset: str | None = None
    linked_to: CaseId | None = None
    leads: bool = False
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.stage in OPEN

    @property
    def runs_out_at(self) -> datetime | None:
        """When the clock that runs now runs out: what queues are ordered by. A case without
        clocks (an imported one) has its deadline; one that rests has none.
        """
        if not self.is_open:
            return None
        clock = waiting(self.clocks)
        return clock.due_at if clock else None if self.clocks else self.due_at

    def is_overdue(self, at: datetime) -> bool:
        """Say whether the deadline passed while the work was not yet handled."""
        return (
            self.due_at is not None
            and self.stage in (Stage.DISPATCHED, Stage.IN_HAND)
            and self.due_at < at
        )


#: Changes a closed case's clock and checks must forget when the work starts anew.
FRESH_START: Data = MappingProxyType(
    {
        "unit": None, "outcome": None, "confirmation": None, "dispatched_at": None,
        "due_at": None, "handled_at": None, "handled_by": None, "handled_post": None,
        "checked_by": None, "checked_post": None, "closed_at": None, "overdue_at": None,
        "returns": 0, "returned_by": None, "solved": None, "satisfied": None,
        "linked_to": None,
    }
)  # fmt: skip


class NotAllowed(Refused):
    status: ClassVar[int] = 409
    message = "The case is at “%(stage)s”: “%(act)s” cannot be done now."
    remedy = "Reload the case and choose one of the acts it offers."

    def __init__(self, case: Case, act: Act) -> None:
        super().__init__("act", act.value, stage=case.stage.value, act=act.value)


class ReasonMissing(Refused):
    message = "“%(value)s” needs a reason."
    remedy = "Say in a few words why."


class OwnCheck(Refused):
    status: ClassVar[int] = 403
    message = "Whoever handled a case cannot check it, neither the person nor the post."
    remedy = "Somebody else has to check the result."


def allowed(case: Case) -> tuple[Act, ...]:
    """Return the acts the table lists for the case as it stands, in order of `Act`."""
    return tuple(act for act in Act if (case.stage, act) in TRANSITIONS)


def step(
    case: Case,
    act: Act,
    *,
    by: By,
    at: datetime,
    sets: Mapping[str, Any] | None = None,
    reason: str = "",
    says: Mapping[str, Any] | None = None,
) -> tuple[Case, Fact]:
    """Return the case after the act, and the fact that says so.

    ``sets`` are the further fields this act changes (a unit, a deadline, a place).
    Raises `NotAllowed`, `ReasonMissing` or `OwnCheck`.
    """
    if (case.stage, act) not in TRANSITIONS:
        raise NotAllowed(case, act)
    if act in NEEDS_REASON and not reason.strip():
        raise ReasonMissing("reason", act.value)
    if act in (Act.PASS, Act.FAIL) and handled(case, by):
        raise OwnCheck("by", by.account)
    stage = TRANSITIONS[case.stage, act] or case.before_merge or Stage.RECEIVED
    changes: dict[str, Any] = {"stage": stage, **_usual(case, act, by, at), **(sets or {})}
    spoken = {**_whose(case, act), **({"reason": reason} if reason else {}), **(says or {})}
    return changed(case, _KIND[act], changes, by=by, at=at, says=spoken)


def handled(case: Case, by: By) -> bool:
    """Say whether this hand, or its post, handled the case."""
    return _same(by.account, case.handled_by) or _same(by.post, case.handled_post)


def looked_after(case: Case, by: By) -> bool:
    """Say whether this hand, or its post, handled the case or checked it."""
    return (
        handled(case, by) or _same(by.account, case.checked_by) or _same(by.post, case.checked_post)
    )


def _same(one: int | None, other: int | None) -> bool:
    return one is not None and one == other


def changed(
    case: Case,
    kind: Kind,
    changes: Mapping[str, Any],
    *,
    by: By,
    at: datetime,
    says: Mapping[str, Any] | None = None,
) -> tuple[Case, Fact]:
    """Return the case with ``changes`` applied, and the fact recording what differs."""
    real = {name: value for name, value in changes.items() if getattr(case, name) != value}
    after = replace(case, **real, version=case.version + 1)
    fact = Fact(
        case=case.id, seq=after.version, kind=kind, at=at, by=by,
        sets=plain(real), says=says or {},
    )  # fmt: skip
    return after, fact


def begun(case: Case, kind: Kind, *, by: By, at: datetime, says: Data) -> tuple[Case, Fact]:
    """Return a new case at version 1, and the fact that made it (what differs from nothing)."""
    first = replace(case, version=1)
    sets = {
        name: value for name in FIELDS if (value := getattr(first, name)) != _UNSAID.get(name)
    }  # fmt: skip
    return first, Fact(case=case.id, seq=1, kind=kind, at=at, by=by, sets=plain(sets), says=says)


def fold(case_id: CaseId, facts: Iterable[Fact]) -> Case:
    """Return the case that the facts, in order of ``seq``, add up to."""
    fields: dict[str, Any] = {}
    last = 0
    for fact in facts:
        if fact.seq != last + 1:
            raise ValueError(f"case {case_id}: fact {fact.seq} follows {last}")
        last = fact.seq
        fields.update(fact.sets)
    return Case(id=case_id, version=last, **rich(fields))


def _whose(case: Case, act: Act) -> dict[str, Any]:
    """Return what some facts say besides: which unit had the case, and what came of it. Who
    counts them need not read the case's whole story for it.
    """
    if act not in _SAYS_WHOSE or case.unit is None:
        return {}
    return {"unit": case.unit, **({"outcome": case.outcome} if act is Act.CLOSE else {})}


def _usual(case: Case, act: Act, by: By, at: datetime) -> dict[str, Any]:
    """What an act always sets, whoever asks."""
    match act:
        case Act.FILE:
            return {"filed_at": at}
        case Act.DISPATCH:
            return {"dispatched_at": at}
        case Act.RETURN:
            return {
                "unit": None, "dispatched_at": None, "due_at": None,
                "returns": case.returns + 1, "returned_by": case.unit,
                "involved": with_unit(case.involved, case.unit),
            }  # fmt: skip
        case Act.HANDLE:
            return {
                "handled_at": at, "handled_by": by.account, "handled_post": by.post,
                "confirmation": None, "checked_by": None, "checked_post": None,
            }  # fmt: skip
        case Act.PASS:
            return {
                "confirmation": Confirmation.CONFIRMED,
                "checked_by": by.account, "checked_post": by.post,
            }  # fmt: skip
        case Act.FAIL:
            return {
                "confirmation": Confirmation.DENIED, "checked_by": by.account,
                "checked_post": by.post, "outcome": None, "handled_at": None,
            }  # fmt: skip
        case Act.CLOSE | Act.REJECT:
            return {"closed_at": at}
        case Act.REOPEN:
            return dict(FRESH_START)
        case Act.MERGE:
            return {"before_merge": case.stage}
        case Act.UNMERGE:
            return {"before_merge": None, "merged_into": None}
        case Act.UNLINK:
            return {"linked_to": None}
        case _:
            return {}


def with_unit(involved: tuple[UnitId, ...], unit: UnitId | None) -> tuple[UnitId, ...]:
    """Return the units that may see a case, with one more: who had it goes on seeing it."""
    return involved if unit is None else tuple(sorted({*involved, unit}))


#: The fields a ledger can set: all but the identity and the version it counts itself.
FIELDS: tuple[str, ...] = tuple(
    name for name in Case.__dataclass_fields__ if name not in ("id", "version")
)
_UNSAID = {
    name: field.default for name, field in Case.__dataclass_fields__.items()
    if field.default is not MISSING
}  # fmt: skip
_TIMES = frozenset(
    ("reported_at", "filed_at", "dispatched_at", "due_at", "handled_at", "closed_at", "overdue_at",
     "held_at")
)  # fmt: skip
_TUPLES = frozenset(("cells", "pending", "involved"))


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make values JSON-ready: times as ISO text, words as words, tuples as lists."""
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Clock):
        return value.record()
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[Any, ...]", value)]
    return value


def rich(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `plain`."""
    made: dict[str, Any] = dict(fields)
    for name in _TIMES & made.keys():
        if isinstance(made[name], str):
            made[name] = datetime.fromisoformat(made[name])
    for name, kind in (
        ("stage", Stage), ("before_merge", Stage),
        ("outcome", Outcome), ("confirmation", Confirmation),
    ):  # fmt: skip
        if made.get(name) is not None:
            made[name] = kind(made[name])
    for name in _TUPLES & made.keys():
        made[name] = tuple(made[name])
    if "clocks" in made:
        made["clocks"] = tuple(
            clock if isinstance(clock, Clock) else Clock.read(clock) for clock in made["clocks"]
        )
    return made
