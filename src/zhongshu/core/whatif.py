"""What if: the cases of a period decided twice, under the rules as they are and as proposed.

Each case is looked at once, at its first dispatch, with what was known then. What followed
(how long the work took, who had it in the end) is taken from the ledger as it happened: no
later consequence of another decision is made up. Every figure has its cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.cases.lifecycle import Case, rich
from zhongshu.core.cases.matching import Matter, SameRule, compared
from zhongshu.core.facts import Kind
from zhongshu.core.intake import titled
from zhongshu.core.place import Point, metres, squares, tile
from zhongshu.core.values import CaseId, CategoryId, UnitId
from zhongshu.core.words import words

#: The kinds of fact a case's past is read from.
STEPS: tuple[Kind, ...] = (
    Kind.REPORTED, Kind.IMPORTED, Kind.JOINED, Kind.LOCATED, Kind.CLASSIFIED, Kind.FILED,
    Kind.REJECTED, Kind.DISPATCHED, Kind.WITHDRAWN, Kind.RETURNED, Kind.HANDLED, Kind.PASSED, Kind.FAILED,
    Kind.CLOSED, Kind.REOPENED, Kind.MERGED, Kind.UNMERGED, Kind.PROCEDURE, Kind.SPLIT,
    Kind.LINKED, Kind.UNLINKED, Kind.SHARED,
)  # fmt: skip
#: Fields of a case no rule looks at: they need not be read for a hundred thousand cases.
UNREAD: tuple[str, ...] = ("title", "address", "clocks", "pending", "involved", "cells")


@dataclass(frozen=True, slots=True)
class Step:
    """A fact as a past needs it."""

    kind: Kind
    at: datetime
    sets: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A case as it was known when it was first dispatched, and what came of it.

    ``begun_at`` and ``filed_at`` are None for an imported past, which kept no such moments.
    ``straight``: from dispatch until handled, or until now, the same unit had it and no
    return, hold or extension moved its deadline. ``ended_otherwise``: rejected or merged.
    """

    case: Case
    at: datetime
    sent_to: UnitId | None
    begun_at: datetime | None
    filed_at: datetime | None
    handled_at: datetime | None = None
    checked_at: datetime | None = None
    closed_at: datetime | None = None
    straight: bool = True
    held: bool = False
    returned: bool = False
    ended_otherwise: bool = False
    last_unit: UnitId | None = None


def past(case: CaseId, steps: Sequence[Step]) -> Past | None:
    """Read a case's past from its facts in order; None where it was never dispatched."""
    steps = _standing(steps)
    n = next((n for n, step in enumerate(steps) if _dispatches(step)), None)
    if n is None:
        return None
    here, imported = steps[n], steps[n].kind is Kind.IMPORTED
    known: dict[str, Any] = {}
    for step in steps[: n + imported]:
        known.update(step.sets)
    known |= {"unit": None, "due_at": None, "dispatched_at": None}
    filed = [s.at for s in steps[:n] if s.sets.get("filed_at")]
    return Past(
        case=Case(id=case, **rich(known)), at=here.at, sent_to=here.sets.get("unit"),
        begun_at=None if imported else steps[0].at,
        filed_at=None if imported else (filed[-1] if filed else None),
        **_after(steps[n + 1 :], here.sets.get("unit"), imported=imported),
    )  # fmt: skip


def _standing(steps: Sequence[Step]) -> Sequence[Step]:
    """Leave out dispatches that were taken back at once, and what took them back."""
    kept: list[Step] = []
    for step in steps:
        if step.kind is Kind.WITHDRAWN:
            last = max(n for n, one in enumerate(kept) if one.kind is Kind.DISPATCHED)
            del kept[last]
        else:
            kept.append(step)
    return kept


def _dispatches(step: Step) -> bool:
    return step.kind is Kind.DISPATCHED or (
        step.kind is Kind.IMPORTED and step.sets.get("dispatched_at") is not None
    )


def _after(steps: Sequence[Step], unit: UnitId | None, *, imported: bool) -> dict[str, Any]:
    """Return what came of a case after its dispatch, until it was closed the first time."""
    said: dict[str, Any] = {"last_unit": unit}
    for step in steps:
        if step.sets.get("unit") is not None:
            said["last_unit"] = step.sets["unit"]
        if step.sets.get("held_at") is not None:
            said["held"] = True
        if "handled_at" not in said and "due_at" in step.sets:
            said["straight"] = False
        match step.kind:
            case Kind.RETURNED:
                said["returned"] = True
            case Kind.HANDLED:
                said.setdefault("handled_at", step.at)
            case Kind.PASSED | Kind.FAILED:
                said.setdefault("checked_at", step.at)
            case Kind.REJECTED | Kind.MERGED:
                said["ended_otherwise"] = True
                break
            case Kind.CLOSED:
                said["closed_at"] = step.at
                if imported:
                    said.setdefault("handled_at", step.at)
                break
            case _:
                pass
    return said


# ── deciding and comparing ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules make of a case: where it goes, until when, and whether by itself.

    ``barred``: the unit it was really sent to may not be given it.
    """

    unit: UnitId | None = None
    co_units: tuple[UnitId, ...] = ()
    limit: str = ""
    due: datetime | None = None
    auto: bool = False
    barred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One set of rules: how it decides a case, when a stage is due, how long a unit worked."""

    decide: Callable[[Past], Decision]
    due: Callable[[ClockKind, datetime], datetime]
    worked: Callable[[UnitId, datetime, datetime], float]


class Difference(StrEnum):
    """How a case would fare otherwise."""

    MOVED = "moved"  # to another unit
    NO_UNIT = "no_unit"  # no rule names one any more
    FOUND_UNIT = "found_unit"  # … or one does now
    AUTO = "auto"  # dispatched by rule, without a person
    BY_HAND = "by_hand"  # … or no longer
    HELPERS = "helpers"  # other units assist
    BARRED = "barred"  # the unit it was sent to may not be given it
    ALLOWED = "allowed"  # … or now may
    EARLIER = "earlier"  # a deadline
    LATER = "later"
    LATE = "late"  # in time before, late now
    IN_TIME = "in_time"  # late before, in time now


#: Differences of a deadline are told with the clock they are of: ``handle:earlier``.
_OF_CLOCKS = (Difference.EARLIER, Difference.LATER, Difference.LATE, Difference.IN_TIME)


def tag(difference: Difference, clock: ClockKind | None = None) -> str:
    """Return how a difference is written beside a case."""
    return f"{clock}:{difference}" if difference in _OF_CLOCKS else str(difference)


def stretch(past: Past, kind: ClockKind, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when a clock ran and until when (now, where it still does); None where
    its way cannot be compared.
    """
    match kind:
        case ClockKind.ACCEPT:
            return _between(past.begun_at, past.filed_at)
        case ClockKind.DISPATCH:
            return _between(past.filed_at, past.at)
        case ClockKind.HANDLE:
            if not past.straight or (past.ended_otherwise and past.handled_at is None):
                return None
            return past.at, past.handled_at or now
        case ClockKind.CHECK:
            if past.begun_at is None or (past.ended_otherwise and past.checked_at is None):
                return None
            return _between(past.handled_at, past.checked_at or now)
        case ClockKind.WHOLE:
            if past.held or past.ended_otherwise:
                return None
            return _between(past.begun_at, past.closed_at or now)


def _between(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime] | None:
    return None if start is None or end is None else (start, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A case under both sets of rules. ``clocks``: from when, until when, and both deadlines."""

    past: Past
    before: Decision
    after: Decision
    clocks: Mapping[ClockKind, tuple[datetime, datetime, datetime, datetime]]
    tags: tuple[str, ...]

    @property
    def late(self) -> tuple[str, ...]:
        """Which clocks ran out under which side: ``handle:before``, ``handle:after``."""
        return tuple(
            f"{kind}:{side}"
            for kind, (_, end, was, would) in self.clocks.items()
            for side, due in (("before", was), ("after", would))
            if end > due
        )


def judged(
    past: Past, before: Side, after: Side, *, stages: Iterable[ClockKind], now: datetime
) -> Verdict:
    """Decide a case under both sides; ``stages`` are the other clocks worth comparing."""
    one, other = before.decide(past), after.decide(past)
    clocks: dict[ClockKind, tuple[datetime, datetime, datetime, datetime]] = {}
    tags = [str(d) for d in _differences(one, other)]
    if one.due is not None and other.due is not None:
        _of_deadline(tags, ClockKind.HANDLE, one.due, other.due)
        way = stretch(past, ClockKind.HANDLE, now)
        if way is not None:
            clocks[ClockKind.HANDLE] = (*way, one.due, other.due)
    for kind in stages:
        way = stretch(past, kind, now)
        if way is not None:
            clocks[kind] = (*way, before.due(kind, way[0]), after.due(kind, way[0]))
            _of_deadline(tags, kind, *clocks[kind][2:])
    for kind, (_, end, was, would) in clocks.items():
        if (end > was) != (end > would):
            tags.append(tag(Difference.LATE if end > would else Difference.IN_TIME, kind))
    return Verdict(past=past, before=one, after=other, clocks=clocks, tags=tuple(tags))


def _differences(one: Decision, other: Decision) -> Iterable[Difference]:
    if one.unit != other.unit:
        if other.unit is None:
            yield Difference.NO_UNIT
        else:
            yield Difference.FOUND_UNIT if one.unit is None else Difference.MOVED
    if one.auto != other.auto:
        yield Difference.AUTO if other.auto else Difference.BY_HAND
    if set(one.co_units) != set(other.co_units):
        yield Difference.HELPERS
    if one.barred != other.barred:
        yield Difference.BARRED if other.barred else Difference.ALLOWED


def _of_deadline(tags: list[str], kind: ClockKind, was: datetime, would: datetime) -> None:
    if was != would:
        tags.append(tag(Difference.EARLIER if would < was else Difference.LATER, kind))


# ── adding up ────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class UnitLoad:
    """What a unit would have had: cases, those whose hours are known, and their hours at work."""

    cases: int = 0
    timed: int = 0
    hours: float = 0.0


@dataclass(slots=True)
class Findings:
    """Adds verdicts up. Rates keep their numerators, denominators and what was left out."""

    looked_at: int = 0
    unknown: int = 0
    tags: Counter[str] = field(default_factory=Counter[str])
    moves: Counter[tuple[int | None, int | None]] = field(
        default_factory=Counter[tuple[int | None, int | None]]
    )
    timed: Counter[str] = field(default_factory=Counter[str])
    late: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    shifts: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    load: dict[UnitId, tuple[UnitLoad, UnitLoad]] = field(
        default_factory=dict[UnitId, tuple[UnitLoad, UnitLoad]]
    )
    moved_returned: int = 0
    moved_to_last: int = 0
    moved_from_last: int = 0

    def add(self, verdict: Verdict, before: Side, after: Side) -> None:
        """Take one more case in."""
        self.looked_at += 1
        one, other, past = verdict.before, verdict.after, verdict.past
        if one.unit is None and other.unit is None:
            self.unknown += 1
        self.tags.update(verdict.tags)
        if one.unit != other.unit:
            self.moves[one.unit, other.unit] += 1
            self.moved_returned += past.returned
            self.moved_to_last += past.last_unit is not None and past.last_unit == other.unit
            self.moved_from_last += past.last_unit is not None and past.last_unit == one.unit
        if one.due is not None and other.due is not None and one.due != other.due:
            self._shift(ClockKind.HANDLE, one.due, other.due)
        for kind, (_, end, was, would) in verdict.clocks.items():
            self.timed[kind] += 1
            late = self.late.setdefault(kind, [0, 0])
            late[0] += end > was
            late[1] += end > would
            if kind is not ClockKind.HANDLE and was != would:
                self._shift(kind, was, would)
        way = verdict.clocks.get(ClockKind.HANDLE)
        for n, (side, unit) in enumerate(((before, one.unit), (after, other.unit))):
            if unit is not None:
                load = self.load.setdefault(unit, (UnitLoad(), UnitLoad()))[n]
                load.cases += 1
                if way is not None:
                    load.timed += 1
                    load.hours += side.worked(unit, way[0], way[1]) / 3600

    def _shift(self, kind: ClockKind, was: datetime, would: datetime) -> None:
        hours = (would - was).total_seconds() / 3600
        self.shifts.setdefault(kind, []).append(hours)

    def record(self) -> dict[str, Any]:
        """Return the findings JSON-ready; shifts in hours, less than nothing is earlier."""
        return {
            "looked_at": self.looked_at, "unknown": self.unknown,
            "tags": dict(sorted(self.tags.items())),
            "moves": [[a, b, n] for (a, b), n in _ordered(self.moves)],
            "clocks": {
                kind: {
                    "timed": self.timed[kind], "late": self.late.get(kind, [0, 0]),
                    "shift": _spread(self.shifts.get(kind, [])),
                }
                for kind in ClockKind
                if self.timed[kind] or kind in self.shifts
            },
            "load": [
                [unit, *([one.cases, one.timed, round(one.hours, 2)] for one in both)]
                for unit, both in sorted(self.load.items())
            ],
            "moved": {
                "returned": self.moved_returned, "to_last": self.moved_to_last,
                "from_last": self.moved_from_last,
            },
        }  # fmt: skip


def _ordered(
    moves: Counter[tuple[int | None, int | None]],
) -> list[tuple[tuple[int | None, int | None], int]]:
    return sorted(moves.items(), key=lambda m: (-m[1], m[0][0] or 0, m[0][1] or 0))


def _spread(hours: Sequence[float]) -> dict[str, float] | None:
    """Return count, and hours at the tenth, the middle and the ninetieth of a hundred."""
    if not hours:
        return None
    low, middle, high = np.percentile(np.array(hours), (10, 50, 90)).tolist()
    return {"count": len(hours), "p10": round(low, 2), "p50": round(middle, 2), "p90": round(high, 2)}  # fmt: skip


# ── the rules for the same matter ────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A report as the rules for the same matter see it.

    ``first``: its case was opened with it. ``open_until``: when that case was first past
    joining (handled, rejected, merged or closed); None: not yet. ``asset``: the thing it names,
    where it is known to name one. ``chosen``: the reporter said which matter it is, or that it
    is one of its own, so that no rule was asked.
    """

    report: int
    case: CaseId
    at: datetime
    place: Point
    category: CategoryId
    text: str
    first: bool
    open_until: datetime | None
    asset: str | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """The report a report would be joined to, and how near that is."""

    to: Heard
    metres: float
    hours: float


@dataclass(frozen=True, slots=True)
class Joining:
    """How reports join: the rule for a category, and what it is called in other versions of the
    catalogue (itself among them).
    """

    rule: Callable[[CategoryId], SameRule]
    alike: Callable[[CategoryId], Collection[CategoryId]] = lambda category: (category,)


@dataclass(slots=True)
class _Open:
    """The matters that are there to be joined, by square and category, and the things they are
    about (local to one replay).
    """

    matters: dict[tuple[int, CategoryId], list[Heard]] = field(
        default_factory=dict[tuple[int, CategoryId], list[Heard]]
    )
    assets: dict[int, str] = field(default_factory=dict[int, str])

    def begin(self, one: Heard) -> None:
        square = tile(one.place.lon, one.place.lat)
        self.matters.setdefault((square, one.category), []).append(one)
        if one.asset is not None:
            self.assets[one.report] = one.asset

    def joined(self, one: Heard, to: Heard) -> None:
        if one.asset is not None:
            self.assets.setdefault(to.report, one.asset)

    def about_another(self, one: Heard, other: Heard) -> bool:
        return one.asset is not None and self.assets.get(other.report, one.asset) != one.asset


def joins(heard: Sequence[Heard], joining: Joining, *, since: datetime) -> list[Join | None]:
    """Return for each report, in order of time, which earlier one's matter it would join.

    A matter begins with a report that joins none; reports before ``since`` lead in, and
    begin one where their case really did. What a reporter chose stays as it was.
    """
    there = _Open()
    found: list[Join | None] = []
    for one in heard:
        asked = one.at >= since and not one.chosen
        join = _nearest(one, there, joining) if asked else None
        found.append(join)
        if join is not None:
            there.joined(one, join.to)
        elif asked or one.first:
            there.begin(one)
    return found


def _nearest(one: Heard, there: _Open, joining: Joining) -> Join | None:
    """Return the matter that the intake's own comparison finds the most alike."""
    rule = joining.rule(one.category)
    if not rule.joins:
        return None
    best: tuple[float, int, Join] | None = None
    me: Matter | None = None
    for other in _near(one, there, rule, joining.alike(one.category)):
        me = me or _spoken(one, one.text)
        seen = compared(me, _spoken(other, titled(other.text)), rule)
        if seen is not None and seen.joins:
            join = (-seen.alike, other.report, Join(other, seen.metres, seen.hours))
            best = join if best is None or join[:2] < best[:2] else best
    return None if best is None else best[2]


def _near(
    one: Heard, there: _Open, rule: SameRule, alike: Collection[CategoryId]
) -> Iterator[Heard]:
    """Yield the open matters of a class within the inner circle."""
    oldest = one.at - timedelta(hours=rule.hours)
    for square in squares(one.place, rule.metres):
        for category in alike:
            for other in reversed(there.matters.get((square, category), ())):
                if other.at < oldest:
                    break
                if other.open_until is not None and other.open_until <= one.at:
                    continue
                if there.about_another(one, other) or metres(one.place, other.place) > rule.metres:
                    continue
                yield other


def _spoken(one: Heard, text: str) -> Matter:
    # The classes are known to be the same; only that they are has to be said.
    return Matter(at=one.at, place=one.place, code="one", words=_words(text))


@lru_cache(maxsize=65_536)
def _words(text: str) -> frozenset[str]:
    return frozenset(words(text))


class JoinChange(StrEnum):
    """How a report's joining would differ."""

    JOINS = "joins"  # a case of its own before, joined now
    PARTS = "parts"  # joined before, a case of its own now
    ELSEWHERE = "elsewhere"  # joined to another


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejoined:
    """A report whose joining would differ, and to which reports it would and did join."""

    heard: Heard
    change: JoinChange
    before: Join | None
    after: Join | None


def rejoined(
    heard: Sequence[Heard], before: Joining, after: Joining, *, since: datetime
) -> tuple[Rejoined, ...]:
    """Return the reports that would join otherwise, in order of time."""
    found: list[Rejoined] = []
    both = zip(heard, joins(heard, before, since=since), joins(heard, after, since=since), strict=True)  # fmt: skip
    for one, was, would in both:
        if (was and was.to.report) == (would and would.to.report):
            continue
        change = (
            JoinChange.JOINS if was is None
            else JoinChange.PARTS if would is None
            else JoinChange.ELSEWHERE
        )  # fmt: skip
        found.append(Rejoined(heard=one, change=change, before=was, after=would))
    return tuple(found)
