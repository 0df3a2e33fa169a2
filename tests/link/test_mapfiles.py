"""Base maps as files: written, read back, and made from a town's own files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import mapbox_vector_tile
import pytest
import shapely

from zhongshu.core.basemap import Drawn, Layer, Tile, cut
from zhongshu.core.values import Name, Refused
from zhongshu.link import mapfiles

BOX = (113.59, 34.69, 113.61, 34.71)
THINGS = [
    Drawn(layer=Layer.WATER, rank=1, shape=shapely.box(113.595, 34.695, 113.605, 34.705)),
    Drawn(
        layer=Layer.ROAD, rank=1, shape=shapely.LineString([(113.59, 34.7), (113.61, 34.7)]),
        name=Name("人民路", "Renmin Road"),
    ),
]  # fmt: skip

OSM = """<?xml version='1.0'?><osm version="0.6">
<node id="1" lat="34.70" lon="113.60"/><node id="2" lat="34.71" lon="113.61"/>
<node id="3" lat="34.70" lon="113.61"/>
<node id="9" lat="34.705" lon="113.605"><tag k="place" v="suburb"/><tag k="name" v="东区"/></node>
<way id="10"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/><tag k="name" v="人民路"/></way>
<way id="11"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/><tag k="natural" v="water"/></way>
<way id="12"><nd ref="1"/><nd ref="99"/><tag k="highway" v="primary"/></way>
</osm>"""


def written(path: Path) -> Path:
    mapfiles.write(
        path, cut(THINGS, range(8, 15)), name=Name("镇", "Town"), attribution="镇政府", box=BOX
    )
    return path


def test_a_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = mapfiles.described(written(tmp_path / "town.pmtiles"))
    assert (found.id, found.name, found.attribution) == ("town", Name("镇", "Town"), "镇政府")
    assert (found.min_zoom, found.max_zoom) == (8, 14)
    assert found.box == pytest.approx(BOX)
    for tile, pieces in cut(THINGS, range(8, 15)):
        data = mapfiles.tile(found, tile)
        assert data is not None
        said = mapbox_vector_tile.decode(
            gzip.decompress(data), default_options={"y_coord_down": True}
        )
        assert set(said) == {piece.layer.value for piece in pieces}
        for piece in pieces:
            [feature] = said[piece.layer.value]["features"]
            shape = shapely.from_geojson(json.dumps(feature["geometry"]))
            assert shape.normalize().equals_exact(
                shapely.get_parts(piece.shape)[0].normalize(), 0.5
            )
    road = said["road"]["features"][0]["properties"]
    assert road == {"class": 1, "zh": "人民路", "en": "Renmin Road"}
    assert mapfiles.tile(found, Tile(14, 0, 0)) is None


def test_the_same_ground_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = written(tmp_path / "a.pmtiles"), written(tmp_path / "b.pmtiles")
    assert one.read_bytes() == other.read_bytes()


def test_a_map_put_in_the_place_of_another_is_seen(tmp_path: Path) -> None:
    path = written(tmp_path / "town.pmtiles")
    tile = next(t for t, pieces in cut(THINGS, range(14, 15)) if len(pieces) == 2)
    before = mapfiles.tile(mapfiles.described(path), tile)
    mapfiles.write(path, cut(THINGS[:1], range(8, 15)), name=Name("镇"), attribution="", box=BOX)
    after = mapfiles.tile(mapfiles.described(path), tile)
    assert before is not None
    assert after is not None
    assert len(after) < len(before)


def test_a_map_of_nothing_is_refused_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = written(tmp_path / "town.pmtiles")
    old = path.read_bytes()
    with pytest.raises(Refused, match="nothing in it is drawn"):
        mapfiles.write(path, cut([], range(8, 15)), name=Name("镇"), attribution="", box=BOX)
    assert path.read_bytes() == old


@pytest.mark.parametrize("keep", [0, 5, 100, 127, 160])
def test_a_broken_map_is_refused_by_its_name(tmp_path: Path, keep: int) -> None:
    path = written(tmp_path / "whole.pmtiles")
    (tmp_path / "town.pmtiles").write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Refused, match="town"):
        mapfiles.described(tmp_path / "town.pmtiles")


def test_openstreetmap_is_read_and_a_torn_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(OSM)
    found = list(mapfiles.things(tmp_path / "town.osm"))
    drawn = [t for t in found if isinstance(t, Drawn)]
    assert sorted((t.layer.value, t.rank, t.name and t.name.zh) for t in drawn) == [
        ("place", 2, "东区"), ("road", 1, "人民路"), ("water", 1, None),
    ]  # fmt: skip
    assert [t for t in found if isinstance(t, str)] == ["town.osm: w12: invalid location"]


def test_geojson_is_read_and_a_bad_feature_is_named(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[113.6, 34.7], [113.61, 34.7]]}
    far = {"type": "LineString", "coordinates": [[500000, 34.7], [500001, 34.7]]}
    features = [
        {"type": "Feature", "properties": {"name": "东街"}, "geometry": line},
        {"type": "Feature", "properties": None, "geometry": None},
        {"type": "Feature", "properties": {}, "geometry": far},
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "LineString", "coordinates": "x"},
        },
        7,
    ]
    path = tmp_path / "roads.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    first, *others = mapfiles.things(path)
    assert isinstance(first, Drawn)
    assert (first.layer, first.name) == (Layer.ROAD, Name("东街"))
    assert [str(o).split(":")[1].strip() for o in others] == [
        "feature 2",
        "feature 3",
        "feature 4",
        "feature 5",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": 3}'])
def test_what_is_no_geojson_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "roads.geojson").write_text(text)
    with pytest.raises(Refused, match="roads"):
        list(mapfiles.things(tmp_path / "roads.geojson"))


def test_a_folder_gives_its_maps_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "roads.geojson").write_text("{}")
    (tmp_path / "town.osm.pbf").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("")
    assert [p.name for p in mapfiles.source_files(tmp_path)] == ["roads.geojson", "town.osm.pbf"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Refused, match="no such file is in the folder"):
        mapfiles.source_files(tmp_path / "nothing")
    with pytest.raises(Refused, match="ending"):
        mapfiles.source_files(tmp_path / "readme.txt")
