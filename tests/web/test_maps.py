"""Base maps over HTTP: offered, given tile by tile, asked of others for the city alone."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import mapbox_vector_tile
import pytest
import shapely
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.cast import ADMIN
from tests.link.outside import Tiles, tile_server
from tests.link.test_mapfiles import OSM
from tests.link.test_mapservices import picture
from tests.web.hub import HTML, app_on, hub_on, signed_in
from zhongshu.cli import app as commands
from zhongshu.core.basemap import Drawn, Layer, Tile, cut, over
from zhongshu.core.values import Name
from zhongshu.link import mapfiles
from zhongshu.link.maps import Maps
from zhongshu.store.db import Database

BOX = (113.0, 34.0, 113.04, 34.04)
SERVICE = """
[[base]]
id = "others"
name_zh = "别人的图"
name_en = "Theirs"
tiles = "{address}/map/{{z}}/{{x}}/{{y}}?tk={{key}}"
labels = "{address}/names/{{z}}/{{x}}/{{y}}?tk={{key}}"
attribution = "别人 <b>· 审图号</b>"
datum = "cgcs2000"
key = "very-secret"
max_zoom = 16
"""


def middle(zoom: int) -> Tile:
    return next(over((113.02, 34.02, 113.02, 34.02), zoom))


@pytest.fixture(scope="module")
def others() -> Iterator[Tiles]:
    with tile_server() as tiles:
        yield tiles


@pytest.fixture
def folder(tmp_path: Path, others: Tiles) -> Path:
    """A folder with a file and a service in it."""
    things = [Drawn(layer=Layer.WATER, rank=1, shape=shapely.box(113.01, 34.01, 113.03, 34.03))]
    mapfiles.write(
        tmp_path / "town.pmtiles", cut(things, range(8, 15)), name=Name("镇", "Town"), attribution="", box=BOX,
    )  # fmt: skip
    (tmp_path / "maps.toml").write_text(SERVICE.format(address=others.address))
    others.asked.clear()
    others.answer = lambda _: (200, picture())
    return tmp_path


@pytest.fixture
def client(db: Database, folder: Path) -> Iterator[TestClient]:
    hub = hub_on(db)
    hub.maps = Maps(folder, frozenset({"127.0.0.1"}))
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as client:
        yield client


def test_anybody_is_offered_the_base_maps_and_never_the_key(client: TestClient) -> None:
    answer = client.get("/api/v1/map/bases")
    assert "very-secret" not in answer.text
    said = answer.json()
    assert said["drawn"] is None
    service, file = said["bases"]
    assert (service["id"], service["kind"], file["id"], file["kind"]) == (
        "others",
        "raster",
        "town",
        "vector",
    )
    assert file["labels"] is None
    assert service["labels"].startswith("/api/v1/map/tiles/others/labels/{z}/{x}/{y}?v=")
    west, south, east, north = service["bounds"]
    assert west < BOX[0] < BOX[2] < east
    assert south < BOX[1] < BOX[3] < north


def test_a_tile_of_a_file_comes_packed_and_may_be_kept(client: TestClient) -> None:
    template = client.get("/api/v1/map/bases").json()["bases"][1]["tiles"]
    tile = middle(13)
    answer = client.get(template.format(z=tile.zoom, x=tile.x, y=tile.y))
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert "max-age" in answer.headers["cache-control"]
    assert set(mapbox_vector_tile.decode(answer.content)) == {"water"}
    nothing = client.get(template.format(z=13, x=tile.x + 60, y=tile.y))
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_what_is_no_tile_is_not_found(client: TestClient, others: Tiles) -> None:
    tile = middle(13)
    for path in (
        f"nobody/ground/13/{tile.x}/{tile.y}", f"town/ground/20/{tile.x}/{tile.y}", "town/ground/8/999/1",
        f"town/other/13/{tile.x}/{tile.y}", f"others/ground/17/{tile.x}/{tile.y}", "others/ground/13/-1/3",
    ):  # fmt: skip
        assert client.get(f"/api/v1/map/tiles/{path}").status_code in {404, 422}, path
    assert not others.asked


def test_a_service_is_asked_for_the_city_alone(client: TestClient, others: Tiles) -> None:
    here, far = middle(14), Tile(14, 100, 100)
    answer = client.get(f"/api/v1/map/tiles/others/ground/14/{here.x}/{here.y}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    names = client.get(f"/api/v1/map/tiles/others/labels/14/{here.x}/{here.y}")
    assert names.status_code == 200
    assert client.get(f"/api/v1/map/tiles/others/ground/14/{far.x}/{far.y}").status_code == 404
    assert others.asked == [f"/map/14/{here.x}/{here.y}?tk=very-secret", f"/names/14/{here.x}/{here.y}?tk=very-secret"]  # fmt: skip


def test_a_service_that_is_down_is_told_and_nothing_of_its_key(
    client: TestClient, others: Tiles
) -> None:
    others.answer = lambda _: (500, b"")
    here = middle(14)
    answer = client.get(
        f"/api/v1/map/tiles/others/ground/14/{here.x}/{here.y}",
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 502
    assert "others" in answer.json()["title"]
    assert "very-secret" not in answer.text


def test_the_workshop_shows_them_and_tries_one(
    client: TestClient, db: Database, others: Tiles, folder: Path
) -> None:
    assert client.get("/workshop/maps").status_code in {303, 401}
    client.cookies.update(signed_in(db, ADMIN.account))  # type: ignore[arg-type]
    shown = client.get("/workshop/maps").text
    assert "Theirs" in shown
    assert "Town" in shown
    assert "not used yet" in shown
    assert "very-secret" not in shown
    assert "gave the tile in the middle" in client.post("/workshop/maps/others/try").text
    others.answer = lambda _: (200, b"<html>key wrong</html>")
    (folder / "maps.toml").write_text(SERVICE.format(address=others.address) + "max_zoom = 99")
    for kept in (folder / "kept").rglob("*"):
        if kept.is_file():
            kept.unlink()
    refused = client.post("/workshop/maps/others/try")
    assert refused.status_code == 502
    assert "is its key right?" in refused.text
    assert "/workshop/maps" in client.get("/workshop").text


def test_a_town_s_own_files_become_its_map_and_its_streets_are_found(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHONGSHU_DATABASE_URL", db.conninfo)
    monkeypatch.setenv("ZHONGSHU_FOLDER", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    near = OSM.replace("34.7", "34.0").replace("113.6", "113.0")
    (tmp_path / "town.osm").write_text(near)
    (tmp_path / "far.osm").write_text(OSM)
    done = CliRunner().invoke(commands, ["basemap", "build", "town.osm", "--attribution", "镇政府"])
    assert done.exit_code == 0, done.output
    found = mapfiles.described(tmp_path / "hub" / "maps" / "town.pmtiles")
    assert (found.attribution, found.max_zoom) == ("镇政府", 15)
    [tile] = over((113.005, 34.003, 113.005, 34.003), 14)
    data = mapfiles.tile(found, tile)
    assert data is not None
    assert "road" in mapbox_vector_tile.decode(gzip.decompress(data))
    assert "invalid location" in (tmp_path / "rejects" / "town-basemap.csv").read_text()
    with TestClient(app_on(hub_on(db)), headers=HTML) as client:
        drawn = client.get("/api/v1/map/backdrop.geojson").json()["features"]
        assert {f["properties"].get("zh") for f in drawn if f["properties"]["layer"] == "road"} == {
            "人民路"
        }
    refused = CliRunner().invoke(commands, ["basemap", "build", "far.osm", "--id", "far"])
    assert refused.exit_code == 1
    assert not (tmp_path / "hub" / "maps" / "far.pmtiles").exists()
    taken = CliRunner().invoke(commands, ["basemap", "build", "far.osm", "--id", "far", "--everything", "--no-streets"])  # fmt: skip
    assert taken.exit_code == 0, taken.output
    listed = CliRunner().invoke(commands, ["basemap", "list"])
    assert listed.exit_code == 0
