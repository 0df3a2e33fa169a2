"""Campaigns: which cases they have, what their numbers say, and one act on many of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import sent
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import EVERYTHING, Duty, Sight
from zhongshu.core.campaigns import Campaign, CampaignState, CampaignStep, Fixed, bounds
from zhongshu.core.cases import Case, Filter, InCampaign, Measure, Order, Period
from zhongshu.core.facts import By
from zhongshu.core.values import AccountId, Name
from zhongshu.flow import campaigns
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import receive
from zhongshu.store import accounts, cases
from zhongshu.store import campaigns as store
from zhongshu.store.db import Database, Tx

DAY = timedelta(days=1)
SUE = By(account=AccountId(1))
#: Where a case may lie, and of which class: (lon, lat, area, its district), code.
PLACES = ((113.001, 34.03, "N-1", "N"), (113.03, 34.03, "N-2", "N"), (113.001, 34.001, "S-1", "S"), (113.018, 34.018, "S-1", "S"))  # fmt: skip
CLASSES = ("C-01-37", "C-01-23", "E-05-06")


def campaign(tx: Tx, city: City, **fields: Any) -> Campaign:
    made = {"since": NOW, "until": NOW + 10 * DAY, **fields}
    for name in ("areas",):
        made[name] = tuple(city.tree.named(code).id for code in made.get(name, ()))  # type: ignore[union-attr]
    return campaigns.make(tx, Campaign(id=0, name=Name("清渠行动", "Clear drains"), **made))


# ── against a hand that counts ───────────────────────────────────────────────────────

lives = st.tuples(
    st.integers(0, 3), st.integers(0, 2), st.sampled_from([-15, -10, -3, 0, 3, 9, 10, 20, 45]),
    st.sampled_from([None, 0, 2, 5, 15]),  # days until due
    st.sampled_from([None, None, 1, 4, 12, 30]),  # days until closed
    st.sampled_from(["open", "open", "merged", "rejected", "exempted", "exempted", "repeats"]),
)  # fmt: skip


def lived(tx: Tx, city: City, n: int, life: tuple[Any, ...]) -> dict[str, Any]:
    """Write a case as it came to stand; return what a hand would note of it."""
    place, kind, day, due, closed, how = life
    lon, lat, area, district = PLACES[place]
    at = NOW + day * DAY + timedelta(minutes=n)
    where = city.where(__import__("zhongshu.core.place", fromlist=["Point"]).Point(lon, lat))
    assert where is not None
    stage = how if how in ("merged", "rejected") else "closed" if closed is not None else "in_hand"
    tx.execute(
        "insert into cases (id, number, stage, reported_at, category, lon, lat, area, area_code,"
        " cells, unit, due_at, closed_at, exempted, repeat_of, merged_into, before_merge, version)"
        " values (%s, %s, %s, %s, (select id from categories where code = %s), %s, %s, %s, %s, %s,"
        " (select min(id) from units), %s, %s, %s, %s, %s, %s, 1)",
        (
            n + 1000, f"c-{n + 1000}", stage, at, CLASSES[kind], lon, lat, where["area"],
            where["area_code"], list(where["cells"]), None if due is None else at + due * DAY,
            None if closed is None else at + closed * DAY, how == "exempted",
            999 if how == "repeats" else None, 999 if how == "merged" else None,
            "filed" if how == "merged" else None,
        ),
    )  # fmt: skip
    return {
        "id": n + 1000, "at": at, "class": CLASSES[kind], "area": area, "district": district,
        "market": bool(where["cells"]), "due": None if due is None else at + due * DAY,
        "closed": None if closed is None else at + closed * DAY, "how": how,
    }  # fmt: skip


def counted(note: dict[str, Any], measure: Measure, moment: datetime) -> bool:
    """The slow way to ask whether a case is counted, at the end of a period."""
    out = note["how"] in ("merged", "rejected")
    if measure is Measure.LEFT_OUT:
        return out
    if out:
        return False
    done = note["closed"] is not None and note["closed"] < moment
    match measure:
        case Measure.NEW:
            return True
        case Measure.OPEN:
            return not done
        case Measure.CLOSED:
            return done
        case Measure.REPEAT:
            return note["how"] == "repeats"
        case Measure.OVERDUE:
            end = note["closed"] if done else moment
            return note["due"] is not None and note["due"] < end and note["how"] != "exempted"
        case _:
            raise AssertionError(measure)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)  # fmt: skip
@given(
    story=st.lists(lives, min_size=4, max_size=14), areas=st.sampled_from([(), ("N",), ("N-1", "S"), ("M-1",)]),
    classes=st.sampled_from([(), (), ("C-01",), ("C-01-37", "E-05")]), now=st.sampled_from([5, 10, 60]),
    hand=st.dictionaries(st.integers(0, 13), st.booleans(), max_size=3),
)  # fmt: skip
def test_every_number_is_that_of_a_hand_that_counts_and_of_the_list_behind_it(
    tx: Tx, city: City, story: list[Any], areas: tuple[str, ...], classes: tuple[str, ...],
    now: int, hand: dict[int, bool],
) -> None:  # fmt: skip
    with tx.transaction(force_rollback=True):
        tx.execute(
            "insert into cases (id, number, stage, reported_at, version)"
            " values (999, 'c-999', 'received', '2020-01-01', 1)"
        )
        notes = [lived(tx, city, n, life) for n, life in enumerate(story)]
        one = campaign(tx, city, areas=areas, categories=classes)
        at = NOW + now * DAY
        by_hand = {notes[n]["id"]: joined for n, joined in hand.items() if n < len(notes)}
        for case_id, joined in by_hand.items():
            store.put_cases(tx, one.id, [case_id], joined=joined, reason="", at=at, by=None)  # type: ignore[list-item]
        found = campaigns.compared(tx, city, EVERYTHING, one, now=at)
        for column in found.columns:
            since, until = bounds(one, column.period)
            mine = [n for n in notes if _belongs(n, since, until, areas, classes)]
            if column.period is Period.DURING:
                mine = [n for n in notes if by_hand.get(n["id"], n in mine)]
            moment = min(until, at)
            for measure in Measure:
                slow = {n["id"] for n in mine if counted(n, measure, moment)}
                asked = InCampaign(id=one.id, period=column.period, measure=measure, now=at)
                listed = cases.page(tx, EVERYTHING, Filter(campaign=asked), order=Order.NEWEST, after=None, limit=99)  # fmt: skip
                assert {c.id for c in listed} == slow
                assert getattr(column.whole, measure) == len(slow)
                for area in found.areas:
                    there = [n for n in mine if n["id"] in slow and _within(n, area.code)]
                    got = column.by_area.get(area.id)
                    assert (getattr(got, measure) if got else 0) == len(there)
            times = [(n["closed"] - n["at"]).total_seconds() for n in mine if counted(n, Measure.CLOSED, moment)]  # fmt: skip
            assert column.whole.median_s == (pytest.approx(median(times)) if times else None)


def _within(note: dict[str, Any], code: str) -> bool:
    return code in (note["area"], note["district"]) or (code == "M-1" and note["market"])


def _belongs(
    note: dict[str, Any], since: datetime, until: datetime, areas: tuple[str, ...],
    classes: tuple[str, ...],
) -> bool:  # fmt: skip
    return (
        since <= note["at"] < until
        and (not areas or any(_within(note, code) for code in areas))
        and (not classes or any(note["class"].startswith(code) for code in classes))
    )


# ── its way ──────────────────────────────────────────────────────────────────────────


def test_reporting_freezes_the_numbers_and_nothing_can_be_changed_after(tx: Tx, city: City) -> None:
    sent(tx, city, draft("路灯不亮"), now=NOW)
    one = campaign(tx, city)
    for n, step in enumerate(CampaignStep):
        one = campaigns.step(tx, city, one.id, step, at=NOW + (11 + n) * DAY, by=SUE, summary="好")
    assert (one.state, one.summary) == (CampaignState.REPORTED, "好")
    assert one.frozen is not None
    frozen = {c["period"]: c["whole"]["new"] for c in one.frozen["columns"]}
    assert frozen == {"before": 0, "during": 1, "after": 0}
    sent(tx, city, draft("路灯不亮", lon=113.03), now=NOW)
    (now,) = store.measured(tx, EVERYTHING, one.id, Period.DURING, now=NOW + 99 * DAY, areas=None)
    assert now.new == 2  # it lives on; what was reported stays
    assert campaigns.find(tx, one.id).frozen == one.frozen
    with pytest.raises(Fixed):
        campaigns.change(tx, one.id, {"purpose": "x"}, version=None)
    with pytest.raises(Fixed):
        campaigns.put(tx, one, [], joined=True, reason="", at=NOW, by=SUE)


def test_numbers_are_counted_in_sight_only(tx: Tx, city: City) -> None:
    for lon, lat in ((113.01, 34.03), (113.01, 34.001)):
        sent(tx, city, draft("路灯不亮", lon=lon, lat=lat))
    one = campaign(tx, city)
    north = Sight(areas=(city.tree.named("N").span,))  # type: ignore[union-attr]
    for sight, count in ((EVERYTHING, 2), (north, 1), (Sight(), 0)):
        found = campaigns.compared(tx, city, sight, one, now=NOW + DAY)
        assert found.columns[1].whole.new == count


# ── through HTTP ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def stormy(db: Database) -> Iterator[tuple[TestClient, dict[str, dict[str, str]], list[Case]]]:
    """Six cases to be dispatched, of two classes, and somebody who supervises."""
    with db.transaction() as tx:
        city = load(tx)
        account = accounts.add(tx, login="sue", name="Sue", password_hash=None)
        accounts.appoint(tx, account, accounts.add_post(tx, duty=Duty.SUPERVISOR, name_zh="督办"), at=NOW - DAY)  # fmt: skip
        drafts = [draft(("路灯不亮", "井盖丢了")[n % 2], lon=113.001 + 0.002 * n) for n in range(6)]
        receive(tx, city, drafts, now=NOW - DAY / 24, random=same_random(3), key=KEY)
        made = cases.page(tx, EVERYTHING, Filter(), order=Order.NEWEST, after=None, limit=9)
    with TestClient(app_on(hub_on(db))) as client:
        yield client, {n: key_for(db, n) for n in ("sue", "ding", "hana", "nora")}, made[::-1]


BODY = {
    "name_zh": "路灯整治", "name_en": "Lights", "since": "2026-11-20", "until": "2026-11-30",
    "categories": ["C-01-37"], "units": ["U1", "U2"], "lead": "U1", "areas": ["N"],
}  # fmt: skip


def test_a_campaign_is_made_acted_on_with_a_preview_and_reported(stormy: Any) -> None:
    client, who, made = stormy
    assert client.post("/api/v1/campaigns", json=BODY, headers=who["ding"]).status_code == 403
    one = client.post("/api/v1/campaigns", json=BODY, headers=who["sue"]).json()
    at = f"/api/v1/campaigns/{one['id']}"
    assert (one["state"], one["until"][:10], one["areas"]) == ("draft", "2026-12-01", ["N"])
    listed = client.get(f"/api/v1/cases?campaign={one['id']}&count=true", headers=who["ding"]).json()  # fmt: skip
    assert listed["count"] == 3
    hand = client.post(f"{at}/cases", json={"cases": [made[1].number, "261124-99"], "reason": "同一路段"}, headers=who["sue"]).json()  # fmt: skip
    assert hand == {"put": 1, "unknown": ["261124-99"]}
    client.post(f"{at}/cases", json={"cases": [made[2].number], "joined": False}, headers=who["sue"])  # fmt: skip
    client.post(f"{at}/steps/start", json={}, headers=who["sue"])
    # Who may not dispatch is refused line by line; what is tried changes nothing.
    for name, refused in (("hana", None), ("nora", 3), ("ding", 0)):
        tried = client.post(f"{at}/bulk", json={"act": "dispatch", "preview": True}, headers=who[name]).json()  # fmt: skip
        assert [("problem" in line) for line in tried["lines"]].count(True) == (refused or 0)
    assert client.get("/api/v1/cases?stage=filed&count=true", headers=who["ding"]).json()["count"] == 6  # fmt: skip
    lines = client.post(f"{at}/bulk", json={"act": "dispatch"}, headers=who["ding"]).json()["lines"]
    assert {line["case"] for line in lines} == {made[n].number for n in (0, 1, 4)}
    assert {line["unit"] for line in lines} == {"U1", "U2"}
    asked = client.post(f"{at}/bulk", json={"act": "assist", "unit": "U2", "limit": "4wh", "cases": [made[0].number, made[1].number]}, headers=who["ding"]).json()["lines"]  # fmt: skip
    # The manhole is U2's already: it cannot help itself.
    assert [("problem" in line) for line in asked] == [False, True]
    stale = client.post(f"{at}/bulk", json={"act": "note", "note": "雨后复看", "cases": [f"{made[0].number}@1", made[4].number]}, headers=who["ding"]).json()["lines"]  # fmt: skip
    assert [line.get("problem", {}).get("status") for line in stale] == [409, None]
    for step in ("end", "report"):
        assert client.post(f"{at}/steps/{step}", json={"summary": "有效"}, headers=who["sue"]).status_code == 200  # fmt: skip
    done = client.get(at, headers=who["ding"]).json()
    assert (done["state"], done["summary"], done["may"]) == ("reported", "有效", [])
    during = next(c for c in done["reported"]["columns"] if c["period"] == "during")
    assert during["whole"]["new"] == 3
    rows = list(csv.DictReader(io.StringIO(client.get(f"{at}/comparison.csv", headers=who["ding"]).text.lstrip("\ufeff"))))  # fmt: skip
    assert [(r["area"], r["new"]) for r in rows if r["period"] == "during"] == [("", "3"), ("N", "3")]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name_zh": "", "name_en": ""}, "name_zh"), ({"since": "May"}, "since"),
        ({"until": ""}, "until"), ({"until": "2026-11-01"}, "until"), ({"areas": ["X"]}, "areas"),
        ({"categories": ["Z"]}, "categories"), ({"units": ["U9"]}, "units"), ({"lead": "U9"}, "lead"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_campaign_is_named(stormy: Any, body: dict[str, Any], field: str) -> None:
    client, who, _ = stormy
    answer = client.post("/api/v1/campaigns", json={**BODY, **body}, headers=who["sue"])
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    "query", ["campaign=x", "campaign=1&period=never", "campaign=1&measure=beauty"]
)
def test_a_filter_that_cannot_be_read_is_named(stormy: Any, query: str) -> None:
    client, who, _ = stormy
    answer = client.get(f"/api/v1/cases?{query}", headers=who["ding"])
    assert answer.status_code == 422


def test_pages_make_change_preview_and_print(stormy: Any) -> None:
    client, who, made = stormy
    html = {"accept": "text/html"}
    sue, ding = {**who["sue"], **html}, {**who["ding"], **html}
    page = client.post("/campaigns", data=BODY, headers=sue)
    assert page.status_code == 200
    (number,) = [part for part in page.url.path.split("/") if part.isdigit()]
    at = f"/campaigns/{number}"
    assert "新建专项行动" in client.get("/campaigns", headers=sue).text
    assert "新建专项行动" not in client.get("/campaigns", headers=ding).text
    changed = client.post(at, data={**BODY, "version": "1", "purpose": "让路亮起来"}, headers=sue)
    assert "让路亮起来" in changed.text
    stale = client.post(at, data={**BODY, "version": "1", "purpose": "x"}, headers=sue)
    assert stale.status_code == 409
    client.post(f"{at}/steps/start", headers=sue)
    client.post(f"{at}/cases", data={"cases": made[1].number, "joined": "1"}, headers=sue)
    preview = client.post(f"{at}/bulk", data={"act": "dispatch"}, headers=ding).text
    assert "尚未执行。" in preview
    assert "将完成 4 件，拒绝 0 件。" in preview
    chosen = [f"{made[0].number}@1", f"{made[1].number}@1"]
    assert all(f'value="{one}"' in preview for one in chosen)
    again = {"act": "dispatch", "sure": "1", "case": chosen}
    assert "完成 2 件，拒绝 0 件。" in client.post(f"{at}/bulk", data=again, headers=ding).text
    # Sent twice, each case has moved on: nothing is done twice.
    assert "完成 0 件，拒绝 2 件。" in client.post(f"{at}/bulk", data=again, headers=ding).text
    shown = client.get(at, headers=ding).text
    link = shown.split('href="/desk?campaign=')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(f"/desk?campaign={link}", headers=ding).status_code == 200
    client.post(f"{at}/steps/end", headers=sue)
    client.post(f"{at}/steps/report", data={"summary": "路亮了"}, headers=sue)
    report = client.get(f"{at}/report", headers=ding).text
    assert "路亮了" in report
    assert "总结时的数字" in report
    assert client.get("/campaigns/999", headers=ding).status_code == 404
    assert client.get("/campaigns?state=lost", headers=ding).status_code == 422
