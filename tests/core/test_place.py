"""Places: one datum inside; distances; the squares for finding what is near."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pyproj import Geod

from zhongshu.core.place import (
    Datum,
    NoSuchPlace,
    Point,
    Projection,
    UnknownCrs,
    from_wgs84,
    in_china,
    many_from_wgs84,
    many_to_wgs84,
    metres,
    neighbours,
    tile,
    tiles,
    to_wgs84,
)

GEOD = Geod(ellps="WGS84")
SHIFTED = (Datum.GCJ02, Datum.BD09)
lons = st.floats(-180, 180, allow_nan=False)
lats = st.floats(-90, 90, allow_nan=False)
ZHENGZHOU = Point(113.6254, 34.7466)


def in_china_one(lon: float, lat: float) -> bool:
    return bool(in_china(np.array([lon]), np.array([lat]))[0])


def ellipsoid_metres(one: Point, other: Point) -> float:
    return GEOD.inv(one.lon, one.lat, other.lon, other.lat)[2]


@pytest.mark.parametrize(
    ("lon", "lat", "field"),
    [
        (180.1, 0, "lon"), (-180.1, 0, "lon"), (0, 90.1, "lat"), (0, -90.1, "lat"),
        (math.nan, 0, "lon"), (0, math.nan, "lat"), (math.inf, 0, "lon"), (500_000, 34, "lon"),
    ],
)  # fmt: skip
def test_what_is_no_coordinate_on_earth_is_refused(lon: float, lat: float, field: str) -> None:
    with pytest.raises(NoSuchPlace) as refused:
        Point(lon, lat)
    assert refused.value.field == field
    assert refused.value.advice


# ── datums ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("datum", "wgs", "there", "within"),
    [
        # As coordtransform and gcoord publish them (same ellipsoid as here) …
        (Datum.GCJ02, (116.404, 39.915), (116.41024449916938, 39.91640428150164), 1e-6),
        (Datum.GCJ02, (121.4737, 31.2304), (121.47822305927693, 31.22845773757727), 1e-6),
        (Datum.BD09, (116.404, 39.915), (116.41662724378733, 39.922699552216216), 1e-6),
        # … and as eviltransform does, on an ellipsoid some centimetres apart.
        (Datum.GCJ02, (121.5272106, 31.1774276), (121.531541859215, 31.17530398364597), 0.1),
        (Datum.GCJ02, (113.912316, 22.543847), (113.9171764808363, 22.540796131694766), 0.1),
        (Datum.GCJ02, (116.377817, 39.911954), (116.38404722455657, 39.91334545536069), 0.1),
    ],
)
def test_the_shift_is_the_published_one(
    datum: Datum, wgs: tuple[float, float], there: tuple[float, float], within: float
) -> None:
    assert metres(from_wgs84(Point(*wgs), datum), Point(*there)) < within
    assert metres(to_wgs84(Point(*there), datum), Point(*wgs)) < within + 1e-3


def test_baidu_turns_the_web_datum_by_its_published_formula() -> None:
    # BD-09 of a GCJ-02 place, by the formula as written for one pair of numbers.
    gcj = from_wgs84(ZHENGZHOU, Datum.GCJ02)
    turn = math.pi * 3000 / 180
    z = math.hypot(gcj.lon, gcj.lat) + 0.00002 * math.sin(gcj.lat * turn)
    theta = math.atan2(gcj.lat, gcj.lon) + 0.000003 * math.cos(gcj.lon * turn)
    expected = Point(z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006)
    assert metres(from_wgs84(ZHENGZHOU, Datum.BD09), expected) < 1e-6
    assert metres(to_wgs84(expected, Datum.BD09), ZHENGZHOU) < 1e-3


@pytest.mark.parametrize("datum", SHIFTED)
@given(lon=st.floats(73, 136), lat=st.floats(17, 54))
@example(lon=105.0, lat=35.0)  # where the formula has its kink
@example(lon=114.1195, lat=22.5301)  # on the outline itself
@example(lon=86.5, lat=27.8)  # on an edge of it that runs due east
def test_every_shifted_place_comes_back_to_the_millimetre(
    datum: Datum, lon: float, lat: float
) -> None:
    assume(in_china_one(lon, lat))
    place = Point(lon, lat)
    there = from_wgs84(place, datum)
    # On a grid of 0.02° the smallest shift is 17.5 m (GCJ-02, near 96.6 E 37.1 N).
    assert 10 < ellipsoid_metres(place, there) < 2000
    assert ellipsoid_metres(to_wgs84(there, datum), place) < 1e-3


def test_places_just_inside_the_outline_come_back_too() -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(73, 136, 200_000), rng.uniform(17, 54, 200_000)
    lon, lat = lon[here := in_china(lon, lat)], lat[here]
    for datum in SHIFTED:
        there = many_from_wgs84(lon, lat, datum)
        x, y = many_to_wgs84(*there, datum)
        assert np.abs(np.array([x - lon, y - lat])).max() * 111_195 < 1e-3


@pytest.mark.parametrize("datum", list(Datum))
@given(lon=lons, lat=lats)
@example(lon=0.0, lat=90.0)
def test_nothing_is_shifted_far_from_china(datum: Datum, lon: float, lat: float) -> None:
    assume(not (73 < lon < 136 and 17 < lat < 55))
    assert from_wgs84(Point(lon, lat), datum) == Point(lon, lat)
    assert to_wgs84(Point(lon, lat), datum) == Point(lon, lat)


@pytest.mark.parametrize(
    ("name", "lon", "lat", "inside"),
    [
        ("Zhengzhou", 113.63, 34.75, True), ("Yining", 81.32, 43.92, True),
        ("Heihe", 127.50, 50.24, True), ("Manzhouli", 117.38, 49.60, True),
        ("Sanya", 109.51, 18.25, True), ("Kashgar", 75.99, 39.47, True),
        ("Shenzhen Luohu", 114.12, 22.545, True), ("Zhuhai Gongbei", 113.55, 22.22, True),
        ("Hong Kong", 114.17, 22.28, False), ("Sheung Shui", 114.13, 22.50, False),
        ("Macao", 113.545, 22.19, False), ("Taipei", 121.56, 25.04, False),
        ("Seoul", 126.98, 37.57, False), ("Pyongyang", 125.75, 39.03, False),
        ("Vladivostok", 131.89, 43.12, False), ("Ulaanbaatar", 106.92, 47.92, False),
        ("Almaty", 76.89, 43.24, False), ("Kathmandu", 85.32, 27.71, False),
        ("Hanoi", 105.85, 21.03, False), ("Boston", -71.06, 42.36, False),
    ],
)  # fmt: skip
def test_the_outline_is_a_polygon_and_not_a_rectangle(
    name: str, lon: float, lat: float, inside: bool
) -> None:
    assert in_china_one(lon, lat) is inside


@pytest.mark.real_data
def test_every_county_of_the_mainland_lies_inside_the_outline(shared_data: Path) -> None:
    counties = (
        pl.read_parquet(shared_data / "admin_codes/china_to_county_2016.parquet")
        .with_columns(pl.col("longitude", "latitude").cast(pl.Float64, strict=False))
        .filter(
            (pl.col("longitude") > 0)
            & ~pl.col("code").str.slice(0, 2).is_in(["71", "81", "82"])
            & ~pl.col("code").str.starts_with("4603")  # Sansha: islands far at sea
        )
    )
    inside = in_china(counties["longitude"].to_numpy(), counties["latitude"].to_numpy())
    assert len(counties) > 3000
    assert counties.filter(~pl.Series(inside))["name"].to_list() == []


# ── coordinate systems ───────────────────────────────────────────────────────────────


def test_a_declared_system_is_turned_into_degrees() -> None:
    lon, lat = Projection("EPSG:3857")(np.array([12_648_721.0]), np.array([4_132_000.0]))
    assert lon[0] == pytest.approx(113.6254, abs=1e-3)
    assert 34.7 < lat[0] < 34.8


@pytest.mark.parametrize("declared", ["EPSG:4326", "EPSG:4490", "wgs84", "CGCS2000", "OGC:CRS84"])
def test_systems_in_degrees_keep_longitude_first(declared: str) -> None:
    lon, lat = Projection(declared)(np.array([113.6]), np.array([34.7]))
    assert (lon[0], lat[0]) == pytest.approx((113.6, 34.7), abs=1e-6)


def test_state_plane_feet_become_degrees() -> None:
    lon, lat = Projection("EPSG:2249")(np.array([775_000.0]), np.array([2_956_000.0]))
    assert metres(Point(float(lon[0]), float(lat[0])), Point(-71.057, 42.36)) < 2000


def test_a_web_datum_is_a_declared_system_too() -> None:
    there = from_wgs84(ZHENGZHOU, Datum.GCJ02)
    lon, lat = Projection(" GCJ02 ")(np.array([there.lon]), np.array([there.lat]))
    assert metres(Point(float(lon[0]), float(lat[0])), ZHENGZHOU) < 1e-3


@pytest.mark.parametrize("declared", [None, "", "  ", "EPSG:999999", "mars", "北京54"])
def test_an_unknown_or_missing_system_is_refused_with_a_remedy(declared: str | None) -> None:
    with pytest.raises(UnknownCrs) as refused:
        Projection(declared)
    assert refused.value.field == "crs"
    assert "EPSG" in refused.value.advice


# ── distances and squares ────────────────────────────────────────────────────────────


@given(lon=lons, lat=st.floats(-60, 60), east=st.floats(-0.3, 0.3), north=st.floats(-0.3, 0.3))
@example(lon=179.9, lat=10.0, east=0.2, north=0.0)
def test_distances_are_right_to_six_in_a_thousand(
    lon: float, lat: float, east: float, north: float
) -> None:
    one = Point(lon, lat)
    other = Point((lon + east + 180) % 360 - 180, lat + north)
    assert metres(one, other) == pytest.approx(ellipsoid_metres(one, other), rel=0.006, abs=0.01)
    assert metres(one, other) == pytest.approx(metres(other, one), rel=1e-9)


@given(lon=lons, lat=lats)
def test_a_square_is_the_same_for_one_place_and_for_many(lon: float, lat: float) -> None:
    square = tile(lon, lat)
    assert tiles(np.array([lon]), np.array([lat])).tolist() == [square]
    assert 0 <= square < 2**63


@given(lon=lons, lat=st.floats(-62.9, 62.9), bearing=st.floats(0, 360), far=st.floats(0, 50))
@example(lon=-180.0, lat=0.0, bearing=270.0, far=50.0)
def test_whatever_is_within_fifty_metres_lies_in_a_neighbouring_square(
    lon: float, lat: float, bearing: float, far: float
) -> None:
    there = GEOD.fwd(lon, lat, bearing, far)
    around = neighbours(tile(lon, lat))
    assert len(set(around)) == 9
    assert tile(there[0], there[1]) in around


@given(lon=lons, lat=st.floats(-89, 89))
def test_neighbours_know_each_other(lon: float, lat: float) -> None:
    square = tile(lon, lat)
    assert all(square in neighbours(other) for other in neighbours(square))


def test_places_two_squares_apart_are_no_neighbours() -> None:
    assert tile(113.6021, 34.7) not in neighbours(tile(113.6001, 34.7))
    assert tile(113.6, 34.7021) not in neighbours(tile(113.6, 34.7001))
