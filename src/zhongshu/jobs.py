"""Work that nobody waits for: deadlines that pass, contacts whose time is up.

Plain loops on the hub's own database. A queue (Procrastinate) comes with the first job
that talks to the outside.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import psycopg
from psycopg_pool import PoolTimeout

from zhongshu.flow import acts, contacts, proceedings
from zhongshu.flow.city import City
from zhongshu.store.db import Database

log = logging.getLogger("zhongshu")

DEADLINES_EVERY_S = 1.0
ERASING_EVERY_S = 3600.0


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
    began, told = time.monotonic(), 0
    more = True
    while more:
        with db.writing() as tx:
            found = acts.climb(tx, at=clock())
        more, told = found == acts.CLIMB, told + found
        if told > acts.CLIMB and (told // acts.CLIMB) % 20 == 0:
            rate = told / (time.monotonic() - began)
            log.info("catching up: %s clocks told of, %.0f a second", f"{told:,}", rate)
    with db.transaction() as tx:
        proceedings.notice_late(tx, city(), at=clock())


def _erasing(db: Database, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        contacts.erase(tx, at=clock())
