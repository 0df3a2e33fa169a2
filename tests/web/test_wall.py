"""The live screen through HTTP: a past moment counts as it did then; numbers equal the mirror's."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_former_areas import redrawn
from tests.flow.test_intake import sent, through
from tests.web.hub import app_on, key_for
from zhongshu.core.access import EVERYTHING, Sight
from zhongshu.core.cases import Act, Outcome
from zhongshu.core.indicators import Period
from zhongshu.flow import mirror, screen
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.store import cases, moments
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx
from zhongshu.store.indicators import Scope
from zhongshu.web.api import playback
from zhongshu.web.hub import Hub

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: After all that is told below.
LATER = NOW + 12 * DAY
DISPATCH, ACCEPT = (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form())
HANDLE = (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED))
PASS, CLOSE = (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form())


def lived(tx: Tx, city: City) -> dict[datetime, list[Any]]:
    """Days of the test city; how its cases stood after each, as the rows said it then."""
    seen: dict[datetime, list[Any]] = {}

    def later(hours: float) -> datetime:
        at = NOW + hours * HOUR
        seen[at] = moments.standing_now(tx, EVERYTHING, at=at)
        return at + timedelta(seconds=1)

    def do(case: Any, what: Act, by: Any, at: datetime, **form: Any) -> Any:
        return act(tx, city, case.id, what, by=by, at=at, form=Form(**form))

    lamp = sent(tx, city, draft("路灯不亮"))
    cover = sent(tx, city, draft("井盖丢了", lon=113.03, lat=34.01))
    through(tx, city, lamp, DISPATCH, ACCEPT)
    at = later(1)
    other = sent(tx, city, draft("路灯坏了", lon=113.012), now=at)
    nothing = sent(tx, city, draft("说不清楚", lon=113.005), now=at)
    do(cover, Act.DISPATCH, DING, at)
    at = later(2)
    do(other, Act.MERGE, ADA, at, into=lamp.id)
    do(nothing, Act.REJECT, ADA, at, reason="不属于城市管理")
    do(cover, Act.RETURN, HANA, at, reason="不是我们的", clause="第三条", cause="not_ours")
    at = later(30)
    do(lamp, Act.HANDLE, HANA, at, outcome=Outcome.SOLVED)
    do(lamp, Act.PASS, CHENG, at)
    do(lamp, Act.CLOSE, ADA, at)
    do(cover, Act.DISPATCH, DING, at)
    at = later(60)
    do(lamp, Act.REOPEN, ADA, at, reason="又不亮了")
    at = later(100)
    do(lamp, Act.DISPATCH, DING, at)
    later(200)
    at = later(230)
    do(lamp, Act.ACCEPT, HANA, at)
    do(lamp, Act.HANDLE, HANA, at, outcome=Outcome.SOLVED)
    do(lamp, Act.PASS, CHENG, at)
    do(lamp, Act.CLOSE, ADA, at)
    later(240)
    return seen


@pytest.fixture
def told(db: Database) -> dict[datetime, list[Any]]:
    with db.transaction() as tx:
        return lived(tx, load(tx))


@pytest.fixture
def client(db: Database, told: Any) -> Iterator[TestClient]:
    hub = Hub(db=db, clock=lambda: LATER, random=same_random(), key=KEY)
    with TestClient(app_on(hub)) as made:
        made.headers.update({**key_for(db, "ada"), "accept-language": "en"})
        yield made


def ordered(stood: list[Any]) -> list[Any]:
    return sorted(stood, key=lambda s: (s.area or 0, s.stage, s.late, s.hazard))


def test_the_past_is_counted_as_the_present_was(
    db: Database, told: dict[datetime, list[Any]]
) -> None:
    with db.transaction() as tx:
        for at, then in told.items():
            assert ordered(moments.standing(tx, EVERYTHING, at=at)) == ordered(then), at
        assert moments.standing(tx, EVERYTHING, at=NOW - HOUR) == []
    stages = {one.stage for then in told.values() for one in then}
    assert {"filed", "received", "in_hand", "dispatched"} <= stages
    assert any(one.late for then in told.values() for one in then)


def test_the_tiles_are_the_mirrors_numbers_of_the_same_span_and_sight(
    db: Database, told: Any
) -> None:
    with db.transaction() as tx:
        city = load(tx)
        north = city.tree.named("N")
        assert north is not None
        sights = (EVERYTHING, Sight(areas=(north.span,)))
        for hours, sight in itertools.product((2, 31, 61, 231), sights):
            at = NOW + hours * HOUR + timedelta(minutes=1)
            shown = screen.look(tx, city, sight, at=at, past=True)
            for period, which in ((shown.today, "now"), (before(shown.today), "before")):
                found = mirror.look(tx, city, sight, period, Scope(), within=None)
                for figure in shown.figures:
                    one = getattr(figure, which)
                    same = found.one(one.indicator.code)
                    assert (one.numerator, one.denominator, one.excluded) == (
                        same.numerator, same.denominator, same.excluded,
                    )  # fmt: skip


def before(period: Period) -> Period:
    return Period(start=period.start - DAY, until=period.until - DAY)


def test_every_number_of_the_screen_opens_as_many_cases(client: TestClient) -> None:
    for at in ("", "2026-11-24T12:30:00+08:00", "2026-11-26T00:30:00+08:00"):
        page = client.get("/wall", params={"at": at} if at else {}).text
        assert ("Playback</b>" in page) == bool(at)
        tiles = page[page.index('id="tiles"') : page.index('class="middle"')]
        links = re.findall(r'href="(/(?:mirror|wall)/cases\?[^"]+)">([\d,]+)</a>', tiles)
        assert len(links) >= (16 if at else 12)
        for path, n in links:
            rows = client.get(unescape(path)).text.count("<tr><td>")
            assert rows == int(n), path


def decoded(data: bytes) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Read the columns as the guide says them, apart from the code that writes them."""
    assert data[:4] == b"ZSP1"
    size = int.from_bytes(data[4:8], "little")
    header, at, rows = json.loads(data[8 : 8 + size]), 8 + size, []
    while n := int.from_bytes(data[at : at + 4], "little"):
        at += 4
        columns = []
        for kind in ("<u4", "<i4", "<i4", "<i4", "<u4", "<u4", "<u2", "u1"):
            columns.append(np.frombuffer(data, kind, n, at))
            at += -(-n * np.dtype(kind).itemsize // 4) * 4
        rows += list(zip(*(c.tolist() for c in columns), strict=True))
    assert at + 4 == len(data)
    return header, np.array(rows, dtype=np.int64).reshape(-1, 8)


def test_the_columns_hold_each_life_of_each_case_once(client: TestClient, db: Database) -> None:
    answer = client.get("/api/v1/history.bin?since=2026-11-24&until=2026-12-06")
    header, rows = decoded(answer.content)
    since = datetime.fromtimestamp(header["since"], NOW.tzinfo)
    with db.transaction() as tx:
        every = {c.id: c for c in cases.following(tx, 0, limit=100)}  # type: ignore[arg-type]
    lamp = min(every)
    lives = {(int(r[0]), round(r[3] / 3600), r[4]) for r in rows}
    assert {int(r[0]) for r in rows} == set(every)
    assert len(rows) == len(every) + 1  # the lamp was reopened
    first, second = sorted(r[3:5].tolist() for r in rows if r[0] == lamp)
    for start, lasting, began, ended in ((*first, 0, 30), (*second, 60, 230)):
        assert abs((since + timedelta(seconds=start) - NOW) / HOUR - began) < 0.01
        assert abs((since + timedelta(seconds=start + lasting) - NOW) / HOUR - ended) < 0.01
    for row in rows:
        case = every[row[0]]
        assert (row[1] / 1e7, row[2] / 1e7) == pytest.approx((case.lon, case.lat))
        assert header["codes"][row[6]] in ("", "C-01-37", "C-01-23")
        assert (row[7] & 1, row[7] >> 1) == (int(case.hazard), case.priority)
    never = [r for r in lives if r[2] == 2**32 - 1]
    assert len(never) == sum(c.closed_at is None and c.stage not in ("merged", "rejected") for c in every.values())  # fmt: skip


def test_the_columns_of_a_later_period_carry_what_was_still_open(client: TestClient) -> None:
    _, rows = decoded(client.get("/api/v1/history.bin?since=2026-11-25&until=2026-12-06").content)
    assert {start < 0 for start in rows[:, 3]} == {True, False}
    assert len(rows) == 3  # the cover; the lamp twice: open until that afternoon, then reopened
    _, none = decoded(client.get("/api/v1/history.bin?since=2026-11-01&until=2026-11-02").content)
    assert len(none) == 0


def test_a_case_closed_in_a_period_and_reopened_after_it_ends_where_it_was_closed(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        lamp = tx.execute("select min(id) from cases").fetchone()[0]  # type: ignore[index]
    for since, until in (("2026-11-24", "2026-11-25"), ("2026-11-25", "2026-11-25")):
        path = f"/api/v1/history.bin?since={since}&until={until}T20:00:00%2B08:00"
        _, rows = decoded(client.get(path).content)
        begun = {(int(r[3]), int(r[4])) for r in rows if r[0] == lamp}
        (life,) = begun  # closed at 16:00 on the 25th; what began on the 26th is not of this period
        ended = datetime.fromisoformat(f"{since}T00:00:00+08:00") + timedelta(seconds=sum(life))
        assert abs((ended - NOW) / HOUR - 30) < 0.01


def test_the_columns_are_of_what_is_in_sight(
    client: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    nora = key_for(db, "nora")
    path = "/api/v1/history.bin?since=2026-11-24&until=2026-12-06"
    _, mine = decoded(client.get(path, headers=nora).content)
    _, every = decoded(client.get(path).content)
    assert 0 < len(mine) < len(every)
    assert (mine[:, 2] >= 34.02e7).all()
    monkeypatch.setattr(cases, "_covered", lambda *_: None)
    _, again = decoded(client.get(path, headers=nora).content)
    assert len(again) == len(mine), "the second wall holds alone"


def test_a_chunk_ends_and_the_next_goes_on(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/v1/history.bin?since=2026-11-24T10:30:00%2B08:00&until=2026-12-06"
    _, whole = decoded(client.get(path).content)
    monkeypatch.setattr(playback.store, "CHUNK", 1)
    _, parts = decoded(client.get(path).content)
    assert sorted(map(tuple, whole)) == sorted(map(tuple, parts))
    assert len(parts) == 5


def test_the_loads_of_a_moment_are_what_the_tiles_say(client: TestClient) -> None:
    at = "2026-11-24T12:30:00+08:00"
    found = client.get("/api/v1/map/loads.json", params={"at": at}).json()["levels"]
    count = client.get("/wall/cases.csv", params={"at": at}).text
    rows = list(csv.DictReader(io.StringIO(count.lstrip("\ufeff"))))
    assert [sum(level.values()) for level in found.values()] == [len(rows)] * len(found)
    assert {row["stage"] for row in rows} == {"in_hand", "filed"}


REFUSED = (
        ("/wall?at=soon", "at"), ("/wall?since=2026-12-24", "since"), ("/wall?since=1901-01-01", "since"),
        ("/wall/cases?state=sad", "state"), ("/wall/cases?after=x", "after"),
        ("/wall/area/nowhere", "area"), ("/api/v1/history.bin?area=x", "area"),
        ("/api/v1/map/loads.json?at=x", "at"),
)  # fmt: skip


def test_what_cannot_be_read_is_refused_by_name(client: TestClient) -> None:
    for path, field in REFUSED:
        answer = client.get(path, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (422, field), path


def test_the_screen_plays_back_without_a_script(client: TestClient) -> None:
    page = client.get("/wall?since=2026-11-24&until=2026-11-25").text
    bars = re.findall(r'<a href="(/wall\?[^"]+)" tabindex="-1">', page)
    assert len(bars) == 48
    then = client.get(unescape(bars[12])).text
    assert "as of 2026-11-24 13:00 · as it is known today" in then
    assert "as it is known today" not in client.get("/wall").text
    assert ">Back to now</a>" in then
    assert "hidden" not in then[then.index('id="now"') : then.index(">Back to now</a>")]
    assert 'class="wallplan"' in then, "the map is there as a plan"
    assert "/wall/cases?at=" in then


def test_a_case_of_the_map_is_opened_by_whoever_may_see_it(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        south = next(c for c in cases.following(tx, 0, limit=100) if c.lat and c.lat < 34.02)  # type: ignore[arg-type]
    answer = client.get(f"/wall/case/{south.id}", follow_redirects=False)
    assert answer.headers["location"] == f"/cases/{south.number}"
    nora = key_for(db, "nora")
    assert client.get(f"/wall/case/{south.id}", headers=nora).status_code == 404


def test_an_area_drawn_anew_is_called_by_the_telephones_of_its_posts(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        tx.execute("update posts set area = (select id from areas where code = 'N'), phone = '84001' where duty = 'dispatcher'")  # fmt: skip
        redrawn(tx)
        city_store.changed(tx)
    assert "84001" in client.get("/wall/area/N-1").text


def test_one_press_switches_every_screen_and_says_who_and_when(
    client: TestClient, db: Database
) -> None:
    ding, nora, hana = (key_for(db, who) for who in ("ding", "nora", "hana"))
    for who in (nora, hana):
        assert client.post("/wall/preset", data={"code": "storm"}, headers=who).status_code == 403
    assert (
        "Storm" not in client.get("/wall", headers=nora).text.split('class="hint screenlinks"')[0]
    )
    answer = client.post(
        "/wall/preset", data={"code": "storm"}, headers=ding, follow_redirects=False
    )
    assert answer.status_code == 303
    page = client.get("/wall", headers=nora).text
    assert "switched on by Ding at 12-06 10:00" in page
    assert "Switch off" not in page, "a viewer does not switch"
    assert "0 / 8" in page
    client.post("/wall/step", data={"preset": "storm", "step": "3", "done": "1"}, headers=ding)
    assert "1 / 8" in client.get("/wall", headers=nora).text
    wrong = client.post("/wall/step", data={"preset": "storm", "step": "99", "done": "1"}, headers=ding)  # fmt: skip
    assert wrong.status_code == 404
    client.post("/wall/preset", data={"code": "everyday"}, headers=ding)
    assert "switched on by" not in client.get("/wall", headers=nora).text
    late = client.post("/wall/step", data={"preset": "storm", "step": "1", "done": "1"}, headers=ding)  # fmt: skip
    assert late.status_code == 409
    with db.transaction() as tx:
        kept = tx.execute(
            "select kind, says->>'now', says->>'step', account is not null from city_facts"
            " where kind like 'screen:%%' order by id"
        ).fetchall()
    assert kept == [
        ("screen:switched", "storm", None, True), ("screen:step", None, "3", True),
        ("screen:switched", "everyday", None, True),
    ]  # fmt: skip
    unknown = client.post("/wall/preset", data={"code": "sunny"}, headers=ding)
    assert unknown.status_code == 404


def test_whoever_sees_a_part_of_the_city_does_not_switch_all_of_it(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        tx.execute("update posts set area = (select id from areas where code = 'N') where duty = 'dispatcher'")  # fmt: skip
    answer = client.post("/wall/preset", data={"code": "storm"}, headers=key_for(db, "ding"))
    assert answer.status_code == 403


def test_a_preset_puts_floods_first_and_danger_before_all(client: TestClient, db: Database) -> None:
    with db.transaction() as tx:
        city = load(tx)
        for n, text in enumerate(("道路积水", "雨水箅子堵了")):
            sent(tx, city, draft(text, lon=113.002 + 0.004 * n), now=LATER - HOUR)
        tx.execute("update cases set hazard = true where title like '雨水箅子%%'")
    page = client.get("/wall?preset=storm").text
    card = page[page.index('class="card preset"') :]
    assert "First: 2 open" in card
    assert card.index("Storm-drain grate") < card.index("Road flooding")
    assert "1 in danger" in card
    assert client.get("/wall?preset=sunny").status_code == 404


def test_anybody_may_test_a_machine(client: TestClient) -> None:
    for path in ("/diag", "/diag/clock"):
        assert client.get(path, headers={"Authorization": ""}).status_code == 200
    assert client.get("/diag/clock").json() == {"now": LATER.timestamp()}
