"""Frozen snapshots through HTTP: counted once, hashed, worked out again, and told what came later."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.cast import ADA
from tests.factories import KEY, NOW, same_random
from tests.web.hub import app_on, key_for
from tests.web.test_mirror import LATER, WEEK, got, lived
from zhongshu import jobs
from zhongshu.core.cases import Act
from zhongshu.core.facts import A_REPORTER, Position
from zhongshu.core.indicators import BY_CODE, Period
from zhongshu.core.snapshots import (
    Counted,
    Row,
    SnapshotFlaw,
    canonical,
    differences,
    digest,
    months_to_freeze,
    read,
    written,
)
from zhongshu.flow import snapshots
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import load
from zhongshu.store import snapshots as store
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub

EN = {"accept-language": "en"}


def supervising(db: Database) -> None:
    """Give Ada a supervisor's post besides her own."""
    with db.transaction() as tx:
        tx.execute(
            "with p as (insert into posts (duty, name_zh) values ('supervisor', '督办') returning id)"
            " insert into tenures (post, account, held_from) select p.id, a.id, '2026-01-01'"
            " from p, accounts a where a.login = 'ada'"
        )


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    yield from a_week(db)


def a_week(db: Database) -> Iterator[TestClient]:
    """Yield a client of a hub with a week behind it, whose Ada supervises."""
    with db.transaction() as tx:
        lived(tx, load(tx))
    supervising(db)
    hub = Hub(db=db, clock=lambda: LATER, random=same_random(), key=KEY)
    with TestClient(app_on(hub)) as made:
        made.headers.update(key_for(db, "ada"))
        yield made


@pytest.fixture
def frozen(client: TestClient) -> dict[str, Any]:
    answer = client.post("/api/v1/snapshots", json={"start": "2026-11-24", "until": "2026-12-01"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def reopened(db: Database) -> str:
    """Reopen a case that was closed in the week, long after it; return its number."""
    with db.transaction() as tx:
        row = tx.execute("select id, number from cases where stage = 'closed' order by id desc limit 1").fetchone()  # fmt: skip
        assert row is not None
        act(
            tx,
            load(tx),
            row[0],
            Act.REOPEN,
            by=ADA,
            at=NOW + timedelta(days=6),
            form=Form(reason="又"),
        )
    return str(row[1])


def test_a_snapshot_has_the_figures_of_the_mirror_and_the_hash_of_its_text(
    client: TestClient, frozen: dict[str, Any]
) -> None:
    text = client.get(f"/api/v1/snapshots/{frozen['number']}/document").content
    assert hashlib.sha256(text).hexdigest() == frozen["sha256"]
    said = json.loads(text)
    whole = next(row for row in said["rows"] if row["of"] == "whole")
    shown = {o["code"]: o for o in got(client, f"/api/v1/indicators?{WEEK}")["indicators"]}
    for code, one in shown.items():
        n, d, out = whole["figures"].get(code, (0, 0, {}))
        assert (n, d) == (one["numerator"], one["denominator"]), code
        assert out == {x["reason"]: x["count"] for x in one["excluded"]}
    assert said["formulas"] == {code: one.version for code, one in BY_CODE.items()}
    assert {row["of"] for row in said["rows"]} >= {"whole", "unit", "district"}


def rated(db: Database, at: datetime, *, solved: bool, satisfied: int) -> str:
    """Rate the case that was closed last; return its number."""
    with db.transaction() as tx:
        row = tx.execute("select id, number from cases where stage = 'closed' order by id desc limit 1").fetchone()  # fmt: skip
        assert row is not None
        form = Form(solved=solved, satisfied=satisfied)
        act(tx, load(tx), row[0], Act.RATE, by=A_REPORTER, at=at, form=form)
    return str(row[1])


def test_a_rating_given_anew_counts_otherwise_by_the_answer_it_changes_alone(
    client: TestClient, db: Database, frozen: dict[str, Any]
) -> None:
    why = f"/api/v1/snapshots/{frozen['number']}/why"
    number = rated(db, NOW + timedelta(days=6), solved=True, satisfied=2)
    assert got(client, f"{why}/said_satisfied") == []  # again not satisfied, in another rating
    (one,) = got(client, f"{why}/said_solved")
    assert (one["case"], one["then"]) == (number, ["answered_solved"])
    assert one["now"] == ["answered_solved", "said_solved"]


def test_no_case_is_called_moved_that_nothing_was_written_about(
    client: TestClient, db: Database, frozen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = reopened(db)
    with db.transaction() as tx:
        found = snapshots.find(tx, frozen["number"])
        for code in ("closing", "first_time", "reopened"):
            assert [w.number for w in snapshots.why(tx, found, BY_CODE[code])] == [number], code
    assert "The first" not in client.get(f"/mirror/snapshots/{found.id}/why/closing", headers=EN).text  # fmt: skip
    monkeypatch.setattr(snapshots, "MOST_WHY", 1)
    assert "The first 1." in client.get(f"/mirror/snapshots/{found.id}/why/closing", headers=EN).text  # fmt: skip


def of_north(db: Database) -> None:
    """Let Ada see the whole city as before, and supervise district N alone."""
    with db.transaction() as tx:
        tx.execute("update posts set area = (select id from areas where code = 'N') where duty = 'supervisor'")  # fmt: skip


def test_whoever_supervises_one_area_freezes_no_figures_of_the_city(
    client: TestClient, db: Database
) -> None:
    of_north(db)
    week = {"start": "2026-11-24", "until": "2026-12-01"}
    assert client.post("/api/v1/snapshots", json=week).status_code == 403
    page = client.get("/mirror/snapshots", headers=EN)
    assert page.status_code == 200  # Ada reads of the whole city
    assert "Freeze</button>" not in page.text


def test_what_comes_later_changes_no_frozen_number_and_is_told_with_its_cause(
    client: TestClient, db: Database, frozen: dict[str, Any]
) -> None:
    here = f"/api/v1/snapshots/{frozen['number']}"
    assert got(client, f"{here}/since") == []
    number = reopened(db)
    assert got(client, here)["sha256"] == frozen["sha256"]
    assert got(client, f"{here}/check") == {"flaws": [], "differences": []}
    moved = {d["indicator"]: d for d in got(client, f"{here}/since") if d["of"] == "whole"}
    assert moved["reopened"]["now"]["numerator"] == moved["reopened"]["then"]["numerator"] + 1
    why = got(client, moved["reopened"]["why"])
    assert [(one["case"], one["then"], one["now"]) for one in why] == [(number, [], ["reopened"])]
    assert "case:reopened" in [f["kind"] for f in why[0]["since"]]
    page = client.get(f"/mirror/snapshots/{frozen['number']}", headers=EN).text
    assert "adds up to the same figures" in page
    told = client.get(f"/mirror/snapshots/{frozen['number']}/why/reopened", headers=EN).text
    assert number in told
    assert "reopened" in told


def test_every_number_of_a_snapshot_opens_as_many_cases_as_were_known_then(
    client: TestClient, db: Database, frozen: dict[str, Any]
) -> None:
    reopened(db)
    page = client.get(f"/mirror/snapshots/{frozen['number']}", headers=EN).text
    links = set(re.findall(r'href="(/mirror/cases\?[^"]+)">([\d,]+)</a>', page))
    assert len(links) > 60
    for path, n in sorted(links)[::3]:
        rows = client.get(path.replace("&amp;", "&"), headers=EN).text.count("<tr><td>")
        assert rows == int(n), path


def test_a_period_is_frozen_once_and_only_when_it_is_over(
    client: TestClient, frozen: dict[str, Any]
) -> None:
    again = client.post("/api/v1/snapshots", json={"start": "2026-11-24", "until": "2026-12-01"})
    assert (again.status_code, again.json()["value"]) == (409, frozen["number"])
    early = client.post("/api/v1/snapshots", json={"start": "2026-11-24", "until": "2027-01-01"})
    assert (early.status_code, early.json()["field"]) == (409, "until")
    bad = client.post("/api/v1/snapshots", json={"start": "2026-11-24", "until": "2026-11-20"})
    assert (bad.status_code, bad.json()["field"]) == (422, "start")
    told = client.post("/mirror/snapshots", data={"from": "soon", "to": "2026-11-25"}, headers={"accept": "application/json"})  # fmt: skip
    assert (told.status_code, told.json()["field"]) == (422, "from")
    form = client.post("/mirror/snapshots", data={"from": "2026-11-24", "to": "2026-11-25"}, follow_redirects=False)  # fmt: skip
    assert form.status_code == 303
    assert client.get(form.headers["location"]).status_code == 200
    assert "2026-11-24" in client.get("/mirror/snapshots").text


def test_only_who_sees_the_whole_city_reads_its_frozen_figures(
    client: TestClient, db: Database, frozen: dict[str, Any]
) -> None:
    nora = key_for(db, "nora")
    for path in ("/api/v1/snapshots", f"/api/v1/snapshots/{frozen['number']}/why/closing", "/mirror/snapshots"):  # fmt: skip
        assert client.get(path, headers=nora).status_code == 403
    assert client.get("/api/v1/snapshots/99").status_code == 404
    assert client.get(f"/api/v1/snapshots/{frozen['number']}/why/speed").status_code == 404


@pytest.mark.parametrize(
    "word", ["upto=x", "upto=-1-2", "known=soon", "upto=99999999999999999999-1"]
)
def test_what_was_known_is_asked_for_in_words_that_can_be_read(client: TestClient, word: str) -> None:  # fmt: skip
    answer = client.get(f"/api/v1/indicators?{WEEK}&{word}")
    assert (answer.status_code, answer.json()["field"]) == (422, word.partition("=")[0])


def test_the_figures_as_known_at_a_moment_are_those_of_that_moment(
    client: TestClient, db: Database
) -> None:
    def of(query: str) -> dict[str, Any]:
        found = got(client, f"/api/v1/indicators?{query}")["indicators"]
        return {o["code"]: (o["numerator"], o["denominator"]) for o in found}

    then = of(WEEK)
    reopened(db)
    assert of(WEEK) != then
    assert of(f"{WEEK}&known=2026-11-29") == then


def test_the_database_changes_no_snapshot(db: Database, frozen: dict[str, Any]) -> None:
    assert frozen
    for statement in (
        "update snapshots set document = '{}'", "delete from snapshots", "truncate snapshots cascade",
        "insert into snapshots (since, until, upto_tx, upto_id, frozen_at, document, sha256) values ('2020-01-01', '2020-02-01', '0', 0, '2020-02-02', '{}', '\\x00')",
    ):  # fmt: skip
        with pytest.raises(psycopg.Error), db.transaction() as tx:
            tx.execute(statement)  # type: ignore[arg-type]


def test_whoever_gets_round_the_database_is_found_by_the_hash(
    db: Database, frozen: dict[str, Any]
) -> None:
    with db.transaction() as tx:
        city = load(tx)
        good = snapshots.find(tx, frozen["number"])
        assert snapshots.checked(tx, city, good) == ((), [])
        forged = good.document.replace('"closing"', '"closinG"', 1)
        assert snapshots.checked(tx, city, replace(good, document=forged))[0] == (SnapshotFlaw.HASH_WRONG,)  # fmt: skip
        said = read(good.document)
        rows = [
            replace(said.rows[0], figures={**said.rows[0].figures, "closing": (6, 6, {})}),
            *said.rows[1:],
        ]
        lie = written(replace(said, rows=rows))
        found = snapshots.checked(tx, city, replace(good, document=lie, sha256=digest(lie)))
        assert found[0] == (SnapshotFlaw.RECOUNT_DIFFERS,)
        assert [d.indicator for d in found[1]] == ["closing"]


def test_the_hub_freezes_each_month_that_is_over_once(db: Database, client: TestClient) -> None:
    assert client
    zone = ZoneInfo("Asia/Shanghai")
    with db.transaction() as tx:
        city = load(tx)
    jobs.months(db, lambda: city, lambda: NOW + timedelta(days=2))  # in November: October was empty
    assert got(client, "/api/v1/snapshots") == []
    for _ in range(2):
        jobs.months(db, lambda: city, lambda: datetime(2027, 2, 3, tzinfo=zone))
    jobs.months(db, lambda: city, lambda: datetime(2027, 4, 1, tzinfo=zone))
    months = [one.period for one in reversed(_all(db))]
    assert [f"{p.start.astimezone(zone):%m}" for p in months] == ["01", "02", "03"]
    assert all(one.by_name == "" for one in _all(db))


def _all(db: Database) -> list[store.Entry]:
    with db.transaction() as tx:
        return list(store.latest(tx))


def test_months_are_whole_and_follow_one_another() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now = datetime(2026, 3, 15, 9, tzinfo=zone)
    found = list(months_to_freeze(datetime(2025, 12, 31, 16, tzinfo=ZoneInfo("UTC")), now))
    assert [(f"{p.start:%Y-%m-%d}", f"{p.until:%Y-%m-%d}") for p in found] == [
        ("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01"),
    ]  # fmt: skip
    assert len(list(months_to_freeze(None, now))) == 1
    assert list(months_to_freeze(datetime(2026, 3, 1, tzinfo=zone), now)) == []


def test_a_document_has_one_text() -> None:
    assert canonical({"b": 1, "a": "中"}) == '{"a":"中","b":1}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"a": float("nan")})


def test_another_formula_is_another_question_and_no_difference() -> None:
    then = Counted(
        period=Period(start=NOW, until=NOW + timedelta(days=1)), upto=Position(1, 2), at=NOW, zone="UTC",
        formulas={"closing": 1, "return": 1}, rows=[Row(of="whole", figures={"closing": (1, 2, {}), "return": (1, 2, {})})],
    )  # fmt: skip
    assert read(written(then)) == then
    now = replace(then, formulas={"closing": 2, "return": 1}, rows=[Row(of="whole", figures={})])
    assert [(d.indicator, d.then, d.now) for d in differences(then, now)] == [("return", (1, 2, {}), (0, 0, {}))]  # fmt: skip
