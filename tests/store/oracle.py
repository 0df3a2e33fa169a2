"""A slow, plain reading of the ledger: what the indicators' queries must find, case by case.

Written from the definitions in words, not from the queries: it folds each case's facts one by
one and notes what happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zhongshu.core.cases import Case, Stage, fold
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.indicators import Family, Item, Period
from zhongshu.core.procedures import Procedure
from zhongshu.core.values import CaseId

Found = dict[Family, list[Item]]
WRONG = {"not_ours", "no_power", "wrong_class", "wrong_place"}


@dataclass
class Round:
    """From the beginning of a case, or a reopening, to the next reopening."""

    facts: list[Fact] = field(default_factory=list)
    ended_by: Fact | None = None

    def last(self, name: str) -> Any:
        """The last value that is something which a field was set to."""
        said = [f.sets[name] for f in self.facts if f.sets.get(name) is not None]
        return said[-1] if said else None


def found(
    facts: Iterable[Sequence[Fact]], procedures: Iterable[Procedure], period: Period,
    layers: Mapping[int, str],
) -> Found:  # fmt: skip
    """Return every item of the period; ``layers`` are those of the categories."""
    out: Found = {family: [] for family in Family}
    by_case = {each[0].case: list(each) for each in facts}
    for case_id, each in by_case.items():
        _Reader(fold(case_id, each), each, period, out, layers).read()
    for one in procedures:
        if one.kind == "recheck" and one.ended_at and _in(one.ended_at, period):
            marks = {"rechecked", one.state} | ({"by_lot"} if "lottery" in one.said else set())
            before = [f for f in by_case[one.case] if f.at <= one.opened_at]
            case = fold(one.case, by_case[one.case])
            out[Family.RECHECKED].append(_item(case, one.id, one.ended_at, _unit(before), marks))
    return out


class _Reader:
    def __init__(
        self, case: Case, facts: list[Fact], period: Period, out: Found, layers: Mapping[int, str]
    ) -> None:
        self.case, self.facts, self.period, self.out = case, facts, period, out
        self.layer = layers.get(case.category or 0, "")
        self.rounds = [Round()]
        for fact in facts:
            if fact.kind is Kind.REOPENED:
                self.rounds[-1].ended_by = fact
                self.rounds.append(Round())
            else:
                self.rounds[-1].facts.append(fact)

    def read(self) -> None:
        self.received()
        for n, one in enumerate(self.rounds):
            self.due(one, current=n == len(self.rounds) - 1)
        for n, fact in enumerate(self.facts):
            before, after = self.facts[: n + 1], self.facts[n + 1 :]
            if not _in(fact.at, self.period):
                continue
            by_then = [f for f in after if f.at < self.period.until]
            if fact.kind is Kind.HANDLED:
                self.handled(fact, before, by_then)
            elif fact.kind is Kind.CLOSED:
                self.closed(fact, before, by_then, after)
            elif fact.kind is Kind.REOPENED and fact.sets["stage"] == "filed":
                self.add(Family.CLOSED, fact, before, {"reopened"})
            elif fact.kind is Kind.DISPATCHED and not _taken_back(fact, after):
                self.dispatched(fact, before, by_then)
        self.rated()

    def add(self, family: Family, fact: Fact, before: list[Fact], marks: set[str]) -> None:
        self.out[family].append(_item(self.case, fact.seq, fact.at, _unit(before), marks))

    def received(self) -> None:
        case = self.case
        if not _in(case.reported_at, self.period):
            return
        marks = {"received"}
        marks |= {"merged"} if case.stage is Stage.MERGED else set()
        filed = (
            case.filed_at and case.filed_at < self.period.until and case.stage is not Stage.REJECTED
        )
        marks |= {"filed"} if filed else set()
        if case.channel == "field":
            marks |= {"patrolled"} | ({"patrol_valid"} if filed else set())
        if filed and self.layer in ("component", "event"):
            marks |= {"patrollable"} | (
                set() if case.channel in ("field", "sensor") else {"missed"}
            )
        marks |= self.answered()
        marks |= {"repeat"} if case.repeat_of else set()
        marks |= {"self_found"} if case.channel in ("field", "sensor") else set()
        unit = case.unit or case.returned_by
        self.out[Family.RECEIVED].append(_item(case, 0, case.reported_at, unit, marks))

    def answered(self) -> set[str]:
        """Filed, or turned away with a reason: the first time either happened."""
        if not _clock(self.facts[0], "accept"):
            return {"unclocked"}
        at_once = self.facts[0].sets.get("stage") == "filed"  # by its category, with the report
        later = (f for f in self.facts if f.kind in (Kind.FILED, Kind.REJECTED))
        first = self.facts[0] if at_once else next(later, None)
        if first is None or first.at >= self.period.until:
            return set()
        clock = _clock(first, "accept")
        in_time = clock and clock["state"] == "stopped" and clock.get("left_s", 0) >= 0
        return {"answered_in_time"} if in_time else set()

    def due(self, one: Round, *, current: bool) -> None:
        """A round closed and reopened stands as its facts left it; the one under way as the
        case does, or, without a deadline now, by the one it had.
        """
        case, until = self.case, self.period.until
        reopened = one.ended_by is not None and one.ended_by.sets["stage"] == "filed"
        if not current and not reopened:
            return
        exempted = any(f.sets.get("exempted") for f in one.facts)
        if not current:
            due, handled = _moment(one.last("due_at")), _moment(one.last("handled_at"))
            closed = _moment(one.last("closed_at"))
            unit = one.last("unit")
            out = "exempted" if exempted else None
            assert one.ended_by is not None
            seq = one.ended_by.seq
        else:
            due, handled = case.due_at, case.handled_at
            closed = case.closed_at if case.stage is Stage.CLOSED else None
            unit, seq = case.unit or case.returned_by, 0
            out = "merged" if case.stage is Stage.MERGED else "exempted" if exempted else None
            turned_back = case.stage is Stage.REJECTED and case.returns > 0
            if due is None and (case.held_at or turned_back):
                due, handled, closed = _moment(one.last("due_at")), None, None
                out = "rejected" if turned_back else "held"
        if due is None or not _in(due, self.period):
            return
        done = handled or closed
        marks = {"due"} | ({out} if out else set())
        if done and done < until:
            marks |= {"handled"} | ({"handled_in_time"} if done <= due else set())
        if due < until and not (done and done < until):
            marks.add("late_open")
        if closed and closed < until:
            marks |= {"closed"} | ({"closed_in_time"} if done and done <= due else set())
        self.out[Family.DUE].append(_item(case, seq, due, unit, marks))

    def handled(self, fact: Fact, before: list[Fact], by_then: list[Fact]) -> None:
        done = [f for f in by_then if f.kind in (Kind.PASSED, Kind.FAILED)]
        checks = [f.kind for f in done]
        marks = {"handled", "checked" if checks else "unchecked"}
        marks |= {"reworked"} if checks[:1] == [Kind.FAILED] else set()
        limit = _clock(fact, "check")
        marks |= set() if limit and limit["state"] == "running" else {"unclocked"}
        clock = _clock(done[0], "check") if done else None
        if clock and clock["state"] == "stopped" and clock.get("left_s", 0) >= 0:
            marks.add("checked_in_time")
        self.add(Family.HANDLED, fact, before, marks)

    def closed(
        self, fact: Fact, before: list[Fact], by_then: list[Fact], after: list[Fact]
    ) -> None:
        outcomes = [f.sets["outcome"] for f in before if "outcome" in f.sets]
        marks = {"closed", (outcomes[-1] if outcomes else None) or "no_outcome"}
        marks |= {"brought"} if (fact.by.rule or "").startswith("import:") else set()
        failed = any(f.kind is Kind.FAILED for f in before)
        again = any(
            f.kind is Kind.REOPENED and f.sets["stage"] == "filed" for f in before + by_then
        )
        marks |= set() if failed or again else {"first_time"}
        ends = min((f.seq for f in after if f.kind is Kind.REOPENED), default=10**9)
        marks |= {"rated"} if any(f.kind is Kind.RATED and f.seq < ends for f in by_then) else set()
        self.add(Family.CLOSED, fact, before, marks)

    def dispatched(self, fact: Fact, before: list[Fact], by_then: list[Fact]) -> None:
        marks = {"dispatched"} | ({"fallback"} if fact.by.rule == "handle_first" else set())
        unit = _unit(before)
        cause = None
        for later in by_then:
            if later.kind is Kind.DISPATCHED:
                break
            if later.kind is Kind.RETURNED:
                cause, unit = later.says["cause"], later.says["unit"]
                marks |= {"returned", cause}
                break
        marks |= set() if cause in WRONG else {"accurate"}
        self.out[Family.DISPATCHED].append(_item(self.case, fact.seq, fact.at, unit, marks))

    def rated(self) -> None:
        for question, asked, good in (
            ("solved", "answered_solved", lambda said: said is True),
            ("satisfied", "answered_satisfied", lambda said: said >= 4),
        ):
            answers = [
                f
                for f in self.facts
                if f.kind is Kind.RATED and question in f.says and _in(f.at, self.period)
            ]
            if answers:
                last = answers[-1]
                marks = {asked} | ({"said_" + question} if good(last.says[question]) else set())
                self.add(Family.RATED, last, [f for f in self.facts if f.seq <= last.seq], marks)


def _item(case: Case, seq: int, at: datetime, unit: Any, marks: set[str]) -> Item:
    return Item(
        case=CaseId(case.id), seq=seq, at=at, unit=unit, area=case.area, marks=frozenset(marks)
    )


def _unit(before: Sequence[Fact]) -> Any:
    said = [f.sets["unit"] for f in before if f.sets.get("unit") is not None]
    return said[-1] if said else None


def _clock(fact: Fact, kind: str) -> Any:
    """A clock as a fact left it; None where it says nothing of it."""
    return next((c for c in fact.sets.get("clocks", ()) if c["kind"] == kind), None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _in(at: datetime, period: Period) -> bool:
    return period.start <= at < period.until


def _taken_back(fact: Fact, after: list[Fact]) -> bool:
    return any(f.kind is Kind.WITHDRAWN and f.says["undoes"] == fact.seq for f in after)
