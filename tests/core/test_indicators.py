"""The formulas: against figures that cities published, and against themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.cases import Outcome
from zhongshu.core.indicators import (
    BY_CODE,
    INDICATORS,
    WRONG_DISPATCH,
    Family,
    Group,
    Indicator,
    Mark,
    Measured,
    Part,
    Period,
    Tally,
    measure,
)
from zhongshu.flow.acts import Cause


def tally(count: int, *marks: Mark) -> Tally:
    return Tally(unit=None, area=None, marks=frozenset(marks), count=count)


def due(of: int, *, closed: int, in_time: int, out: tuple[tuple[Mark, int], ...] = ()) -> list[Tally]:  # fmt: skip
    """A month of deadlines, of which so many were closed, and so many of these in time."""
    kept = (Mark.DUE, Mark.HANDLED, Mark.HANDLED_IN_TIME, Mark.CLOSED, Mark.CLOSED_IN_TIME)
    late = (Mark.DUE, Mark.HANDLED, Mark.CLOSED)
    return [
        tally(in_time, *kept), tally(closed - in_time, *late), tally(of - closed, Mark.DUE),
        *(tally(n, *kept, mark) for mark, n in out),
    ]  # fmt: skip


#: What Tianmen published of one month: 1,054 received, 996 filed, 972 due, 911 closed, 737
#: of them in time; and the same of events and of components.
TIANMEN = (
    ("closing", due(972, closed=911, in_time=737), (911, 972), "93.72"),
    ("closing_in_time", due(972, closed=911, in_time=737), (737, 972), "75.82"),
    ("closing", due(956, closed=902, in_time=0), (902, 956), "94.35"),
    ("closing", due(16, closed=9, in_time=0), (9, 16), "56.25"),
    ("filing", [tally(996, Mark.RECEIVED, Mark.FILED), tally(58, Mark.RECEIVED)], (996, 1054), "94.50"),
)  # fmt: skip


@pytest.mark.parametrize(("code", "tallies", "numbers", "percent"), TIANMEN)
def test_what_a_city_published_comes_out(
    code: str, tallies: list[Tally], numbers: tuple[int, int], percent: str
) -> None:
    found = measure(BY_CODE[code], tallies)
    assert (found.numerator, found.denominator) == numbers
    assert found.percent == percent


def test_what_is_held_or_exempted_is_taken_from_the_due_and_said() -> None:
    """Jinhua: closed ÷ (due − 缓办)."""
    out = ((Mark.HELD, 20), (Mark.EXEMPTED, 5), (Mark.MERGED, 3))
    found = measure(BY_CODE["closing_in_time"], due(972, closed=911, in_time=737, out=out))
    assert (found.numerator, found.denominator) == (737, 972)
    assert found.excluded == {Mark.HELD: 20, Mark.EXEMPTED: 5, Mark.MERGED: 3}


def test_nothing_due_is_no_rate_and_not_a_hundred_percent() -> None:
    found = measure(BY_CODE["closing"], [])
    assert (found.rate, found.percent, found.interval) == (None, "", None)


marks = st.frozensets(st.sampled_from(Mark))
tallies = st.lists(
    st.builds(Tally, unit=st.just(None), area=st.just(None), marks=marks, count=st.integers(0, 50)),
    max_size=30,
)


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.code)
@given(found=tallies)
def test_every_item_is_counted_once_or_left_out_for_one_reason(
    indicator: Indicator, found: list[Tally]
) -> None:
    measured = measure(indicator, found)
    among = sum(t.count for t in found if indicator.among in t.marks)
    assert measured.denominator + sum(measured.excluded.values()) == among
    plain = measure(indicator, [replace(t, marks=t.marks - set(indicator.without)) for t in found])
    assert plain.excluded == {}
    assert plain.denominator == among


@given(tallies, tallies)
def test_the_whole_is_the_sum_of_its_parts(one: list[Tally], other: list[Tally]) -> None:
    for indicator in INDICATORS:
        a, b, both = (measure(indicator, t) for t in (one, other, one + other))
        assert both.numerator == a.numerator + b.numerator
        assert both.denominator == a.denominator + b.denominator


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_the_interval_holds_the_rate_and_grows_narrow_with_the_sample(n: int, of: int) -> None:
    one = Measured(indicator=INDICATORS[0], numerator=min(n, of), denominator=of, excluded={})
    assert one.interval is not None
    assert one.rate is not None
    low, high = one.interval
    assert 0 <= low <= one.rate + 1e-12
    assert one.rate - 1e-12 <= high <= 1
    ten = replace(one, numerator=10 * one.numerator, denominator=10 * of)
    assert ten.interval is not None
    assert ten.interval[1] - ten.interval[0] < high - low


def test_wilsons_interval_as_it_is_tabled() -> None:
    low, high = Measured(indicator=INDICATORS[0], numerator=8, denominator=10, excluded={}).interval or (0, 0)  # fmt: skip
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)


def test_indicators_are_data_that_fits_together() -> None:
    assert len(BY_CODE) == len(INDICATORS)
    for one in INDICATORS:
        assert one.name.zh
        assert one.name.en
        assert one.formula.zh
        assert one.formula.en
        assert "÷" in one.formula.zh
        assert "÷" in one.formula.en
        assert one.source
        assert one.of is not one.among
        for part in (Part.NUMERATOR, Part.DENOMINATOR):
            carry, lack = one.wanted(part)
            assert not carry & lack
    assert {i.family for i in INDICATORS} == set(Family)
    assert {i.group for i in INDICATORS} == set(Group)


def test_every_outcome_has_its_own_indicator_and_none_is_folded_into_another() -> None:
    outcomes = {i.of.value for i in INDICATORS if i.group is Group.OUTCOME}
    assert outcomes == {o.value for o in Outcome} | {"no_outcome"}


def test_the_causes_that_say_a_dispatch_was_wrong_are_causes() -> None:
    assert set(WRONG_DISPATCH) == set(Cause) - {Cause.DUPLICATE, Cause.OTHER}


@pytest.mark.parametrize("word", ["account", "person", "worker", "score", "rank"])
def test_no_indicator_is_of_a_person(word: str) -> None:
    for one in INDICATORS:
        assert word not in f"{one.code} {one.name.en} {one.formula.en}"


def test_a_period_knows_its_days_and_the_one_before_in_the_zone_of_its_ends() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    march = Period.month(datetime(2026, 3, 17, 9, 30, tzinfo=zone))
    assert march.days == (date(2026, 3, 1), date(2026, 3, 31))
    assert march.before().days == (date(2026, 2, 1), date(2026, 2, 28))
    assert march.before().before().start == datetime(2026, 1, 1, tzinfo=zone)
    assert march.local(UTC).local(zone) == march
    upto = Period(start=march.start, until=datetime(2026, 3, 17, tzinfo=zone))
    assert upto.days[1] == date(2026, 3, 16), "what ends at midnight ends on the day before"
    assert upto.before().until == march.start
    assert upto.before().start == datetime(2026, 2, 13, tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "then", "points"),
    [((2, 3), (1, 3), 33.34), ((1, 8), (1, 8), 0.0), ((1, 6), (1, 3), -16.66), ((0, 0), (1, 2), None), ((1, 2), (0, 0), None)],
)  # fmt: skip
def test_points_are_the_difference_of_what_is_printed(
    now: tuple[int, int], then: tuple[int, int], points: float | None
) -> None:
    one, other = (
        Measured(indicator=BY_CODE["filing"], numerator=n, denominator=d, excluded={})
        for n, d in (now, then)
    )
    assert one.points_over(other) == points
