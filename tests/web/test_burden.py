"""The burden meter against a slow reading of the ledger; and the areas over twelve months."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cast import DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from tests.web.hub import key_for
from tests.web.test_mirror import WEEK, got
from tests.web.test_snapshots import EN, a_week, reopened
from zhongshu.core.burden import FIELDS, GAUGES, Load
from zhongshu.core.cases import Act
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.values import CaseId
from zhongshu.flow import city
from zhongshu.flow.acts import Form, act
from zhongshu.store import facts
from zhongshu.store.db import Database


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    yield from a_week(db)


def told(fact: Fact) -> set[str]:
    """What somebody filled in with a fact, as it says itself."""
    opened = fact.says.get("said", {}) if fact.says.get("move") == "open" else {}
    return {f for f in FIELDS if any(where.get(f) not in (None, "") for where in (fact.says, fact.sets, opened))}  # fmt: skip


def slow(db: Database) -> Counter[Load]:
    """Count the week by walking through each case's facts."""
    found: Counter[Load] = Counter()
    with db.transaction() as tx:
        every = [facts.of_case(tx, CaseId(row[0])) for row in tx.execute("select id from cases")]
    for each in every:
        hand = [f for f in each if f.by.account is not None and f.at < NOW + timedelta(days=8)]
        found[Load.WORKED] += bool(hand)
        for n, fact in enumerate(hand):
            fields = told(fact)
            found[Load.ACT] += 1
            found[Load.FORM] += bool(fields)
            found[Load.FIELD] += len(fields)
            found[Load.ASKED_AGAIN] += any(
                e.kind is fact.kind and told(e) & fields for e in hand[:n]
            )
            found[Load.CAME_BACK] += fact.kind is Kind.RETURNED
            found[Load.MOVED] += fact.kind is Kind.DISPATCHED
            then = next((f.kind for f in each if f.seq > fact.seq and f.kind in (Kind.RETURNED, Kind.DISPATCHED, Kind.ACCEPTED)), None)  # fmt: skip
            found[Load.IN_VAIN] += fact.kind is Kind.DISPATCHED and then in (Kind.RETURNED, Kind.DISPATCHED)  # fmt: skip
    return found


def test_the_meter_counts_what_a_slow_reading_counts_and_opens_it(client: TestClient, db: Database) -> None:  # fmt: skip
    found = got(client, f"/api/v1/burden?{WEEK}")
    want = slow(db)
    assert found["whole"]["counts"] == {load.value: want[load] for load in Load}
    assert want[Load.ASKED_AGAIN] > 0
    assert want[Load.IN_VAIN] == 1
    for one in (found["whole"], *found["units"]):
        for load, path in one["cases"].items():
            if load != "field":
                assert len(got(client, path + "&limit=200")["items"]) == one["counts"][load], path
        opened = got(client, one["cases"]["field"] + "&limit=200")["items"]
        assert sum(len(x["fields"]) for x in opened) == one["counts"]["field"]
    for load in Load:
        if load is not Load.WORKED:  # two units may work on one case
            assert sum(u["counts"][load] for u in found["units"]) == want[load]
    per = found["whole"]["per"]
    assert per["acts"] == want[Load.ACT] / want[Load.WORKED]
    assert set(per) == set(GAUGES)


def test_a_dispatch_taken_back_at_once_is_work_but_sends_nobody(
    client: TestClient, db: Database
) -> None:
    before = got(client, f"/api/v1/burden?{WEEK}")["whole"]["counts"]
    at = NOW + timedelta(days=4)
    with db.transaction() as tx:
        here = city.load(tx)
        case = sent(tx, here, draft("井盖丢了", lon=113.03, lat=34.01), now=at)
        act(tx, here, case.id, Act.DISPATCH, by=DING, at=at, form=Form())
        act(tx, here, case.id, Act.WITHDRAW, by=DING, at=at + timedelta(seconds=2), form=Form())
        act(tx, here, case.id, Act.DISPATCH, by=DING, at=at + timedelta(seconds=4), form=Form())
        act(tx, here, case.id, Act.ACCEPT, by=HANA, at=at + timedelta(hours=1), form=Form())
    whole = got(client, f"/api/v1/burden?{WEEK}")["whole"]
    assert whole["counts"]["act"] == before["act"] + 4
    assert whole["counts"]["moved"] == before["moved"] + 1
    assert whole["counts"]["in_vain"] == before["in_vain"]
    for load_ in ("moved", "in_vain"):
        opened = got(client, whole["cases"][load_] + "&limit=200")["items"]
        assert len(opened) == whole["counts"][load_]


def test_the_meter_is_of_what_was_known_and_of_what_lies_in_no_area(
    client: TestClient, db: Database
) -> None:
    position = client.post("/api/v1/snapshots", json={"start": "2026-11-24", "until": "2026-12-01"}).json()["position"]  # fmt: skip
    before = got(client, f"/api/v1/burden?{WEEK}")["whole"]
    number = reopened(db)
    assert got(client, f"/api/v1/burden?{WEEK}")["whole"]["counts"]["act"] == before["counts"]["act"] + 1  # fmt: skip
    for known in (f"upto={position}", "known=2026-11-29"):
        then = got(client, f"/api/v1/burden?{WEEK}&{known}")["whole"]
        assert then["counts"] == before["counts"], known
        opened = got(client, then["cases"]["act"] + "&limit=200")["items"]
        assert len(opened) == then["counts"]["act"]
        assert (number, "case:reopened") not in {(o["case"], o["what"]) for o in opened}
    assert got(client, f"/api/v1/burden?{WEEK}&outside=district")["whole"]["counts"]["act"] == 0


def test_the_page_of_the_meter_names_no_person_and_opens_its_numbers(client: TestClient) -> None:
    page = client.get(f"/mirror/burden?{WEEK}", headers=EN).text
    main = page[page.index("<main") :]
    for name in ("Hana", "Ding", "Cheng", "hana", "ding", "cheng"):
        assert name not in main
    links = set(re.findall(r'href="(/mirror/burden/cases\?[^"]+)">([\d,]+)</a>', main))
    assert len(links) > 8
    for path, n in sorted(links):
        if "load=field" not in path:
            rows = client.get(path.replace("&amp;", "&"), headers=EN).text.count("<tr><td")
            assert rows == int(n), path
    table = client.get(f"/api/v1/burden.csv?{WEEK}").text
    assert table.splitlines()[0].endswith(
        "worked,act,form,field,asked_again,came_back,moved,in_vain"
    )
    refused = client.get("/api/v1/burden/cases?load=people")
    assert (refused.status_code, refused.json()["field"]) == (422, "load")


def test_somebody_of_one_district_sees_its_burden_only(client: TestClient, db: Database) -> None:
    whole = got(client, f"/api/v1/burden?{WEEK}")["whole"]["counts"]["act"]
    nora = client.get(f"/api/v1/burden?{WEEK}", headers=key_for(db, "nora")).json()
    assert 0 < nora["whole"]["counts"]["act"] < whole


# ── areas over twelve months ─────────────────────────────────────────────────────────


def test_areas_stand_by_code_on_one_scale_and_each_bar_opens_its_month(client: TestClient) -> None:
    found = got(client, "/api/v1/indicators/first_time/series")
    codes = [row["area"] for row in found["areas"] if row["area"]]
    assert codes == sorted(codes)
    assert len(found["periods"]) == 12
    november = [p["from"][:7] for p in found["periods"]].index("2026-11")
    whole = got(client, "/api/v1/indicators?from=2026-11-01&to=2026-11-30")
    want = next(o for o in whole["indicators"] if o["code"] == "first_time")
    points = [row["points"][november] for row in found["areas"]]
    assert sum(p["denominator"] for p in points) == want["denominator"] > 0
    page = client.get("/mirror/areas?code=first_time", headers=EN).text
    assert page.count('<svg viewBox="0 0 240 72"') == len(found["areas"])
    path, n = re.findall(
        r'<a href="(/mirror/cases\?[^"]+)"><rect[^>]*/><title>[^<]*\((\d+) /', page
    )[0]
    assert client.get(path.replace("&amp;", "&"), headers=EN).text.count("<tr><td>") == int(n)
    rows: list[Any] = client.get("/api/v1/indicators/first_time/series.csv").text.splitlines()
    assert len(rows) == 1 + 12 * len(found["areas"])
    assert client.get("/mirror/areas?code=speed").status_code == 404
