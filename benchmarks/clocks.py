"""Clocks that fall due, while people work: how late the hub says so, beside the bare statements.

A case that is over its time must be so on every screen within five seconds, whatever the
number of clocks that run. And after a day in which the hub stood still, everything that fell
due meanwhile has to be told before long.
"""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from benchmarks.load import Client, Measured, drive
from zhongshu import jobs
from zhongshu.core.calendar import Calendar
from zhongshu.core.cases.clocks import Keeper, Tick
from zhongshu.core.facts import Position
from zhongshu.flow.city import load
from zhongshu.store import facts
from zhongshu.store.db import Database

#: Far more than a city of a million open clocks has: over 15 working days it has four.
EACH_SECOND = 100
SECONDS = 40
DOWN = 100_000
Row = tuple[str, str, str, str]


def run(url: str, port: int, keys: tuple[str, str], size: int) -> list[Row]:
    """Measure the lateness while clocks fall due steadily, and the rate after a stop."""
    wind(url, size)
    raw = bare(url)
    with keeping(url):
        time.sleep(5)  # the process is there
        began = datetime.now(UTC) + timedelta(seconds=3)
        set_due(url, EACH_SECOND * SECONDS, began, timedelta(seconds=1 / EACH_SECOND))
        acts, late = watched(url, port, keys, began)
        set_due(url, min(DOWN, size // 2), datetime.now(UTC) - timedelta(days=1), timedelta(0))
        rate = caught_up(url)
    share = len(late.each) / (EACH_SECOND * SECONDS)
    return [
        (
            f"Told that a clock reached its rung, {EACH_SECOND} a second of {size:,} running, {acts:.0f} acts a second beside it",
            f"p50 {late.ms(0.5) / 1000:.1f}, p95 {late.ms(0.95) / 1000:.1f}, at most {late.each[-1]:.1f} s late ({share:.0%} of them seen)",
            f"looked for every {jobs.DEADLINES_EVERY_S:.0f} s", "",
        ),
        (
            f"Telling of {min(DOWN, size // 2):,} that fell due while the hub stood still", f"{rate:,.0f}/s",
            f"{raw:,.0f}/s bare select of 500 and update, no facts", f"{rate / raw:.0%}",
        ),
    ]  # fmt: skip


def wind(url: str, size: int) -> None:
    """Bring the database to so many open cases whose clocks run for days yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        city = load(connection)
        clocks, next_at = _clocks(city.calendar, datetime.now(UTC))
        connection.execute(
            "with made as (insert into cases (id, number, stage, reported_at, title, channel, category, lon,"
            "  lat, area, area_code, unit, filed_at, dispatched_at, due_at, version, tile, words, clocks, next_at)"
            " select nextval('case_id'), 'c' || g, 'in_hand', now() - interval '2 days' * random(), '路灯不亮 ' || g,"
            "  'web', (select min(id) from categories) + g %% 112, 113 + random() * 0.04, 34 + random() * 0.04,"
            "  a.ids[1 + g %% 4], a.los[1 + g %% 4], 1 + g %% 3, now(), now(), now() + interval '9 days', 1,"
            "  g %% 100000, '路灯 灯不 不亮'::tsvector, %s, %s::timestamptz + interval '5 days' * random()"
            " from generate_series(1, %s) g, (select array_agg(id) as ids, array_agg(lo) as los from areas"
            "  where kind = 'community') a returning id, reported_at)"
            " insert into facts (case_id, seq, kind, at) select id, 1, 'case:imported', reported_at from made",
            (clocks, next_at, size),
        )
        connection.execute("vacuum analyze cases")
        connection.execute("vacuum analyze facts")
        connection.execute("checkpoint")


def _clocks(calendar: Calendar, at: datetime) -> tuple[str, datetime]:
    """Return the clocks of a case in hand, JSON-ready, and a moment when none is due yet."""
    keeper = Keeper.usual(calendar, units={}, said={})
    clocks = keeper.after((), Tick.REPORTED, at)
    return json.dumps([clock.record() for clock in clocks]), at + timedelta(days=3)


def set_due(url: str, count: int, first: datetime, apart: timedelta) -> None:
    """Let the clocks of so many cases reach their first rung, one after the other."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "with chosen as (select id, row_number() over (order by id) - 1 as n from cases"
            "  where number like 'c%%' and version = 1 and next_at > now() + interval '1 day' limit %s),"
            " moment as (select id, %s::timestamptz + n * %s::interval as at from chosen)"
            " update cases c set next_at = m.at, clocks = jsonb_set(c.clocks, '{1,rungs}',"
            "  jsonb_build_array(m.at, m.at + interval '1 day', m.at + interval '2 days',"
            "   m.at + interval '3 days', m.at + interval '4 days'))"
            " from moment m where c.id = m.id",
            (count, first, apart),
        )


@contextmanager
def keeping(url: str) -> Iterator[None]:
    """Keep the hub's loops running in a process of their own, as `zhongshu serve` does."""
    process = multiprocessing.get_context("spawn").Process(target=_keep, args=(url,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _keep(url: str) -> None:
    with Database(url, size=4) as db:
        with db.transaction() as tx:
            city = load(tx)
        for loop in jobs.run(
            db, lambda: city, clock=lambda: datetime.now(UTC), key=bytes(32), stop=threading.Event()
        ):
            loop.join()


def watched(
    url: str, port: int, keys: tuple[str, str], began: datetime
) -> tuple[float, Measured]:  # fmt: skip
    """Let people work while a reader of the ledger sees what was told, and when."""
    seen: list[float] = []
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(url, seen, over))
    reader.start()
    notes = _notes(url, port, keys)
    acts = drive(4, (began - datetime.now(UTC)).total_seconds() + SECONDS, notes)
    time.sleep(6)
    over.set()
    reader.join()
    return acts.per_second, Measured(0, sorted(seen))


def _read(url: str, seen: list[float], over: threading.Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        at: Position = facts.newest(connection)
        while not over.is_set():
            for read in facts.read(connection, after=at, limit=5000):
                at = read.position
                if read.fact.kind == "clock:climbed":
                    due = read.fact.sets["clocks"][1]["rungs"][0]
                    seen.append(time.time() - datetime.fromisoformat(due).timestamp())
            over.wait(0.1)


def _notes(url: str, port: int, keys: tuple[str, str]) -> Any:
    """Return work of people: a note on one case after the other."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("select number from cases where number like 'c%' order by id desc limit 4000").fetchall()  # fmt: skip
        connection.execute(
            "update cases set number = to_char(reported_at, 'YYMMDD') || '-' || id where number = any(%s)",
            ([r[0] for r in rows],),
        )
        numbers = [r[0] for r in connection.execute("select number from cases where number like '%-%' order by id desc limit 4000")]  # fmt: skip
    clients = [Client(port, keys[0]) for _ in range(4)]

    async def note(client: int, n: int) -> None:
        number = numbers[(n * 4 + client) % len(numbers)]
        status, said = await clients[client].call(
            "POST", f"/api/v1/cases/{number}/acts/note", {"note": "seen"}
        )
        assert status == 200, said

    return note


def caught_up(url: str) -> float:
    """Return how many a second were told, from the first to the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "select count(*) from cases where next_at < now() - interval '12 hours'"
        began, left = time.perf_counter(), _one(connection, query)
        first = left
        while left:
            time.sleep(0.2)
            left = _one(connection, query)
        return first / (time.perf_counter() - began)


def bare(url: str) -> float:
    """Return how many a second the two bare statements do, taken back at the end."""
    with psycopg.connect(url, autocommit=True) as connection:
        done = 0
        with connection.transaction(force_rollback=True):
            began = time.perf_counter()
            while time.perf_counter() < began + 4:
                found = connection.execute(
                    "select id from cases where next_at < now() + interval '9 days' order by next_at limit 500"
                    " for update skip locked"
                ).fetchall()
                connection.execute(
                    "update cases set next_at = now() + interval '30 days' where id = any(%s)",
                    ([row[0] for row in found],),
                )
                done += len(found)
            took = time.perf_counter() - began
        connection.execute("vacuum cases")
        return done / took


def _one(connection: psycopg.Connection[Any], query: Any) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
