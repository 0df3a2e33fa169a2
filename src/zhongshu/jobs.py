"""Work that nobody waits for: deadlines that pass, people to be told, what has had its time,
rule proposals that are run over a past or whose day has come, lots that are drawn, months
that are over and frozen.

Plain loops on the hub's own database. A queue (Procrastinate) comes with the first job
that talks to the outside.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
from psycopg_pool import PoolTimeout

from zhongshu.flow import (
    climbing,
    contacts,
    ladder,
    lottery,
    notices,
    once,
    proceedings,
    proposals,
    snapshots,
    waiting,
    whatif,
)
from zhongshu.flow.city import City
from zhongshu.store.db import Database

log = logging.getLogger("zhongshu")

DEADLINES_EVERY_S = 1.0
TELLING_EVERY_S = 2.0
ERASING_EVERY_S = 3600.0
LETTING_GO_EVERY_S = 120.0
RUNS_EVERY_S = 1.0
DAYS_EVERY_S = 30.0
#: The lottery's work is of a day; asking often only makes a hub that was away catch up soon.
LOTTERY_EVERY_S = 600.0
#: A month ends once in a month; asking often only makes a hub that was away catch up soon.
FREEZING_EVERY_S = 600.0


def run(
    db: Database,
    city: Callable[[], City],
    *,
    clock: Callable[[], datetime],
    key: bytes,
    stop: threading.Event,
) -> list[threading.Thread]:
    """Start the loops; they end soon after ``stop`` is set."""
    loops = (
        (DEADLINES_EVERY_S, lambda: _deadlines(db, city, clock)),
        (TELLING_EVERY_S, lambda: _telling(db, city, clock)),
        (TELLING_EVERY_S, _WhenChanged(city, lambda: _idle_rules(db, city, clock))),
        (ERASING_EVERY_S, lambda: _erasing(db, clock)),
        (LETTING_GO_EVERY_S, lambda: _letting_go(db, clock)),
        (RUNS_EVERY_S, lambda: runs(db, city, clock)),
        (DAYS_EVERY_S, lambda: _days(db, city, clock)),
        (LOTTERY_EVERY_S, lambda: lots(db, city, key, clock)),
        (FREEZING_EVERY_S, lambda: months(db, city, clock)),
    )
    threads = [
        threading.Thread(target=_loop, args=(every, work, stop), daemon=True)
        for every, work in loops
    ]
    for thread in threads:
        thread.start()
    return threads


def _loop(every_s: float, work: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            work()
        except (psycopg.Error, PoolTimeout):
            pass  # the database may be restarting; what is due stays due
        except Exception:
            # Said in the log, and tried again: no loop may end and be missed by nobody.
            log.exception("work in the background failed")
        stop.wait(every_s)


class _WhenChanged:
    """Work that is done once, and again whenever the city's own data moved."""

    def __init__(self, city: Callable[[], City], work: Callable[[], None]) -> None:
        self._city, self._work, self._done = city, work, -1

    def __call__(self) -> None:
        version = self._city().version
        if version != self._done:
            self._work()
            self._done = version


def _deadlines(
    db: Database, city: Callable[[], City], clock: Callable[[], datetime]
) -> None:  # fmt: skip
    began, told = time.monotonic(), 0
    more = True
    while more:
        with db.writing() as tx:
            found = climbing.climb(tx, at=clock())
        more, told = found == climbing.CLIMB, told + found
        if told > climbing.CLIMB and (told // climbing.CLIMB) % 20 == 0:
            rate = told / (time.monotonic() - began)
            log.info("catching up: %s clocks told of, %.0f a second", f"{told:,}", rate)
    with db.transaction() as tx:
        proceedings.notice_late(tx, city(), at=clock())


def _telling(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    """Let the readers of the ledger come up to its end: first who presses, then who tells."""
    for follow in (
        lambda tx: ladder.press(tx, city(), at=clock()),
        lambda tx: notices.follow(tx, city(), now=clock()),
    ):
        more = True
        while more:
            with db.transaction() as tx:
                more = follow(tx) > 0


def _idle_rules(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        notices.tell_idle_rules(tx, city(), now=clock())


def _erasing(db: Database, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        contacts.erase(tx, at=clock())
    more = True
    while more:
        with db.transaction() as tx:
            more = notices.forget(tx, now=clock()) > 0


def _letting_go(db: Database, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        waiting.let_go(tx, at=clock())
    with db.transaction() as tx:
        once.forget(tx, at=clock())


def runs(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    """Work off the runs of proposals that are waiting, one after the other."""
    while whatif.work_off(db, city, clock=clock):
        pass


def _days(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        proposals.come(tx, city(), at=clock())


def lots(db: Database, city: Callable[[], City], key: bytes, clock: Callable[[], datetime]) -> None:
    """Fix the seeds of the days to come, and draw every day that is due, each in its own
    transaction: what was cut off is done wholly the next time.
    """
    with db.transaction() as tx:
        lottery.promise(tx, city(), key=key, at=clock())
    more = True
    while more:
        with db.transaction() as tx:
            more = lottery.draw(tx, city(), key=key, at=clock()) is not None


def months(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    """Freeze every month that is over and not frozen yet, each in its own transaction."""
    while True:
        with db.transaction() as tx:
            month = snapshots.due(tx, city(), at=clock())
            if month is None:
                return
            snapshots.freeze(tx, city(), month, by=None, at=clock())
