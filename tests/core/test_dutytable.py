"""The duty catalogue as a table: what is written is read as the same, bad rows are named."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_dispatch import windows
from zhongshu.core.dispatch import DutyRule, Lead, Window
from zhongshu.core.dutytable import Spelling, Terms, parse_hours, read_rules, rule_row, spell_hours
from zhongshu.core.values import Span, UnitId

AREAS = {"N": Span(0, 50), "S": Span(50, 100)}
TERMS = Terms(
    categories={"C-01-37", "E-05-06"}, units={f"U{n}": UnitId(n) for n in range(1, 6)},
    area=AREAS.get,
)  # fmt: skip
SPELLING = Spelling(
    unit="U{}".format, area=lambda span: next(code for code, s in AREAS.items() if s == span)
)
units = st.integers(1, 3).map(UnitId)


@st.composite
def rules(draw: st.DrawFn) -> DutyRule:
    lead = draw(st.sampled_from(Lead))
    start = draw(st.sampled_from([date.min, date(2026, 1, 1)]))
    return DutyRule(
        id=draw(st.integers(0, 99)), lead=lead, unit=draw(units) if lead is Lead.UNIT else None,
        category=draw(st.sampled_from(["", "C", "C-01-37"])),
        area=draw(st.sampled_from([None, *AREAS.values()])), owner=draw(st.one_of(st.none(), units)),
        hours=tuple(draw(st.lists(windows, max_size=3))), forbidden=frozenset({UnitId(5)}),
        co_units=draw(st.sampled_from([(), (UnitId(4),)])), clause=draw(st.sampled_from(["", "第三条"])),
        priority=draw(st.integers(-3, 9)), auto=draw(st.booleans()), valid_from=start,
        valid_until=draw(st.sampled_from([None, date(2026, 6, 1)])),
    )  # fmt: skip


@given(st.lists(rules(), max_size=5))
def test_what_is_written_is_read_as_the_same_rules(book: list[DutyRule]) -> None:
    taken, refused = read_rules([rule_row(rule, SPELLING) for rule in book], TERMS)
    assert refused == []
    assert [rule for _, rule in taken] == book
    assert [row for row, _ in taken] == list(range(1, len(book) + 1))


@given(st.lists(windows, max_size=4))
def test_hours_are_read_as_they_are_written(hours: list[Window]) -> None:
    assert parse_hours(spell_hours(hours)) == tuple(hours)
    assert parse_hours(spell_hours(hours, "zh")) == tuple(hours)


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("mon-fri 08:00-18:00", {0, 1, 2, 3, 4}, time(8), time(18)),
        ("周一至周五 8:00 - 18:00", {0, 1, 2, 3, 4}, time(8), time(18)),
        ("fri-mon 22:00-06:00", {4, 5, 6, 0}, time(22), time(6)),
        ("sat,sun 09:00-12:30", {5, 6}, time(9), time(12, 30)),
        ("每天 00:00-24:00", set(range(7)), time(0), time(0)),
        ("Daily 18:00-24:00", set(range(7)), time(18), time(0)),
    ],
)
def test_hours_as_people_write_them(text: str, days: set[int], start: time, end: time) -> None:
    (window,) = parse_hours(text)
    assert (window.days, window.start, window.end) == (days, start, end)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"category": "Z-9"}, "category"), ({"area": "X"}, "area"), ({"owner": "U9"}, "owner"),
        ({"lead": ""}, "lead"), ({"lead": "U9"}, "lead"), ({"co_units": "U2;U9"}, "co_units"),
        ({"co_units": "U1"}, "co_units"), ({"forbidden": "U9"}, "forbidden"),
        ({"forbidden": "U1"}, "lead"), ({"forbidden": "U2", "co_units": "U2"}, "co_units"),
        ({"hours": "weekdays 8-18"}, "hours"), ({"hours": "mon-fri 25:00-26:00"}, "hours"),
        ({"hours": "mon-xxx 08:00-18:00"}, "hours"), ({"hours": "mon-fri"}, "hours"),
        ({"priority": "high"}, "priority"), ({"auto": "perhaps"}, "auto"), ({"id": "x"}, "id"),
        ({"valid_from": "May"}, "valid_from"), ({"valid_until": "2026-13-01"}, "valid_until"),
        ({"valid_from": "2026-06-01", "valid_until": "2026-06-01"}, "valid_until"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_its_neighbours_are_read(bad: dict[str, Any], field: str) -> None:
    good = {"lead": "U1", "category": "C-01"}
    taken, refused = read_rules([good, {**good, **bad}, good], TERMS)
    assert [(r.row, r.field) for r in refused] == [(2, field)]
    assert refused[0].reason
    assert [row for row, _ in taken] == [1, 3]


def test_the_owner_and_the_maintainer_are_words_in_both_languages() -> None:
    rows = [{"lead": w} for w in ("owner", "权属单位", "Maintainer", "养护单位")]
    taken, _ = read_rules(rows, TERMS)
    assert [rule.lead for _, rule in taken] == [Lead.OWNER] * 2 + [Lead.MAINTAINER] * 2
