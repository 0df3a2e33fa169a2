"""Files of areas that are not what their name says are refused by name, and never an accident."""

from __future__ import annotations

import io
import sqlite3
import zipfile

import pytest

from zhongshu.core.values import Refused
from zhongshu.link import geofiles


def zipped(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for suffix, data in parts.items():
            archive.writestr(f"areas.{suffix}", data)
    return file.getvalue()


def package(geometry: object) -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table gpkg_geometry_columns (table_name, column_name)")
        connection.execute("insert into gpkg_geometry_columns values ('areas', 'geom')")
        connection.execute("create table areas (name, geom)")
        connection.execute("insert into areas values ('N', ?)", (geometry,))
        return connection.serialize()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b""), ("a.json", b"[]"), ("a.json", b"7"), ("a.json", b"null"),
        ("a.json", b"[" * 100_000), ("a.json", b"\xff"),
        ("a.zip", b""), ("a.zip", zipped(shp=b"", dbf=b"")), ("a.zip", zipped(dbf=b"")),
        ("a.zip", zipped(shp=b"x" * 100, dbf=b"x" * 40)),
        ("a.zip", zipped(shp=bytes(100), dbf=bytes(33), cpg=b"no such encoding")),
        ("a.gpkg", b""), ("a.gpkg", b"SQLite format 3"), ("a.gpkg", package(b"GP")),
        ("a.gpkg", package(b"GP\0\x0f" + bytes(40))), ("a.gpkg", package("GP")),
        ("a.gpkg", package(7)),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::shapefile.PossiblyCorruptFileHeader")
def test_a_broken_file_is_refused_by_its_name(name: str, data: bytes) -> None:
    with pytest.raises(Refused, match=name):
        geofiles.read(name, data)


def test_an_object_is_read_as_it_is() -> None:
    assert geofiles.read("a.json", b'{"features": []}') == {"features": []}
