"""Tiles: where they lie, what is drawn in them, and how far a shifted service is off."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.affinity import affine_transform

from zhongshu.core.basemap import (
    EXTENT,
    Box,
    Drawn,
    Layer,
    Tile,
    cut,
    drawn,
    geojson,
    over,
    shift,
    touches,
)
from zhongshu.core.place import Datum
from zhongshu.core.values import Name

#: The map's square in metres (EPSG:3857), by a library of its own.
TO_METRES = Transformer.from_crs(4326, 3857, always_xy=True)
HALF = math.pi * 6_378_137.0
places = st.tuples(st.floats(-179.9, 179.9), st.floats(-84.0, 84.0))
zooms = st.integers(0, 18)


def on_map(lon: float, lat: float, zoom: int) -> tuple[float, float]:
    """Where a place lies in tiles of a zoom, worked out by pyproj."""
    x, y = TO_METRES.transform(lon, lat)
    return (x + HALF) / (2 * HALF) * 2**zoom, (HALF - y) / (2 * HALF) * 2**zoom


def grown(box: Box, by: float) -> Box:
    """A box, larger by some degrees: numbers beside a border of tiles fall to either side."""
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


@given(place=places, zoom=zooms)
def test_a_place_lies_in_the_tile_that_covers_it(place: tuple[float, float], zoom: int) -> None:
    x, y = on_map(*place, zoom)
    found = list(over((*place, *place), zoom))
    assert len(found) == 1
    assert abs(found[0].x + 0.5 - x) <= 0.5 + 1e-6
    assert abs(found[0].y + 0.5 - y) <= 0.5 + 1e-6
    assert touches(found[0], grown((*place, *place), 1e-9))
    assert found[0].inside()


@given(places, st.floats(0, 0.3), st.floats(0, 0.2), st.integers(0, 11))
def test_the_tiles_over_a_box_are_those_that_touch_it(
    corner: tuple[float, float], wide: float, high: float, zoom: int
) -> None:
    box = (corner[0], corner[1], min(180.0, corner[0] + wide), corner[1] + high)
    found = set(over(box, zoom))
    (left, top), (right, bottom) = on_map(box[0], box[3], zoom), on_map(box[2], box[1], zoom)
    beside = (
        range(max(0, int(left) - 1), int(right) + 2),
        range(max(0, int(top) - 1), int(bottom) + 2),
    )
    near = [t for x in beside[0] for y in beside[1] if (t := Tile(zoom, x, y)).inside()]
    inner = grown(box, -1e-9)
    assert found >= {t for t in near if box[0] < box[2] and box[1] < box[3] and touches(t, inner)}
    assert all(touches(t, grown(box, 1e-9)) for t in found)


def test_there_is_no_tile_beside_the_map() -> None:
    assert not Tile(3, 8, 0).inside()
    assert not Tile(3, 0, 8).inside()
    assert not Tile(3, -1, 0).inside()
    assert not Tile(25, 0, 0).inside()


@given(place=places)
def test_a_point_is_drawn_where_it_lies(place: tuple[float, float]) -> None:
    thing = Drawn(layer=Layer.PLACE, rank=1, shape=shapely.Point(place), name=Name("城"))
    for tile, pieces in cut([thing], range(8, 13)):
        x, y = on_map(*place, tile.zoom)
        [(px, py)] = [tuple(c) for p in pieces for c in shapely.get_coordinates(p.shape).tolist()]
        assert abs(px - (x - tile.x) * EXTENT) <= 1
        assert abs(py - (y - tile.y) * EXTENT) <= 1


@pytest.mark.parametrize("zoom", [14, 15])
def test_a_lake_is_whole_when_its_tiles_are_put_together_again(zoom: int) -> None:
    lake = shapely.Point(113.6, 34.7).buffer(0.02)
    parts = [
        affine_transform(p.shape, (1, 0, 0, 1, tile.x * EXTENT, tile.y * EXTENT))
        for tile, pieces in cut(
            [Drawn(layer=Layer.WATER, rank=1, shape=lake)], range(zoom, zoom + 1)
        )
        for p in pieces
    ]
    assert len(parts) > 3
    whole = shapely.Polygon(
        [[v * EXTENT for v in on_map(x, y, zoom)] for x, y in shapely.get_coordinates(lake)]
    )
    again = shapely.union_all(shapely.make_valid(parts))
    assert again.symmetric_difference(whole).area < whole.area * 0.01


def test_small_houses_wait_and_roads_have_names_late() -> None:
    house = Drawn(layer=Layer.BUILDING, rank=1, shape=shapely.Point(113.6, 34.7).buffer(0.0001))
    road = Drawn(
        layer=Layer.ROAD, rank=1, shape=shapely.LineString([(113.5, 34.7), (113.7, 34.7)]),
        name=Name("人民路", "Renmin Road"),
    )  # fmt: skip
    said = {
        (tile.zoom, piece.layer, piece.name)
        for tile, pieces in cut([house, road], range(8, 16)) for piece in pieces
    }  # fmt: skip
    assert {zoom for zoom, layer, _ in said if layer is Layer.BUILDING} == {14, 15}
    assert {zoom for zoom, layer, _ in said if layer is Layer.ROAD} == set(range(8, 16))
    assert {zoom for zoom, _, name in said if name is not None} == {12, 13, 14, 15}


def test_what_is_alike_is_one_piece_and_rings_turn_as_the_format_wants() -> None:
    houses = [
        Drawn(
            layer=Layer.BUILDING, rank=1, shape=shapely.box(113.6 + d, 34.7, 113.6003 + d, 34.7002)
        )
        for d in (0, 0.001, 0.002)
    ]
    [(_, [piece])] = [
        t for t in cut(houses, range(14, 15)) if len(shapely.get_parts(t[1][0].shape)) == 3
    ]
    for part in shapely.get_parts(piece.shape):
        x, y = shapely.get_coordinates(part).T
        # The format's own measure (4.3.4.4): the surveyor's area of an outer ring is positive.
        assert sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0


LINE, FACE, SPOT = (
    shapely.LineString([(0, 0), (1, 1)]),
    shapely.box(0, 0, 1, 1),
    shapely.Point(0, 0),
)


@pytest.mark.parametrize(
    ("tags", "shape", "told"),
    [
        ({"highway": "primary"}, LINE, ("road", 1)), ({"highway": "tertiary_link"}, LINE, ("road", 2)),
        ({"highway": "footway"}, LINE, ("road", 4)), ({"highway": "proposed"}, LINE, None),
        ({"highway": "residential"}, FACE, None), ({"railway": "rail"}, LINE, ("rail", 1)),
        ({"waterway": "river"}, LINE, ("stream", 1)), ({"waterway": "riverbank"}, FACE, ("water", 1)),
        ({"natural": "water"}, FACE, ("water", 1)), ({"leisure": "park"}, FACE, ("park", 1)),
        ({"building": "yes"}, FACE, ("building", 1)), ({"building": "no"}, FACE, None),
        ({"place": "suburb"}, SPOT, ("place", 2)), ({"shop": "bakery"}, SPOT, None),
        ({"layer": "road", "class": 3}, LINE, ("road", 3)), ({"layer": "road", "class": 99}, LINE, ("road", 4)),
        ({"layer": "1", "highway": "trunk"}, LINE, ("road", 1)),
    ],
)  # fmt: skip
def test_things_are_told_by_the_words_of_their_source(
    tags: dict[str, object], shape: shapely.Geometry, told: tuple[str, int] | None
) -> None:
    found = drawn(tags, shape)
    assert (found and (found.layer.value, found.rank)) == told


def test_a_file_of_roads_holds_roads_and_names_come_in_either_language() -> None:
    found = drawn(
        {"name": "Main Street", "name:zh": "主街", "name:en": "Main St"}, LINE, layer=Layer.ROAD
    )
    assert found is not None
    assert (found.layer, found.name) == (Layer.ROAD, Name("主街", "Main St"))
    assert drawn({}, LINE) is None


def test_streets_go_out_as_geojson() -> None:
    said = geojson([Drawn(layer=Layer.ROAD, rank=2, shape=LINE, name=Name("路", "Road"))])
    [feature] = said["features"]
    assert feature["properties"] == {"class": 2, "zh": "路", "en": "Road"}
    assert feature["geometry"] == {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]}


@pytest.mark.parametrize(
    ("lon", "lat", "east", "north"),
    [(116.397, 39.909, 533, 155), (120.585, 31.299, 401, -241), (113.264, 23.129, 545, -296)],
)  # Beijing, Suzhou, Guangzhou: metres on the ground, as measured for the project's notes
def test_a_shifted_service_is_off_by_the_published_metres(
    lon: float, lat: float, east: float, north: float
) -> None:
    [tile] = over((lon, lat, lon, lat), 17)
    right, down = shift(tile, Datum.GCJ02)
    metres = 40_075_016.7 * math.cos(math.radians(lat)) / (256 * 2**17)
    assert right * metres == pytest.approx(east, abs=4)
    assert -down * metres == pytest.approx(north, abs=4)
    assert shift(tile, Datum.WGS84) == (0, 0)
