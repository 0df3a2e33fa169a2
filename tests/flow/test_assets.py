"""Things of the city come in by a file, are found again, and stand beside their cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.factories import draft
from tests.flow.test_intake import sent
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.cli import app
from zhongshu.core.assets import AssetFilter, AssetState, feature_rows, read_assets
from zhongshu.core.grid import NotGeoJson
from zhongshu.core.place import Point, metres
from zhongshu.flow import assets, browse, things
from zhongshu.flow.city import City
from zhongshu.store import assets as store
from zhongshu.store.db import Database, Tx


def lamp(code: str = "L1", **fields: Any) -> dict[str, Any]:
    return {
        "code": code, "category": "C-01-37", "name_zh": "路灯", "lon": 113.01, "lat": 34.03,
        "owner": "U1", "maintainer": "U1-1", **fields,
    }  # fmt: skip


def put(tx: Tx, city: City, *rows: dict[str, Any], crs: str = "wgs84") -> tuple[assets.Tally, Any]:
    tally = assets.Tally()
    refused = assets.put(tx, assets.known(city), list(enumerate(rows, start=1)), tally, crs=crs)
    assert tally.balanced
    return tally, refused


def test_a_thing_is_kept_with_its_cell_and_its_people(tx: Tx, city: City) -> None:
    put(tx, city, lamp(state="破损", surveyed="2026-05-01"))
    found = store.get(tx, "L1")
    assert found is not None
    assert city.tree.by_id[found.area].code == "N-1"  # type: ignore[index]
    assert (found.state, str(found.surveyed)) == (AssetState.DAMAGED, "2026-05-01")
    assert (city.code_of(found.owner), city.code_of(found.maintainer)) == ("U1", "U1-1")


def test_the_same_file_twice_adds_nothing_and_a_changed_row_is_counted(tx: Tx, city: City) -> None:
    first, _ = put(tx, city, lamp("L1"), lamp("L2"))
    again, _ = put(tx, city, lamp("L1"), lamp("L2", state="lost"))
    assert (first.new, first.changed, first.known) == (2, 0, 0)
    assert (again.new, again.changed, again.known) == (0, 1, 1)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"code": ""}, "code"), ({"code": "x" * 61}, "code"), ({"category": "C-99"}, "category"),
        ({"lon": ""}, "lon"), ({"lat": "north"}, "lat"), ({"lon": 120.0}, "lon"),
        ({"lon": 200.0}, "lon"), ({"owner": "U9"}, "owner"), ({"maintainer": "U9"}, "maintainer"),
        ({"state": "rusty"}, "state"), ({"surveyed": "last May"}, "surveyed"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_its_neighbours_come_in(
    tx: Tx, city: City, bad: dict[str, Any], field: str
) -> None:
    tally, refused = put(tx, city, lamp("L0"), {**lamp("L1"), **bad}, lamp("L2"))
    assert [(r.row, r.field) for r in refused] == [(2, field)]
    assert refused[0].reason
    assert (tally.new, tally.refused) == (2, 1)


def test_a_code_twice_in_one_file_is_refused_the_second_time(tx: Tx, city: City) -> None:
    tally, refused = put(tx, city, lamp("L1"), lamp("L2"), lamp("L1", state="lost"))
    assert [(r.row, r.field) for r in refused] == [(3, "code")]
    assert (tally.new, tally.refused) == (2, 1)
    kept = store.get(tx, "L1")
    assert kept is not None
    assert kept.state is AssetState.GOOD


def test_gcj_places_are_put_right_once(tx: Tx, city: City) -> None:
    put(tx, city, lamp("W"))
    put(tx, city, lamp("G"), crs="gcj02")
    w, g = store.get(tx, "W"), store.get(tx, "G")
    assert w is not None
    assert g is not None
    assert 300 < metres(w.place, g.place) < 900


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=40))
def test_the_nearest_thing_is_the_nearest_by_hand(
    tx: Tx, city: City, steps: list[tuple[int, int]]
) -> None:
    here = Point(113.01, 34.03)
    tx.execute("delete from assets")
    put(tx, city, *(lamp(f"L{n:02}", lon=113.0097 + a * 1e-5, lat=34.0297 + b * 1e-5) for n, (a, b) in enumerate(steps)))  # fmt: skip
    everything = store.page(tx, AssetFilter(), limit=1000)
    slow = sorted(
        (metres(here, a.place), a.code) for a in everything if metres(here, a.place) <= 30
    )
    found = store.near(tx, here, category="C-01-37", within_m=30)
    assert [(far, a.code) for a, far in found] == slow


def test_a_case_shows_the_thing_it_is_about_and_the_thing_its_cases(tx: Tx, city: City) -> None:
    put(tx, city, lamp("L1", lat=34.0301), lamp("T1", category="C-04-02"))
    case = sent(tx, city, draft("路灯不亮"))
    found = things.near(tx, city, case)
    assert [(asset.code, round(far)) for asset, far in found] == [("L1", 11)]
    around = browse.around(tx, city, browse_all(), found[0][0].place, "C-01-37")
    assert [c.id for c, _ in around] == [case.id]


def browse_all() -> Any:
    from zhongshu.core.access import EVERYTHING

    return EVERYTHING


def test_features_stand_where_their_middle_lies_and_other_files_are_refused() -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
    data = {"features": [{"properties": {"code": "A"}, "geometry": square}, {"geometry": None}]}
    rows, declared = feature_rows(json.dumps(data).encode())
    assert (rows[0]["lon"], rows[0]["lat"], declared) == (1.0, 1.0, None)
    assert rows[1]["lon"] is None
    with pytest.raises(NotGeoJson):
        feature_rows(b"[]")


def test_rows_are_read_with_whatever_number_they_have_in_the_file(city: City) -> None:
    taken, refused = read_assets([(7, lamp()), (9, lamp(code=""))], assets.known(city), crs="wgs84")
    assert ([a.code for a in taken], [r.row for r in refused]) == (["L1"], [9])


def test_lists_filter_page_and_count(db: Database) -> None:
    with TestClient(app_on(hub_on(db))) as client:
        nora = key_for(db, "nora")
        with db.transaction() as tx:
            from zhongshu.flow.city import load

            put(tx, load(tx), *(lamp(f"L{n:03}", lat=34.03 if n % 2 else 34.01, state="lost" if n % 5 == 0 else "") for n in range(45)), lamp("H1", category="C-01-23", owner="U2"))  # fmt: skip

        def get(path: str) -> Any:
            answer = client.get(f"/api/v1/{path}", headers=nora)
            assert answer.status_code == 200, answer.text
            return answer.json()

        codes, after = [], ""
        while True:
            said = get(f"assets?category=C-01-37&limit=20&count=true&after={after}")
            assert said["count"] == 45
            codes += [a["code"] for a in said["assets"]]
            if said["next"] is None:
                break
            after = said["next"]
        assert codes == [f"L{n:03}" for n in range(45)]
        assert get("assets?area=N&count=true&limit=1")["count"] == 23
        assert get("assets?state=lost&count=true&limit=1")["count"] == 9
        assert get("assets?owner=U2&count=true&limit=1")["count"] == 1
        assert get("assets?text=L00&count=true&limit=1")["count"] == 10
        assert get("assets/H1")["category"]["code"] == "C-01-23"
        assert len(get("map/assets.geojson?bbox=113.0,34.02,113.02,34.04")["features"]) == 23
        for bad in ("assets?area=X", "assets?state=X", "assets?owner=X", "map/assets.geojson", "map/assets.geojson?bbox=1,2"):  # fmt: skip
            assert client.get(f"/api/v1/{bad}", headers=nora).status_code == 422
        assert client.get("/api/v1/assets/none", headers=nora).status_code == 404
        for path in ("/assets", "/assets?state=lost", "/assets/L001"):
            page = client.get(path, headers=nora)
            assert page.status_code == 200
            assert "L001" in page.text or "L000" in page.text


def test_a_file_is_imported_by_command_with_an_account_and_rejects(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHONGSHU_DATABASE_URL", conninfo)
    path = tmp_path / "lamps.csv"
    path.write_text("OBJECTID,category,lon,lat\n1,C-01-37,113.01,34.03\n2,C-01-37,0,0\n", "utf-8")
    rejects = tmp_path / "rejects.csv"
    said = CliRunner().invoke(
        app,
        ["import", "assets", str(path), "--column", "code=OBJECTID", "--crs", "wgs84", "--rejects", str(rejects)],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "rows read 2 = new 1 + changed 0 + already there 0 + refused 1" in said.output
    assert "outside the city" in rejects.read_text("utf-8")
    without = CliRunner().invoke(app, ["import", "assets", str(path), "--column", "code=OBJECTID"])
    assert without.exit_code == 1
