"""What if: pasts read, decided twice and added up, against slow and plain oracles."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.cases import Case, Stage
from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.cases.matching import SameRule, same_matter
from zhongshu.core.facts import Kind
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, CategoryId, UnitId
from zhongshu.core.whatif import (
    Decision,
    Difference,
    Findings,
    Heard,
    JoinChange,
    Joining,
    Past,
    Side,
    Step,
    joins,
    judged,
    past,
    rejoined,
    stretch,
)

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = START + timedelta(days=40)


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


# ── reading a past ───────────────────────────────────────────────────────────────────

REPORTED = {"number": "n", "stage": "filed", "reported_at": START.isoformat(), "category": 3,
            "area_code": 7, "filed_at": START.isoformat()}  # fmt: skip


def steps(*rows: tuple[str, float, dict[str, Any]]) -> list[Step]:
    return [Step(Kind(kind), hour(at), sets) for kind, at, sets in rows]


def test_a_case_is_known_as_it_was_when_it_was_dispatched() -> None:
    known = past(
        CaseId(1),
        steps(
            ("case:reported", 0, REPORTED),
            ("case:classified", 1, {"category": 4}),
            ("case:dispatched", 2, {"stage": "dispatched", "unit": 9, "due_at": "x"}),
            ("case:joined", 3, {"hazard": True}),
            ("case:returned", 4, {"stage": "filed", "unit": None, "due_at": None}),
            ("case:classified", 5, {"category": 5}),
            ("case:dispatched", 6, {"stage": "dispatched", "unit": 8, "due_at": "y"}),
            ("case:handled", 7, {"stage": "handled"}),
        ),
    )
    assert known is not None
    assert (known.case.category, known.case.hazard, known.case.unit) == (4, False, None)
    assert (known.at, known.sent_to, known.filed_at) == (hour(2), 9, hour(0))
    assert (known.returned, known.straight, known.last_unit) == (True, False, 8)
    assert known.handled_at == hour(7)


@pytest.mark.parametrize(
    ("later", "straight", "held", "otherwise"),
    [
        ((), True, False, False),
        ((("procedure:moved", 2, {"pending": ["hold"]}),), True, False, False),
        ((("procedure:moved", 2, {"due_at": "later"}),), False, False, False),  # an extension
        ((("procedure:moved", 2, {"held_at": "now", "due_at": None}),), False, True, False),
        ((("case:merged", 2, {"stage": "merged"}),), True, False, True),
        ((("case:handled", 2, {}), ("case:failed", 3, {"due_at": "new"})), True, False, False),
    ],
)  # fmt: skip
def test_only_work_that_ran_straight_through_is_timed(
    later: tuple[Any, ...], straight: bool, held: bool, otherwise: bool
) -> None:
    known = past(
        CaseId(1),
        steps(("case:reported", 0, REPORTED), ("case:dispatched", 1, {"unit": 9}), *later),
    )
    assert known is not None
    assert (known.straight, known.held, known.ended_otherwise) == (straight, held, otherwise)
    timed = stretch(known, ClockKind.HANDLE, NOW)
    assert (timed is not None) == (straight and not otherwise)


def test_an_imported_past_has_one_clock_and_ends_when_it_was_closed() -> None:
    told = {**REPORTED, "stage": "dispatched", "unit": 5, "dispatched_at": START.isoformat()}
    known = past(CaseId(1), steps(("case:imported", 0, told), ("case:closed", 30, {"stage": "closed"})))  # fmt: skip
    assert known is not None
    assert (known.sent_to, known.case.unit, known.handled_at) == (5, None, hour(30))
    assert [kind for kind in ClockKind if stretch(known, kind, NOW)] == [ClockKind.HANDLE]
    assert past(CaseId(1), steps(("case:imported", 0, REPORTED))) is None


# ── deciding twice ───────────────────────────────────────────────────────────────────


def side(units: dict[int, int | None], hours: dict[int, int], stage_h: int) -> Side:
    """Rules that know categories only: a unit and a limit in hours for each."""

    def decide(known: Past) -> Decision:
        category = known.case.category or 0
        unit = units.get(category)
        if unit is None:
            return Decision()
        due = known.at + timedelta(hours=hours.get(category, 24))
        return Decision(unit=UnitId(unit), due=due, auto=unit == 1, co_units=(UnitId(unit + 1),))

    return Side(
        decide=decide,
        due=lambda kind, start: start + timedelta(hours=stage_h),
        worked=lambda unit, start, end: (end - start).total_seconds(),
    )


pasts = st.builds(
    lambda n, category, at, took, straight, otherwise, returned: Past(
        case=Case(id=CaseId(n), number=str(n), stage=Stage.FILED, reported_at=START, category=CategoryId(category)),
        at=hour(at), sent_to=None, begun_at=hour(at - 2), filed_at=hour(at - 1),
        handled_at=None if took is None else hour(at + took), straight=straight,
        checked_at=None if took is None else hour(at + took + 3),
        closed_at=None if took is None else hour(at + took + 4),
        ended_otherwise=otherwise, returned=returned, last_unit=UnitId(category),
    ),
    st.integers(1, 99), st.integers(1, 3), st.integers(2, 500),
    st.one_of(st.none(), st.integers(0, 100)), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
sides = st.builds(
    side,
    st.dictionaries(st.integers(1, 3), st.one_of(st.none(), st.integers(1, 3))),
    st.dictionaries(st.integers(1, 3), st.integers(1, 90)),
    st.integers(1, 9),
)


@given(st.lists(pasts, max_size=8), sides)
def test_the_same_rules_twice_differ_in_nothing(history: list[Past], rules: Side) -> None:
    findings = Findings()
    for known in history:
        verdict = judged(known, rules, rules, stages=tuple(ClockKind)[:2], now=NOW)
        assert verdict.tags == ()
        findings.add(verdict, rules, rules)
    told = findings.record()
    assert (told["tags"], told["moves"]) == ({}, [])
    assert all(clock["late"][0] == clock["late"][1] for clock in told["clocks"].values())
    assert all(clock["shift"] is None for clock in told["clocks"].values())
    assert all(before == after for _, before, after in told["load"])


@given(st.lists(pasts, max_size=12), sides, sides)
def test_the_figures_are_the_sums_of_the_cases(history: list[Past], one: Side, other: Side) -> None:
    """Against sums made case by case, in other words."""
    findings = Findings()
    stages = (ClockKind.ACCEPT, ClockKind.CHECK, ClockKind.WHOLE)
    for known in history:
        findings.add(judged(known, one, other, stages=stages, now=NOW), one, other)
    told = findings.record()
    pairs = [(p, one.decide(p), other.decide(p)) for p in history]
    moves = Counter((a.unit, b.unit) for _, a, b in pairs if a.unit != b.unit)
    assert {(a, b): n for a, b, n in told["moves"]} == moves
    both = [(p, a, b) for p, a, b in pairs if a.due and b.due]
    assert told["tags"].get("handle:earlier", 0) == sum(b.due < a.due for _, a, b in both)  # type: ignore[operator]
    timed = [(p.handled_at or NOW, a.due, b.due) for p, a, b in both if p.straight and (p.handled_at or not p.ended_otherwise)]  # fmt: skip
    handle = told["clocks"].get("handle", {"timed": 0, "late": [0, 0]})
    assert handle["timed"] == len(timed)
    assert handle["late"] == [sum(e > a for e, a, _ in timed), sum(e > b for e, _, b in timed)]  # type: ignore[operator]
    assert told["tags"].get("handle:late", 0) == sum(b < e <= a for e, a, b in timed)  # type: ignore[operator]
    assert told["tags"].get("handle:in_time", 0) == sum(a < e <= b for e, a, b in timed)  # type: ignore[operator]
    assert sum(before[0] for _, before, _ in told["load"]) == sum(a.unit is not None for _, a, _ in pairs)  # fmt: skip
    assert sum(after[0] for _, _, after in told["load"]) == sum(b.unit is not None for _, _, b in pairs)  # fmt: skip
    # Hours that the units had open: after is what the same stretches give the other units.
    hours = sum(
        ((p.handled_at or NOW) - p.at).total_seconds() / 3600
        for p, a, b in both if p.straight and (p.handled_at or not p.ended_otherwise)
    )  # fmt: skip
    assert sum(after[2] for _, _, after in told["load"]) == pytest.approx(hours, abs=0.1)
    assert told["looked_at"] == len(history)
    assert told["unknown"] == sum(a.unit is None and b.unit is None for _, a, b in pairs)


def test_a_case_that_would_be_late_is_told_by_when_it_was_really_handled() -> None:
    known = Past(
        case=Case(id=CaseId(1), number="1", stage=Stage.FILED, reported_at=START, category=CategoryId(1)),
        at=START, sent_to=None, begun_at=START, filed_at=START, handled_at=hour(10),
    )  # fmt: skip
    slow, quick = side({1: 1}, {1: 12}, 1), side({1: 2}, {1: 8}, 1)
    told = judged(known, slow, quick, stages=(), now=NOW)
    assert set(told.tags) == {Difference.MOVED, Difference.BY_HAND, Difference.HELPERS, "handle:earlier", "handle:late"}  # fmt: skip
    back = judged(known, quick, slow, stages=(), now=NOW)
    assert {"handle:later", "handle:in_time", Difference.AUTO} <= set(back.tags)
    findings = Findings()
    findings.add(told, slow, quick)
    assert findings.record()["clocks"]["handle"]["shift"] == {"count": 1, "p10": -4.0, "p50": -4.0, "p90": -4.0}  # fmt: skip


# ── the duplicate rule ───────────────────────────────────────────────────────────────

TEXTS = ("路灯不亮", "路灯坏了 路灯不亮", "井盖丢失", "street light out")
heard_rows = st.lists(
    st.tuples(
        st.integers(0, 60), st.integers(0, 12), st.integers(0, 2), st.integers(1, 2),
        st.sampled_from(TEXTS), st.booleans(), st.one_of(st.none(), st.integers(1, 20)),
        st.sampled_from([None, None, "L1", "L2"]), st.sampled_from([False] * 5 + [True]),
    ),
    max_size=25,
).map(lambda rows: [
    Heard(
        report=n, case=CaseId(100 + n), at=hour(at), place=Point(113 + east * 1e-4, 34 + north * 1e-4),
        category=CategoryId(category), text=text, first=first, asset=asset, chosen=chosen,
        open_until=None if lasts is None else hour(at + lasts),
    )
    for n, (at, east, north, category, text, first, lasts, asset, chosen) in enumerate(sorted(rows, key=lambda row: row[:5]), start=1)
])  # fmt: skip
rules = st.builds(
    SameRule, metres=st.integers(1, 90), hours=st.sampled_from([1, 6, 24, 72]),
    apart=st.sampled_from([0, 0, 2]), least=st.sampled_from([0, 0, 0.3]),
    words=st.sampled_from([0, 30, 100]), joins=st.sampled_from([True] * 5 + [False]),
)  # fmt: skip
#: Categories that are one, in two versions of the catalogue; or not.
kin = st.sampled_from([{1: (1,), 2: (2,)}, {1: (1, 2), 2: (1, 2)}])


def joining(rule: SameRule, alike: dict[int, tuple[int, ...]] | None = None) -> Joining:
    names = alike or {1: (1,), 2: (2,)}
    return Joining(rule=lambda _: rule, alike=lambda c: [CategoryId(k) for k in names[c]])


@given(heard_rows, rules, kin, st.integers(0, 100))
def test_reports_join_as_the_intake_joins_them(
    heard: list[Heard], rule: SameRule, alike: dict[int, tuple[int, ...]], since: int
) -> None:
    """Against every report compared with every open case by the intake's own function."""
    found = joins(heard, joining(rule, alike), since=hour(since))
    matters: list[tuple[Heard, Case]] = []
    about: dict[int, str | None] = {}
    for one, join in zip(heard, found, strict=True):
        case = Case(
            id=CaseId(one.report), number="n", stage=Stage.FILED, reported_at=one.at, title=one.text,
            category=one.category, lon=one.place.lon, lat=one.place.lat,
        )  # fmt: skip
        asked = one.at >= hour(since) and not one.chosen
        matches = same_matter(
            at=one.at, place=one.place, category=one.category, text=one.text, rule=rule,
            alike=[CategoryId(k) for k in alike[one.category]],
            candidates=[
                c for h, c in matters
                if (h.open_until is None or h.open_until > one.at)
                and (one.asset is None or about[h.report] in (None, one.asset))
            ],
        ) if asked else ()  # fmt: skip
        assert (join.to.report if join else None) == (matches[0].case.id if matches else None)
        if join is not None:
            assert (join.metres, join.hours) == (matches[0].metres, matches[0].hours)
            about[join.to.report] = about[join.to.report] or one.asset
        elif one.first or asked:
            matters.append((one, case))
            about[one.report] = one.asset


@given(heard_rows, rules)
def test_the_same_rule_twice_joins_alike(heard: list[Heard], rule: SameRule) -> None:
    assert rejoined(heard, joining(rule), joining(rule), since=START) == ()


@given(heard_rows, rules, rules)
def test_what_joins_otherwise_is_told_by_kind(
    heard: list[Heard], one: SameRule, other: SameRule
) -> None:
    told = {r.heard.report: r for r in rejoined(heard, joining(one), joining(other), since=START)}
    before = joins(heard, joining(one), since=START)
    after = joins(heard, joining(other), since=START)
    for row, was, would in zip(heard, before, after, strict=True):
        pair = (was.to.report if was else None, would.to.report if would else None)
        assert (row.report in told) == (pair[0] != pair[1])
        if row.report in told:
            kind = {True: JoinChange.JOINS}.get(pair[0] is None) or (
                JoinChange.PARTS if pair[1] is None else JoinChange.ELSEWHERE
            )
            assert told[row.report].change is kind
