"""The public map: nothing finer than a square, nothing fewer than three, and nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.cases import OPEN
from zhongshu.core.coarse import FEWEST, OF_STAGE, SIDE_M, Heap, PublicState, Raster, coarsened
from zhongshu.core.place import Point, metres
from zhongshu.core.values import AreaId

#: Cells 100–107 in communities 10–13 in districts 1–2; cell 200 hangs right below district 2.
ABOVE = {100 + n: [10 + n // 2, 1 + n // 4] for n in range(8)} | {200: [2]}
heaps = st.lists(
    st.builds(
        Heap, column=st.integers(0, 3), row=st.integers(0, 2),
        area=st.sampled_from(sorted(ABOVE)).map(AreaId),
        major=st.sampled_from(["E-01", "C-01", "S-07", "-"]),
        state=st.sampled_from(PublicState), count=st.integers(1, 4),
    ),
    max_size=30,
)  # fmt: skip


def above(area: AreaId) -> Sequence[AreaId]:
    return [AreaId(n) for n in ABOVE[area]]


@given(heaps)
def test_every_matter_is_told_exactly_once(given_heaps: list[Heap]) -> None:
    told = coarsened(given_heaps, above)
    assert sum(t.count for t in told) == sum(h.count for h in given_heaps)
    for one in told:
        assert sum(one.classes.values()) == sum(one.states.values()) == one.count


@given(heaps)
def test_nothing_fewer_than_three_is_told_of_a_place(given_heaps: list[Heap]) -> None:
    for one in coarsened(given_heaps, above):
        if one.square is not None or one.area is not None:
            assert one.count >= FEWEST
        for counts in (one.classes, one.states):
            assert all(n >= FEWEST for key, n in counts.items() if key)
            # What is left over is no small number, unless it is the city's own rest.
            assert counts.get("", FEWEST) >= FEWEST or set(counts) == {""}


@given(heaps)
def test_what_concerns_homes_is_in_no_square(given_heaps: list[Heap]) -> None:
    told = coarsened(given_heaps, above)
    here = Counter((h.column, h.row) for h in given_heaps for _ in range(h.count) if h.major[0] not in "S-")  # fmt: skip
    assert {t.square: t.count for t in told if t.square} == {
        square: n for square, n in here.items() if n >= FEWEST
    }
    assert not {"S-07", "-"} & {c for t in told if t.square for c in t.classes}


@given(heaps)
def test_what_is_scattered_goes_to_the_smallest_area_that_has_enough(
    given_heaps: list[Heap],
) -> None:
    private = [h for h in given_heaps if h.major == "S-07"]
    told = {t.area: t.count for t in coarsened(private, above)}
    for community in (10, 11, 12, 13):
        own = sum(h.count for h in private if ABOVE[h.area][0] == community)
        assert told.get(AreaId(community)) == (own if own >= FEWEST else None)


def test_an_area_lies_in_one_place_only_once() -> None:
    one = Heap(column=0, row=0, area=AreaId(100), major="S-07", state=PublicState.NEW, count=2)
    two = Heap(column=9, row=9, area=AreaId(102), major="S-07", state=PublicState.NEW, count=2)
    (told,) = coarsened([one, two], above)
    assert (told.square, told.area, told.count) == (None, 1, 4)


@pytest.mark.parametrize(("south", "north"), [(34.0, 34.9), (-55.0, -54.0), (0.0, 1.0), (-20, 45)])
def test_a_square_is_no_smaller_than_promised_anywhere_in_the_city(
    south: float, north: float
) -> None:
    raster = Raster.over(south, north)
    for lat in (south, (south + north) / 2, north):
        west, low, east, high = raster.box(int(113 / raster.across), int(lat / raster.up))
        assert metres(Point(west, lat), Point(east, lat)) >= SIDE_M * 0.99
        assert metres(Point(113, low), Point(113, high)) >= SIDE_M * 0.99


def test_every_open_stage_has_a_public_state() -> None:
    assert OF_STAGE.keys() == OPEN
