"""Map services of others: read from maps.toml, asked once, kept, and cut anew where shifted."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.link.outside import Tiles, tile_server
from zhongshu.core.basemap import Tile, over
from zhongshu.core.place import Datum, Point, from_wgs84
from zhongshu.core.values import Name
from zhongshu.link import mapservices
from zhongshu.link.maps import Maps
from zhongshu.link.mapservices import Asked, NoTile, Service

INSIDE = frozenset({"127.0.0.1"})
HERE = Tile(14, 13363, 6506)


def picture(colour: tuple[int, int, int] = (9, 9, 9)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (256, 256), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[Tiles]:
    with tile_server() as tiles:
        yield tiles


@pytest.fixture
def service(server: Tiles) -> Service:
    server.asked.clear()
    server.answer = lambda _: (200, picture())
    return Service(
        id="others", name=Name("别人的图"), kind="raster", schema="openmaptiles",
        tiles=f"{server.address}/{{z}}/{{x}}/{{y}}.png?tk={{key}}", attribution="别人 · 审图号 GS(2026)1号",
        datum=Datum.CGCS2000, key="very-secret",
    )  # fmt: skip


def test_a_tile_is_asked_for_once_with_the_key_and_kept(
    server: Tiles, service: Service, tmp_path: Path
) -> None:
    asked = Asked(tmp_path, INSIDE)
    first = asked.tile(service, HERE, "ground")
    again = Asked(tmp_path, INSIDE).tile(service, HERE, "ground")
    assert first == again == picture()
    assert server.asked == ["/14/13363/6506.png?tk=very-secret"]
    assert asked.health(service).good_at is not None


def test_the_key_is_nowhere_to_be_read(service: Service, tmp_path: Path) -> None:
    Asked(tmp_path, INSIDE).tile(service, HERE, "ground")
    assert "very-secret" not in repr(service)
    assert not [p for p in tmp_path.rglob("*") if "very-secret" in str(p)]


def test_an_old_tile_is_asked_for_anew_and_is_better_than_none(
    server: Tiles, service: Service, tmp_path: Path
) -> None:
    asked = Asked(tmp_path, INSIDE)
    asked.tile(service, HERE, "ground")
    [kept] = [p for p in tmp_path.rglob("*") if p.is_file()]
    os.utime(kept, (0, 0))
    server.answer = lambda _: (500, b"")
    assert asked.tile(service, HERE, "ground") == picture()
    assert asked.health(service).wrong == "it answers with status 500"
    server.answer = lambda _: (200, picture((200, 0, 0)))
    assert Asked(tmp_path, INSIDE).tile(service, HERE, "ground") == picture((200, 0, 0))


def test_a_service_that_fails_is_left_alone_for_a_while(
    server: Tiles, service: Service, tmp_path: Path
) -> None:
    server.answer = lambda _: (503, b"")
    asked = Asked(tmp_path, INSIDE)
    for y in range(5):
        with pytest.raises(NoTile, match="503"):
            asked.tile(service, Tile(14, 1, y), "ground")
    assert len(server.asked) == 1
    assert not [p for p in tmp_path.rglob("*") if p.is_file()], "a failure is not kept"


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [(200, b"<html>no key</html>", "is its key right"), (403, b"", "403"), (302, b"", "302")],
)
def test_what_is_no_tile_is_told(
    server: Tiles, service: Service, tmp_path: Path, status: int, body: bytes, why: str
) -> None:
    server.answer = lambda _: (status, body)
    with pytest.raises(NoTile, match=why):
        Asked(tmp_path, INSIDE).tile(service, HERE, "ground")


def test_where_a_service_has_nothing_that_is_kept_too(
    server: Tiles, service: Service, tmp_path: Path
) -> None:
    server.answer = lambda _: (404, b"no such tile")
    for _ in range(2):
        assert Asked(tmp_path, INSIDE).tile(service, HERE, "ground") == b""
    assert len(server.asked) == 1


def test_no_private_host_is_asked_unless_it_is_named(service: Service, tmp_path: Path) -> None:
    with pytest.raises(NoTile, match="only https"):
        Asked(tmp_path, frozenset()).tile(service, HERE, "ground")


def test_other_addresses_bring_other_tiles(service: Service) -> None:
    assert service.stamp != replace(service, tiles=service.tiles + "&v=2").stamp
    assert service.stamp != replace(service, datum=Datum.GCJ02).stamp
    assert service.stamp == replace(service, key="another").stamp


# ── cut anew ─────────────────────────────────────────────────────────────────────────


def telling(path: str) -> tuple[int, bytes]:
    """A tile whose every pixel says where on its own map it lies: 12 bits each way."""
    zoom, x, y = (int(n) for n in re.findall(r"\d+", path)[:3])
    del zoom
    right, down = np.meshgrid(np.arange(256) + x * 256, np.arange(256) + y * 256)
    packed = ((right & 0xFFF) << 12) | (down & 0xFFF)
    rgb = np.stack([packed >> 16, packed >> 8 & 0xFF, packed & 0xFF], axis=-1).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return 200, out.getvalue()


def pixel(lon: float, lat: float, zoom: int) -> tuple[float, float]:
    sine = np.sin(np.radians(lat))
    side = 256 * 2**zoom
    return (lon + 180) / 360 * side, (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * side


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lon=st.floats(100, 119), lat=st.floats(24, 38), zoom=st.integers(9, 18))
def test_a_shifted_service_is_cut_anew_to_within_two_pixels(
    server: Tiles, service: Service, tmp_path: Path, lon: float, lat: float, zoom: int
) -> None:
    server.answer = telling
    [tile] = over((lon, lat, lon, lat), zoom)
    data = Asked(tmp_path, INSIDE).tile(replace(service, datum=Datum.GCJ02), tile, "ground")
    drawn = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert drawn.shape == (256, 256, 3)
    west, south, east, north = tile.box
    for u, v in ((0.5, 0.5), (0.02, 0.02), (0.98, 0.02), (0.02, 0.98), (0.98, 0.98)):
        # A place of ours in this tile is drawn by them where their datum has it.
        there = from_wgs84(
            Point(west + (east - west) * u, north + (south - north) * v), Datum.GCJ02
        )
        x, y = pixel(west + (east - west) * u, north + (south - north) * v, zoom)
        red, green, blue = drawn[int(y) - tile.y * 256, int(x) - tile.x * 256]
        packed = red << 16 | green << 8 | blue
        theirs = pixel(there.lon, there.lat, zoom)
        for said, meant in ((packed >> 12, theirs[0]), (packed & 0xFFF, theirs[1])):
            off = (said + 0.5 - meant + 2048) % 4096 - 2048
            assert abs(off) <= 2.5, (u, v, off)


# ── what the operator wrote ──────────────────────────────────────────────────────────

GOOD = """
[[base]]
id = "tdt"
name_zh = "天地图"
name_en = "Tianditu"
tiles = "https://t0.example.cn/vec_w/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
labels = "https://t0.example.cn/cva_w/wmts?TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
datum = "cgcs2000"
attribution = "天地图 · 审图号 GS(2026)1号"
key_file = "tdt.key"
"""


def test_a_service_is_read_with_its_key_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "maps.toml").write_text(GOOD)
    (tmp_path / "tdt.key").write_text("secret\nsecond line\n")
    [service], wrong = mapservices.read(tmp_path / "maps.toml")
    assert not wrong
    assert (service.id, service.name, service.key, service.max_zoom) == (
        "tdt",
        Name("天地图", "Tianditu"),
        "secret",
        18,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('id = "tdt"', 'id = "a b"'), "id"), (('id = "tdt"', ""), "id"),
        (("TILEROW={y}", "TILEROW=y"), "tiles"), (('datum = "cgcs2000"', ""), "datum"),
        (('datum = "cgcs2000"', 'datum = "bd09"'), "datum"),
        (('datum = "cgcs2000"', 'datum = "gcj02"\nkind = "vector"'), "datum"),
        (('datum = "cgcs2000"', 'datum = "wgs84"\nkind = "pictures"'), "kind"),
        (('datum = "cgcs2000"', 'datum = "wgs84"\nmax_zoom = 99'), "max_zoom"),
        (('attribution = "天地图 · 审图号 GS(2026)1号"', ""), "attribution"),
        (('key_file = "tdt.key"', 'key_file = "none.key"'), "key_file"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_named_and_the_others_work(
    tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    (tmp_path / "tdt.key").write_text("secret")
    bad = GOOD.replace(*change).replace("&TILECOL={x}", "&TILECOL={x}", 1)
    (tmp_path / "maps.toml").write_text(bad + GOOD.replace('"tdt"', '"other"'))
    services, [wrong] = mapservices.read(tmp_path / "maps.toml")
    assert [s.id for s in services] == ["other"]
    assert field in str(wrong)
    assert "secret" not in str(wrong)


def test_a_torn_file_is_named_and_the_files_work(tmp_path: Path) -> None:
    (tmp_path / "maps.toml").write_text("[[base")
    (tmp_path / "town.pmtiles").write_bytes(b"nothing")
    known = Maps(tmp_path).known()
    assert not known.bases
    assert [("maps.toml" in str(w), "town" in str(w)) for w in known.wrong] == [
        (True, False),
        (False, True),
    ]


def test_two_of_one_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "tdt.key").write_text("secret")
    (tmp_path / "maps.toml").write_text(GOOD + GOOD)
    services, [wrong] = mapservices.read(tmp_path / "maps.toml")
    assert len(services) == 1
    assert "two base maps" in str(wrong)
