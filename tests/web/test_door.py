"""The door and the sign-in, through HTTP: forms as a browser without scripts sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.web.hub import app_on, hub_on
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database

PASSWORD = "a long enough password"
HTML = {"accept": "text/html"}


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with db.transaction() as tx:
        tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
    with TestClient(app_on(hub_on(db)), follow_redirects=False, headers=HTML) as made:
        yield made


def form_token(client: TestClient) -> str:
    found = re.search(r'name="token" value="(\w+)"', client.get("/report/all").text)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, login: str, password: str = PASSWORD) -> int:
    return client.post("/login", data={"login": login, "password": password}).status_code


def test_pressing_twice_sends_one_report(client: TestClient, db: Database) -> None:
    said = {"text": "路灯不亮", "lon": "113.01", "lat": "34.03", "token": form_token(client)}
    first = client.post("/report", data=said)
    second = client.post("/report", data=said)
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    with db.transaction() as tx:
        assert tx.execute("select count(*) from reports").fetchone() == (1,)


def test_a_refusal_names_field_and_remedy_in_the_language_of_the_page(client: TestClient) -> None:
    for path, words in (("/report", "经度在"), ("/en/report", "Longitude lies")):
        answer = client.post(path, data={"text": "路灯不亮", "lon": "999", "lat": "34"})
        assert answer.status_code == 422
        assert words in answer.text
        assert "路灯不亮" in answer.text


def test_an_unknown_code_is_said_kindly(client: TestClient) -> None:
    answer = client.get("/t/ZZZZ-ZZZ-ZZZ")
    assert answer.status_code == 404
    assert 'role="alert"' in answer.text


def test_danger_is_answered_with_whom_to_call(client: TestClient) -> None:
    where = client.post("/report", data={"text": "闻到燃气味", "lon": "113.01", "lat": "34.03"})
    page = client.get(where.headers["location"]).text
    assert "119 消防救援" in page


def test_signing_in_opens_the_desk_and_out_closes_it(client: TestClient) -> None:
    assert client.get("/desk").status_code == 303
    assert sign_in(client, "ding") == 303
    assert client.get("/desk").status_code == 200
    assert client.post("/logout").status_code == 303
    assert client.get("/desk").status_code == 303


def test_a_wrong_password_and_an_unknown_name_read_the_same_and_five_must_wait(
    client: TestClient,
) -> None:
    wrong = client.post("/login", data={"login": "ada", "password": "wrong"})
    unknown = client.post("/login", data={"login": "ghost", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("ada", "") == unknown.text.replace("ghost", "")
    for _ in range(4):
        assert sign_in(client, "ada", "wrong") == 401
    assert sign_in(client, "ada") == 429


def test_a_post_taken_away_counts_at_the_next_request(client: TestClient, db: Database) -> None:
    assert sign_in(client, "ding") == 303
    assert client.get("/desk").status_code == 200
    with db.transaction() as tx:
        tx.execute("update tenures set held_until = held_from + interval '1 day'")
    assert client.get("/desk").status_code == 403


def test_a_disabled_account_is_out_at_once(client: TestClient, db: Database) -> None:
    assert sign_in(client, "ding") == 303
    with db.transaction() as tx:
        tx.execute("update accounts set disabled_at = now()")
    assert client.get("/desk").status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_site_cannot_act_with_our_cookie(
    client: TestClient, headers: dict[str, str]
) -> None:
    sign_in(client, "ding")
    answer = client.post("/cases/261124-1/acts/note", data={"note": "x"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\x"])
def test_after_signing_in_nobody_is_sent_elsewhere(client: TestClient, target: str) -> None:
    said = {"login": "ding", "password": PASSWORD, "next": target}
    assert client.post("/login", data=said).headers["location"] == "/"


def test_a_contact_is_masked_until_somebody_looks_and_the_look_is_a_fact(
    client: TestClient, db: Database
) -> None:
    client.post(
        "/report",
        data={"text": "路灯不亮", "lon": "113.01", "lat": "34.03", "contact": "13912345678"},
    )
    sign_in(client, "ada")
    with db.transaction() as tx:
        (number,) = tx.execute("select number from cases").fetchone() or ("",)
        (contact,) = tx.execute("select id from contacts").fetchone() or (0,)
    page = client.get(f"/cases/{number}").text
    assert "139****5678" in page
    assert "13912345678" not in page
    shown = client.post(f"/cases/{number}/contact/{contact}")
    assert "13912345678" in shown.text
    with db.transaction() as tx:
        facts = tx.execute("select says->>'purpose' from facts where kind = 'contact:revealed'")
        assert facts.fetchall() == [("call_back",)]
    sign_in(client, "ding")
    assert client.post(f"/cases/{number}/contact/{contact}").status_code == 403
