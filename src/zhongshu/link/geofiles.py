"""Files of areas as other programs write them: GeoJSON, Shapefile (zipped), GeoPackage.

Each becomes one GeoJSON FeatureCollection, coordinates untouched: which datum they are in is
declared by whoever brings the file, never guessed.
"""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, cast

import shapefile
import shapely

from zhongshu.core.values import Refused

#: Bytes of the envelope in a GeoPackage geometry, by its kind.
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
#: More bytes than this are not unpacked from an archive.
MOST_BYTES = 200 * 1024 * 1024


class UnreadableFile(Refused):
    message = "%(value)s cannot be read: %(why)s."
    remedy = "Bring GeoJSON, a GeoPackage (.gpkg), or a Shapefile zipped with its .shp and .dbf."


class NoSuchLayer(Refused):
    message = "%(value)s has no layer of polygons."
    remedy = "Export the layer of areas into a file of its own."


def read(name: str, data: bytes) -> Mapping[str, Any]:
    """Return the features of a file as a GeoJSON FeatureCollection."""
    suffix = PurePath(name).suffix.lower()
    try:
        if suffix == ".gpkg":
            return _collection(_geopackage(name, data))
        if suffix == ".zip":
            return _collection(_shapefile(name, data))
        found = json.loads(data)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 — readers of foreign formats fall over in ways of their own
        raise UnreadableFile("file", name, why=str(error)[:200] or type(error).__name__) from None
    if not isinstance(found, dict):
        raise UnreadableFile("file", name, why="it is no JSON object")
    return cast("dict[str, Any]", found)


def columns(collection: Mapping[str, Any]) -> list[str]:
    """Return the names of the properties of the first features, in their order."""
    found: dict[str, None] = {}
    features: Any = collection.get("features")
    for feature in features[:20] if isinstance(features, list) else ():
        if isinstance(feature, dict) and isinstance(feature.get("properties"), dict):  # type: ignore[union-attr]
            found.update(dict.fromkeys(feature["properties"]))  # type: ignore[index]
    return list(found)


def _collection(features: Iterator[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def _shapefile(name: str, data: bytes) -> Iterator[Mapping[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = {
            PurePath(i.filename).suffix.lower(): i for i in archive.infolist() if not i.is_dir()
        }
        if ".shp" not in inside or ".dbf" not in inside:
            raise NoSuchLayer("file", name)
        if sum(inside[part].file_size for part in inside) > MOST_BYTES:
            raise UnreadableFile("file", name, why="it is too large when unpacked")
        parts = {part: archive.read(inside[part]) for part in (".shp", ".dbf", ".cpg") if part in inside}  # fmt: skip
    said = parts.get(".cpg", b"").decode("ascii", "replace").strip() or _encoding(parts[".dbf"])
    reader = shapefile.Reader(
        shp=io.BytesIO(parts[".shp"]), dbf=io.BytesIO(parts[".dbf"]), encoding=said, encodingErrors="replace"
    )  # fmt: skip
    for one in reader.iterShapeRecords():
        yield {
            "type": "Feature", "properties": {} if one.record is None else one.record.as_dict(),
            "geometry": None if one.shape is None else one.shape.__geo_interface__,
        }  # fmt: skip


def _encoding(table: bytes) -> str:
    """Return what the texts of a table without a .cpg are in: UTF-8 where they all are, else GBK."""
    try:
        table[32:].decode("utf-8")
    except UnicodeDecodeError:
        return "gbk"
    return "utf-8"


def _geopackage(name: str, data: bytes) -> Iterator[Mapping[str, Any]]:
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(data)
        row = connection.execute(
            "select table_name, column_name from gpkg_geometry_columns order by table_name"
        ).fetchone()
        if row is None:
            raise NoSuchLayer("file", name)
        table, column = (str(part).replace('"', '""') for part in row)
        found = connection.execute(f'select * from "{table}"')
        names = [said[0] for said in found.description]
        for values in found:
            said = dict(zip(names, values, strict=True))
            blob = said.pop(column, None)
            yield {
                "type": "Feature",
                "properties": {k: v for k, v in said.items() if not isinstance(v, bytes)},
                "geometry": None if blob is None else _geometry(blob),
            }


def _geometry(blob: bytes) -> dict[str, Any]:
    """Return a GeoPackage geometry as GeoJSON: a head of 8 bytes, an envelope, then WKB."""
    if blob[:2] != b"GP":
        raise ValueError("a geometry does not begin with GP")
    start = 8 + _ENVELOPES[(blob[3] >> 1) & 0b111]
    return json.loads(shapely.to_geojson(shapely.force_2d(shapely.from_wkb(blob[start:]))))
