"""The tree of areas: the line they divide, versions in time, finding by code."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.grid import (
    COMMUNITY,
    LEVELS,
    LINE,
    Area,
    Columns,
    Draft,
    NoRoom,
    Tree,
    allot,
    at,
    read_table,
    with_parents,
)
from zhongshu.core.values import AreaId, Name, Span


def area(number: int, **fields: object) -> Area:
    given: dict[str, object] = {
        "id": AreaId(number), "code": f"{number:03d}", "kind": "grid", "name": Name(str(number)),
        "parent": None, "span": Span(number, number + 1), **fields,
    }  # fmt: skip
    return Area(**given)  # type: ignore[arg-type]


# ── the line ─────────────────────────────────────────────────────────────────────────


@given(batches=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_children_divide_their_parent_without_touching_each_other_or_its_own_code(
    batches: list[int],
) -> None:
    parent = Span(1000, 1000 + 2**40)
    taken: list[Span] = []
    for count in batches:
        new = allot(parent, taken, count)
        assert new == allot(parent, tuple(taken), count)
        assert len(new) == count
        taken += new
    assert all(parent.holds(span) and parent.lo not in span for span in taken)
    assert all(one.hi <= other.lo for one, other in pairwise(sorted(taken)))


def test_children_added_one_by_one_for_years_still_have_room_below_them() -> None:
    district = allot(allot(LINE, (), 1)[0], (), 12)[5]
    taken: list[Span] = []
    for _ in range(3000):
        taken += allot(district, taken, 1)
    assert min(span.hi - span.lo for span in taken) > 2**30


def test_a_tree_can_be_fifteen_levels_deep_and_then_refuses_clearly() -> None:
    span, depth = LINE, 0
    with pytest.raises(NoRoom) as refused:
        while True:
            span = allot(span, (), 1, name=f"level {depth}")[0]
            depth += 1
    assert depth >= 15
    assert refused.value.value == f"level {depth}"
    assert refused.value.advice


def test_the_seven_levels_of_a_very_large_city_fit_with_room_to_grow() -> None:
    span = LINE
    for siblings in (1, 20, 40, 150, 60, 30, 999):
        span = allot(span, (), siblings)[-1]
    assert span.hi - span.lo >= 16


def test_no_room_for_many_is_refused_and_none_needs_no_room() -> None:
    assert allot(Span(5, 6), (), 0) == ()
    with pytest.raises(NoRoom):
        allot(Span(5, 6), (), 1)
    with pytest.raises(NoRoom):
        allot(Span(0, 1000), (), 999)


@pytest.mark.real_data
def test_the_whole_of_zhengzhou_fits_the_line_by_its_codes(shared_data: Path) -> None:
    rows = pl.read_parquet(shared_data / "admin_codes/zhengzhou_5level_2016.parquet")
    columns = Columns(code="code", name_zh="name", parent="parent")
    spans: dict[str, Span] = {}
    above: tuple[Draft, ...] = ()
    counts: dict[str, int] = {}
    for level in ("city", "county", "town", "village"):
        table = rows.filter(pl.col("level") == level)
        if level == "city":
            table = table.with_columns(parent=pl.lit(None, pl.String))
        reading = with_parents(read_table(table.to_dicts(), kind=level, columns=columns), above)
        assert reading.rejects == ()
        families: dict[str | None, list[str]] = {}
        for draft in reading.drafts:
            assert draft.shape is None
            assert COMMUNITY.parse(draft.code)
            families.setdefault(draft.parent_code, []).append(draft.code)
        for parent, codes in families.items():
            new = allot(spans[parent] if parent else LINE, (), len(codes))
            spans |= dict(zip(codes, new, strict=True))
        counts[level], above = len(reading.drafts), reading.drafts
    assert counts == {"city": 1, "county": 13, "town": 181, "village": 2713}
    for row in rows.filter(pl.col("level") != "city").iter_rows(named=True):
        assert spans[row["parent"]].holds(spans[row["code"]])
    # “Everything under a town” is a range, and holds exactly its own communities.
    town = "410102001000"
    below = {code for code, span in spans.items() if spans[town].holds(span)} - {town}
    assert below == set(rows.filter(pl.col("parent") == town)["code"])


# ── versions in time ─────────────────────────────────────────────────────────────────

OLD = area(1, code="A", valid_until=date(2026, 5, 1))
NEW = area(2, code="A", valid_from=date(2026, 5, 1))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 4, 30), [1]), (date(2026, 5, 1), [2]), (date.min, [1]),
        (date(9998, 12, 31), [2]),
    ],
)  # fmt: skip
def test_on_each_day_one_version_of_an_area_holds(day: date, expected: list[int]) -> None:
    assert [a.id for a in at([NEW, OLD], day)] == expected
    assert [a.id for a in (OLD, NEW) if a.valid(day)] == expected


def test_of_two_versions_that_overlap_in_time_the_newer_holds() -> None:
    early = area(1, code="A", valid_from=date(2020, 1, 1))
    late = area(2, code="A", valid_from=date(2024, 1, 1))
    for order in ([early, late], [late, early]):
        assert [a.id for a in at(order, date(2025, 1, 1))] == [2]
        assert [a.id for a in at(order, date(2021, 1, 1))] == [1]
        assert at(order, date(2019, 1, 1)) == ()


def test_the_same_code_on_two_levels_is_two_areas() -> None:
    both = [area(1, code="A"), area(2, code="A", kind="community")]
    assert len(at(both, date(2026, 1, 1))) == 2


# ── the tree ─────────────────────────────────────────────────────────────────────────


def test_the_tree_finds_by_code_by_parent_and_upwards() -> None:
    city = area(1, kind="city", span=Span(0, 100))
    north = area(2, kind="district", parent=1, span=Span(1, 40))
    south = area(3, kind="district", parent=1, span=Span(50, 90))
    cell = area(4, kind="grid", parent=3, span=Span(51, 60), official=False, households=320)
    tree = Tree([cell, south, city, north])
    assert [a.id for a in tree] == [1, 2, 3, 4]
    assert len(tree) == 4
    assert [a.id for a in tree.children(AreaId(1))] == [2, 3]
    assert tree.children(AreaId(4)) == ()
    assert [a.id for a in tree.children(None)] == [1]
    assert [a.id for a in tree.chain(AreaId(4))] == [1, 3, 4]
    assert tree.chain(None) == ()
    assert [a.id for a in tree.of_kind("district")] == [2, 3]
    assert tree.by_code["grid", "004"] is cell
    assert tree.named("003") is south
    assert tree.named("nowhere") is None


def test_the_usual_levels_run_from_the_city_down_and_exclusive_grids_cut_across() -> None:
    ranks = [level.rank for level in LEVELS]
    assert ranks == sorted(set(ranks))
    chain = [level.kind for level in LEVELS if not level.overlay]
    assert chain == ["city", "district", "subdistrict", "community", "grid", "micro_grid", "unit_grid"]  # fmt: skip
    assert "exclusive" in {level.kind for level in LEVELS if level.overlay}
