"""The fifteen acceptance cases: bugs that other systems shipped, each a test by its name.

Those that are stories stand in the scenario book too; here each is pinned by itself.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_history import MAPPING, frame
from tests.flow.test_intake import folded, sent, through
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import EVERYTHING
from zhongshu.core.calendar import due, parse_limit
from zhongshu.core.cases import Act, Filter, Key, Order, Outcome, Stage
from zhongshu.core.cases.clocks import ClockKind, ClockState, by_kind
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.privacy import Purpose
from zhongshu.flow import history, notices
from zhongshu.flow.acts import Form, WindowClosed, act
from zhongshu.flow.city import City, load
from zhongshu.flow.climbing import climb
from zhongshu.flow.contacts import reveal
from zhongshu.flow.intake import receive
from zhongshu.link.tables import open_table
from zhongshu.store import cases, reports, vault
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx
from zhongshu.web import wanted

DISPATCH = (Act.DISPATCH, DING, Form())
DONE = (
    DISPATCH, (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)),
    (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()),
)  # fmt: skip


def many(tx: Tx, city: City, count: int) -> None:
    """So many cases, each apart, dispatched at moments a minute apart and thrice the same."""
    drafts = [
        draft("路灯不亮", lon=113.0005 + 0.0009 * (n % 40), lat=34.0005 + 0.0009 * (n // 40))
        for n in range(count)
    ]
    receive(tx, city, drafts, now=NOW, random=same_random(9), key=KEY, join=False)


def test_01_a_thousand_and_one_matters_count_a_thousand_and_one(tx: Tx, city: City) -> None:
    many(tx, city, 1001)
    assert cases.count(tx, EVERYTHING, Filter()) == 1001


def test_02_sorting_by_deadline_is_stable_across_pages(tx: Tx, city: City) -> None:
    many(tx, city, 60)
    for n, case in enumerate(cases.following(tx, 0, limit=60)):  # type: ignore[arg-type]
        if n % 4:
            act(tx, city, case.id, Act.DISPATCH, by=DING, at=NOW + timedelta(minutes=n // 3))
    seen, after = [], None
    while True:
        page = cases.page(tx, EVERYTHING, Filter(), order=Order.DUE, after=after, limit=7)
        seen += [(c.due_at, c.id) for c in page]
        if not page:
            break
        after = Key(page[-1].due_at, page[-1].id)
    far = datetime.max.replace(tzinfo=UTC)
    assert len(seen) == len(set(seen)) == 60
    assert seen == sorted(seen, key=lambda row: (row[0] or far, row[1]))


def test_03_a_masked_phone_sent_back_leaves_the_true_one_intact(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮", contact="13812345678"))
    (kept,) = vault.of_reports(tx, [v.id for v in reports.of_case(tx, case.id)])
    assert "1234" not in kept.masked
    act(tx, city, case.id, Act.NOTE, by=ADA, at=NOW, form=Form(note=kept.masked))
    shown = reveal(tx, case, kept.id, key=KEY, by=ADA, purpose=Purpose.CALL_BACK, at=NOW)
    assert shown == "13812345678"


def test_04_a_reporter_cannot_fetch_anothers_matter_by_number_or_by_list(db: Database) -> None:
    with TestClient(app_on(hub_on(db))) as client:
        head = key_for(db, "ada")
        one = client.post("/api/v1/reports", json={"text": "路灯不亮", "lon": 113.01, "lat": 34.03}, headers=head).json()  # fmt: skip
        for path in (f"/api/v1/cases/{one['case']}", "/api/v1/cases", "/api/v1/cases.csv", f"/cases/{one['case']}"):  # fmt: skip
            assert client.get(path, follow_redirects=False).status_code in (303, 401), path
        assert client.get(f"/api/v1/reports/{one['code']}").status_code == 200
        assert client.get(f"/api/v1/reports/{one['case']}").status_code == 404


def test_05_today_is_the_citys_day_even_when_the_clocks_change(tx: Tx) -> None:
    said = city_store.setting(tx, "city")
    city_store.set_setting(tx, "city", {**said, "zone": "America/New_York"})
    there = load(tx)
    for now, begins in (
        (datetime(2026, 11, 1, 23, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),  # 25 hours
        (datetime(2026, 11, 2, 4, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        (datetime(2026, 3, 8, 23, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)),  # 23 hours
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ):
        assert wanted.wanted({"since": "today"}, there, now=now).since == begins


def test_06_friday_half_past_five_with_two_working_hours_before_a_holiday(tx: Tx) -> None:
    city_store.add_calendar_days(tx, {date(2026, 11, 30): ("holiday", "")})
    city = load(tx)
    friday = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # 17:30 in Shanghai
    ends = due(city.calendar, friday, parse_limit("2wh")).astimezone(city.zone)
    assert f"{ends:%Y-%m-%d %H:%M}" == "2026-12-01 09:30"


def test_07_paused_then_moved_to_another_unit_the_clock_says_what_happened(
    tx: Tx, city: City
) -> None:
    case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    case = through(tx, city, case, (Act.RETURN, HANA, Form(reason="r", clause="c")))
    paused = by_kind(case.clocks, ClockKind.HANDLE)
    assert paused is not None
    assert (paused.state, paused.left_s) == (ClockState.PAUSED, 16 * 3600)
    works = city.unit_codes["U2"].id
    moved = through(tx, city, case, (Act.DISPATCH, DING, Form(unit=works)))
    fresh = by_kind(moved.clocks, ClockKind.HANDLE)
    assert fresh is not None
    assert (fresh.state, fresh.left_s, moved.unit) == (ClockState.RUNNING, None, works)


def test_08_an_overdue_case_merged_into_a_fresh_one_escalates_nothing(tx: Tx, city: City) -> None:
    old = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    late = NOW + timedelta(days=4)
    climb(tx, at=late)
    fresh = sent(tx, city, draft("路灯不亮", lon=113.03), now=late)
    fresh = act(tx, city, fresh.id, Act.DISPATCH, by=DING, at=late)
    act(tx, city, old.id, Act.MERGE, by=DING, at=late, form=Form(into=fresh.id))
    before = tx.execute("select count(*) from facts").fetchone()
    climb(tx, at=late + timedelta(seconds=1))
    assert tx.execute("select count(*) from facts").fetchone() == before
    kept = cases.get(tx, fresh.id)
    assert kept is not None
    assert kept.overdue_at is None
    # Counted once each: one open, one merged, and the late one says so itself.
    assert cases.count_by(tx, "stage", EVERYTHING, Filter()) == {"dispatched": 1, "merged": 1}
    assert cases.get(tx, old.id).overdue_at is not None  # type: ignore[union-attr]


def test_09_the_same_csv_twice_makes_no_second_copies(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    frame().drop("row", strict=False).write_csv(path)
    for made in (6, 0):
        with db.transaction() as tx:
            city = load(tx)
        account = history.run(
            db, city, MAPPING, open_table(path).batches(), file="x", now=NOW,
            rejects=lambda _: None,
        )  # fmt: skip
        assert account.balanced
        assert account.made == made
        with db.transaction() as tx:
            assert cases.count(tx, EVERYTHING, Filter()) == 6


def test_10_a_rule_of_a_unit_no_longer_at_work_is_passed_over_and_the_matter_has_an_owner(
    tx: Tx,
) -> None:
    tx.execute("update units set active = false where code = 'U1'")
    city = load(tx)
    case = act(tx, city, sent(tx, city, draft("路灯不亮")).id, Act.DISPATCH, by=DING, at=NOW)
    assert city.code_of(case.unit) == "U2"
    assert [rule.clause for rule in city.idle_rules] == ["路灯管理办法第三条"]


def test_10_the_administrators_are_told_of_the_rule_that_is_passed_over(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute("update units set active = false where code = 'U1'")
    with db.transaction() as tx:
        notices.tell_idle_rules(tx, load(tx), now=NOW)
    with TestClient(app_on(hub_on(db))) as client:
        admin = key_for(db, "admin")
        said = client.get("/api/v1/notices", headers=admin).json()["notices"]
        assert [(n["kind"], n["says"]["unit"], n["says"]["clause"]) for n in said] == [
            ("rule", "U1", "路灯管理办法第三条")
        ]
        page = client.get("/inbox", headers={**admin, "accept-language": "en"}).text
        assert "A duty rule names a unit that is no longer at work" in page


def test_11_escalations_respect_quiet_hours_and_danger_does_not_wait(db: Database) -> None:
    evening, night, morning = (NOW.replace(hour=h) for h in (12, 15, 23))  # 20:00, 23:00, 07:00
    with db.transaction() as tx:
        city = load(tx)
        ordinary = sent(tx, city, draft("路灯不亮"), now=evening)  # nobody dispatches it
        danger = sent(tx, city, draft("路面塌陷", lon=113.03), now=evening)  # nobody takes it on
        assert climb(tx, at=night) == 2
    with db.transaction() as tx:
        while notices.follow(tx, city, now=night):
            pass
    with db.transaction() as tx:
        rows = tx.execute("select distinct case_id, due_from from notices where kind = 'clock'")
        assert dict(rows.fetchall()) == {ordinary.id: morning, danger.id: night}


def test_13_unmerging_restores_reporters_and_clocks(tx: Tx, city: City) -> None:
    one = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    other = through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), DISPATCH)
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    back = act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW + timedelta(hours=9))
    assert (back.clocks, back.due_at, back.reports) == (other.clocks, other.due_at, 1)
    kept = cases.get(tx, one.id)
    assert kept is not None
    assert (kept.clocks, kept.due_at, kept.reports) == (one.clocks, one.due_at, 1)
    assert folded(tx, back) == back


def test_14_reopening_after_the_window_is_refused_by_the_server(tx: Tx, city: City) -> None:
    case = through(tx, city, sent(tx, city, draft("路灯不亮")), *DONE)
    again = Form(reason="又坏了")
    with pytest.raises(WindowClosed):
        act(tx, city, case.id, Act.REOPEN, by=A_REPORTER, at=NOW + timedelta(days=16), form=again)
    within = NOW + timedelta(days=15)
    assert (
        act(tx, city, case.id, Act.REOPEN, by=A_REPORTER, at=within, form=again).stage
        is Stage.FILED
    )


def test_15_somebody_without_a_post_sees_an_explanation_and_not_an_empty_screen(
    db: Database,
) -> None:
    with TestClient(app_on(hub_on(db))) as client:
        headers = {**key_for(db, "stranger"), "accept-language": "en"}
        for path in ("/desk", "/inbox"):
            page = client.get(path, headers=headers)
            assert page.status_code == 403
            assert "holds no post" in page.text
            assert "Ask an administrator" in page.text
        assert client.get("/api/v1/cases", headers=headers).json()["status"] == 403
