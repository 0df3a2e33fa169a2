"""The field app's side of the hub, through HTTP: tasks, retries, photos, places looked at."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.factories import NOW
from tests.web.hub import app_on, hub_on, key_for
from tests.web.test_api import act, report
from zhongshu.core.facts import Kind
from zhongshu.flow import field as flow
from zhongshu.flow.once import KEPT_FOR, forget
from zhongshu.store import accounts
from zhongshu.store.db import Database

Headers = dict[str, str]


def hire(db: Database, login: str, duty: str, area: str = "", unit: str = "") -> Headers:
    """Appoint somebody to a post of their own, and return their key."""
    with db.transaction() as tx:
        account = accounts.add(tx, login=login, name=login.title(), password_hash=None)
        rows = tx.execute(
            "select (select id from areas where code = %s), (select id from units where code = %s)",
            (area, unit),
        ).fetchone()
        assert rows is not None
        post = accounts.add_post(tx, duty=duty, name_zh=duty, area=rows[0], unit=rows[1])
        accounts.appoint(tx, account, post, at=NOW)
    return key_for(db, login)


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db))) as made:
        yield made


@pytest.fixture
def wei(db: Database) -> Headers:
    """A grid worker on N-1."""
    return hire(db, "wei", "grid_worker", area="N-1")


def photo(colour: str = "#808080") -> str:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def tasks(client: TestClient, who: Headers) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/field/tasks", headers=who)
    assert answer.status_code == 200, answer.text
    return answer.json()["tasks"]


def dispatched(client: TestClient, db: Database, who: Headers, **fields: Any) -> str:
    """A case that waits for the street lights to take it on."""
    number = report(client, who, **fields)["case"]
    assert act(client, key_for(db, "ding"), number, "dispatch").status_code == 200
    return number


def kinds(client: TestClient, db: Database, number: str) -> list[str]:
    facts = client.get(f"/api/v1/cases/{number}/facts", headers=key_for(db, "ding")).json()
    return [fact["kind"] for fact in facts]


# ── tasks ────────────────────────────────────────────────────────────────────────────


def test_a_task_is_what_ones_posts_may_act_on_now_and_nothing_else(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana, cheng = key_for(db, "hana"), key_for(db, "cheng")
    lamp = dispatched(client, db, wei)
    dispatched(client, db, wei, text="井盖丢了")  # goes to another unit
    assert [t["number"] for t in tasks(client, hana)] == [lamp]
    assert [a["act"] for a in tasks(client, hana)[0]["acts"]] == ["accept", "return", "note"]
    assert tasks(client, wei) == tasks(client, cheng) == []
    for what, form in (("accept", {}), ("handle", {"outcome": "solved"})):
        assert what in {a["act"] for a in tasks(client, hana)[0]["acts"]}
        assert act(client, hana, lamp, what, **form).status_code == 200
    assert tasks(client, hana) == []
    for who in (wei, cheng):
        assert [a["act"] for a in tasks(client, who)[0]["acts"]] == ["pass", "fail", "note"]


def test_every_act_a_task_offers_is_one_the_hub_takes(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    bodies = {
        "return": {"reason": "not ours", "clause": "3"}, "note": {"note": "x"}, "accept": {},
        "handle": {"outcome": "solved"}, "pass": {}, "fail": {"reason": "still dark"},
    }  # fmt: skip
    tried = set[str]()
    for so_far in ([], ["accept"], ["accept", "handle"]):
        for n in range(3):
            number = dispatched(client, db, wei, lat=34.022 + 0.002 * n, lon=113.002 + 0.002 * len(so_far))  # fmt: skip
            for what in so_far:
                assert act(client, hana, number, what, **bodies[what]).status_code == 200
            who = wei if len(so_far) == 2 else hana
            task = next(t for t in tasks(client, who) if t["number"] == number)
            offer = task["acts"][n]
            answer = client.post(offer["href"], json=bodies[offer["act"]], headers=who)
            assert answer.status_code == 200, answer.text
            tried.add(offer["act"])
            for then in offer["then"]:
                assert then["act"] in {a["act"] for a in answer.json()["acts"]}
    assert tried == set(bodies)


def test_tasks_come_in_the_order_they_expire_each_by_its_own_clock(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    first = dispatched(client, db, wei)
    urgent = dispatched(client, db, wei, text="路灯杆漏电", lat=34.021)
    listed = tasks(client, hana)
    assert [t["number"] for t in listed] == [urgent, first]
    assert listed[0]["due_at"] < listed[1]["due_at"]
    for number in (first, urgent):
        act(client, hana, number, "accept")
        act(client, hana, number, "handle", outcome="solved")
    check = tasks(client, wei)[0]
    clocks = client.get(f"/api/v1/cases/{check['number']}/clocks", headers=wei).json()
    due = next(c["due_at"] for c in clocks if c["kind"] == "check")
    assert datetime.fromisoformat(check["due_at"]) == datetime.fromisoformat(due)


def test_verifying_a_report_is_a_task_of_the_place(
    client: TestClient, db: Database, wei: Headers
) -> None:
    number = report(client, wei, text="有个地方不对")["case"]
    asked = client.post(
        f"/api/v1/cases/{number}/procedures/verify", json={}, headers=key_for(db, "ada")
    )
    assert asked.status_code == 201, asked.text
    task = tasks(client, wei)[0]
    assert (task["number"], task["procedures"][0]["kind"]) == (number, "verify")
    moves = {m["move"]: m for m in task["procedures"][0]["moves"]}
    assert set(moves) == {"confirm", "deny", "unable"}
    assert moves["deny"]["fields"] == ["reason"]
    body = {"photos": [{"data": photo()}]}
    headers = {**wei, "Idempotency-Key": "k"}
    for _ in range(2):  # the first answer was not heard
        answer = client.post(moves["confirm"]["href"], json=body, headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (200, "confirmed"), answer.text
    assert tasks(client, wei) == []
    assert kinds(client, db, number).count(Kind.PROCEDURE) == 2
    with db.transaction() as tx:
        assert tx.execute("select count(*), min(step) from photos").fetchone() == (1, "check")


def test_the_list_ends_where_a_device_is_full_and_says_so(
    client: TestClient, db: Database, wei: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "MOST", 2)
    for n in range(3):
        dispatched(client, db, wei, lat=34.021 + 0.004 * n)
    answer = client.get("/api/v1/field/tasks", headers=key_for(db, "hana")).json()
    assert (len(answer["tasks"]), answer["whole"]) == (2, False)
    monkeypatch.setattr(flow, "MOST", 3)
    answer = client.get("/api/v1/field/tasks", headers=key_for(db, "hana")).json()
    assert (len(answer["tasks"]), answer["whole"]) == (3, True)


# ── sending again ────────────────────────────────────────────────────────────────────


def test_an_act_sent_again_is_answered_again_and_done_once(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    act(client, hana, number, "accept")
    version = client.get(f"/api/v1/cases/{number}", headers=hana).json()["version"]
    body = {"outcome": "solved", "version": version, "photos": [{"data": photo()}]}
    url = f"/api/v1/cases/{number}/acts/handle"
    headers = {**hana, "Idempotency-Key": "9c1f"}
    first = client.post(url, json=body, headers=headers)
    again = client.post(url, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.json() == again.json()
    assert kinds(client, db, number).count("case:handled") == 1
    with db.transaction() as tx:
        assert tx.execute("select step from photos").fetchall() == [("after",)]
    # Without the key it is another act, and the case has moved on.
    assert client.post(url, json=body, headers=hana).status_code == 409


@pytest.mark.parametrize(
    ("what", "body"),
    [("note", {"note": "别的"}), ("note", {"note": "一", "done_at": "2026-11-24T01:00:00Z"}), ("accept", {"note": "一"})],
)  # fmt: skip
def test_a_key_used_for_something_else_is_refused(
    client: TestClient, db: Database, wei: Headers, what: str, body: dict[str, Any]
) -> None:
    hana = {**key_for(db, "hana"), "Idempotency-Key": "one"}
    number = dispatched(client, db, wei)
    assert act(client, hana, number, "note", note="一").status_code == 200
    refused = act(client, hana, number, what, **body)
    assert refused.status_code == 422
    assert refused.json()["field"] == "Idempotency-Key"
    # Another account's key of the same name is another key.
    other = {**key_for(db, "ding"), "Idempotency-Key": "one"}
    assert act(client, other, number, "note", note="二").status_code == 200
    assert kinds(client, db, number).count("case:noted") == 2


def test_what_was_refused_is_not_kept_and_may_be_sent_again_mended(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = {**key_for(db, "hana"), "Idempotency-Key": "one"}
    number = dispatched(client, db, wei)
    assert act(client, hana, number, "note", note="x", version=1).status_code == 409
    assert act(client, hana, number, "note", note="x").status_code == 200


def test_two_deliveries_at_the_same_moment_make_one_act(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = {**key_for(db, "hana"), "Idempotency-Key": "one"}
    number = dispatched(client, db, wei)
    answers: list[Any] = []
    start = threading.Barrier(4)

    def deliver() -> None:
        start.wait()
        answers.append(act(client, hana, number, "note", note="同一条"))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status_code for a in answers] == [200] * 4
    assert len({a.text for a in answers}) == 1
    assert kinds(client, db, number).count("case:noted") == 1


def test_answers_are_forgotten_after_a_week_and_say_nothing_of_whoever_asked(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = {**key_for(db, "hana"), "Idempotency-Key": "one"}
    number = dispatched(client, db, wei)
    act(client, hana, number, "note", note="一")
    with db.transaction() as tx:
        columns = tx.execute(
            "select column_name from information_schema.columns where table_name = 'answers'"
        ).fetchall()
        assert {c for (c,) in columns} == {"key", "body", "answer", "at"}
        assert forget(tx, at=NOW + KEPT_FOR) == 0
        assert forget(tx, at=NOW + KEPT_FOR + timedelta(seconds=1)) == 1


def test_a_report_with_its_photo_sent_again_is_one_report_with_one_photo(
    client: TestClient, db: Database, wei: Headers
) -> None:
    headers = {**wei, "Idempotency-Key": "r1"}
    taken = (NOW - timedelta(hours=3)).isoformat()
    body = {
        "text": "路灯不亮", "lon": 113.01, "lat": 34.03, "channel": "field", "at": taken,
        "photos": [{"data": photo(), "taken_at": taken}],
    }  # fmt: skip
    answers = [client.post("/api/v1/reports", json=body, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 200]
    assert answers[0].json()["code"] == answers[1].json()["code"]
    with db.transaction() as tx:
        rows = tx.execute("select step, taken_at from photos").fetchall()
    assert rows == [("report", NOW - timedelta(hours=3))]


def test_photos_from_the_field_are_judged_as_those_of_the_desk(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    act(client, hana, number, "accept")
    early = NOW - timedelta(days=2)
    shots = [
        {"data": photo("#010203"), "taken_at": early.isoformat(), "metres": 640},
        {"data": photo("#040506"), "taken_at": NOW.isoformat(), "metres": 12},
    ]
    done = act(client, hana, number, "handle", outcome="solved", photos=shots)
    assert done.status_code == 200, done.text
    kept = client.get(f"/api/v1/cases/{number}/photos", headers=hana).json()
    assert [(p["step"], p["metres"], p["findings"]) for p in kept] == [
        ("after", 640, ["early", "far"]), ("after", 12, [])
    ]  # fmt: skip
    assert [p["presented"] for p in kept] == [4, 4]
    facts = client.get(f"/api/v1/cases/{number}/facts", headers=hana).json()
    assert [p["findings"] for p in facts[-1]["says"]["photos"]] == [["early", "far"], []]
    wrong = [{"data": photo(), "metres": -1}]
    assert act(client, hana, number, "note", note="x", photos=wrong).status_code == 422


def test_photos_with_a_note_and_with_a_step_of_a_procedure_stand_in_their_facts(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    noted = act(client, hana, number, "note", note="x", photos=[{"data": photo()}])
    assert noted.status_code == 200
    facts = client.get(f"/api/v1/cases/{number}/facts", headers=hana).json()
    assert [p["step"] for p in facts[-1]["says"]["photos"]] == ["note"]
    page = client.get(f"/cases/{number}", headers=hana).text
    assert page.count("随附照片") >= 2  # among the photos and in the story


def test_the_same_picture_is_found_on_a_case_out_of_sight_by_its_number_alone(
    client: TestClient, db: Database, wei: Headers
) -> None:
    elsewhere = hire(db, "sun", "handler", unit="U2")
    hana, ding = key_for(db, "hana"), key_for(db, "ding")
    first, other = dispatched(client, db, wei), dispatched(client, db, wei, lat=34.0305)
    used = {"step": "after", "photos": [{"data": photo()}]}
    assert client.post(f"/api/v1/cases/{first}/photos", json=used, headers=hana).status_code == 201
    assert act(client, hana, other, "return", reason="x", clause="y").status_code == 200
    assert act(client, ding, other, "dispatch", unit="U2").status_code == 200
    assert client.get(f"/api/v1/cases/{first}", headers=elsewhere).status_code == 404
    said = client.post(f"/api/v1/cases/{other}/photos", json=used, headers=elsewhere).json()
    assert said["photos"][0]["same_as"] == [first]
    assert "used_elsewhere" in said["photos"][0]["findings"]


def test_the_version_after_photos_is_told_to_whoever_saw_the_one_before(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    seen = client.get(f"/api/v1/cases/{number}", headers=hana).json()["version"]
    url = f"/api/v1/cases/{number}/photos"
    mine = {"step": "before", "version": seen, "photos": [{"data": photo()}]}
    assert client.post(url, json=mine, headers=hana).json()["version"] == seen + 1
    # Somebody else's act lies between: what I do next from my page has to be asked about.
    assert client.post(url, json=mine, headers=hana).json()["version"] is None


def test_photos_of_before_come_apart_and_once(
    client: TestClient, db: Database, wei: Headers
) -> None:
    number = dispatched(client, db, wei)
    hana = {**key_for(db, "hana"), "Idempotency-Key": "p1"}
    url = f"/api/v1/cases/{number}/photos"
    body = {"step": "before", "photos": [{"data": photo()}, {"data": photo("#ff0000")}]}
    answers = [client.post(url, json=body, headers=hana) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    with db.transaction() as tx:
        assert tx.execute("select count(*) from photos where step = 'before'").fetchone() == (2,)
    elsewhere = hire(db, "sun", "handler", unit="U2")
    assert client.post(url, json=body, headers=elsewhere).status_code == 404
    many = {"step": "before", "photos": [{"data": photo()}] * 4}
    assert client.post(url, json=many, headers=key_for(db, "hana")).json()["field"] == "photos"
    broken = {"step": "before", "photos": [{"data": base64.b64encode(b"no picture").decode()}]}
    refused = client.post(url, json=broken, headers=key_for(db, "hana"))
    assert (refused.status_code, refused.json()["field"]) == (422, "photos")


@pytest.mark.parametrize(
    ("hours", "said"), [(-3, True), (-0.01, False), (2, False), (-24 * 40, False)]
)
def test_when_it_was_done_is_said_beside_the_fact_if_the_device_can_be_believed(
    client: TestClient, db: Database, wei: Headers, hours: float, *, said: bool
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    done = (NOW + timedelta(hours=hours)).isoformat()
    assert act(client, hana, number, "accept", done_at=done).status_code == 200
    fact = client.get(f"/api/v1/cases/{number}/facts", headers=hana).json()[-1]
    assert (fact["says"].get("done_at") == done) is said
    assert fact["at"].startswith("2026-11-24T02:00:00")


def test_what_one_account_did_is_not_sent_as_another(
    client: TestClient, db: Database, wei: Headers
) -> None:
    number = dispatched(client, db, wei)
    hana = key_for(db, "hana")
    with db.transaction() as tx:
        mine = accounts.by_login(tx, "hana")
    assert mine is not None
    other = act(client, {**hana, "hub-account": "1"}, number, "accept")
    assert (other.status_code, other.json()["field"]) == (401, "account")
    assert act(client, {**hana, "hub-account": str(mine.id)}, number, "accept").status_code == 200


# ── places that were looked at ───────────────────────────────────────────────────────


def seen(client: TestClient, who: Headers, query: str = "") -> dict[str, tuple[int, int, int]]:
    cells = client.get(f"/api/v1/patrols?{query}", headers=who).json()["cells"]
    return {c["area"]: (c["seen"], c["cells"], c["times"]) for c in cells}


def test_a_look_counts_for_the_place_and_adds_up_above_it(client: TestClient, db: Database) -> None:
    lead = hire(db, "gina", "grid_lead", area="N")
    assert seen(client, lead) == {"N-1": (0, 1, 0), "N-2": (0, 1, 0)}
    for key in ("a", "a", "b"):  # “a” came twice
        answer = client.post(
            "/api/v1/patrols", json={"area": "N-1"}, headers={**lead, "Idempotency-Key": key}
        )
        assert answer.status_code == 201, answer.text
    assert seen(client, lead) == {"N-2": (0, 1, 0), "N-1": (1, 1, 2)}
    assert seen(client, key_for(db, "cheng"))["N"] == (1, 2, 2)
    assert seen(client, lead, "day=2026-11-23") == {"N-1": (0, 1, 0), "N-2": (0, 1, 0)}


def test_nothing_of_whoever_looked_is_kept_anywhere(
    client: TestClient, db: Database, wei: Headers
) -> None:
    """A place, a day, a count: and no other row of the whole database changes."""

    def everything() -> dict[str, list[Any]]:
        with db.transaction() as tx:
            tables = tx.execute(
                "select relname from pg_class where relkind = 'r'"
                " and relnamespace = 'public'::regnamespace"
            ).fetchall()
            return {
                name: sorted(map(repr, tx.execute(f'select * from "{name}"').fetchall()))  # type: ignore[arg-type]
                for (name,) in tables
            }

    before = everything()
    assert client.post("/api/v1/patrols", json={"area": "N-1"}, headers=wei).status_code == 201
    after = everything()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"patrols"}
    with db.transaction() as tx:
        columns = tx.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_name = 'patrols' order by ordinal_position"
        ).fetchall()
    assert columns == [("area", "bigint"), ("day", "date"), ("seen", "integer")]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"area": "S-1"}, 403, "permission"),
        ({"area": "X"}, 404, "area"),
        ({"area": "M-1"}, 404, "area"),
        ({"area": "N-1", "day": "2026-11-25"}, 422, "day"),
        ({"area": "N-1", "day": "2026-11-16"}, 422, "day"),
        ({"area": "N-1", "who": "wei"}, 422, "who"),
    ],
)
def test_a_look_that_cannot_be_is_refused(
    client: TestClient, wei: Headers, body: dict[str, Any], status: int, field: str
) -> None:
    answer = client.post("/api/v1/patrols", json=body, headers=wei)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["remedy"]


def test_a_place_with_cells_below_is_looked_at_cell_by_cell(
    client: TestClient, db: Database
) -> None:
    cheng = key_for(db, "cheng")
    answer = client.post("/api/v1/patrols", json={"area": "N"}, headers=cheng)
    assert (answer.status_code, answer.json()["field"]) == (422, "area")
    day = {"area": "N-1", "day": "2026-11-17"}
    assert client.post("/api/v1/patrols", json=day, headers=cheng).status_code == 201


def test_who_may_not_check_may_not_count_looks(client: TestClient, db: Database) -> None:
    hana = key_for(db, "hana")
    assert client.post("/api/v1/patrols", json={"area": "N-1"}, headers=hana).status_code == 403
    assert client.get("/api/v1/patrols", headers=hana).status_code == 403
