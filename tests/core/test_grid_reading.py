"""Reading areas: the datum declared, polygons repaired and said so, nothing lost silently."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid import (
    Columns,
    Draft,
    NoCrs,
    NotGeoJson,
    Reading,
    Reject,
    cover,
    read_features,
    read_table,
    samples,
    square_metres,
    with_parents,
)
from zhongshu.core.place import Datum, UnknownCrs, many_from_wgs84
from zhongshu.core.values import Name

COLUMNS = Columns(code="code", name_zh="名称", name_en="name", parent="up", households="homes")
GEOD = Geod(ellps="WGS84")
SQUARE = [(113.0, 34.0), (113.01, 34.0), (113.01, 34.01), (113.0, 34.01), (113.0, 34.0)]
BOW_TIE = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]


def ring(corners: Sequence[tuple[float, float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in corners]]}


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"code": "A", **properties}, "geometry": geometry}


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **members}


def read(*features: Any, crs: str | None = "wgs84") -> Reading:
    return read_features(collection(*features), kind="grid", columns=COLUMNS, crs=crs)


def draft(code: str, shape: BaseGeometry | None, parent: str | None = None, row: int = 0) -> Draft:
    return Draft(code=code, kind="grid", name=Name(code), parent_code=parent, shape=shape, row=row)


# ── what a file must say ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "members",
    [{}, {"crs": None}, {"crs": {}}, {"crs": {"type": "name", "properties": {}}}, {"crs": "x"}],
)
def test_a_file_that_does_not_say_its_coordinate_system_is_refused(
    members: Mapping[str, Any],
) -> None:
    with pytest.raises(NoCrs) as refused:
        read_features(collection(**members), kind="grid", columns=COLUMNS)
    assert refused.value.field == "crs"
    assert "--crs" in refused.value.advice


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4490"])
def test_a_file_may_say_its_own_coordinate_system(name: str) -> None:
    data = collection(feature(ring(SQUARE)), crs={"type": "name", "properties": {"name": name}})
    reading = read_features(data, kind="grid", columns=COLUMNS)
    assert reading.drafts[0].shape is not None
    assert reading.drafts[0].shape.bounds == pytest.approx((113, 34, 113.01, 34.01), abs=1e-6)


def test_an_unknown_coordinate_system_is_refused() -> None:
    with pytest.raises(UnknownCrs):
        read(feature(ring(SQUARE)), crs="北京54")


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"[1, 2]", b"{}", b'{"features": 3}', {"type": "Feature"}, b"null"]
)
def test_what_is_no_geojson_is_refused(data: bytes | Mapping[str, Any]) -> None:
    with pytest.raises(NotGeoJson) as refused:
        read_features(data, kind="grid", columns=COLUMNS, crs="wgs84")
    assert refused.value.advice


# ── one feature ──────────────────────────────────────────────────────────────────────


def test_an_area_is_read_with_all_it_says() -> None:
    told = feature(ring(SQUARE), 名称="湖滨", name="Hubin", up="P", homes=320)
    data = json.dumps(collection(told)).encode()
    reading = read_features(data, kind="grid", columns=COLUMNS, crs="cgcs2000")
    (one,) = reading.drafts
    assert (one.code, one.kind, one.name, one.parent_code, one.households, one.row) == (
        "A", "grid", Name("湖滨", "Hubin"), "P", 320, 1,
    )  # fmt: skip
    assert one.shape is not None
    assert one.shape.equals(shapely.Polygon(SQUARE))
    assert (reading.rejects, reading.repairs, reading.strays) == ((), (), ())


@pytest.mark.parametrize(
    ("zh", "en", "name"),
    [
        ("湖滨", "", Name("湖滨")), ("", "Hubin", Name("", "Hubin")), ("", "", Name("", "A")),
        (None, None, Name("", "A")),
    ],
)  # fmt: skip
def test_a_missing_name_is_the_other_language_and_then_the_code(
    zh: str | None, en: str | None, name: Name
) -> None:
    assert read(feature(ring(SQUARE), 名称=zh, name=en)).drafts[0].name == name


def test_a_number_read_as_a_fraction_is_still_a_code() -> None:
    assert read(feature(ring(SQUARE), code=101.0)).drafts[0].code == "101"
    assert read(feature(ring(SQUARE), code=101)).drafts[0].code == "101"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("broken", "field", "said"),
    [
        (feature(None), "geometry", "empty"),
        (feature({"type": "Polygon", "coordinates": []}), "geometry", "empty"),
        (feature({"type": "LineString", "coordinates": [[1, 1], [2, 2]]}), "geometry", "LineString"),
        (feature({"type": "Point", "coordinates": [1, 1]}), "geometry", "Point"),
        (feature({"type": "Blob", "coordinates": []}), "geometry", "cannot be read"),
        (feature({"type": "Polygon", "coordinates": [[[1, 1], [2, 2]]]}), "geometry", "cannot be read"),
        (feature({"type": "Polygon", "coordinates": "here"}), "geometry", "cannot be read"),
        (feature(7), "geometry", "cannot be read"),
        (feature(ring([(1, 1), (2, 2), (3, 3), (1, 1)])), "geometry", "nothing with an area"),
        (feature(ring([(5e5, 3.8e6), (6e5, 3.8e6), (6e5, 3.9e6), (5e5, 3.8e6)])), "geometry", "coordinate system"),
        (feature(ring([(1, 1), (NAN, 2), (2, 2), (1, 1)])), "geometry", "degrees"),
        (feature(ring([(1, 1), (INF, 2), (2, 2), (1, 1)])), "geometry", "degrees"),
        (feature(ring(SQUARE), code=None), "code", "名称"),
        (feature(ring(SQUARE), code="  "), "code", "its code is empty"),
        (feature(ring(SQUARE), homes="many"), "homes", "many"),
        (feature(ring(SQUARE), homes=-3), "homes", "-3"),
        (feature(ring(SQUARE), homes=3.5), "homes", "3.5"),
        ({"type": "Feature"}, "feature", "no properties"),
        (None, "feature", "no properties"),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_taken_is_named_with_its_reason(
    broken: Any, field: str, said: str
) -> None:
    if isinstance(broken, dict) and "properties" in broken:
        broken["properties"].setdefault("名称", "x")
    reading = read(broken, feature(ring(SQUARE), code="B"))
    (reject,) = reading.rejects
    assert (reject.row, reject.field) == (1, field)
    assert said in reject.reason
    # The neighbours of a bad one are taken all the same.
    assert [(d.code, d.row) for d in reading.drafts] == [("B", 2)]


@pytest.mark.parametrize(
    "one",
    [
        7, None, {"geometry": 7}, {"geometry": ring(SQUARE), "properties": 7},
        feature(ring([(float("inf"), 34.0), *SQUARE[1:]])), feature(7),
        feature({"type": "Polygon", "coordinates": [[["a", "b"]]]}),
    ],
)  # fmt: skip
def test_what_is_no_feature_is_named_and_gives_no_sample_place(one: Any) -> None:
    reading = read(one, feature(ring(SQUARE), code="B"))
    assert [(r.row, d.code) for r in reading.rejects for d in reading.drafts] == [(1, "B")]
    shown = samples(collection(one, feature(ring(SQUARE), code="B")), "wgs84", label="code")
    assert [s.label for s in shown] == ["B"]


def test_of_two_features_with_one_code_the_first_is_taken_and_the_second_named() -> None:
    reading = read(feature(ring(SQUARE), name="first"), feature(ring(SQUARE), name="second"))
    assert [d.name.en for d in reading.drafts] == ["first"]
    assert [(r.row, r.code, r.field) for r in reading.rejects] == [(2, "A", "code")]


def test_a_code_refused_for_its_polygon_may_come_again() -> None:
    reading = read(feature(None), feature(ring(SQUARE)))
    assert ([d.row for d in reading.drafts], [r.row for r in reading.rejects]) == ([2], [1])


def test_an_invalid_polygon_is_repaired_and_said_so() -> None:
    reading = read(feature(ring(BOW_TIE)))
    (repair,) = reading.repairs
    assert (repair.code, "Self-intersection" in repair.reason) == ("A", True)
    # The two halves of a bow tie cancel out before, and count after.
    assert repair.change_m2 == pytest.approx(0.5 * 111_195**2, rel=0.01)
    (taken,) = reading.drafts
    assert taken.shape is not None
    assert taken.shape.is_valid
    assert taken.shape.geom_type == "MultiPolygon"


def test_a_repair_of_what_is_refused_is_not_reported() -> None:
    assert read(feature(ring(BOW_TIE), homes="?")).repairs == ()


@given(count=st.integers(0, 30), data=st.data())
def test_every_feature_is_either_taken_or_named(count: int, data: st.DataObject) -> None:
    geometries = st.sampled_from([ring(SQUARE), ring(BOW_TIE), None, {"type": "Point", "coordinates": [0, 0]}])  # fmt: skip
    features = [
        feature(data.draw(geometries), code=data.draw(st.sampled_from(["", *"ABCDEFGH"])))
        for _ in range(count)
    ]
    reading = read(*features)
    rows = [d.row for d in reading.drafts] + [r.row for r in reading.rejects]
    assert sorted(rows) == list(range(1, count + 1))


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_a_file_in_a_shifted_datum_is_moved_back_once(datum: Datum) -> None:
    corners = np.array(SQUARE)
    there = np.column_stack(many_from_wgs84(corners[:, 0], corners[:, 1], datum))
    reading = read(feature(ring([(x, y) for x, y in there.tolist()])), crs=datum)
    assert reading.drafts[0].shape is not None
    back = shapely.get_coordinates(reading.drafts[0].shape)
    assert np.abs(back - corners).max() * 111_195 < 1e-3


def test_a_file_in_metres_becomes_degrees() -> None:
    corners = [(12_580_000.0, 4_030_000.0), (12_581_000.0, 4_030_000.0), (12_581_000.0, 4_031_000.0), (12_580_000.0, 4_030_000.0)]  # fmt: skip
    (one,) = read(feature(ring(corners)), crs="EPSG:3857").drafts
    assert one.shape is not None
    assert 113 < one.shape.bounds[0] < one.shape.bounds[2] < 113.1


# ── lists of codes ───────────────────────────────────────────────────────────────────


def test_areas_known_only_by_their_codes_are_read_without_polygons() -> None:
    rows = [
        {"code": "1", "名称": "一", "up": "P", "homes": None},
        {"code": "", "名称": "二"},
        {"code": "1", "名称": "三"},
    ]
    reading = read_table(rows, kind="community", columns=COLUMNS)
    assert [(d.code, d.parent_code, d.shape, d.row) for d in reading.drafts] == [("1", "P", None, 1)]  # fmt: skip
    assert [r.row for r in reading.rejects] == [2, 3]


# ── parents ──────────────────────────────────────────────────────────────────────────

WEST, EAST = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
PARENTS = (draft("W", WEST), draft("E", EAST), draft("code only", None))


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (draft("a", shapely.box(0.1, 0.1, 0.2, 0.2)), "W"),
        (draft("a", shapely.box(0.5, 0, 1.2, 1)), "W"),
        (draft("a", shapely.box(0.5, 0, 1.6, 1)), "E"),
        (draft("a", shapely.box(0.5, 0, 1.5, 1)), "E"),  # as much in both: the lower code
        (draft("a", WEST, "E"), "E"),  # what it says counts for more than where it lies
        (draft("a", WEST, "code only"), "code only"),
        (draft("a", None, "W"), "W"),
    ],
)
def test_a_parent_is_the_one_named_or_else_the_one_overlapped_most(
    child: Draft, parent: str
) -> None:
    reading = with_parents(Reading(drafts=(child,)), PARENTS)
    assert reading.drafts == (replace(child, parent_code=parent),)
    assert reading.rejects == ()


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (draft("a", WEST, "X", row=7), "“X”"),
        (draft("a", None, "X", row=7), "“X”"),
        (draft("a", None, row=7), "names no parent"),
        (draft("a", shapely.box(5, 5, 6, 6), row=7), "lies in none"),
        (draft("a", shapely.box(2, 0, 3, 1), row=7), "lies in none"),  # touches, shares no ground
    ],
)
def test_an_area_without_a_parent_here_is_refused_and_never_made_a_root(
    child: Draft, said: str
) -> None:
    earlier = Reject(row=1, code="z", field="code", reason="before")
    reading = with_parents(Reading(drafts=(child,), rejects=(earlier,)), PARENTS)
    assert reading.drafts == ()
    assert reading.rejects[0] == earlier
    assert (reading.rejects[1].row, reading.rejects[1].code, reading.rejects[1].field) == (7, "a", "parent")  # fmt: skip
    assert said in reading.rejects[1].reason


def test_areas_of_the_first_level_are_roots() -> None:
    child = draft("a", WEST)
    assert with_parents(Reading(drafts=(child,)), ()).drafts == (child,)


def test_below_a_single_parent_known_only_by_its_code_all_areas_belong_to_it() -> None:
    only = (draft("P", None),)
    for child in (draft("a", WEST), draft("a", None)):
        assert with_parents(Reading(drafts=(child,)), only).drafts[0].parent_code == "P"


def test_areas_that_stick_out_of_their_parent_are_taken_and_reported() -> None:
    out = draft("out", shapely.box(0.5, 0.5, 0.75, 1.5))
    most = draft("most", shapely.box(0.9, 0.2, 1.01, 0.3))
    inside = draft("in", shapely.box(0.1, 0.1, 0.2, 0.2))
    reading = with_parents(Reading(drafts=(out, most, inside)), PARENTS)
    assert [d.code for d in reading.drafts] == ["out", "most", "in"]
    assert [(s.code, s.parent) for s in reading.strays] == [("out", "W"), ("most", "W")]
    assert reading.strays[0].outside_share == pytest.approx(0.5, rel=0.01)
    assert reading.strays[1].outside_share == pytest.approx(1 / 11, rel=0.01)
    assert reading.strays[0].outside_m2 == pytest.approx(0.125 * 111_195**2, rel=0.01)
    tolerant = with_parents(Reading(drafts=(out, most, inside)), PARENTS, tolerated=0.2)
    assert [s.code for s in tolerant.strays] == ["out"]


# ── how well they tile ───────────────────────────────────────────────────────────────


def test_overlaps_gaps_and_what_sticks_out_are_measured_in_square_metres() -> None:
    parent = shapely.box(0, 0, 0.03, 0.01)
    children = [
        draft("a", shapely.box(0, 0, 0.012, 0.01)),
        draft("b", shapely.box(0.01, 0, 0.02, 0.01)),
        draft("c", shapely.box(0.025, 0, 0.035, 0.01)),
        draft("codes only", None),
    ]
    measured = cover(parent, children)
    unit = 0.01 * 0.001 * 111_195**2
    assert measured.overlap_m2 == pytest.approx(2 * unit, rel=1e-3)
    assert measured.gap_m2 == pytest.approx(5 * unit, rel=1e-3)
    assert measured.outside_m2 == pytest.approx(5 * unit, rel=1e-3)
    assert [pair[:2] for pair in measured.worst] == [("a", "b")]


def test_the_worst_overlaps_come_first_and_only_so_many() -> None:
    children = [draft(str(n), shapely.box(0, 0, 0.001 * (n + 1), 0.01)) for n in range(5)]
    measured = cover(shapely.box(0, 0, 0.01, 0.01), children, worst=3)
    assert [pair[:2] for pair in measured.worst] == [("3", "4"), ("2", "3"), ("2", "4")]
    assert cover(shapely.box(0, 0, 0.01, 0.01), [draft("a", None)]).gap_m2 > 1e6


@given(lon=st.floats(-179, 178), lat=st.floats(-60, 60), wide=st.floats(0.001, 0.5))
def test_areas_are_right_to_one_in_a_hundred(lon: float, lat: float, wide: float) -> None:
    shape = shapely.box(lon, lat, lon + wide, lat + wide / 2).segmentize(0.05)
    exact = abs(GEOD.geometry_area_perimeter(shape)[0])
    assert square_metres(shape) == pytest.approx(exact, rel=0.01)


# ── real cities ──────────────────────────────────────────────────────────────────────


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "count", "broken"),
    [
        ("boston", 26, 4), ("chicago", 98, 4), ("san-francisco", 37, 3), ("washington", 34, 0),
        ("staten-island", 54, 3),
    ],
)  # fmt: skip
def test_neighbourhoods_are_read_and_the_invalid_ones_repaired(
    shared_data: Path, file: str, count: int, broken: int
) -> None:
    data = (shared_data / f"boundaries/click_that_hood/{file}.geojson").read_bytes()
    reading = read_features(data, kind="grid", columns=Columns(code="name"), crs="wgs84")
    assert len(reading.drafts) + len(reading.rejects) == count
    assert {reject.reason for reject in reading.rejects} <= {"an earlier row has the same code"}
    assert len(reading.repairs) == broken
    for one in reading.drafts:
        assert one.shape is not None
        assert one.shape.is_valid
        assert 1e4 < square_metres(one.shape) < 2e8


@pytest.mark.real_data
def test_new_york_is_read_at_four_levels(shared_data: Path) -> None:
    folder = shared_data / "boundaries/nyc"
    told = {
        "borough": "borough_code", "community_district": "boro_cd",
        "council_district": "district_number", "zcta": "modzcta",
    }  # fmt: skip
    levels = {
        kind: read_features(
            (folder / f"{kind}.geojson").read_bytes(), kind=kind,
            columns=Columns(code=code, name_en="name"), crs="wgs84",
        )
        for kind, code in told.items()
    }  # fmt: skip
    assert {k: len(v.drafts) for k, v in levels.items()} == {
        "borough": 5, "community_district": 59, "council_district": 51, "zcta": 178,
    }  # fmt: skip
    assert all(level.rejects == () for level in levels.values())
    # Where the parent is found by overlap, it is the one the district's own code names.
    boroughs = levels["borough"].drafts
    placed = with_parents(levels["community_district"], boroughs)
    assert placed.rejects == ()
    assert all(d.parent_code == d.code[0] for d in placed.drafts)
    manhattan = next(b for b in boroughs if b.code == "1")
    assert manhattan.shape is not None
    mine = [d for d in placed.drafts if d.parent_code == "1"]
    measured = cover(manhattan.shape, mine)
    assert len(mine) == 12
    assert measured.overlap_m2 < 0.001 * square_metres(manhattan.shape)


@pytest.mark.real_data
def test_zhengzhou_is_moved_out_of_its_shifted_datum(shared_data: Path) -> None:
    data = (shared_data / "boundaries/zhengzhou/zhengzhou_districts.geojson").read_bytes()
    columns = Columns(code="adcode", name_zh="name")
    right = read_features(data, kind="district", columns=columns, crs="gcj02")
    wrong = read_features(data, kind="district", columns=columns, crs="wgs84")
    assert [len(right.drafts), len(right.rejects)] == [12, 0]
    for moved, raw in zip(right.drafts, wrong.drafts, strict=True):
        assert moved.shape is not None
        assert raw.shape is not None
        east = (raw.shape.centroid.x - moved.shape.centroid.x) * 111_195 * 0.82
        north = (raw.shape.centroid.y - moved.shape.centroid.y) * 111_195
        assert 300 < np.hypot(east, north) < 900
    with pytest.raises(NoCrs):
        read_features(data, kind="district", columns=columns)
