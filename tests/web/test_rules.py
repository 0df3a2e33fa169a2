"""The rules in the workshop and in the interface, through HTTP, as somebody without scripts uses them."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import NOW
from tests.flow.test_proposals import live, loaded
from tests.web.hub import app_on, hub_on, key_for
from zhongshu import jobs
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database

PASSWORD = "a long enough password"
HTML = {"accept": "text/html"}
BASE = "/workshop/rules"
Headers = dict[str, str]


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    """The hub with a month of October behind it."""
    with db.transaction() as tx:
        tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
        live(tx, loaded(tx), random.Random(2), 30)
    with TestClient(app_on(hub_on(db)), follow_redirects=False) as made:
        yield made


def key(db: Database, login: str) -> Headers:
    """Return somebody's key, made once for each database."""
    name = (db.conninfo, login)
    if name not in _KEYS:
        _KEYS[name] = key_for(db, login)
    return _KEYS[name]


_KEYS: dict[tuple[str, str], Headers] = {}


def signed_in(client: TestClient, login: str) -> TestClient:
    assert client.post("/login", data={"login": login, "password": PASSWORD}, headers=HTML).status_code == 303  # fmt: skip
    client.headers.update(HTML)
    return client


def work(db: Database) -> None:
    """Let the background work off what is waiting."""
    hub = hub_on(db)
    jobs.runs(db, hub.city, lambda: NOW)


def made(client: TestClient, who: Headers, *changes: dict[str, Any], title: str = "试") -> int:
    answer = client.post("/api/v1/proposals", json={"title": title, "changes": list(changes)}, headers=who)  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json()["proposal"]


LIMIT = {"subject": "limit", "key": "C-01-37", "now": {"limit": "1工作日"}}
OCTOBER = {"since": "2026-10-01", "until": "2026-10-31"}


# ── the interface ────────────────────────────────────────────────────────────────────


def test_a_limit_is_proposed_run_switched_on_and_off_again(
    client: TestClient, db: Database
) -> None:
    """The scenario: over last month, then a new case gets it, then the next gets the old again."""
    admin, ding = key(db, "admin"), key(db, "ding")
    number = made(client, admin, LIMIT)
    told = client.get(f"/api/v1/proposals/{number}", headers=ding).json()
    assert told["changes"] == [{"subject": "limit", "key": "C-01-37", "was": {"limit": "2wd"}, "now": {"limit": "1wd"}}]  # fmt: skip
    assert (told["state"], told["faults"]) == ("draft", [])

    asked = client.post(f"/api/v1/proposals/{number}/runs", json=OCTOBER, headers=admin)
    assert asked.status_code == 202
    here = f"/api/v1/proposals/{number}/runs/{asked.json()['run']}"
    assert client.get(here, headers=ding).json()["state"] == "queued"
    work(db)
    done = client.get(here, headers=ding).json()
    assert done["state"] == "done"
    earlier = done["result"]["tags"]["handle:earlier"]
    assert earlier > 0
    cases: list[Any] = []
    after = ""
    while after is not None:
        part = client.get(f"{here}/cases?tag=handle:earlier&limit=2&after={after}", headers=ding).json()  # fmt: skip
        cases += part["cases"]
        after = part["next"]
    assert len(cases) == len({c["case"] for c in cases}) == earlier
    assert {(c["limit_before"], c["limit_after"]) for c in cases} == {("2wd", "1wd")}

    limits = [_limit_of_a_new_case(client, db)]
    for act in ("switch-on", "switch-off"):
        answer = client.post(f"/api/v1/proposals/{number}/{act}", json={"reason": "试行"}, headers=admin)  # fmt: skip
        assert answer.status_code == 200, answer.text
        limits.append(_limit_of_a_new_case(client, db))
    assert limits == ["2wd", "1wd", "2wd"]
    history = client.get("/api/v1/city-facts?kind=proposal", headers=ding).json()["facts"]
    assert [(f["kind"], f["says"]["reason"]) for f in history] == [("proposal:switched_off", "试行"), ("proposal:switched_on", "试行")]  # fmt: skip
    assert all(f["account"] for f in history)


def _limit_of_a_new_case(client: TestClient, db: Database) -> str:
    """Dispatch a new case through the interface; return the limit its fact names."""
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined] # a second has passed
    sender = key(db, "ada")
    body = {"text": "路灯不亮", "lon": 113.031, "lat": 34.031 - 0.003 * next(_ROWS)}
    report = client.post("/api/v1/reports", json=body, headers=sender)
    assert report.status_code == 201, report.text
    number = report.json()["case"]
    answer = client.post(f"/api/v1/cases/{number}/acts/dispatch", json={}, headers=key(db, "ding"))  # fmt: skip
    assert answer.status_code == 200, answer.text
    with db.transaction() as tx:
        row = tx.execute(
            "select says->>'limit' from facts where kind = 'case:dispatched' order by id desc limit 1"
        ).fetchone()
    assert row is not None
    return row[0]


_ROWS = iter(range(10))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/proposals", {"title": "x", "changes": []}),
        ("PUT", "/api/v1/proposals/1", {"title": "x", "changes": []}),
        ("POST", "/api/v1/proposals/1/runs", OCTOBER),
        ("POST", "/api/v1/proposals/1/switch-on", {"reason": "x"}),
        ("POST", "/api/v1/proposals/1/switch-off", {"reason": "x"}),
    ],
)
def test_only_who_may_change_the_city_changes_its_rules(
    client: TestClient, db: Database, method: str, path: str, body: dict[str, Any]
) -> None:
    made(client, key(db, "admin"), LIMIT)
    for login in ("ding", "nora", "hana"):
        answer = client.request(method, path, json=body, headers=key(db, login))
        assert (answer.status_code, answer.json()["value"]) == (403, "city:write")
    assert client.request(method, path, json=body).status_code == 401


def test_an_administrator_of_a_district_does_not_change_the_whole_citys_rules(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        tx.execute("update posts set area = (select id from areas where code = 'N') where duty = 'admin'")  # fmt: skip
    body = {"title": "x", "changes": []}
    answer = client.post("/api/v1/proposals", json=body, headers=key(db, "admin"))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "limit", "key": "C-01-37", "now": {"limit": "soon"}}, "limit.C-01-37"),
        ({"subject": "limit", "key": "X", "now": {"limit": "1wd"}}, "limit"),
        ({"subject": "rule", "key": "", "now": {"unit": "U9"}}, "rule.new-1.unit"),
        ({"subject": "rule", "key": "77", "now": None}, "rule"),
        ({"subject": "rule", "key": "", "now": {"unit": "U1", "colour": 1}}, "rule.new-1"),
        ({"subject": "same", "now": {"metres": 5000, "hours": 1}}, "same.metres"),
        ({"subject": "same", "key": "E-04", "now": {"near_metres": 5}}, "same.E-04.near_metres"),
        ({"subject": "same", "key": "Q", "now": None}, "same"),
        ({"subject": "rule", "key": "", "now": {"unit": "U1", "lead": "owner"}}, "rule.new-1.lead"),
        ({"subject": "weather", "key": "", "now": None}, "changes.0"),
    ],
)
def test_what_cannot_be_read_is_refused_with_field_value_and_remedy(
    client: TestClient, db: Database, change: dict[str, Any], field: str
) -> None:
    answer = client.post("/api/v1/proposals", json={"title": "x", "changes": [change]}, headers=key(db, "admin"))  # fmt: skip
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]
    assert client.get("/api/v1/proposals", headers=key(db, "ding")).json() == {"proposals": []}


def test_a_draft_is_changed_whole_and_a_stale_version_is_refused(
    client: TestClient, db: Database
) -> None:
    admin = key(db, "admin")
    number = made(client, admin, LIMIT)
    here = f"/api/v1/proposals/{number}"
    seen = client.get(here, headers=admin).json()["version"]
    rule = {"subject": "rule", "key": "", "now": {"unit": "U2", "category": "C-01-37", "area": "N", "hours": [{"days": [0], "start": "22:00", "end": "06:00"}]}}  # fmt: skip
    put = client.put(here, json={"title": "新", "changes": [rule], "version": seen}, headers=admin)
    assert put.status_code == 200, put.text
    assert [c["key"] for c in put.json()["changes"]] == ["new-1"]
    again = client.put(here, json={"title": "新", "changes": [], "version": seen}, headers=admin)
    assert again.status_code == 409
    empty = client.put(here, json={"title": "新", "changes": []}, headers=admin).json()
    assert [f["type"] for f in empty["faults"]] == ["/problems/NothingProposed"]


def test_the_description_of_the_interface_names_every_kind_of_change(client: TestClient) -> None:
    told = client.get("/api/v1/openapi.json").json()
    assert {"RuleChange", "LimitChange", "StageChange", "HoursChange", "DayChange", "SameChange"} <= told["components"]["schemas"].keys()  # fmt: skip
    assert "/api/v1/proposals/{proposal}/switch-on" in told["paths"]


# ── the pages ────────────────────────────────────────────────────────────────────────


def links(html: str, path: str) -> list[str]:
    found = (h.replace("&amp;", "&") for h in re.findall(r'href="([^"]+)"', html))
    return [h for h in found if path in h]


def test_from_the_catalogue_to_a_rule_in_force_without_scripts(
    client: TestClient, db: Database
) -> None:
    signed_in(client, "admin")
    shown = client.get(f"{BASE}?lang=en").text
    assert "3 rules in force" in shown
    (edit,) = links(shown, "/change?subject=rule&key=2")
    form = client.get(edit).text
    assert 'value="C-01-37"' in form
    sent = {"subject": "rule", "key": "2", "unit": "U2", "category": "C-01-37", "clause": "第九条", "priority": "0", "title": "路灯改派"}  # fmt: skip
    answer = client.post(f"{BASE}/change", data=sent)
    assert answer.status_code == 303
    draft = answer.headers["location"]
    page = client.get(draft + "?lang=en").text
    assert "<del>Street lighting</del>" in page
    assert "<ins>Municipal works</ins>" in page

    run = client.post(f"{draft}/run", data=OCTOBER).headers["location"]
    assert 'http-equiv="refresh"' in client.get(run).text
    work(db)
    result = client.get(run + "?lang=en").text
    (moved,) = links(result, "cases?tag=moved")
    number = int(re.search(r'cases\?tag=moved">(\d+)<', result)[1])  # type: ignore[index]
    assert number > 0
    listed = client.get(moved).text
    assert len(links(listed, "/cases/26")) == number
    assert f"{number} cases in your sight" in client.get(moved + "&lang=en").text
    (pair,) = links(result, "cases?from=")
    assert len(links(client.get(pair).text, "/cases/26")) == number
    rows = list(csv.DictReader(io.StringIO(client.get(f"{run}/cases.csv?tag=moved").text.lstrip("\ufeff"))))  # fmt: skip
    assert [(r["unit_before"], r["unit_after"]) for r in rows] == [("U1", "U2")] * number

    assert client.post(f"{draft}/on", data={"reason": ""}).status_code == 422
    assert client.post(f"{draft}/on", data={"reason": "职责调整"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    assert "第九条" in client.get(BASE).text
    history = client.get("/workshop/history?lang=en").text
    assert "Proposal switched on" in history
    assert "职责调整" in history
    assert client.post(f"{draft}/off", data={"reason": "恢复"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    assert "第九条" not in client.get(BASE).text


def test_a_form_that_is_refused_keeps_what_was_entered(client: TestClient) -> None:
    signed_in(client, "admin")
    sent = {"subject": "same", "key": "", "metres": "5000", "hours": "24", "title": "近一点"}
    answer = client.post(f"{BASE}/change", data=sent)
    assert answer.status_code == 422
    for kept in ('value="5000"', 'value="24"', 'value="近一点"', "same.metres"):
        assert kept in answer.text
    assert "还没有方案" in client.get(f"{BASE}/proposals").text


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ({"subject": "limit", "key": "C-01-37", "limit": "5wd"}, "limit.C-01-37"),
        ({"subject": "stage", "key": "check", "limit": "2wd"}, "stage.check"),
        ({"subject": "hours", "key": "", "periods": "09:00-17:00", "days_off": ["5", "6"]}, "hours"),
        ({"subject": "hours", "key": "U1", "periods": "06:00-12:00，12:30–22:00", "holidays_too": "1"}, "hours.U1"),
        ({"subject": "day", "key": "2026-12-31", "kind": "holiday", "name": "冰雪节"}, "day.2026-12-31"),
        ({"subject": "same", "key": "", "metres": "30", "hours": "24"}, "same"),
        ({"subject": "same", "key": "E-04-10", "near_metres": "80", "joins": "no"}, "same.E-04-10"),
        ({"subject": "limit", "key": "C-01-37:2", "limit": "1uh"}, "limit.C-01-37:2"),
        ({"subject": "rule", "key": "", "lead": "owner", "category": "C-01", "owner": "U1"}, "rule.new-1"),
        ({"subject": "rule", "key": "", "unit": "U1", "category": "S-07 民生", "days0": ["0", "6"], "start0": "20:00", "end0": "06:00", "auto": "1", "co_units": ["U2"]}, "rule.new-1"),
        ({"subject": "rule", "key": "3", "gone": "1"}, "rule.3"),
    ],
)  # fmt: skip
def test_every_kind_of_change_goes_through_its_form_on_and_off(
    client: TestClient, db: Database, sent: dict[str, Any], key: str
) -> None:
    signed_in(client, "admin")
    before = [client.get(f"{BASE}{path}").text for path in ("", "/limits", "/calendar")]
    where = f"{BASE}/change?subject={sent['subject']}&key={sent['key']}"
    assert client.get(where).status_code == 200
    answer = client.post(f"{BASE}/change", data={**sent, "title": "改"})
    assert answer.status_code == 303, answer.text
    draft = answer.headers["location"]
    number = draft.rsplit("/", 1)[1]
    told = client.get(f"/api/v1/proposals/{number}").json()
    assert [f"{c['subject']}.{c['key']}".rstrip(".") for c in told["changes"]] == [key]
    assert told["faults"] == []
    assert client.get(draft).status_code == 200
    assert client.get(f"{where}&proposal={number}").status_code == 200
    assert client.post(f"{draft}/on", data={"reason": "r"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    changed = [client.get(f"{BASE}{path}").text for path in ("", "/limits", "/calendar")]
    assert changed != before
    assert client.post(f"{draft}/off", data={"reason": "r"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    again = [client.get(f"{BASE}{path}").text for path in ("", "/limits", "/calendar")]
    # A rule that came back says from which day this version holds.
    day = "2026-11-24–"
    assert [text.replace(day, "一直") for text in again] == before


def test_changes_are_taken_out_taken_over_and_copied(client: TestClient, db: Database) -> None:
    admin = key(db, "admin")
    number = made(client, admin, LIMIT, {"subject": "stage", "key": "check", "now": {"limit": "2wd"}})  # fmt: skip
    other = made(client, admin, {"subject": "limit", "key": "C-01-37", "now": {"limit": "9wd"}})
    signed_in(client, "admin")
    here = f"{BASE}/proposals/{number}"
    assert client.post(f"{here}/drop", data={"subject": "stage", "key": "check"}).status_code == 303
    assert client.post(f"{BASE}/proposals/{other}/on", data={"reason": "r"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    assert "重新对照" in client.get(here).text
    assert client.post(f"{here}/on", data={"reason": "r"}).status_code == 409
    assert client.post(f"{here}/take-over").status_code == 303
    assert client.post(f"{here}/on", data={"reason": "r"}).status_code == 303
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    copied = client.post(f"{here}/copy", data={"title": "再来"})
    assert copied.status_code == 303
    assert client.get(copied.headers["location"]).status_code == 200


@pytest.mark.parametrize("login", ["ding", "nora", "hana"])
def test_who_may_only_look_finds_no_button(client: TestClient, db: Database, login: str) -> None:
    number = made(client, key(db, "admin"), LIMIT)
    signed_in(client, login)
    for path in ("", "/limits", "/calendar", "/proposals", f"/proposals/{number}", "/../history"):
        shown = client.get(f"{BASE}{path}".replace("/rules/..", ""))
        assert shown.status_code == 200, path
        assert "/change?subject" not in shown.text, path
        assert not re.search(r'<form method="post" action="/workshop', shown.text), path
    assert client.get(f"{BASE}/change?subject=rule").status_code == 403
    assert client.post(f"{BASE}/proposals/{number}/on", data={"reason": "r"}).status_code == 403


def test_the_catalogue_filters_counts_and_exports(client: TestClient, db: Database) -> None:
    signed_in(client, "admin")
    rows = list(csv.DictReader(io.StringIO(client.get(f"{BASE}/rules.csv").text.lstrip("\ufeff"))))
    assert [r["category"] for r in rows] == ["C-01-37", "E-05", ""]
    assert [r["unit"] for r in rows] == ["U1", "U2", "U2"]
    for row in rows:
        shown = client.get(f"{BASE}/fired/{row['rule']}").text
        assert len(links(shown, "/cases/26")) == int(row["fired_last_month"])
    assert sum(int(r["fired_last_month"]) for r in rows) > 0
    for query, count in (
        ("category=C-01-37", 2), ("unit=U1", 1), ("which=auto", 1), ("text=应急", 1), ("area=N", 3),
        ("which=idle", 0), ("which=timed", 0), ("start=100", 3),
    ):  # fmt: skip
        assert f"现行 {count} 条" in client.get(f"{BASE}?{query}").text, query
    assert client.get(f"{BASE}?which=odd").status_code == 422
    assert client.get(f"{BASE}?area=odd").status_code == 422
    assert client.get(f"{BASE}/fired/99").status_code == 404
    with db.transaction() as tx:
        tx.execute("update units set active = false where code = 'U1'")
        tx.execute("update settings set value = to_jsonb(99) where name = 'city_version'")
    client.app.state.hub._checked = 0.0  # type: ignore[attr-defined]
    assert "1 条规则指定的单位已停用" in client.get(BASE).text
    assert "现行 1 条" in client.get(f"{BASE}?which=idle").text


def test_lists_of_a_run_show_only_what_one_may_see(client: TestClient, db: Database) -> None:
    admin, nora = key(db, "admin"), key(db, "nora")
    number = made(client, admin, LIMIT)
    run = client.post(f"/api/v1/proposals/{number}/runs", json=OCTOBER, headers=admin).json()["run"]
    work(db)
    path = f"/api/v1/proposals/{number}/runs/{run}/cases?limit=200"
    whole = {c["case"] for c in client.get(path, headers=admin).json()["cases"]}
    north = {c["case"] for c in client.get(path, headers=nora).json()["cases"]}
    assert north < whole
    seen = {c["number"] for c in client.get("/api/v1/cases?limit=200", headers=nora).json()["cases"]}  # fmt: skip
    assert north <= seen


def test_a_case_out_of_sight_is_not_said_to_be_a_case_of_its_own(
    client: TestClient, db: Database
) -> None:
    """Nora sees the north: of a report there that would join a southern case she is told so much."""
    admin, ada = key(db, "admin"), key(db, "ada")
    for lat in (34.0197, 34.0203):  # 67 m apart, in two districts
        body = {"text": "井盖丢失", "lon": 113.01, "lat": lat, "category": "C-01-23"}
        assert client.post("/api/v1/reports", json=body, headers=ada).json()["joined"] is None
    number = made(client, admin, {"subject": "same", "key": "C-01-23", "now": {"metres": 90}})
    today = {"since": "2026-11-24", "until": "2026-11-24"}
    run = client.post(f"/api/v1/proposals/{number}/runs", json=today, headers=admin).json()["run"]
    work(db)
    here = f"{BASE}/proposals/{number}/runs/{run}/reports"
    for login, told, untold in (
        ("admin", "261124-", "a case out of your sight"), ("nora", "a case out of your sight", None),
    ):  # fmt: skip
        shown = client.get(f"{here}?lang=en", headers={**key(db, login), **HTML}).text
        assert told in shown
        assert untold is None or untold not in shown
        assert "67.0 m away" in shown or "66." in shown


def test_what_was_set_by_hand_stands_in_the_history(client: TestClient, db: Database) -> None:
    put = client.put("/api/v1/same-rules", json={"category": "E-04", "metres": 12}, headers=key(db, "admin"))  # fmt: skip
    assert put.status_code == 200
    (fact,) = client.get("/api/v1/city-facts?kind=same:", headers=key(db, "ding")).json()["facts"]
    assert fact["account"]
    signed_in(client, "admin")
    shown = client.get("/workshop/history?lang=en").text
    assert "Rule for the same matter set by hand" in shown
    assert "<del>30 m</del>" in shown
    assert "<ins>12 m</ins>" in shown
