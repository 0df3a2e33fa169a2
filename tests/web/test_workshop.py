"""The workshop: its landing, connectors' health, the words of the city, and the set-up wizard."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from tests.cast import DING
from tests.web.hub import app_on, key_for, signed_in
from zhongshu.store import city as city_store
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub
from zhongshu.web.pages.workshop import SECTIONS
from zhongshu.web.tally import Tally

API = {"accept": "application/json"}


def test_the_landing_leads_everywhere_and_says_what_deserves_a_look(
    admin: TestClient, db: Database
) -> None:
    page = admin.get("/workshop").text
    for path, *_ in SECTIONS:
        assert f'href="{path}"' in page, path
        assert admin.get(path).status_code == 200, path
        assert admin.get(path, headers={"accept-language": "zh"}).status_code == 200, path
    assert "steps missing" in page
    assert "The holidays of 2027 are not known yet" in page
    admin.cookies.clear()
    admin.cookies.update(signed_in(db, DING.account))  # type: ignore[arg-type]
    seen = admin.get("/workshop").text
    assert "/workshop/rules" in seen
    assert "/workshop/accounts" not in seen, "who may not enter is not shown the door"


def test_the_duty_catalogue_is_in_one_place(admin: TestClient) -> None:
    led = admin.get("/duty-rules?category=C-01-37&unit=U1&start=3")
    assert (led.status_code, led.headers["location"]) == (303, "/workshop/rules?category=C-01-37&unit=U1")  # fmt: skip
    assert 'id="r2"' in admin.get("/workshop/rules").text, "links to a rule still arrive"


# ── connectors ───────────────────────────────────────────────────────────────────────


def test_a_key_is_shown_once_counted_replaced_and_called_back(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    made = admin.post("/workshop/connectors", data={"login": "sensors", "name": "传感平台"})
    found = re.search(r"zs_[\w-]{20,}", made.text)
    assert found, "the key is shown"
    assert found[0] not in admin.get("/workshop/connectors").text, "this once"
    as_machine = {**API, "Authorization": f"Bearer {found[0]}"}
    with TestClient(app_on(hub)) as machine:
        assert machine.get("/api/v1/cases", headers=as_machine).status_code == 200
        assert machine.get("/api/v1/cases/261124-99", headers=as_machine).status_code == 404
        body = {"text": "x"}
        once = {**as_machine, "Idempotency-Key": "one"}
        assert machine.post("/api/v1/cases/261124-99/acts/note", json=body, headers=once).status_code >= 400  # fmt: skip
    key = one_key(admin)
    assert (key["requests"], key["refused"], key["conflicts"]) == (3, 2, 0)
    new = admin.post(f"/workshop/connectors/{key['key']}/rotate", data={"on": "2026-11-30"})
    second = re.search(r"zs_[\w-]{20,}", new.text)
    assert second
    with TestClient(app_on(hub)) as machine:
        for token in (found[0], second[0]):
            asked = machine.get(
                "/api/v1/cases", headers={**API, "Authorization": f"Bearer {token}"}
            )
            assert asked.status_code == 200, "both work until the day"
    assert admin.post(f"/workshop/connectors/{key['key']}/revoke", data={"on": "2026-11-24"}).status_code == 303  # fmt: skip
    with TestClient(app_on(hub)) as machine:
        assert machine.get("/api/v1/cases", headers=as_machine).status_code == 401
    assert admin.post(f"/workshop/connectors/{key['key']}/again").status_code == 409, "dead is dead"
    history = admin.get("/workshop/history?kind=key:").text
    assert all(text in history for text in ("Key made", "Key replaced", "Key called back"))


def test_looking_at_the_keys_writes_nothing_and_a_replay_says_how_far_it_came(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    admin.post("/workshop/connectors", data={"login": "sensors", "name": "传感平台"})
    with db.transaction() as tx:
        row = tx.execute("select key_hash from api_keys").fetchone()
        assert row is not None
        said = {"order": "pause", "at": {"replay:boston": ["2026-11-02T03:04:05+00:00", True, "x"]}}
        city_store.set_setting(tx, "replay", said)
    tally: Tally = admin.app.state.tally  # type: ignore[attr-defined]
    tally.count(row[0], refused=False, conflict=False)
    page = admin.get("/workshop/connectors").text
    assert one_key(admin)["requests"] == 0, "it is not the looking that writes"
    assert "stand still" in page
    assert "boston" in page
    assert "played up to 2026-11-02 11:04" in page, "as it is in Shanghai"
    tally.write()
    assert one_key(admin)["requests"] == 1


def test_counts_that_could_not_be_written_are_written_the_next_time(
    admin: TestClient, db: Database, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.post("/workshop/connectors", data={"login": "sensors", "name": "传感平台"})
    with db.transaction() as tx:
        row = tx.execute("select key_hash from api_keys").fetchone()
    assert row is not None
    tally = Tally(hub)
    tally.count(row[0], refused=True, conflict=False)
    with monkeypatch.context() as broken:
        broken.setattr("zhongshu.store.connectors.forget", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tally.write()
    tally.count(row[0], refused=False, conflict=True)
    tally.write()
    tally.write()
    key = one_key(admin)
    assert (key["requests"], key["refused"], key["conflicts"]) == (2, 1, 1)


def one_key(admin: TestClient) -> dict[str, object]:
    found = admin.get("/api/v1/connectors", headers=API).json()
    return next(k for k in found if k["login"] == "sensors")


def test_the_same_key_for_something_else_is_counted_as_a_conflict(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    from tests.factories import NOW, draft
    from tests.flow.test_intake import sent
    from zhongshu.flow.city import load

    with db.transaction() as tx:
        made = sent(tx, load(tx, at=NOW), draft())
    number = made.case_number if hasattr(made, "case_number") else made.number
    ding = {**API, **key_for(db, "ding"), "Idempotency-Key": "k1"}
    with TestClient(app_on(hub)) as machine:
        path = f"/api/v1/cases/{number}/acts/note"
        assert machine.post(path, json={"reason": "one"}, headers=ding).status_code == 200
        assert machine.post(path, json={"reason": "two"}, headers=ding).status_code == 422
    found = admin.get("/api/v1/connectors", headers=API).json()
    assert [(k["requests"], k["refused"], k["conflicts"]) for k in found] == [(2, 1, 1)]


# ── words, set-up ────────────────────────────────────────────────────────────────────


def test_a_city_calls_things_what_it_calls_them_and_takes_it_back(
    admin: TestClient, db: Database
) -> None:
    sent = {"about": ["level:grid", "duty:viewer"], "zh": ["片区", "观察员"], "en": ["Patch", ""]}
    assert admin.post("/workshop/words", data=sent).status_code == 303
    assert "Patch" in admin.get("/workshop/grid").text
    chinese = {"accept-language": "zh"}
    assert "观察员" in admin.get("/workshop/posts", headers=chinese).text
    assert "观察员" in admin.get("/workshop/posts").text, "where English has none, the other word"
    empty = {"about": ["level:grid"], "zh": [""], "en": [" "]}
    assert admin.post("/workshop/words", data=empty).status_code == 422
    page = admin.get("/workshop/history?kind=words:").text
    for fact in re.findall(r"/workshop/history/(\d+)/undo", page):
        assert admin.post(f"/workshop/history/{fact}/undo").status_code == 303
    assert "Patch" not in admin.get("/workshop/grid").text
    assert "观察员" not in admin.get("/workshop/posts", headers=chinese).text


def test_the_wizard_says_what_is_missing_and_each_step_counts_at_once(
    admin: TestClient, hub: Hub
) -> None:
    assert "Still missing" in admin.get("/workshop/start").text
    wrong = admin.post("/workshop/start/name", data={"name_zh": "新市", "zone": "Mars/Base"})
    assert wrong.status_code == 422
    assert "no time zone" in wrong.text
    named = {"name_zh": "新市", "name_en": "Newtown", "zone": "Asia/Shanghai"}
    assert admin.post("/workshop/start/name", data=named).status_code == 303
    assert "Newtown" in admin.get("/workshop/start").text
    days = {"year": "2027", "country": "CN"}
    assert admin.post("/workshop/start/days", data=days).status_code == 303
    assert any(day.year == 2027 for day in hub.city().days)
    table = "code,name_zh,parent\nX1,新单位,\nX2,无上级,nobody\n".encode()
    told = admin.post("/workshop/start/units", files={"file": ("units.csv", table)})
    assert "1 new, 0 there already, 1 refused" in told.text
    assert "nobody" in told.text
