"""The lottery on a real database: fixed ahead, drawn once, caught up, and proven."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import folded, through
from zhongshu import jobs
from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Act, Case, Filter, Order, Outcome
from zhongshu.core.lottery import AHEAD, Fate, Flaw, draw
from zhongshu.core.procedures import ProcedureKind
from zhongshu.flow import lottery
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import Receipt, receive
from zhongshu.store import cases, procedures
from zhongshu.store import city as city_store
from zhongshu.store import lotteries as store
from zhongshu.store.db import Database, Tx

DONE = (
    (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
    (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
    (Act.CLOSE, ADA, Form()),
)  # fmt: skip
#: The day before the cases of these tests are closed, and the day they are.
EVE, CLOSED_ON = NOW - timedelta(days=1), date(2026, 11, 24)


def half(tx: Tx) -> City:
    """The city, drawing one of two, so that a few cases are enough."""
    said = city_store.setting(tx, "city")
    city_store.set_setting(tx, "city", {**said, "lottery": {"7": 0.5, "30": 0.25}})
    return load(tx)


def close(tx: Tx, city: City, count: int, *, at: datetime = NOW) -> list[Case]:
    """Close so many cases, each apart."""
    drafts = [draft("路灯不亮", lon=113.001 + 0.001 * (n % 38), lat=34.001 + 0.001 * (n // 38)) for n in range(count)]  # fmt: skip
    made = receive(tx, city, drafts, now=at, random=same_random(at.day), key=KEY, join=False)
    found = [cases.get(tx, one.case) for one in made if isinstance(one, Receipt)]
    assert len(found) == count
    return [through(tx, city, case, *((a, b, f) for a, b, f in DONE)) for case in found if case]


def days_later(days: float) -> datetime:
    return NOW + timedelta(days=days)


def draw_all(tx: Tx, city: City, at: datetime) -> list[tuple[date, int]]:
    drawn: list[tuple[date, int]] = []
    while (one := lottery.draw(tx, city, key=KEY, at=at)) is not None:
        drawn.append((one.day, one.after_days))
    return drawn


def rechecks(tx: Tx) -> set[str]:
    rows = tx.execute(
        "select c.number from procedures p join cases c on c.id = p.case_id where p.kind = 'recheck'"
    )
    return {row[0] for row in rows}


def test_a_day_is_drawn_when_its_time_has_come_and_exactly_by_its_seed(tx: Tx) -> None:
    city = half(tx)
    assert lottery.promise(tx, city, key=KEY, at=EVE) == 2 * AHEAD
    closed = close(tx, city, 40)
    assert draw_all(tx, city, days_later(6)) == []
    drawn = draw_all(tx, city, days_later(7))
    assert drawn == [(CLOSED_ON, 7)]
    proof = lottery.proof(tx, CLOSED_ON, 7)
    assert proof.flaws == ()
    assert proof.lottery.seed is not None
    numbers = [case.number for case in closed]
    meant = set(draw(proof.lottery.seed, numbers, Decimal("0.5")))
    assert rechecks(tx) == proof.drawn == meant
    assert 5 < len(meant) < 35
    assert (proof.lottery.population, proof.lottery.drawn) == (40, len(meant))
    for case_id in (d.case_id for d in proof.drawings):
        case = cases.get(tx, case_id)
        assert case is not None
        assert case.pending == ("recheck",)
        assert folded(tx, case) == case
    (opened,) = procedures.of_case(tx, proof.drawings[0].case_id)
    assert opened.said == {"lottery": "2026-11-24+7"}
    assert opened.hands == ()


def test_drawing_again_draws_nothing_and_another_round_is_its_own(tx: Tx) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 30)
    draw_all(tx, city, days_later(7))
    first = rechecks(tx)
    assert draw_all(tx, city, days_later(7)) == []
    lottery.promise(tx, city, key=KEY, at=days_later(7))
    assert rechecks(tx) == first
    assert (CLOSED_ON, 30) in draw_all(tx, city, days_later(30))
    both = lottery.proof(tx, CLOSED_ON, 30)
    assert both.flaws == ()
    # Who still waits for the first recheck is kept as drawn, and not asked for twice.
    again = {d.number for d in both.drawings if d.fate is Fate.OPEN_ALREADY}
    assert again == both.drawn & first


def test_a_hub_that_was_away_draws_every_day_it_missed_and_fixes_late_what_it_could_not(
    tx: Tx,
) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 6)
    lottery.promise(tx, city, key=KEY, at=days_later(20))
    drawn = draw_all(tx, city, days_later(20))
    assert drawn[:2] == [(CLOSED_ON, 7), (CLOSED_ON + timedelta(days=1), 7)]
    assert len(drawn) == len(set(drawn)) == 14
    first_missed = CLOSED_ON + timedelta(days=7)
    assert lottery.proof(tx, first_missed, 7).flaws == (Flaw.COMMITTED_LATE,)
    assert lottery.proof(tx, CLOSED_ON + timedelta(days=6), 7).flaws == ()
    assert lottery.proof(tx, CLOSED_ON + timedelta(days=21), 7).flaws == ()


def test_the_day_is_the_citys_and_what_a_past_brought_in_is_not_drawn(tx: Tx) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    (case,) = close(tx, city, 1)
    one = store.get(tx, CLOSED_ON, 7)
    assert one is not None
    # The same moment, but in the city it is the next day; and one of an import.
    for seq, at, rule in (
        (90, "2026-11-24T16:00:00Z", None), (91, "2026-11-24T05:00:00Z", "import:x"),
    ):  # fmt: skip
        tx.execute(
            "insert into cases (id, number, stage, reported_at, version) values (%s, %s, 'closed', %s, 1)",
            (900 + seq, f"x-{seq}", NOW),
        )
        tx.execute(
            "insert into facts (case_id, seq, kind, at, rule) values (%s, 1, 'case:closed', %s, %s)",
            (900 + seq, at, rule),
        )
    assert store.closed(tx, one) == [(case.id, case.number)]


def test_a_case_worked_on_anew_is_kept_as_drawn_but_there_is_nothing_to_recheck(tx: Tx) -> None:
    said = city_store.setting(tx, "city")
    city_store.set_setting(tx, "city", {**said, "lottery": {"7": 1}})
    city = load(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    closed = close(tx, city, 2)
    act(tx, city, closed[0].id, Act.REOPEN, by=ADA, at=NOW, form=Form(reason="r"))
    draw_all(tx, city, days_later(7))
    proof = lottery.proof(tx, CLOSED_ON, 7)
    assert [d.fate for d in proof.drawings] == [Fate.NOT_CLOSED, Fate.OPENED]
    assert proof.flaws == ()
    assert rechecks(tx) == {closed[1].number}


def test_the_share_is_promised_with_the_seed(tx: Tx) -> None:
    """Lowering it when the day's cases are known changes nothing any more."""
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 20)
    said = city_store.setting(tx, "city")
    city_store.set_setting(tx, "city", {**said, "lottery": {"7": 0}})
    draw_all(tx, load(tx), days_later(7))
    proof = lottery.proof(tx, CLOSED_ON, 7)
    assert proof.lottery.share == Decimal("0.5")
    assert proof.drawings


def test_with_another_key_nothing_is_drawn_and_that_is_said(tx: Tx) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 5)
    other = bytes(32)
    while lottery.draw(tx, city, key=other, at=days_later(7)) is not None:
        pass
    proof = lottery.proof(tx, CLOSED_ON, 7)
    assert proof.flaws == (Flaw.SEED_LOST,)
    assert rechecks(tx) == set()


# ── the database keeps the promise ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    "statement",
    [
        "update lotteries set share = 0 where drawn_at is null",
        "update lotteries set commitment = sha256('mine') where drawn_at is null",
        "update lotteries set committed_at = committed_at - interval '9 days' where drawn_at is null",
        "update lotteries set drawn = 0 where drawn_at is not null",
        "update lotteries set seed = 'mine', drawn_at = now(), population = 1, drawn = 0 where seed is null",
        "delete from lotteries",
        "truncate lotteries cascade",
        "delete from drawings",
        "update drawings set fate = 'not_closed', procedure = null",
    ],
)
def test_a_lottery_cannot_be_rewritten(tx: Tx, statement: str) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 12)
    draw_all(tx, city, days_later(7))
    refused = (psycopg.errors.RestrictViolation, psycopg.errors.CheckViolation)
    with pytest.raises(refused), tx.transaction():
        tx.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("delete from drawings where case_id = (select min(case_id) from drawings)", Flaw.LEFT_OUT),
        ("update lotteries set share = 0.01 where drawn_at is not null", Flaw.PUT_IN),
        ("update lotteries set population = 1 where drawn_at is not null", Flaw.COUNT_WRONG),
        ("update lotteries set committed_at = now() + interval '1 year'", Flaw.COMMITTED_LATE),
    ],
)
def test_whoever_rewrites_it_behind_the_databases_back_is_found(
    tx: Tx, statement: str, flaw: Flaw
) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 12)
    draw_all(tx, city, days_later(7))
    assert lottery.proof(tx, CLOSED_ON, 7).flaws == ()
    tx.execute("set local session_replication_role = replica")  # triggers sleep
    tx.execute(statement)  # type: ignore[arg-type]
    assert flaw in lottery.proof(tx, CLOSED_ON, 7).flaws


# ── the job ──────────────────────────────────────────────────────────────────────────


def prepared(db: Database) -> Any:
    with db.transaction() as tx:
        city = half(tx)
        lottery.promise(tx, city, key=KEY, at=EVE)
        close(tx, city, 25)
    return lambda: city


def test_two_hubs_at_once_and_a_restart_draw_nothing_twice(db: Database) -> None:
    city = prepared(db)
    later = days_later(7)
    hubs = [
        threading.Thread(target=jobs.lots, args=(db, city, KEY, lambda: later)) for _ in range(4)
    ]
    for hub in hubs:
        hub.start()
    for hub in hubs:
        hub.join()
    jobs.lots(db, city, KEY, lambda: later)
    with db.transaction() as tx:
        proof = lottery.proof(tx, CLOSED_ON, 7)
        assert proof.flaws == ()
        opened = tx.execute("select count(*) from procedures where kind = 'recheck'").fetchone()
        assert opened == (len(proof.drawings),)
        assert opened[0] > 0
        # And the seeds of the days to come stand fixed.
        assert store.last_day(tx) == later.astimezone(UTC).date() + timedelta(days=AHEAD)


def test_a_draw_that_is_cut_off_leaves_nothing_and_is_done_wholly_the_next_time(
    db: Database,
) -> None:
    city = prepared(db)
    later = days_later(7)

    class CutOff(Exception):
        pass

    with pytest.raises(CutOff), db.transaction() as tx:
        lottery.draw(tx, city(), key=KEY, at=later)
        raise CutOff
    with db.transaction() as tx:
        assert rechecks(tx) == set()
        assert lottery.proof(tx, CLOSED_ON, 7).lottery.seed is None
    jobs.lots(db, city, KEY, lambda: later)
    with db.transaction() as tx:
        assert lottery.proof(tx, CLOSED_ON, 7).drawings


def test_those_drawn_wait_in_the_queue_of_rechecks(tx: Tx) -> None:
    city = half(tx)
    lottery.promise(tx, city, key=KEY, at=EVE)
    close(tx, city, 12)
    draw_all(tx, city, days_later(7))
    waiting = cases.page(
        tx, EVERYTHING, Filter(pending=ProcedureKind.RECHECK), order=Order.NEWEST, after=None,
        limit=50,
    )  # fmt: skip
    assert {case.number for case in waiting} == rechecks(tx)
