"""Base maps as files: PMTiles written and read, and what is drawn read from a town's own files."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import osmium
import shapely
from osmium.filter import KeyFilter
from osmium.geom import WKBFactory
from osmium.osm import Area, Node, Way
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import (
    Compression,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    zxy_to_tileid,
)
from pmtiles.writer import Writer

from zhongshu.core.basemap import EXTENT, TAGS, Box, Drawn, Layer, Piece, Tile, drawn
from zhongshu.core.values import Name, Refused

#: Tiles of a file kept in memory by each process: a screen asks for some forty.
_KEPT = 512
_DEGREES = 10_000_000
#: What reading a file that is no PMTiles, or is cut off, can raise.
_UNREADABLE = (
    ValueError,
    LookupError,
    EOFError,
    OSError,
    zlib.error,
    MagicNumberNotFound,
    SpecVersionUnsupported,
)


class NotAMap(Refused):
    message = "%(field)s: “%(value)s” cannot be read as a map: %(why)s."
    remedy = (
        "Give GeoJSON (.geojson, .json), OpenStreetMap (.osm, .osm.pbf) or a folder of such files."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """A base map that stands as a file: ``box`` in degrees, ``stamp`` another for other content."""

    id: str
    name: Name
    attribution: str
    path: Path
    box: Box
    min_zoom: int
    max_zoom: int
    stamp: str


# ── written ──────────────────────────────────────────────────────────────────────────


def encode(pieces: Iterable[Piece]) -> bytes:
    """Return a tile as Mapbox Vector Tile 2.1, packed with gzip."""
    layers: dict[Layer, list[dict[str, Any]]] = {}
    for piece in pieces:
        said = {"class": piece.rank}
        if piece.name is not None:
            said |= {"zh": piece.name.zh, **({"en": piece.name.en} if piece.name.en else {})}
        layers.setdefault(piece.layer, []).append({"geometry": piece.shape, "properties": said})
    plain = mapbox_vector_tile.encode(
        [{"name": layer.value, "features": layers[layer]} for layer in Layer if layer in layers],
        default_options={"y_coord_down": True, "extents": EXTENT, "check_winding_order": False},
    )
    return gzip.compress(plain, 9, mtime=0)


def write(
    path: Path, tiles: Iterable[tuple[Tile, list[Piece]]], *, name: Name, attribution: str, box: Box
) -> int:
    """Write a base map, the whole of it or nothing; return how many tiles it has. The same ground
    gives the same bytes.
    """
    packed = {zxy_to_tileid(t.zoom, t.x, t.y): encode(pieces) for t, pieces in tiles}
    if not packed:
        raise NotAMap("map", path.name, why="nothing in it is drawn")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    west, south, east, north = box
    with draft.open("wb") as file:
        writer = Writer(file)
        for key in sorted(packed):
            writer.write_tile(key, packed[key])
        writer.finalize(
            {
                "tile_type": TileType.MVT, "tile_compression": Compression.GZIP,
                "min_lon_e7": int(west * _DEGREES), "min_lat_e7": int(south * _DEGREES),
                "max_lon_e7": int(east * _DEGREES), "max_lat_e7": int(north * _DEGREES),
                "center_zoom": 0, "center_lon_e7": int((west + east) / 2 * _DEGREES),
                "center_lat_e7": int((south + north) / 2 * _DEGREES),
            },
            {"name": name.zh, "name_en": name.en, "attribution": attribution, "format": "pbf"},
        )  # fmt: skip
    draft.replace(path)
    return len(packed)


# ── read ─────────────────────────────────────────────────────────────────────────────


def described(path: Path) -> MapFile:
    """Return what a file says of itself."""
    reader = _reader(path, _stamp(path))
    try:
        header, said = reader.header(), reader.metadata()
    except _UNREADABLE as error:
        raise NotAMap(
            "map", path.name, why=f"no PMTiles ({error or type(error).__name__})"
        ) from None
    if header["tile_type"] != TileType.MVT or header["tile_compression"] not in (Compression.GZIP, Compression.NONE):  # fmt: skip
        raise NotAMap("map", path.name, why="it holds no vector tiles, plain or packed with gzip")
    return MapFile(
        id=path.stem, name=Name(str(said.get("name") or path.stem), str(said.get("name_en") or "")),
        attribution=str(said.get("attribution") or ""), path=path, stamp=_stamp(path),
        box=tuple(header[f"{end}_{way}_e7"] / _DEGREES for end, way in (("min", "lon"), ("min", "lat"), ("max", "lon"), ("max", "lat"))),
        min_zoom=header["min_zoom"], max_zoom=header["max_zoom"],
    )  # fmt: skip


@lru_cache(maxsize=_KEPT)
def tile(found: MapFile, wanted: Tile) -> bytes | None:
    """Return a tile packed with gzip; None where nothing lies in it."""
    data: bytes | None = _reader(found.path, found.stamp).get(wanted.zoom, wanted.x, wanted.y)
    if data is not None and not data.startswith(b"\x1f\x8b"):
        return gzip.compress(data, mtime=0)
    return data


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_mtime_ns:x}{stat.st_size:x}"


@lru_cache(maxsize=16)
def _reader(path: Path, stamp: str) -> Reader:
    """Return a reader of a file as it is now; ``stamp`` makes another of a file put in its place."""
    del stamp
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise NotAMap("map", path.name, why="it is empty")
        return Reader(MmapSource(file))


# ── a town's own files ───────────────────────────────────────────────────────────────

_NOTHING = {"type": "GeometryCollection", "geometries": []}
#: What a file without words of its own holds, by the beginning of its name.
_BY_NAME = {
    "road": Layer.ROAD, "street": Layer.ROAD, "rail": Layer.RAIL, "water": Layer.WATER,
    "lake": Layer.WATER, "river": Layer.STREAM, "stream": Layer.STREAM, "canal": Layer.STREAM,
    "park": Layer.PARK, "green": Layer.PARK, "building": Layer.BUILDING, "house": Layer.BUILDING,
    "place": Layer.PLACE,
}  # fmt: skip


def source_files(given: Path) -> list[Path]:
    """Return the files a map is made from: the one given, or those of the folder given."""
    if given.is_dir():
        found = [p for p in sorted(given.iterdir()) if _is_geojson(p) or _is_osm(p)]
        if not found:
            raise NotAMap("file", str(given), why="no such file is in the folder")
        return found
    if not (_is_geojson(given) or _is_osm(given)):
        raise NotAMap("file", str(given), why="its ending says neither")
    return [given]


def things(path: Path) -> Iterator[Drawn | str]:
    """Yield what is drawn of a file; of a feature that cannot be read, why not."""
    if not path.is_file():
        raise NotAMap("file", str(path), why="there is no such file")
    yield from _of_osm(path) if _is_osm(path) else _of_geojson(path)


def _is_osm(path: Path) -> bool:
    return path.name.endswith((".osm", ".osm.pbf", ".osm.bz2", ".osm.gz", ".pbf"))


def _is_geojson(path: Path) -> bool:
    return path.suffix in {".geojson", ".json"}


def _of_geojson(path: Path) -> Iterator[Drawn | str]:
    try:
        said = json.loads(path.read_bytes())
    except ValueError as error:
        raise NotAMap("file", str(path), why=str(error)) from None
    features: Any = said.get("features") if isinstance(said, dict) else None
    if not isinstance(features, list):
        raise NotAMap("file", str(path), why="it is no FeatureCollection")
    meant = next(
        (layer for word, layer in _BY_NAME.items() if path.stem.lower().startswith(word)), None
    )
    for n, feature in enumerate(features, start=1):
        try:
            shape = shapely.from_geojson(json.dumps(feature["geometry"] or _NOTHING))
            tags: Mapping[str, Any] = feature.get("properties") or {}
        except (TypeError, KeyError, AttributeError, shapely.GEOSException) as error:
            yield f"{path.name}: feature {n}: {error}"
            continue
        if shape.is_empty:
            yield f"{path.name}: feature {n}: it has no geometry"
        elif not _on_earth(shape.bounds):
            yield f"{path.name}: feature {n}: its coordinates are no degrees"
        elif (found := drawn(tags, shapely.make_valid(shape), layer=meant)) is not None:
            yield found


def _on_earth(box: Box) -> bool:
    return -180 <= box[0] <= box[2] <= 180 and -90 <= box[1] <= box[3] <= 90


def _of_osm(path: Path) -> Iterator[Drawn | str]:
    shapes = WKBFactory()
    try:
        for one in osmium.FileProcessor(str(path)).with_areas().with_filter(KeyFilter(*TAGS)):
            tags = dict(one.tags)
            try:
                if isinstance(one, Node):
                    shape = shapely.Point(one.location.lon, one.location.lat)
                elif isinstance(one, Area):
                    shape = shapely.from_wkb(shapes.create_multipolygon(one))
                elif isinstance(one, Way):
                    shape = shapely.from_wkb(shapes.create_linestring(one))
                else:
                    continue
            except (
                RuntimeError,
                ValueError,
                osmium.InvalidLocationError,
            ) as error:  # a way whose nodes the extract left out
                yield f"{path.name}: {one.type_str()}{one.id}: {error}"
                continue
            if (found := drawn(tags, shape)) is not None:
                yield found
    except RuntimeError as error:
        raise NotAMap("file", str(path), why=str(error)) from None
