"""The same matter through HTTP: the question at the door, the desk's comparison, the rules."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.web.hub import app_on, hub_on, key_for
from tests.web.test_door import HTML, PASSWORD, form_token, sign_in
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database

LAMP = {"text": "小区门口路灯不亮", "group": "light", "lon": "113.01", "lat": "34.03"}


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with db.transaction() as tx:
        tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
    with TestClient(app_on(hub_on(db)), follow_redirects=False, headers=HTML) as made:
        yield made


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 160)).save(out, "JPEG")
    return out.getvalue()


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page, as a browser sends them back."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {n: unescape(v) for n, v in found if n not in ("lang", "back")}


def first(client: TestClient, path: str = "/report") -> str:
    """Send the first report of all; return its case's number."""
    answer = client.post(path, data=LAMP)
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["location"]).text.split("<dd>")[1].split("<")[0]


def count(db: Database, table: str) -> int:
    with db.transaction() as tx:
        row = tx.execute(f"select count(*) from {table}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def numbers(page: str) -> list[str]:
    return re.findall(r'name="joins" value="([^"]+)"', page)


# ── at the door, without a script ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "asks", "likely"),
    [("/report", "这里是否已有人反映", "可能是"), ("/en/report", "Already known here?", "perhaps")],
)
def test_the_reporter_is_asked_before_anything_is_sent_and_may_say_me_too(
    client: TestClient, db: Database, path: str, asks: str, likely: str
) -> None:
    number = first(client)
    page = client.post(path, data={**LAMP, "text": "路灯坏了", "contact": "13912345678"})
    assert page.status_code == 200
    assert asks in page.text
    assert likely not in page.text  # the rule would join it: it is more than perhaps
    assert numbers(page.text) == [number, "own"]
    assert "小区门口" not in page.text  # nobody's words
    assert "<img" not in page.text  # nobody's photo
    assert count(db, "reports") == 1
    sent = hidden(page.text)
    assert (sent["text"], sent["contact"]) == ("路灯坏了", "13912345678")
    receipt = client.post(path, data={**sent, "joins": number})
    assert receipt.status_code == 303
    told = client.get(receipt.headers["location"]).text
    assert number in told
    assert count(db, "cases") == 1
    assert count(db, "reports") == 2


def test_mine_is_another_matter_opens_a_case_of_its_own(client: TestClient, db: Database) -> None:
    number = first(client)
    page = client.post("/report", data=LAMP)
    done = client.post("/report", data={**hidden(page.text), "joins": "own"})
    assert done.status_code == 303
    assert count(db, "cases") == 2
    sign_in(client, "ding")
    with db.transaction() as tx:
        (other,) = tx.execute("select number from cases order by id desc").fetchone() or ("",)
    shown = client.get(f"/cases/{other}").text
    assert "疑似同一件事" in shown
    assert f"上报人说明：与 {number} 不是同一件事" in shown


def test_photos_are_kept_while_the_question_is_asked_and_not_uploaded_again(
    client: TestClient, db: Database
) -> None:
    number = first(client)
    files = [("photo", (f"{n}.jpg", photo(), "image/jpeg")) for n in range(2)]
    page = client.post("/report", data={**LAMP, "token": form_token(client)}, files=files)
    assert numbers(page.text) == [number, "own"]
    sent = hidden(page.text)
    assert re.fullmatch("[0-9a-f]{32}", sent["held"])
    assert (count(db, "held_photos"), count(db, "photos")) == (2, 0)
    receipt = client.post("/report", data={**sent, "joins": number})
    assert (count(db, "held_photos"), count(db, "photos")) == (0, 2)
    again = client.post("/report", data={**sent, "joins": number})
    assert again.headers["location"] == receipt.headers["location"]
    assert count(db, "photos") == 2
    own = client.get(receipt.headers["location"]).text
    assert own.count("<img") == 2


def test_photos_that_waited_too_long_are_missed_aloud(client: TestClient, db: Database) -> None:
    first(client)
    page = client.post("/report", data=LAMP, files=[("photo", ("a.jpg", photo(), "image/jpeg"))])
    with db.transaction() as tx:
        tx.execute("delete from held_photos")
    receipt = client.post("/report", data={**hidden(page.text), "joins": "own"})
    assert "lost=1" in receipt.headers["location"]
    assert "照片等待太久" in client.get(receipt.headers["location"]).text


def test_a_case_that_moved_on_is_said_kindly_and_photos_stay(
    client: TestClient, db: Database
) -> None:
    number = first(client)
    page = client.post("/report", data=LAMP, files=[("photo", ("a.jpg", photo(), "image/jpeg"))])
    with db.transaction() as tx:
        tx.execute("update cases set stage = 'rejected', closed_at = now(), clocks = '[]'")
    answer = client.post("/report", data={**hidden(page.text), "joins": number})
    assert answer.status_code == 409
    assert "已不能再并入" in answer.text
    assert "已保存 1 张照片" in answer.text
    done = client.post("/report", data={**LAMP, **hidden(answer.text)})
    assert done.status_code == 303
    assert (count(db, "held_photos"), count(db, "photos"), count(db, "cases")) == (0, 1, 2)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "路灯漏电，有人触电"},  # danger is not kept waiting
        {"lon": "113.03"},  # nothing near
        {"lon": "", "lat": ""},  # no place
        {"lon": "120"},  # another city
    ],
)
def test_who_need_not_be_asked_is_not(client: TestClient, more: dict[str, str]) -> None:
    first(client)
    assert client.post("/report", data={**LAMP, **more}).status_code == 303


def test_what_is_wrong_with_the_form_is_said_before_any_question(client: TestClient) -> None:
    first(client)
    assert client.post("/report", data={**LAMP, "text": " "}).status_code == 422
    assert client.post("/report", data={**LAMP, "contact": "call me"}).status_code == 422


def test_perhaps_is_said_of_what_lies_further_off(client: TestClient) -> None:
    first(client)
    page = client.post("/en/report", data={**LAMP, "lon": "113.0108"})
    assert "perhaps" in page.text
    assert "about 80 m away" in page.text


def test_staff_see_the_case_behind_and_the_hotline_is_a_channel(
    client: TestClient, db: Database
) -> None:
    number = first(client)
    with db.transaction() as tx:
        tx.execute("update posts set duty = 'hotline' where duty = 'acceptor'")
    sign_in(client, "ada")
    page = client.post("/report", data={**LAMP, "text": "来电反映路灯不亮"})
    assert f'href="/cases/{number}"' in page.text
    assert "小区门口路灯不亮" in page.text  # a member of staff who may read the case
    client.post("/report", data={**hidden(page.text), "joins": number})
    with db.transaction() as tx:
        row = tx.execute("select channel from reports order by id desc").fetchone()
    assert row == ("hotline",)


# ── while filling in ─────────────────────────────────────────────────────────────────


def test_the_form_shows_while_being_filled_in_what_is_known(client: TestClient) -> None:
    number = first(client)
    part = client.post("/en/report/near", data={k: LAMP[k] for k in ("group", "lon", "lat")})
    assert part.status_code == 200
    assert numbers(part.text) == [number, "own"]
    assert "<html" not in part.text
    for unfinished in ({"lon": "x"}, {"lon": "999", "lat": "1"}, {}):
        assert numbers(client.post("/report/near", data=unfinished).text) == []


def test_a_choice_made_in_the_form_is_not_asked_for_again(client: TestClient) -> None:
    number = first(client)
    assert client.post("/report", data={**LAMP, "joins": number}).status_code == 303
    assert client.post("/report", data={**LAMP, "joins": "own"}).status_code == 303


# ── the API ──────────────────────────────────────────────────────────────────────────


def test_other_channels_may_ask_what_is_near_and_join_by_number(
    client: TestClient, db: Database
) -> None:
    number = first(client)
    asked = "/api/v1/matters/near?lon=113.0108&lat=34.03"
    for more in ("&category=C-01-37", "&text=路灯不亮"):
        found = client.get(asked + more).json()
        assert found["category"] == "C-01-37"
        (known,) = found["matters"]
        assert known == {
            "number": number, "stage": "filed", "likely": False, "metres": 80, "hours": 0,
            "reports": 1, "zh": "路灯", "en": known["en"],
        }  # fmt: skip
    key = key_for(db, "ada")
    body = {"text": "路灯坏了", "lon": 113.0108, "lat": 34.03, "joins": number}
    made = client.post("/api/v1/reports", json=body, headers=key)
    assert made.status_code == 201
    assert made.json()["case"] == number
    gone = client.post("/api/v1/reports", json={**body, "joins": "261124-77"}, headers=key)
    assert (gone.status_code, gone.json()["field"]) == (409, "joins")
    line = '{"text": "路灯坏了", "lon": 113.0108, "lat": 34.03, "joins": "own"}\n'
    bulk = client.post("/api/v1/reports/bulk", content=line, headers=key).json()
    assert bulk["case"] != number


@pytest.mark.parametrize(
    "query",
    ["lon=113", "lon=113&lat=99", "lon=113&lat=34&limit=11", "lon=113&lat=34&category=X", "lon=113&lat=34&text=" + "x" * 501],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused_by_name(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/matters/near?{query}", headers={"accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["field"]


def test_similar_cases_come_with_reasons(client: TestClient, db: Database) -> None:
    number = first(client)
    client.post("/report", data={**LAMP, "joins": "own", "lon": "113.0108"})
    (one,) = client.get(f"/api/v1/cases/{number}/similar", headers=key_for(db, "ding")).json()
    assert one["metres"] == pytest.approx(74, abs=2)
    assert (one["class"], one["by_rule"], one["category"]) == ("same", False, "C-01-37")
    assert one["shared"] == ["小区门口路灯不亮"]


def test_rules_are_read_by_staff_and_set_by_those_who_keep_the_city(
    client: TestClient, db: Database
) -> None:
    ding, admin = key_for(db, "ding"), key_for(db, "admin")
    assert client.get("/api/v1/same-rules").status_code == 401
    assert [r["category"] for r in client.get("/api/v1/same-rules", headers=ding).json()] == ["", "E-04"]  # fmt: skip
    body = {"category": "C-01-37", "metres": 20}
    assert client.put("/api/v1/same-rules", json=body, headers=ding).status_code == 403
    made = client.put("/api/v1/same-rules", json=body, headers=admin).json()
    assert (made["metres"], made["hours"], made["own"]) == (20, 72, True)
    bad = client.put("/api/v1/same-rules", json={"metres": 200}, headers=admin)
    assert (bad.status_code, bad.json()["field"]) == (422, "near_metres")
    assert client.delete("/api/v1/same-rules?category=C-01-37", headers=admin).status_code == 204
    assert client.delete("/api/v1/same-rules?category=C-01-37", headers=admin).status_code == 404


# ── at the desk and in the workshop ──────────────────────────────────────────────────


def test_two_cases_side_by_side_are_merged_and_given_back(client: TestClient, db: Database) -> None:
    one = first(client)
    client.post("/report", data={**LAMP, "joins": "own", "lon": "113.0108"})
    with db.transaction() as tx:
        (two,) = tx.execute("select number from cases order by id desc").fetchone() or ("",)
    sign_in(client, "ding")
    here = f"/cases/{two}/beside/{one}"
    page = client.get(here).text
    assert "74 m" in page or "73 m" in page
    assert f"将 {two} 并入 {one}" in page
    assert f"将 {one} 并入 {two}" in page
    (version,) = re.findall(rf'acts/merge"><input type="hidden" name="version" value="(\d+)"><input type="hidden" name="into" value="{one}"', page)  # fmt: skip
    done = client.post(
        f"/cases/{two}/acts/merge", data={"into": one, "version": version, "back": here}
    )
    assert done.headers["location"] == here
    merged = client.get(here).text
    assert f"{two} 已并入 {one}" in merged
    assert "恢复到“待派遣”，带回上报 1 条；另一案保留 1 条" in merged
    assert "恢复到“待派遣”" in client.get(f"/cases/{two}").text
    assert f"/cases/{two}/beside/{one}" in client.get(f"/cases/{one}").text
    undo = re.search(r'acts/unmerge"><input type="hidden" name="version" value="(\d+)"', merged)
    assert undo is not None
    client.post(f"/cases/{two}/acts/unmerge", data={"version": undo[1], "back": here})
    assert f"将 {two} 并入 {one}" in client.get(here).text


def test_who_may_not_merge_is_offered_no_merging(client: TestClient, db: Database) -> None:
    one = first(client)
    client.post("/report", data={**LAMP, "joins": "own", "lon": "113.0108"})
    with db.transaction() as tx:
        (two,) = tx.execute("select number from cases order by id desc").fetchone() or ("",)
    sign_in(client, "nora")
    page = client.get(f"/cases/{two}/beside/{one}")
    assert page.status_code == 200
    assert "acts/merge" not in page.text
    assert client.get(f"/cases/{two}/beside/261124-99").status_code == 404


def test_the_workshop_sets_a_rule_and_takes_it_back(client: TestClient) -> None:
    sign_in(client, "ding")
    assert client.get("/workshop/same").status_code == 403
    sign_in(client, "admin")
    assert "出厂设定" in client.get("/workshop/same").text
    said = {"category": "E-05", "metres": "80", "hours": "", "joins": "no"}
    assert client.post("/workshop/same", data=said).status_code == 303
    page = client.get("/workshop/same").text
    assert "本市设定" in page
    assert 'value="80"' in page
    for bad in ({"metres": "999"}, {"metres": "many"}, {"category": "Z"}):
        answer = client.post("/workshop/same", data={**said, **bad})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    client.post("/workshop/same", data={"category": "E-05", "drop": "1"})
    assert "本市设定" not in client.get("/workshop/same").text


def test_cases_that_several_spoke_of_can_be_listed(client: TestClient, db: Database) -> None:
    number = first(client)
    client.post("/report", data={**LAMP, "joins": "own", "lon": "113.03"})
    client.post("/report", data={**LAMP, "joins": number})
    found = client.get("/api/v1/cases?several=1&count=true", headers=key_for(db, "ding")).json()
    assert [c["number"] for c in found["cases"]] == [number]
    assert found["count"] == 1
