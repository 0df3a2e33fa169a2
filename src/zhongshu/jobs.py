"""Work that nobody waits for: deadlines that pass, contacts whose time is up, rule proposals
that are run over a past or whose day has come.

Plain loops on the hub's own database. A queue (Procrastinate) comes with the first job
that talks to the outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import psycopg
from psycopg_pool import PoolTimeout

from zhongshu.flow import acts, contacts, proceedings, proposals, whatif
from zhongshu.flow.city import City
from zhongshu.store.db import Database

DEADLINES_EVERY_S = 2.0
ERASING_EVERY_S = 3600.0
RUNS_EVERY_S = 1.0
DAYS_EVERY_S = 30.0


def run(
    db: Database,
    city: Callable[[], City],
    *,
    clock: Callable[[], datetime],
    stop: threading.Event,
) -> list[threading.Thread]:
    """Start the loops; they end soon after ``stop`` is set."""
    loops = (
        (DEADLINES_EVERY_S, lambda: _deadlines(db, city, clock)),
        (ERASING_EVERY_S, lambda: _erasing(db, clock)),
        (RUNS_EVERY_S, lambda: runs(db, city, clock)),
        (DAYS_EVERY_S, lambda: _days(db, city, clock)),
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
        # The database may be restarting; what is due stays due.
        with suppress(psycopg.Error, PoolTimeout):
            work()
        stop.wait(every_s)


def _deadlines(
    db: Database, city: Callable[[], City], clock: Callable[[], datetime]
) -> None:  # fmt: skip
    more = True
    while more:
        with db.writing() as tx:
            more = acts.climb(tx, at=clock()) == 500
    with db.transaction() as tx:
        proceedings.notice_late(tx, city(), at=clock())


def _erasing(db: Database, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        contacts.erase(tx, at=clock())


def runs(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    """Work off the runs of proposals that are waiting, one after the other."""
    while whatif.work_off(db, city, clock=clock):
        pass


def _days(db: Database, city: Callable[[], City], clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        proposals.come(tx, city(), at=clock())
