"""The grid editor: drawn, brought in, tried on open cases, in force from a day, and back."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest
import shapefile
import shapely
from starlette.testclient import TestClient

from tests.cast import DING
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from tests.web.hub import signed_in
from zhongshu.core.place import Datum, Point, from_wgs84
from zhongshu.flow.city import load
from zhongshu.flow.gridtrial import as_it_would_be
from zhongshu.store.db import Database
from zhongshu.web.api.grid import opened
from zhongshu.web.hub import Hub

API = {"accept": "application/json"}
#: A line from north to south through the middle of N-1.
MIDDLE = "113.01,34.05 113.01,34.01"


def begun(admin: TestClient) -> str:
    made = admin.post("/workshop/grid/drafts", data={"title": "2027", "kind": "community"})
    assert made.status_code == 303
    return made.headers["location"]


def told(admin: TestClient, page: str) -> dict[str, Any]:
    return admin.get(page.replace("/workshop/grid/", "/api/v1/grid/versions/"), headers=API).json()


def edit(admin: TestClient, page: str, **sent: str) -> int:
    answer = admin.post(f"{page}/edits", data=sent)
    return answer.status_code


def test_an_area_is_split_tried_put_in_force_and_its_code_keeps_what_it_has(
    admin: TestClient, hub: Hub, db: Database
) -> None:
    with db.transaction() as tx:
        city = load(tx, at=NOW)
        for lon in (113.005, 113.015):
            sent(tx, city, draft(lon=lon, lat=34.03))
        span = city.tree.by_code["community", "N-1"].span
    page = begun(admin)
    assert edit(admin, page, act="split", code="N-1", line="113.3,34 113.4,34") == 422
    assert edit(admin, page, act="split", code="N-1", line=MIDDLE) == 303
    changes = {c["code"]: c for c in told(admin, page)["changes"]}
    assert {c: changes[c]["kind"] for c in changes} == {"N-1": "changed", "N-1-2": "added"}
    cover = told(admin, page)["covers"][0]
    assert (cover["overlap_m2"], cover["gap_m2"], cover["outside_m2"]) == (0, 0, 0)
    trial = admin.get(f"{page}/trial".replace("/workshop/grid/", "/api/v1/grid/versions/"), headers=API).json()  # fmt: skip
    assert (trial["looked_at"], trial["cell"], trial["unit"]) == (2, 1, 0)
    assert "N-1-2" in admin.get(f"{page}/trial?which=cell").text
    assert len(admin.get(f"{page}/trial.csv?which=cell").text.splitlines()) == 2
    tomorrow = "2026-11-25"
    assert admin.post(f"{page}/set", data={"day": "2026-11-01"}).status_code == 422, "past"
    assert admin.post(f"{page}/set", data={"day": tomorrow}).status_code == 303
    west, east = Point(113.005, 34.03), Point(113.015, 34.03)
    with db.transaction() as tx:
        today, then = load(tx, at=NOW), load(tx, at=NOW + timedelta(days=1))
        filed = tx.execute("select area from cases order by id limit 1").fetchone()[0]  # type: ignore[index]
    cells = [[c.tree.by_id[c.where(p)["area"]].code for p in (west, east)] for c in (today, then)]  # type: ignore[index]
    assert cells[0] == ["N-1", "N-1"], "not before its day"
    assert sorted(cells[1]) == ["N-1", "N-1-2"]
    assert len(then.tree.of_kind("community")) == 5
    assert then.tree.by_code["community", "N-1"].span == span, "cases and posts stay with the code"
    assert then.tree.by_id[filed].code == "N-1", "a case keeps its version, which is known today"
    assert [a.kind for a in then.tree.chain(filed)] == ["city", "district", "community"]


def test_neighbours_are_joined_and_the_other_ends(admin: TestClient, db: Database) -> None:
    page = begun(admin)
    assert edit(admin, page, act="merge", codes="N-1 S-2") == 422, "they touch in a corner only"
    assert edit(admin, page, act="merge", codes="N-1 N-2") == 303
    assert {c["code"]: c["kind"] for c in told(admin, page)["changes"]} == {"N-1": "changed", "N-2": "ended"}  # fmt: skip
    admin.post(f"{page}/set", data={"day": "2026-11-24"})
    with db.transaction() as tx:
        city = load(tx, at=NOW)
        was = tx.execute("select id from areas where code = 'N-2'").fetchone()[0]  # type: ignore[index]
    assert {a.code for a in city.tree.of_kind("community")} == {"N-1", "S-1", "S-2"}
    assert city.where(Point(113.03, 34.03)) is not None
    assert city.tree.by_id[was].code == "N", "what ended stands for the area it lay in"


def test_a_shared_corner_moves_in_all_its_areas_and_leaves_no_gap(admin: TestClient) -> None:
    page = begun(admin)
    assert edit(admin, page, act="move", at="113.02,34.02", to="113.021,34.021") == 303
    found = told(admin, page)
    assert {c["code"] for c in found["changes"]} == {"N-1", "N-2", "S-1", "S-2"}
    # The districts' own border did not move, so the communities now stick out of it, but nowhere
    # do they overlap each other.
    assert {c["overlap_m2"] for c in found["covers"]} == {0}
    areas = admin.get(page.replace("/workshop/grid/", "/api/v1/grid/versions/") + "/areas.geojson").json()  # fmt: skip
    shapes = [shapely.from_geojson(json.dumps(f["geometry"])) for f in areas["features"]]
    whole = shapely.union_all(shapes)
    assert whole.area == pytest.approx(0.04 * 0.04, rel=1e-9), "no gap among the four"
    assert edit(admin, page, act="move", at="113.5,34.5", to="113.6,34.5") == 422
    assert edit(admin, page, act="move", at="113.021,34.021", to="113.5,34.5") == 422, "would cross"


def test_a_place_on_a_border_becomes_a_corner_of_both_sides(admin: TestClient) -> None:
    page = begun(admin)
    url = page.replace("/workshop/grid/", "/api/v1/grid/versions/")
    body = {"act": "move", "at": [113.02, 34.03], "to": [113.022, 34.03], "seen": 1}
    moved = admin.post(f"{url}/edits", json=body, headers=API)
    assert sorted(moved.json()["changed"]) == ["N-1", "N-2"]
    assert admin.post(f"{url}/edits", json=body, headers=API).status_code == 409, "seen before"
    back = admin.post(f"{url}/edits", json={"act": "corner", "at": [113.022, 34.03]}, headers=API)
    assert back.status_code == 200
    assert {c["kind"] for c in told(admin, page)["changes"]} == {"named"}, "as it was"
    assert edit(admin, page, act="restore", code="N-1") == 303
    assert [c["code"] for c in told(admin, page)["changes"]] == ["N-2"]


def test_what_is_drawn_leaves_neighbours_what_they_have(admin: TestClient) -> None:
    page = begun(admin)
    inside = "113.001,34.021 113.002,34.021 113.002,34.022"
    assert edit(admin, page, act="draw", code="X", name_zh="新", line=inside) == 422
    assert edit(admin, page, act="draw", code="N-1", name_zh="新", line=inside) == 422, "taken"
    assert edit(admin, page, act="end", code="N-2") == 303
    outline = "113.015,34.0200001 113.04,34.02 113.04,34.04 113.015,34.04"
    assert edit(admin, page, act="draw", code="N-9", name_zh="新社区", line=outline) == 303
    found = told(admin, page)
    drawn = next(c for c in found["changes"] if c["code"] == "N-9")
    ended = next(c for c in found["changes"] if c["code"] == "N-2")
    assert drawn["shall_m2"] == pytest.approx(ended["was_m2"], rel=1e-3)
    assert found["covers"][0]["overlap_m2"] == 0


# ── files ────────────────────────────────────────────────────────────────────────────


def shifted(datum: Datum = Datum.GCJ02) -> list[dict[str, Any]]:
    """N-1 a third narrower, and a new N-3 in what it leaves, in another datum."""
    boxes = {"N-1": (113.0, 34.02, 113.0134, 34.04), "N-3": (113.0134, 34.02, 113.02, 34.04)}
    features: list[dict[str, Any]] = []
    for code, box in boxes.items():
        ring = [from_wgs84(Point(x, y), datum) for x, y in shapely.box(*box).exterior.coords]
        features.append(
            {
                "type": "Feature", "properties": {"编码": code, "名称": f"社区{code}"},
                "geometry": {"type": "Polygon", "coordinates": [[[p.lon, p.lat] for p in ring]]},
            }
        )  # fmt: skip
    return features


def brought(admin: TestClient, name: str, data: bytes, **more: str) -> Any:
    form = {"kind": "community", "crs": "gcj02", **more}
    return admin.post("/workshop/grid/import", data=form, files={"file": (name, data)})


def as_shapefile(features: list[dict[str, Any]]) -> bytes:
    shp, shx, dbf, out = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    writer = shapefile.Writer(
        shp=shp, shx=shx, dbf=dbf, shapeType=shapefile.POLYGON, encoding="gbk"
    )
    writer.field("编码", "C", 40)
    writer.field("名称", "C", 80)
    for f in features:
        writer.poly(f["geometry"]["coordinates"])
        writer.record(*f["properties"].values())
    writer.close()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in (("网格.shp", shp), ("网格.dbf", dbf), ("网格.shx", shx)):
            archive.writestr(name, part.getvalue())
    return out.getvalue()


def as_geopackage(features: list[dict[str, Any]]) -> bytes:
    with sqlite3.connect(":memory:") as db:
        db.execute("create table gpkg_geometry_columns (table_name text, column_name text)")
        db.execute("insert into gpkg_geometry_columns values ('grids', 'geom')")
        db.execute("create table grids (fid integer primary key, geom blob, 编码 text, 名称 text)")
        for f in features:
            wkb = shapely.to_wkb(shapely.from_geojson(json.dumps(f["geometry"])))
            blob = b"GP\0\x03" + (4326).to_bytes(4, "little") + bytes(32) + wkb
            db.execute("insert into grids (geom, 编码, 名称) values (?, ?, ?)", (blob, *f["properties"].values()))  # fmt: skip
        db.commit()
        return db.serialize()


@pytest.mark.parametrize("kind", ["geojson", "zip", "gpkg"])
def test_a_file_becomes_a_draft_with_ten_places_before_and_after(
    admin: TestClient, kind: str
) -> None:
    features = shifted()
    data = {
        "geojson": lambda: json.dumps({"type": "FeatureCollection", "features": features}).encode(),
        "zip": lambda: as_shapefile(features), "gpkg": lambda: as_geopackage(features),
    }[kind]()  # fmt: skip
    made = brought(admin, f"grids.{kind}", data, whole="yes")
    assert made.status_code == 303, made.text
    page = made.headers["location"].partition("#")[0]
    found = told(admin, page)
    kinds = {c["code"]: c["kind"] for c in found["changes"]}
    assert kinds == {"N-1": "changed", "N-3": "added", "N-2": "ended", "S-1": "ended", "S-2": "ended"}  # fmt: skip
    samples = found["account"]["samples"]
    assert [round(s["lon"], 5) for s in samples] == [113.0134, 113.02]
    assert all(300 < s["metres"] < 700 for s in samples), "GCJ-02 is some hundred metres off"
    shown = admin.get(page).text
    assert "Ten places before and after" in shown
    assert "社区N-3" in shown


def test_a_file_without_a_datum_or_code_is_refused_with_what_to_do(admin: TestClient) -> None:
    data = json.dumps({"type": "FeatureCollection", "features": shifted()}).encode()
    refused = brought(admin, "a.geojson", data, crs="")
    assert refused.status_code == 422
    assert "datum of the file was not said" in refused.text
    other = data.replace("编码".encode(), b"x").replace(json.dumps("编码")[1:-1].encode(), b"x")
    refused = brought(admin, "a.geojson", other)
    assert "No column holds the codes" in refused.text
    assert brought(admin, "a.gpkg", b"nonsense").status_code == 422
    assert brought(admin, "a.zip", b"nonsense").status_code == 422


# ── days, undoing, rights ────────────────────────────────────────────────────────────


def test_a_day_is_taken_back_and_a_version_in_force_is_undone_by_another(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    page = begun(admin)
    edit(admin, page, act="split", code="N-1", line=MIDDLE)
    admin.post(f"{page}/set", data={"day": "2026-12-01"})
    again = begun(admin)
    edit(admin, again, act="rename", code="N-1", name_zh="别名")
    for day in ("2026-11-30", "2026-12-01", "2026-12-09"):
        clash = admin.post(f"{again}/set", data={"day": day})
        assert clash.status_code == 409, day
        assert "Another version of N-1 is still to begin" in clash.text
    assert admin.post(f"{page}/withdraw").status_code == 303
    with db.transaction() as tx:
        later = load(tx, on=date(2027, 1, 1))
        assert len(later.tree.of_kind("community")) == 4
    assert admin.post(f"{page}/again").status_code == 303
    admin.post(f"{page}/set", data={"day": "2026-11-24"})
    assert admin.post(f"{page}/withdraw").status_code == 409, "too late"
    back = admin.post(f"{page}/back")
    assert back.status_code == 303
    kinds = {c["code"]: c["kind"] for c in told(admin, back.headers["location"])["changes"]}
    assert kinds == {"N-1": "changed", "N-1-2": "ended"}
    assert admin.post(f"{back.headers['location']}/set", data={"day": "2026-11-25"}).status_code == 303  # fmt: skip
    with db.transaction() as tx:
        codes = {a.code for a in load(tx, on=date(2026, 11, 25)).tree.of_kind("community")}
    assert codes == {"N-1", "N-2", "S-1", "S-2"}
    history = admin.get("/workshop/history?kind=grid:").text
    assert "Day set for a version of the grid" in history
    assert "Admin" in history


def test_an_area_with_areas_below_does_not_end(admin: TestClient) -> None:
    made = admin.post("/workshop/grid/drafts", data={"title": "x", "kind": "district"})
    page = made.headers["location"]
    edit(admin, page, act="end", code="N")
    refused = admin.post(f"{page}/set", data={"day": "2026-11-25"})
    assert refused.status_code == 409
    assert "has areas below it" in refused.text


def test_an_area_with_areas_below_does_not_go_to_another_area_above(
    admin: TestClient, db: Database
) -> None:
    """The spans of what lies below it would stay behind."""
    url = "/api/v1/grid/versions"
    box = {"type": "Polygon", "coordinates": [[[113.0, 34.02], [113.01, 34.02], [113.01, 34.04], [113.0, 34.02]]]}  # fmt: skip
    below = {"code": "N-1-g", "name": "格", "up": "N-1"}
    sent = {"title": "x", "code": "code", "name_zh": "name", "parent": "up", "crs": "wgs84"}
    for kind, says, status in (("grid", below, 200), ("community", {"code": "N-1", "name": "N-1", "up": "S"}, 409)):  # fmt: skip
        features = [{"type": "Feature", "properties": says, "geometry": box}]
        body = {**sent, "kind": kind, "features": {"type": "FeatureCollection", "features": features}}  # fmt: skip
        made = admin.post(url, json=body, headers=API)
        assert made.status_code == 201, made.text
        number = made.json()["id"]
        answer = admin.post(f"{url}/{number}/set", json={"day": "2026-11-24"}, headers=API)
        assert answer.status_code == status, answer.text
    assert "has areas below it" in answer.text
    with db.transaction() as tx:
        tree = load(tx, at=NOW).tree
    assert tree.by_code["community", "N-1"].span.holds(tree.by_code["grid", "N-1-g"].span)


def test_a_trial_goes_on_once_versions_are_in_force(
    admin: TestClient, hub: Hub, db: Database
) -> None:
    """Areas below and posts are known by versions of areas that hold no longer."""
    with db.transaction() as tx:
        sent(tx, load(tx, at=NOW), draft(lon=113.005, lat=34.03))
    made = admin.post("/workshop/grid/drafts", data={"title": "above", "kind": "district"})
    above = made.headers["location"]
    assert edit(admin, above, act="rename", code="N", name_zh="北区") == 303
    assert admin.post(f"{above}/set", data={"day": "2026-11-24"}).status_code == 303
    page = begun(admin)
    assert edit(admin, page, act="rename", code="N-2", name_zh="只是改名") == 303
    assert edit(admin, page, act="split", code="N-1", line=MIDDLE) == 303
    with db.transaction() as tx:
        city = load(tx, at=NOW)
        version = int(page.rpartition("/")[2])
        found, there = opened(tx, city, version)
        then = as_it_would_be(city, there)
        assert found.state == "draft"
    assert {a.id for a in city.tree.former} <= set(then.tree.by_id), "what was is still known"
    for area in then.tree:
        assert then.tree.chain(area.id)[0].kind == "city"
    trial = admin.get(f"{page}/trial".replace("/workshop/grid/", "/api/v1/grid/versions/"), headers=API)  # fmt: skip
    assert trial.status_code == 200, trial.text
    assert trial.json()["post"] == 0, "nobody's post is lost with its former area"


def test_only_who_may_change_the_city_draws(admin: TestClient, db: Database) -> None:
    page = begun(admin)
    admin.cookies.clear()
    admin.cookies.update(signed_in(db, DING.account))  # type: ignore[arg-type]
    assert admin.get(page).status_code == 200
    assert edit(admin, page, act="split", code="N-1", line=MIDDLE) == 403
    assert admin.post(f"{page}/set", data={"day": "2026-11-25"}).status_code == 403
