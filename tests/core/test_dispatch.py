"""The duty rules, against an oracle that asks every rule."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.dispatch import DutyRule, Incompetent, Rulebook, Window
from zhongshu.core.values import Span, UnitId

NIGHT = Window(days=frozenset({4}), start=time(22), end=time(6))
windows = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.times().map(lambda t: t.replace(microsecond=0)),
    end=st.times().map(lambda t: t.replace(microsecond=0)),
)
rules = st.builds(
    DutyRule,
    id=st.integers(1, 50),
    unit=st.integers(1, 5).map(UnitId),
    category=st.sampled_from(["", "E", "E-01", "E-01-13", "E-05", "C-01"]),
    area=st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda p: Span(p[0], p[0] + p[1]))),
    hours=st.lists(windows, max_size=2).map(tuple),
    priority=st.integers(0, 2),
    valid_until=st.one_of(st.none(), st.just(date(2026, 6, 1))),
)  # fmt: skip


@given(
    book=st.lists(rules, max_size=12, unique_by=lambda rule: rule.id),
    category=st.sampled_from(["E-01-13", "E-05-06", "C-01-37", "S-07-01"]),
    area=st.one_of(st.none(), st.integers(0, 20)),
    at=st.datetimes(datetime(2026, 5, 1), datetime(2026, 7, 1)),
)
def test_the_most_specific_rule_that_fits_wins(
    book: list[DutyRule], category: str, area: int | None, at: datetime
) -> None:
    fitting = sorted((r for r in book if r.fits(category, area, at)), key=lambda r: r.rank)
    picked = Rulebook(book).pick(category, area, at)
    assert (picked.rule if picked else None) == (fitting[0] if fitting else None)
    assert (picked.runner_up if picked else None) == (fitting[1] if len(fitting) > 1 else None)


def rule(id_: int, **fields: object) -> DutyRule:
    return DutyRule(id=id_, unit=UnitId(id_), **fields)  # type: ignore[arg-type]


def test_category_outweighs_area_and_area_outweighs_hours() -> None:
    everyday = Window(days=frozenset(range(7)), start=time(0), end=time(23, 59))
    book = Rulebook(
        [
            rule(1),
            rule(2, hours=(everyday,)),
            rule(3, area=Span(0, 100)),
            rule(4, area=Span(10, 20)),
            rule(5, category="E"),
            rule(6, category="E-01-13"),
        ]
    )

    def unit(category: str, area: int | None) -> int:
        picked = book.pick(category, area, datetime(2026, 11, 24, 12))
        assert picked is not None
        return picked.unit

    assert unit("E-01-13", 15) == 6
    assert unit("E-05-06", 15) == 5
    assert unit("C-01-37", 15) == 4
    assert unit("C-01-37", 50) == 3
    assert unit("C-01-37", None) == 2


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-20T21:59", False), ("2026-11-20T22:00", True), ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False), ("2026-11-20T05:00", False),
    ],
)  # fmt: skip
def test_a_night_belongs_to_the_day_it_began(at: str, inside: bool) -> None:
    assert NIGHT.holds(datetime.fromisoformat(at)) is inside


def test_no_rule_is_said_and_not_raised() -> None:
    assert Rulebook([rule(1, category="E")]).pick("C-01-37", 5, datetime(2026, 1, 1)) is None


def test_a_unit_without_the_power_is_refused_with_the_clause() -> None:
    book = Rulebook([rule(1, category="S-07", forbidden=frozenset({UnitId(9)}), clause="供热条例")])
    with pytest.raises(Incompetent, match="供热条例"):
        book.check(UnitId(9), "S-07-01", None, datetime(2026, 1, 1))
    book.check(UnitId(9), "E-01-13", None, datetime(2026, 1, 1))


def test_a_pick_says_which_conditions_spoke() -> None:
    picked = Rulebook([rule(1, category="E", area=Span(0, 9), clause="§3")]).pick(
        "E-01-13", 3, datetime(2026, 1, 1)
    )
    assert picked is not None
    assert picked.reasons == ("category", "area", "clause")
