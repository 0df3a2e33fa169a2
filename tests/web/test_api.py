"""The interface, through HTTP, on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import Duty
from zhongshu.store import accounts
from zhongshu.store.db import Database

Headers = dict[str, str]


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db))) as made:
        yield made


@pytest.fixture
def sender(db: Database) -> Headers:
    """Another system, that may do everything a machine may."""
    with db.transaction() as tx:
        account = accounts.add(tx, login="machine", name="Machine", password_hash=None)
        post = accounts.add_post(tx, duty=Duty.MACHINE, name_zh="接口")
        from tests.factories import NOW

        accounts.appoint(tx, account, post, at=NOW)
    return key_for(db, "machine")


def report(client: TestClient, headers: Headers, **fields: Any) -> dict[str, Any]:
    body = {"text": "路灯不亮", "lon": 113.01, "lat": 34.03, **fields}
    answer = client.post("/api/v1/reports", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def act(client: TestClient, who: Headers, number: str, what: str, **form: Any) -> Any:
    return client.post(f"/api/v1/cases/{number}/acts/{what}", json=form, headers=who)


def test_four_accounts_take_a_report_to_its_end_and_its_code_shows_it(
    client: TestClient, db: Database, sender: Headers
) -> None:
    ding, hana, cheng, ada = (key_for(db, n) for n in ("ding", "hana", "cheng", "ada"))
    made = report(client, sender)
    number = made["case"]
    for who, what, form, stage in (
        (ding, "dispatch", {}, "dispatched"),
        (hana, "accept", {}, "in_hand"),
        (hana, "handle", {"outcome": "solved"}, "handled"),
        (cheng, "pass", {}, "checked"),
        (ada, "close", {}, "closed"),
    ):
        answer = act(client, who, number, what, **form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["stage"] == stage
        assert client.get(f"/api/v1/reports/{made['code']}").json()["stage"] == stage
    rated = client.post(
        f"/api/v1/reports/{made['code']}/rate", json={"solved": True, "satisfied": 5}
    )
    assert rated.status_code == 200
    kinds = [fact["kind"] for fact in rated.json()["history"]]
    assert kinds == ["case:reported", "case:dispatched", "case:accepted", "case:handled", "case:passed", "case:closed", "case:rated"]  # fmt: skip


def test_the_acts_in_the_payload_are_those_that_work(
    client: TestClient, db: Database, sender: Headers
) -> None:
    ding, hana = key_for(db, "ding"), key_for(db, "hana")
    number = report(client, sender)["case"]
    offered = {a["act"] for a in client.get(f"/api/v1/cases/{number}", headers=ding).json()["acts"]}
    assert "dispatch" in offered
    assert "handle" not in offered
    assert act(client, hana, number, "dispatch").status_code == 404  # not yet in the unit's sight
    assert act(client, ding, number, "dispatch").status_code == 200
    refused = act(client, ding, number, "accept")
    assert refused.status_code == 403
    assert refused.json()["remedy"]


def test_a_case_out_of_sight_is_the_same_as_none_by_number_and_in_lists(
    client: TestClient, db: Database, sender: Headers
) -> None:
    nora = key_for(db, "nora")
    north = report(client, sender)["case"]
    south = report(client, sender, lat=34.01)["case"]
    absent = client.get("/api/v1/cases/261124-999999", headers=nora)
    hidden = client.get(f"/api/v1/cases/{south}", headers=nora)
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["title"].replace(south, "") == absent.json()["title"].replace("261124-999999", "")  # fmt: skip
    listed = client.get("/api/v1/cases?count=true", headers=nora).json()
    assert ([c["number"] for c in listed["cases"]], listed["count"]) == ([north], 1)


def test_somebody_without_a_post_is_told_so(client: TestClient, db: Database) -> None:
    answer = client.get("/api/v1/cases", headers=key_for(db, "stranger"))
    assert answer.status_code == 403
    assert "no post" in client.get(
        "/api/v1/cases", headers={"Authorization": "Bearer zs_stranger", "Accept-Language": "en"}
    ).json()["title"]  # fmt: skip


def test_a_thousand_and_one_are_counted_and_paged_without_loss_or_doubling(
    client: TestClient, sender: Headers
) -> None:
    lines = b"".join(
        json.dumps({"text": f"井盖丢了 {n}", "lon": 113.0 + n % 30 * 0.0013, "lat": 34.0 + n // 30 * 0.0011, "key": str(n)}).encode() + b"\n"
        for n in range(1001)
    )  # fmt: skip
    answers = client.post("/api/v1/reports/bulk", content=lines, headers=sender).text.splitlines()
    assert len(answers) == 1001
    for order in ("newest", "due"):
        seen: list[str] = []
        url = f"/api/v1/cases?count=true&limit=137&order={order}"
        after = ""
        while True:
            page = client.get(url + (f"&after={after}" if after else ""), headers=sender).json()
            assert page["count"] == 1001
            seen += [c["number"] for c in page["cases"]]
            if not page["next"]:
                break
            after = page["next"].replace("+", "%2B")
        assert len(seen) == len(set(seen)) == 1001


def test_a_bad_line_gets_its_own_answer_and_the_others_go_on(
    client: TestClient, sender: Headers
) -> None:
    lines = [
        '{"text": "路灯不亮", "lon": 113.01, "lat": 34.03}',
        "not json",
        '{"text": ""}',
        '{"text": "路灯不亮", "lon": "west"}',
        '{"text": "积水", "colour": "blue"}',
        "",
        '{"text": "井盖丢了"}',
    ]
    answer = client.post("/api/v1/reports/bulk", content="\n".join(lines), headers=sender)
    said = [json.loads(line) for line in answer.text.splitlines()]
    assert [s["line"] for s in said] == [1, 2, 3, 4, 5, 7]
    assert ["problem" in s for s in said] == [False, True, True, True, True, False]
    assert said[3]["problem"]["field"] == "lon"
    assert said[4]["problem"]["field"] == "colour"


def test_a_retry_gets_the_same_receipt_and_another_body_is_refused(
    client: TestClient, sender: Headers
) -> None:
    headers = {**sender, "Idempotency-Key": "one"}
    body = {"text": "路灯不亮", "lon": 113.01, "lat": 34.03}
    first = client.post("/api/v1/reports", json=body, headers=headers)
    again = client.post("/api/v1/reports", json=body, headers=headers)
    other = client.post("/api/v1/reports", json={**body, "text": "别的"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert first.json()["code"] == again.json()["code"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": "x", "lon": 1}, "lat"),
        ({"text": "x", "at": "yesterday"}, "at"),
        ({"text": "x", "at": "0001-01-01T00:00:00+00:00"}, "at"),
        ({"text": "x", "at": "2026-11-24T00:00:00"}, "at"),
        ({"text": "x", "lon": 1e400, "lat": 1}, "lon"),
        ({"text": "x", "category": "Z"}, "category"),
    ],
)
def test_bad_input_is_named_by_field_with_a_remedy(
    client: TestClient, sender: Headers, body: dict[str, Any], field: str
) -> None:
    text = json.dumps(body)
    answer = client.post(
        "/api/v1/reports", content=text, headers={**sender, "Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    "query",
    ["stage=nowhere", "area=X-9", "unit=U9", "category=Q", "since=soon", "order=best", "limit=0", "limit=9999", "after=x", "since=9999-99-99"],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_is_named(
    client: TestClient, sender: Headers, query: str
) -> None:
    answer = client.get(f"/api/v1/cases?{query}", headers=sender)
    assert answer.status_code == 422
    assert answer.json()["field"] == query.split("=", maxsplit=1)[0]


def test_a_body_too_large_is_refused_before_it_is_read_whole(
    client: TestClient, sender: Headers
) -> None:
    answer = client.post("/api/v1/reports", content=b"x" * 17_000_000, headers=sender)
    assert answer.status_code == 413
    assert answer.json()["remedy"]


def test_filters_narrow_and_counts_agree_with_lists(client: TestClient, sender: Headers) -> None:
    report(client, sender)
    report(client, sender, lat=34.01, text="井盖丢了")
    report(client, sender, lat=34.01, lon=113.03, text="路面塌陷")
    for query, expected in (
        ("area=S", 2), ("area=S-1", 1), ("category=C-01", 2), ("category=C-01-37", 1),
        ("text=塌陷", 1), ("text=井盖", 1), ("unit=U2", 1), ("stage=filed", 2), ("open=1&area=N", 1),
        ("area=M-1", 0), ("channel=web", 0), ("since=2026-11-24", 3), ("until=2026-11-23", 0),
    ):  # fmt: skip
        page = client.get(f"/api/v1/cases?{query}&count=true", headers=sender).json()
        assert (len(page["cases"]), page["count"]) == (expected, expected), query
        counts = client.get(f"/api/v1/counts?by=area&{query}", headers=sender).json()
        assert counts["total"] == expected


def test_an_export_is_the_filtered_list_and_runs_nothing_in_a_spreadsheet(
    client: TestClient, sender: Headers
) -> None:
    report(client, sender, text="=HYPERLINK(路灯)")
    report(client, sender, text="井盖丢了")
    text = client.get("/api/v1/cases.csv?text=路灯", headers=sender).content.decode()
    assert text.startswith("\ufeff")
    assert "'=HYPERLINK" in text
    assert ",'," not in text  # an empty cell is empty
    assert "井盖" not in text


def test_a_stale_version_is_refused_with_409(client: TestClient, sender: Headers) -> None:
    number = report(client, sender)["case"]
    seen = client.get(f"/api/v1/cases/{number}", headers=sender).json()["version"]
    assert act(client, sender, number, "note", note="一", version=seen).status_code == 200
    assert act(client, sender, number, "note", note="二", version=seen).status_code == 409


def test_the_pick_is_explained(client: TestClient, sender: Headers) -> None:
    number = report(client, sender)["case"]
    picked = client.get(f"/api/v1/cases/{number}/pick", headers=sender).json()
    assert picked["unit"]["code"] == "U1"
    assert picked["reasons"] == ["category", "clause"]
    assert picked["runner_up"] == "U2"


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/api/v1/levels", "/nowhere", "/static/css/app.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_interface_describes_itself(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert "/api/v1/cases/{number}/acts/{act}" in described["paths"]


def test_the_queue_shows_the_clock_of_whoever_has_the_case(
    client: TestClient, db: Database, sender: Headers
) -> None:
    ding, cheng = key_for(db, "ding"), key_for(db, "cheng")
    number = report(client, sender)["case"]
    assert "剩 0:15" in client.get("/desk?stage=filed", headers=ding).text
    act(client, ding, number, "dispatch")
    assert "剩 0:15" not in client.get("/desk?stage=dispatched", headers=ding).text
    hana = key_for(db, "hana")
    act(client, hana, number, "accept")
    act(client, hana, number, "handle", outcome="solved")
    shown = client.get(f"/desk?stage=handled&case={number}", headers=cheng).text
    assert shown.count("核查 · ") >= 2  # in its row and on its sheet


def test_a_view_is_kept_shared_counted_and_dropped(
    client: TestClient, db: Database, sender: Headers
) -> None:
    ding, hana, admin = (key_for(db, n) for n in ("ding", "hana", "admin"))
    report(client, sender)
    made = client.post(
        "/api/v1/views", headers=ding,
        json={"title": "  路灯  待派遣 ", "query": "stage=filed&colour=red", "shared": True},
    )  # fmt: skip
    assert made.status_code == 201, made.text
    assert made.json()["query"] == "stage=filed"
    (view,) = client.get("/api/v1/views", headers=hana).json()
    assert (view["title"], view["own"], view["shared"]) == ("路灯 待派遣", False, True)
    # Each sees what his own posts let him see: the handler's unit has no case yet.
    assert view["count"] == 0
    (own,) = client.get("/api/v1/views", headers=ding).json()
    assert (own["own"], own["count"]) == (True, 1)
    shown = client.get("/desk", headers=ding).text
    assert 'href="/desk?stage=filed"' in shown
    assert "路灯 待派遣" in shown
    assert client.delete(f"/api/v1/views/{own['id']}", headers=hana).status_code == 404
    assert client.delete(f"/api/v1/views/{own['id']}", headers=admin).status_code == 204
    assert client.get("/api/v1/views", headers=ding).json() == []


@pytest.mark.parametrize(
    ("said", "field"),
    [({"title": " "}, "title"), ({"title": "长" * 41}, "title"), ({"title": "a", "query": "area=nowhere"}, "area"), ({"title": "a", "query": "order=up"}, "order")],
)  # fmt: skip
def test_a_view_that_means_nothing_is_refused(
    client: TestClient, db: Database, said: dict[str, str], field: str
) -> None:
    answer = client.post("/api/v1/views", headers=key_for(db, "ding"), json=said)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


def test_a_view_is_replaced_by_its_title_and_there_are_not_too_many(
    client: TestClient, db: Database
) -> None:
    ding = key_for(db, "ding")
    for n in range(40):
        assert client.post("/api/v1/views", headers=ding, json={"title": f"v{n}"}).status_code == 201  # fmt: skip
    assert client.post("/api/v1/views", headers=ding, json={"title": "v40"}).status_code == 409
    again = client.post("/api/v1/views", headers=ding, json={"title": "v3", "query": "held=1"})
    assert again.status_code == 201
    kept = {v["title"]: v["query"] for v in client.get("/api/v1/views", headers=ding).json()}
    assert len(kept) == 40
    assert kept["v3"] == "held=1"


def test_a_view_of_a_unit_that_went_is_offered_without_a_count(
    client: TestClient, db: Database
) -> None:
    ding = key_for(db, "ding")
    client.post("/api/v1/views", headers=ding, json={"title": "a", "query": "unit=U2"})
    with db.transaction() as tx:
        tx.execute("update views set query = 'unit=GONE'")
    assert client.get("/api/v1/views", headers=ding).json()[0]["count"] is None
    assert client.get("/desk", headers=ding).status_code == 200


def test_a_view_is_kept_and_dropped_from_the_desk(client: TestClient, db: Database) -> None:
    ding = key_for(db, "ding")
    client.post(
        "/desk/views",
        headers=ding,
        data={"title": "挂账", "query": "held=1"},
        follow_redirects=False,
    )
    (view,) = client.get("/api/v1/views", headers=ding).json()
    assert view["query"] == "held=1"
    client.post(f"/desk/views/{view['id']}/drop", headers=ding)
    assert client.get("/api/v1/views", headers=ding).json() == []
