"""Cells made inside a polygon, and codes by rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from zhongshu.core.access import Duty
from zhongshu.core.grid import (
    CHAIN,
    COMMUNITY,
    LEVELS,
    POSTS,
    UNIT_GRID,
    UNIT_GRID_16,
    BadCode,
    CodeFull,
    CodeRule,
    make_cells,
    square_metres,
)
from zhongshu.core.grid.cells import SLIVER

RULES = (COMMUNITY, UNIT_GRID, UNIT_GRID_16, CodeRule((6, 3, 3, 2)))
#: A degree of longitude is this much shorter at 34° 30′ north, where the tests are.
_LAT = math.cos(math.radians(34.5))


def star(seed: int, corners: int, metres: float) -> BaseGeometry:
    """A star-shaped polygon around 113.5 E, 34.5 N, as ragged as communities are."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    far = metres / 111_195 * rng.uniform(0.2, 1, corners)
    return shapely.make_valid(
        shapely.Polygon(
            np.column_stack([113.5 + far * np.cos(angles) / _LAT, 34.5 + far * np.sin(angles)])
        )
    )


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), corners=st.integers(3, 30), metres=st.floats(20, 1500),
    size=st.sampled_from([60.0, 100.0, 170.0]),
)  # fmt: skip
@example(seed=1, corners=3, metres=20.0, size=100.0)
def test_cells_cover_their_polygon_exactly_and_never_overlap(
    seed: int, corners: int, metres: float, size: float
) -> None:
    polygon = star(seed, corners, metres)
    cells = [cell.shape for cell in make_cells(polygon, size_m=size)]
    assert cells
    total = shapely.area(cells).sum()
    assert total == pytest.approx(polygon.area, rel=1e-9)
    assert shapely.union_all(cells).symmetric_difference(polygon).area < polygon.area * 1e-9
    assert all(cell.is_valid and cell.geom_type == "Polygon" for cell in cells)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), corners=st.integers(3, 30), metres=st.floats(200, 1500))
def test_no_sliver_is_left_that_has_a_neighbour(seed: int, corners: int, metres: float) -> None:
    cells = [cell.shape for cell in make_cells(star(seed, corners, metres))]
    for small in [cell for cell in cells if square_metres(cell) < 0.95 * SLIVER * 100**2]:
        borders = [small.intersection(other).length for other in cells if other is not small]
        assert max(borders, default=0) == 0


@given(number=st.integers(0, 10))
def test_numbers_run_from_one_without_a_gap(number: int) -> None:
    cells = make_cells(star(number, 12, 900))
    assert [cell.number for cell in cells] == list(range(1, len(cells) + 1))


def test_a_rectangle_is_numbered_west_to_east_then_north_to_south() -> None:
    wide, high = 3 * 100 / 111_195 / _LAT, 2 * 100 / 111_195
    cells = make_cells(shapely.box(113.5, 34.5, 113.5 + wide, 34.5 + high))
    middles = [cell.shape.centroid for cell in cells]
    order = [(round((m.x - 113.5) / wide * 3 - 0.5), round((m.y - 34.5) / high * 2 - 0.5)) for m in middles]  # fmt: skip
    assert order == [(0, 1), (1, 1), (2, 1), (0, 0), (1, 0), (2, 0)]
    for cell in cells:
        assert square_metres(cell.shape) == pytest.approx(100 * 100, rel=0.01)


def test_a_thin_strip_becomes_a_few_long_cells_instead_of_many_slivers() -> None:
    # 1,800 m by 22 m, as a lane is: 18 slivers of 2,200 m² where nothing is joined.
    cells = make_cells(shapely.box(113.5, 34.5, 113.5 + 0.02, 34.5 + 0.0002))
    assert 1 < len(cells) < 18
    assert min(square_metres(cell.shape) for cell in cells) >= SLIVER * 100**2


def test_slivers_stay_where_none_are_to_be_joined() -> None:
    polygon = star(5, 20, 800)
    assert len(make_cells(polygon, min_share=0.0)) > len(make_cells(polygon))


def test_an_islet_too_small_stays_its_own_cell() -> None:
    island = shapely.box(113.6, 34.5, 113.6001, 34.5001)
    mainland = shapely.box(113.5, 34.5, 113.51, 34.51)
    cells = make_cells(shapely.union_all([mainland, island]))
    assert any(cell.shape.equals(island) for cell in cells)


def test_no_cell_lies_in_two_places() -> None:
    # A comb: its teeth are 40 m wide and 40 m apart, so that squares hold parts of two.
    step = 40 / 111_195
    teeth = [shapely.box(113.5 + 2 * n * step, 34.5, 113.5 + (2 * n + 1) * step, 34.505) for n in range(8)]  # fmt: skip
    comb = shapely.union_all([*teeth, shapely.box(113.5, 34.499, 113.5 + 15 * step, 34.5)])
    assert {cell.shape.geom_type for cell in make_cells(comb)} == {"Polygon"}


# ── codes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
def test_a_code_is_read_as_it_was_written(rule: CodeRule, data: st.DataObject) -> None:
    parts = tuple(data.draw(st.integers(0, 10**width - 1)) for width in rule.digits)
    code = rule.render(*parts)
    assert len(code) == rule.length
    assert rule.parse(code) == parts


def test_the_codes_have_the_lengths_in_use() -> None:
    assert [rule.length for rule in RULES] == [12, 15, 16, 14]
    assert COMMUNITY.render(410105, 1, 2) == "410105001002"
    assert UNIT_GRID.below("410105001002", 7) == "410105001002007"
    assert UNIT_GRID_16.below("410105001002", 7) == "4101050010020007"


@pytest.mark.parametrize(
    "code", ["", "41010500100", "4101050010021", "41010500100x", "４１０１０５００１００２", " 41010500100", "-1010500100²"]
)  # fmt: skip
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(BadCode) as refused:
        COMMUNITY.parse(code)
    assert refused.value.advice
    with pytest.raises(BadCode):
        UNIT_GRID.below(code, 1)


@pytest.mark.parametrize("number", [-1, 1000])
def test_a_number_that_does_not_fit_its_digits_is_refused(number: int) -> None:
    with pytest.raises(CodeFull):
        UNIT_GRID.below("410105001002", number)
    with pytest.raises(CodeFull):
        COMMUNITY.render(410105, number, 1)
    with pytest.raises(BadCode):
        COMMUNITY.render(410105, 1)


# ── posts ────────────────────────────────────────────────────────────────────────────


def test_the_organisation_chain_has_four_steps_that_a_city_may_rename() -> None:
    assert [post.name.zh for post in CHAIN] == [
        "社区党组织",
        "小区党支部",
        "楼栋党小组",
        "党员骨干",
    ]
    assert [post.step for post in CHAIN] == [1, 2, 3, 4]
    assert all(post.renamable for post in CHAIN)


def test_every_post_is_a_duty_on_a_level_that_exists_and_says_nothing_about_a_person() -> None:
    assert {post.code for post in POSTS} <= set(Duty)
    assert {post.level for post in POSTS} <= {level.kind for level in LEVELS}
    assert len({post.code for post in POSTS}) == len(POSTS)
    assert set(type(POSTS[0]).__dataclass_fields__) == {"code", "name", "level", "step", "renamable"}  # fmt: skip
