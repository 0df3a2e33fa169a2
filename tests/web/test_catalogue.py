"""The workshop's catalogue over HTTP: pages as a browser without scripts sends them, and the API."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from tests.factories import NOW
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.catalogue_table import read_rows
from zhongshu.flow.signin import hashed_password
from zhongshu.link import sheets
from zhongshu.store.db import Database

PASSWORD = "a long enough password"
HTML = {"accept": "text/html"}
TODAY = NOW.date()
TOMORROW = (TODAY + timedelta(days=1)).isoformat()
Headers = dict[str, str]


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with db.transaction() as tx:
        tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
    with TestClient(app_on(hub_on(db)), headers=HTML) as made:
        yield made


def enter(client: TestClient, login: str) -> None:
    assert client.post("/login", data={"login": login, "password": PASSWORD}).status_code == 200


def begun(client: TestClient, name: str = "草稿") -> int:
    """Begin a draft of the version in force; return its number."""
    answer = client.post("/workshop/catalogue/drafts", data={"source": "1", "name": name})
    assert answer.status_code == 200
    assert name in answer.text
    return int(str(answer.url).rsplit("=", 1)[1])


def fields(page: str) -> dict[str, str]:
    """Return what the category's form would send as it stands."""
    form = page[page.index('name="seen"') - 200 : page.index("</form>", page.index('name="seen"'))]
    sent = {
        m[1]: html.unescape(m[2])
        for m in re.finditer(r'<input[^>]*? name="([\w-]+)"[^>]*? value="([^"]*)"', form)
        if "checkbox" not in m[0]
    }
    for select in re.finditer(r'<select[^>]* name="([\w-]+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="(\w+)" selected', select[2])
        sent[select[1]] = chosen[1] if chosen else "none"
    for box in re.finditer(r'type="checkbox" name="(hazard-\d+)" value="yes" checked', form):
        sent[box[1]] = "yes"
    return sent


def test_the_workshop_is_linked_for_those_who_keep_the_city_only(client: TestClient) -> None:
    enter(client, "admin")
    assert 'href="/workshop"' in client.get("/workshop").text
    client.post("/logout")
    enter(client, "ding")
    page = client.get("/desk").text
    assert 'href="/workshop"' not in page
    # Reading is for whoever reads the city; nothing there changes anything.
    shown = client.get("/workshop/catalogue").text
    assert "C-01-37" in shown
    assert "/workshop/catalogue/upload" not in shown
    assert "<textarea" not in client.get("/workshop/catalogue/1/C-01-37").text


def test_the_list_filters_by_layer_major_class_and_words(client: TestClient) -> None:
    enter(client, "admin")

    def codes(query: str) -> set[str]:
        page = client.get(f"/workshop/catalogue?{query}").text
        return set(re.findall(r'/workshop/catalogue/1/([CES]-[\w-]+)"', page))

    assert all(c.startswith("S") for c in codes("layer=service"))
    assert all(c.startswith("E-05") for c in codes("major=E-05"))
    assert codes("text=路灯") >= {"C-01-37"}
    assert codes("text=nothing at all") == set()


def test_a_draft_is_edited_compared_put_in_force_and_undone(client: TestClient) -> None:
    enter(client, "admin")
    number = begun(client)
    page = client.get(f"/workshop/catalogue/{number}/C-01-37").text
    sent = fields(page)
    assert sent["name_zh"] == "路灯"
    sent |= {
        "limit-1": "3工作日",
        "condition_zh-3": "灯罩缺损",
        "limit-3": "7wd",
        "photo_rule-3": "after",
    }
    saved = client.post(f"/workshop/catalogue/{number}/C-01-37", data=sent)
    assert saved.status_code == 200
    assert 'value="灯罩缺损"' in saved.text
    shown = client.get(f"/workshop/catalogue/{number}/difference").text
    assert "3 工作日" in shown
    assert "灯罩缺损 · 7 工作日" in shown
    there = client.post(
        f"/workshop/catalogue/{number}/in-force", data={"valid_from": TODAY.isoformat()}
    )
    assert "Admin" in there.text
    assert "灯罩缺损" in there.text
    assert "灯罩缺损" in client.get(f"/workshop/catalogue/{number}/C-01-37").text
    api = client.get("/api/v1/categories").json()
    assert api["version"] == number
    light = next(c for c in api["categories"] if c["code"] == "C-01-37")
    assert [(c["n"], c["limit"], c["photos"]) for c in light["conditions"]] == [
        (1, "3wd", "none"), (2, light["conditions"][1]["limit"], "none"), (3, "7wd", "after"),
    ]  # fmt: skip
    client.post("/workshop/catalogue/1/in-force", data={"valid_from": TODAY.isoformat()})
    assert client.get("/api/v1/categories").json()["version"] == 1


def test_a_limit_is_checked_as_typed_and_everything_typed_stays(client: TestClient) -> None:
    enter(client, "admin")
    number = begun(client)
    sent = fields(client.get(f"/workshop/catalogue/{number}/C-01-37").text)
    sent |= {"limit-2": "种植季节15工作日", "unit_type": "改过的单位"}
    answer = client.post(f"/workshop/catalogue/{number}/C-01-37", data=sent)
    assert answer.status_code == 422
    assert "条件 2 的时限：“种植季节15工作日”不是时限" in answer.text.replace("时限: ", "时限：")
    assert 'value="种植季节15工作日" aria-invalid=true' in answer.text
    assert 'value="改过的单位"' in answer.text
    again = client.get(f"/workshop/catalogue/{number}/C-01-37").text
    assert "改过的单位" not in again
    english = client.post(f"/workshop/catalogue/{number}/C-01-37?lang=en", data=sent)
    assert "Limit of condition 2: “种植季节15工作日” is not a time limit" in english.text


def test_a_category_is_added_retired_and_taken_out(client: TestClient) -> None:
    enter(client, "admin")
    number = begun(client)
    sent = {
        "code": "C-01-98", "name_zh": "景观亭", "blocks": "2", "limit-1": "5wd", "condition_zh-1": "破损",
        "hazard-2": "", "limit-2": "", "photo_rule-1": "after", "replaces": "C-01-01; C-01-02",
    }  # fmt: skip
    made = client.post(f"/workshop/catalogue/{number}/add", data=sent)
    assert made.status_code == 200
    assert 'value="C-01-01;C-01-02"' in made.text
    twice = client.post(f"/workshop/catalogue/{number}/add", data=sent)
    assert twice.status_code == 422
    assert "C-01-98" in twice.text
    empty = client.post(
        f"/workshop/catalogue/{number}/add", data={"code": "C-01-97", "name_zh": "x"}
    )
    assert empty.status_code == 422
    retired = client.post(f"/workshop/catalogue/{number}/C-01-98/use", data={"active": "no"})
    assert "已停用" in retired.text
    dropped = client.post(f"/workshop/catalogue/{number}/C-01-98", data=sent | {"drop-1": "yes", "blocks": "2", "limit-2": "9wd"})  # fmt: skip
    assert 'value="9 工作日"' in dropped.text
    assert "破损" not in dropped.text
    client.post(f"/workshop/catalogue/{number}/C-01-98/remove")
    assert client.get(f"/workshop/catalogue/{number}/C-01-98").status_code == 404


def test_a_version_that_waits_is_withdrawn_from_the_page(client: TestClient) -> None:
    enter(client, "admin")
    number = begun(client)
    page = client.post(f"/workshop/catalogue/{number}/in-force", data={"valid_from": TOMORROW}).text
    assert "待生效" in page
    assert f"/workshop/catalogue/{number}/withdraw" in page
    assert "草稿" in client.post(f"/workshop/catalogue/{number}/withdraw").text
    past = client.post(f"/workshop/catalogue/{number}/in-force", data={"valid_from": "2020-01-01"})
    assert past.status_code == 422
    bad = client.post(f"/workshop/catalogue/{number}/in-force", data={"valid_from": "soon"})
    assert bad.status_code == 422


TABLE = "类型,大类代码,小类代码,小类名称,立案条件,处置时限\n部件,1,1,上水井盖,缺失,2紧急工作时\n部件,1,1,上水井盖,破损,4工作时\n部件,1,2,污水井盖,缺失,1紧急工作时制止\n"


def test_an_upload_becomes_a_draft_with_an_account_of_its_rows(client: TestClient) -> None:
    enter(client, "admin")
    file = {"file": ("标准.csv", TABLE.encode("gb18030"))}
    page = client.post("/workshop/catalogue/upload", files=file).text
    assert "读取 3 行 = 采用 2 行 + 未采用 1 行" in page
    assert "1紧急工作时制止" in page
    assert "不是时限" in page
    link = re.search(r"/workshop/catalogue/\d+/rejects.csv", page)
    assert link is not None
    rejects = client.get(link[0]).content.decode("utf-8-sig").splitlines()
    assert rejects[1].startswith("3,limit,1紧急工作时制止,")
    nothing = client.post("/workshop/catalogue/upload", data={"name": "x"})
    assert nothing.status_code == 422
    odd = client.post("/workshop/catalogue/upload", files={"file": ("a.xlsx", b"not a workbook")})
    assert odd.status_code == 422
    unknown = client.post("/workshop/catalogue/upload", files={"file": ("a.csv", b"x,y\n1,2\n")}, data={"columns": "code=z"})  # fmt: skip
    assert unknown.status_code == 422
    assert "code=z" in unknown.text


def test_a_download_can_be_uploaded_and_changes_nothing(client: TestClient) -> None:
    enter(client, "admin")
    data = client.get("/api/v1/catalogues/1/table.xlsx?lang=zh").content
    assert load_workbook(io.BytesIO(data)).worksheets[0]["A1"].value == "类别代码"
    page = client.post("/workshop/catalogue/upload", files={"file": ("c.xlsx", data)}).text
    link = re.search(r"/workshop/catalogue/\d+/difference", page)
    assert link is not None
    assert "没有差别" in client.get(link[0]).text


def test_the_interface_does_what_the_pages_do(client: TestClient, db: Database) -> None:
    admin = key_for(db, "admin") | {"accept": "application/json"}
    rows = read_rows(sheets.read("a.csv", client.get("/api/v1/catalogues/1/table.csv", headers=admin).content).rows)  # fmt: skip
    assert len(rows.categories) == 112
    made = client.post("/api/v1/catalogues", json={"copy_of": 1, "name": "API"}, headers=admin)
    assert made.status_code == 201
    number = made.json()["version"]
    whole = client.get(f"/api/v1/catalogues/{number}", headers=admin).json()
    assert whole["state"] == "draft"
    light = next(c for c in whole["categories"] if c["code"] == "C-01-37")
    body: dict[str, Any] = {
        "zh": "路灯", "conditions": [{"zh": "不亮", "limit": "1wd", "photos": "after"}],
        "seen": light["fingerprint"],
    }  # fmt: skip
    path = f"/api/v1/catalogues/{number}/categories/C-01-37"
    assert client.put(path, json=body, headers=admin).json()["conditions"][0]["photos"] == "after"
    stale = client.put(path, json=body | {"zh": "灯"}, headers=admin)
    assert (stale.status_code, stale.json()["field"]) == (409, "category")
    bad = client.put(path, json={"zh": "路灯", "conditions": [{"limit": "1wd"}, {"limit": "soon"}]}, headers=admin)  # fmt: skip
    assert (bad.status_code, bad.json()["field"], bad.json()["value"]) == (422, "conditions[2].limit", "soon")  # fmt: skip
    assert client.delete(f"/api/v1/catalogues/{number}/categories/C-01-01", headers=admin).status_code == 204  # fmt: skip
    difference = client.get(f"/api/v1/catalogues/{number}/difference", headers=admin).json()
    assert {(c["code"], c["kind"]) for c in difference["changes"]} == {("C-01-01", "removed"), ("C-01-37", "changed")}  # fmt: skip
    assert [x["code"] for x in difference["lost"]] == ["C-01-01"]
    enacted = client.post(f"/api/v1/catalogues/{number}/in-force", json={"valid_from": TOMORROW}, headers=admin)  # fmt: skip
    assert enacted.json()["state"] == "scheduled"
    frozen = client.put(path, json=body, headers=admin)
    assert frozen.status_code == 409
    assert client.post(f"/api/v1/catalogues/{number}/withdraw", headers=admin).json()["state"] == "draft"  # fmt: skip
    rows_made = client.post(
        "/api/v1/catalogues", headers=admin,
        json={"name": "rows", "rows": [{"code": "E-01-10", "name_zh": "垃圾", "limit": "x"}, {"code": "E-01-11", "name_zh": "渣土", "limit": "1wd"}]},
    ).json()  # fmt: skip
    assert (rows_made["read"], rows_made["taken"], rows_made["refused"]) == (2, 1, 1)
    assert rows_made["rejects"][0]["field"] == "limit"
    sent = client.post("/api/v1/catalogues/file", files={"file": ("t.csv", TABLE.encode())}, headers=admin)  # fmt: skip
    assert (sent.status_code, sent.json()["taken"]) == (201, 2)
    listed = client.get("/api/v1/catalogues", headers=admin).json()
    assert [x["version"] for x in listed] == [4, 3, 2, 1]
    changes = client.get("/api/v1/catalogues/changes", headers=admin).json()["changes"]
    assert {c["by"] for c in changes} == {"Admin"}
    assert client.get("/api/v1/catalogues/99", headers=admin).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/catalogues"), ("PUT", "/api/v1/catalogues/1/categories/C-01-01"),
        ("DELETE", "/api/v1/catalogues/1/categories/C-01-01"),
        ("POST", "/api/v1/catalogues/1/in-force"), ("POST", "/api/v1/catalogues/1/withdraw"),
        ("POST", "/workshop/catalogue/drafts"), ("POST", "/workshop/catalogue/upload"),
        ("GET", "/workshop/catalogue/upload"), ("POST", "/workshop/catalogue/1/C-01-01"),
        ("POST", "/workshop/catalogue/1/C-01-01/remove"), ("POST", "/workshop/catalogue/1/withdraw"),
        ("POST", "/workshop/catalogue/1/in-force"), ("POST", "/workshop/catalogue/1/C-01-01/use"),
    ],
)  # fmt: skip
def test_only_who_keeps_the_city_may_change_it(
    client: TestClient, db: Database, method: str, path: str
) -> None:
    ding = key_for(db, "ding")
    body = (
        {"json": {"zh": "x", "conditions": [], "valid_from": TOMORROW}} if method == "PUT" else {}
    )
    assert client.request(method, path, headers=ding, **body).status_code == 403


def test_a_dispatcher_chooses_the_condition_on_the_page_of_the_case(
    client: TestClient, db: Database
) -> None:
    client.post("/report", data={"text": "路灯不亮了", "lon": "113.01", "lat": "34.03"})
    with db.transaction() as tx:
        row = tx.execute("select number, version from cases").fetchone()
    assert row is not None
    number, version = row
    enter(client, "ding")
    page = client.get(f"/cases/{number}").text
    assert 'name="condition"' in page
    assert "立案条件" in page
    done = client.post(
        f"/cases/{number}/acts/dispatch", data={"version": str(version), "condition": "2"}
    )
    assert done.status_code == 200
    with db.transaction() as tx:
        assert tx.execute("select condition from cases").fetchone() == (2,)
    api = client.get(f"/api/v1/cases/{number}", headers={"accept": "application/json"}).json()
    assert api["condition"] == 2
