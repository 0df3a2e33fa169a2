"""Clocks that fall due are told of once each, however many at a time."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

import pytest

from tests.factories import KEY, NOW
from zhongshu import jobs
from zhongshu.core.cases import Case, Stage, begun, fold
from zhongshu.core.cases.clocks import Rung, Tick
from zhongshu.core.facts import THE_HUB, Kind
from zhongshu.core.values import CaseId, UnitId
from zhongshu.flow import climbing
from zhongshu.flow.city import City, load
from zhongshu.store import cases, facts
from zhongshu.store.db import Database, Tx


def wound(tx: Tx, city: City, count: int) -> None:
    """Write cases in hand whose handling clock began one second apart."""
    made = []
    for n in range(1, count + 1):
        at = NOW + timedelta(seconds=n)
        first = Case(
            id=CaseId(n), number=f"n{n}", stage=Stage.IN_HAND, reported_at=at, unit=UnitId(1),
            clocks=city.keeper.after((), Tick.REPORTED, at),
        )  # fmt: skip
        made.append(begun(first, Kind.REPORTED, by=THE_HUB, at=at, says={}))
    cases.add(tx, [c for c, _ in made], [f for _, f in made], {})


def told(tx: Tx) -> dict[int, int]:
    return dict(tx.execute("select case_id, count(*) from facts where rule = 'deadline' group by 1").fetchall())  # fmt: skip


def test_what_has_fallen_due_is_told_once_and_nothing_else(tx: Tx, city: City) -> None:
    wound(tx, city, 30)
    warned = city.keeper.after((), Tick.REPORTED, NOW)[0].rungs[0]
    assert climbing.climb(tx, at=warned + timedelta(seconds=20.5)) == 20
    assert climbing.climb(tx, at=warned + timedelta(seconds=20.5)) == 0
    assert told(tx) == dict.fromkeys(range(1, 21), 1)
    for n in range(1, 31):
        case = cases.get(tx, CaseId(n))
        assert case is not None
        assert case.clocks[0].rung is (Rung.WARN if n <= 20 else None)
        assert fold(case.id, facts.of_case(tx, case.id)) == case


def test_the_earliest_are_told_first_and_an_overdue_case_says_so(tx: Tx, city: City) -> None:
    wound(tx, city, 5)
    tx.execute("update cases set due_at = %s", (NOW + timedelta(days=1),))
    late = NOW + timedelta(days=400)
    assert climbing.climb(tx, at=late, limit=2) == 2
    assert set(told(tx)) == {1, 2}
    overdue = cases.get(tx, CaseId(1))
    assert overdue is not None
    assert overdue.overdue_at == late
    assert {f.kind for f in facts.of_case(tx, CaseId(1))} == {Kind.REPORTED, Kind.OVERDUE}


def test_an_imported_case_without_clocks_is_told_of_once(tx: Tx, city: City) -> None:
    wound(tx, city, 1)
    tx.execute("update cases set clocks = '[]', due_at = %s, next_at = %s", (NOW, NOW))
    assert climbing.climb(tx, at=NOW + timedelta(days=1)) == 1
    assert climbing.climb(tx, at=NOW + timedelta(days=2)) == 0
    # One that is done already has nothing to say, and rests as well.
    tx.execute("update cases set stage = 'closed', next_at = %s", (NOW,))
    assert climbing.climb(tx, at=NOW + timedelta(days=3)) == 1
    assert climbing.climb(tx, at=NOW + timedelta(days=3)) == 0
    assert told(tx) == {1: 1}


def test_after_a_day_of_standing_still_everything_is_told_and_the_log_says_how_far(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    count = climbing.CLIMB * 21
    with db.transaction() as tx:
        city = load(tx)
        wound(tx, city, count)
    with caplog.at_level(logging.INFO, "zhongshu"):
        stop = threading.Event()
        loops = jobs.run(
            db, lambda: city, clock=lambda: NOW + timedelta(days=300), key=KEY, stop=stop
        )
        until = time.monotonic() + 120
        left = -1
        while left != 0 and time.monotonic() < until:
            stop.wait(0.1)
            with db.transaction() as tx:
                (left,) = tx.execute("select count(*) from cases where next_at is not null").fetchone() or (0,)  # fmt: skip
        stop.set()
        for loop in loops:
            loop.join()
    with db.transaction() as tx:
        assert told(tx) == dict.fromkeys(range(1, count + 1), 1)
    assert "catching up: 10,000 clocks told of" in caplog.text
