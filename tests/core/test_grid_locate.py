"""A place lies in one cell of each level: against a loop over all polygons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid import Area, Columns, Level, Locator, read_features
from zhongshu.core.place import Floats, Point
from zhongshu.core.values import AreaId, Name, Span

CELL = Level(kind="grid", name=Name("网格"), rank=50)
COMMUNITY = Level(kind="community", name=Name("社区"), rank=40)
MARKET = Level(kind="exclusive", name=Name("专属"), rank=80, overlay=True)
ZIP = Level(kind="zip", name=Name("邮区"), rank=90, overlay=True)


def area(number: int, shape: BaseGeometry | None, *, code: str = "", kind: str = "grid") -> Area:
    return Area(
        id=AreaId(number), code=code or f"{number:05d}", kind=kind, name=Name(str(number)),
        parent=None, span=Span(number * 10, number * 10 + 10), shape=shape,
    )  # fmt: skip


def oracle(areas: Sequence[Area], lon: float, lat: float) -> Area | None:
    """The first, in the order of codes, of all polygons that cover the place."""
    point = shapely.Point(lon, lat)
    for one in sorted(areas, key=lambda a: (a.code, a.id)):
        if one.shape is not None and shapely.covers(one.shape, point):
            return one
    return None


def check(areas: Sequence[Area], lon: Floats, lat: Floats) -> int:
    """Compare one by one, all at once, and the oracle; return how many lie in the city."""
    locator = Locator(areas, [CELL])
    found, codes = locator.areas_of(lon, lat)
    for x, y, identity, code in zip(lon, lat, found, codes, strict=True):
        expected = oracle(areas, x, y)
        assert (identity, code) == ((expected.id, expected.span.lo) if expected else (-1, -1))
        where = locator.locate(Point(x, y))
        assert (where.area if where else None) == (expected.id if expected else None)
    return int((found >= 0).sum())


def probes(shapes: Sequence[BaseGeometry], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places anywhere, on vertices, in the middle of edges, and a hair beside them."""
    corners = shapely.get_coordinates(shapely.union_all(list(shapes)).envelope)
    low, high = corners.min(axis=0), corners.max(axis=0)
    vertices = shapely.get_coordinates(list(shapes))
    vertices = vertices[rng.permutation(len(vertices))[:120]]
    middles = (vertices[1:] + vertices[:-1]) / 2
    anywhere = rng.uniform(low - (high - low) / 10, high + (high - low) / 10, (200, 2))
    beside = np.nextafter(vertices, rng.choice([-np.inf, np.inf], vertices.shape))
    together = np.concatenate([vertices, middles, anywhere, beside, [low, high]])
    return together[:, 0].copy(), together[:, 1].copy()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 60), scale=st.sampled_from([1e-4, 0.5]))
@example(seed=0, count=2, scale=0.5)
def test_cells_that_tile_a_city_are_found_as_a_loop_finds_them(
    seed: int, count: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    box = shapely.box(113, 34, 113 + scale, 34 + scale / 2)
    seeds = shapely.multipoints(rng.random((count, 2)) * [scale, scale / 2] + [113, 34])
    cells = shapely.intersection(
        shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=box)), box
    )
    areas = [area(n, shape) for n, shape in enumerate(rng.permutation(cells), start=1)]
    check(areas, *probes(list(cells), rng))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 25))
def test_cells_that_overlap_have_holes_and_gaps_are_found_as_a_loop_finds_them(
    seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    shapes: list[BaseGeometry] = []
    for _ in range(count):
        x, y, r = rng.random(3) * [0.1, 0.1, 0.03] + [113, 34, 0.001]
        ring = shapely.Point(x, y).buffer(r, quad_segs=int(rng.integers(1, 6)))
        hole = shapely.Point(x, y).buffer(r / 2) if rng.random() < 0.5 else shapely.Point()
        islet = shapely.box(x + 2 * r, y, x + 2.2 * r, y + r / 3)
        shapes.append(shapely.union_all([shapely.difference(ring, hole), islet]))
    areas = [area(n, shape) for n, shape in enumerate(shapes, start=1)]
    assert check(areas, *probes(shapes, rng)) > 0


def test_on_a_border_and_in_an_overlap_the_lowest_code_wins_whatever_the_order() -> None:
    west, east = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
    over = shapely.box(0.5, 0, 1.5, 1)
    # Codes are compared as text: “10” comes before “9”.
    areas = [area(1, west, code="9"), area(2, east, code="10"), area(3, over, code="95")]
    for ordered in (areas, areas[::-1]):
        locator = Locator(ordered, [CELL])
        for lon, expected in ((1.0, 2), (0.7, 1), (0.2, 1), (1.2, 2), (2.0, 2), (0.0, 1)):
            where = locator.locate(Point(lon, 0.5))
            assert where is not None
            assert where.area == expected


@settings(max_examples=40)
@given(west=st.floats(-170, 170), size=st.floats(1e-4, 5))
def test_borders_that_run_along_the_squares_of_the_raster_are_still_exact(
    west: float, size: float
) -> None:
    borders = west + np.arange(65) * (size / 64)
    strips = [area(n, shapely.box(borders[n], 0, borders[n + 1], size / 2)) for n in range(64)]
    locator = Locator(strips, [CELL])
    lon = np.concatenate([borders, np.nextafter(borders, -999), np.nextafter(borders, 999)])
    found, _ = locator.areas_of(lon, np.full(len(lon), size / 3))
    # The first strip whose ends hold the place: a border belongs to the lower code.
    expected = np.maximum(np.searchsorted(borders, lon, side="left") - 1, 0)
    expected = np.where((lon < borders[0]) | (lon > borders[-1]), -1, expected)
    assert found.tolist() == expected.tolist()
    one_by_one = [locator.locate(Point(x, size / 3)) for x in lon.tolist()]
    assert [w.area if w else -1 for w in one_by_one] == expected.tolist()


def test_outside_the_city_is_said_so_and_never_guessed() -> None:
    locator = Locator([area(1, shapely.box(0, 0, 1, 1))], [CELL])
    for lon, lat in ((1.0000001, 0.5), (-1e-9, 0.5), (0.5, 2), (-170, -80)):
        assert locator.locate(Point(lon, lat)) is None
    assert locator.locate_many(np.array([5.0, 0.5]), np.array([5.0, 0.5]))[0] is None


def test_a_city_without_polygons_places_nothing() -> None:
    locator = Locator([area(1, None)], [CELL])
    assert locator.locate(Point(0, 0)) is None
    assert locator.locate_many(np.array([0.0]), np.array([0.0])) == [None]
    assert Locator([], []).locate_many(np.array([]), np.array([])) == []


def test_the_deepest_cell_of_the_chain_is_named_with_one_of_each_level_that_cuts_across() -> None:
    areas = [
        area(1, shapely.box(0, 0, 10, 10), kind="community"),
        area(2, shapely.box(0, 0, 5, 5)),
        area(3, shapely.box(4, 4, 6, 6), kind="exclusive"),
        area(4, shapely.box(0, 0, 10, 10), kind="zip"),
    ]
    locator = Locator(areas, [ZIP, MARKET, CELL, COMMUNITY])
    seen = {
        (lon, lat): locator.locate(Point(lon, lat)) for lon, lat in ((1, 1), (4.5, 4.5), (5.5, 5.5))
    }
    assert {place: (w.area, w.code, w.cells) for place, w in seen.items() if w} == {
        (1, 1): (2, 20, (4,)),
        (4.5, 4.5): (2, 20, (3, 4)),
        (5.5, 5.5): (1, 10, (3, 4)),
    }
    lon, lat = (np.array(axis, dtype=float) for axis in zip(*seen, strict=True))
    assert locator.locate_many(lon, lat) == list(seen.values())
    assert locator.overlays_of(lon, lat) == [w.cells for w in seen.values() if w]


def test_a_cell_thinner_than_any_square_is_still_found() -> None:
    areas = [area(1, shapely.box(0, 0, 1, 1)), area(2, shapely.box(1, 0, 1 + 1e-9, 1))]
    where = Locator(areas, [CELL]).locate(Point(1 + 5e-10, 0.5))
    assert where is not None
    assert where.area == 2


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("click_that_hood/boston.geojson", "name"),
        ("click_that_hood/chicago.geojson", "name"),
        ("nyc/community_district.geojson", "boro_cd"),
    ],
)
def test_real_cities_are_located_as_a_loop_locates_them(
    shared_data: Path, file: str, code: str
) -> None:
    data = json.loads((shared_data / "boundaries" / file).read_bytes())
    reading = read_features(data, kind="grid", columns=Columns(code=code), crs="wgs84")
    areas = [
        area(n, draft.shape, code=draft.code) for n, draft in enumerate(reading.drafts, start=1)
    ]
    shapes = [draft.shape for draft in reading.drafts if draft.shape is not None]
    assert check(areas, *probes(shapes, np.random.default_rng(3))) > 100
