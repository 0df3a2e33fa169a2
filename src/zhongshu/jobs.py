"""Work that nobody waits for: deadlines that pass, people to be told, what has had its time,
rule proposals that are run over a past or whose day has come, lots that are drawn, months
that are over and frozen.

Plain loops on the hub's own database. What goes out has a loop for each medium, so that a
broken one holds up no other, and its queue is the table of messages (docs/decisions/0020).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import psycopg
from psycopg_pool import PoolTimeout

from zhongshu.core.messages import Delivery, Parcel
from zhongshu.core.texts import Medium
from zhongshu.flow import (
    addresses,
    climbing,
    contacts,
    ladder,
    lottery,
    notices,
    once,
    openings,
    outward,
    proceedings,
    proposals,
    sending,
    snapshots,
    waiting,
    whatif,
)
from zhongshu.flow.city import City
from zhongshu.flow.outward import Outlet
from zhongshu.store.db import Database, Tx

log = logging.getLogger("zhongshu")

DEADLINES_EVERY_S = 1.0
TELLING_EVERY_S = 2.0
ERASING_EVERY_S = 3600.0
LETTING_GO_EVERY_S = 120.0
RUNS_EVERY_S = 1.0
DAYS_EVERY_S = 30.0
#: The lottery's work is of a day; asking often only makes a hub that was away catch up soon.
LOTTERY_EVERY_S = 600.0
#: A month ends once in a month: the same.
FREEZING_EVERY_S = 600.0
SENDING_EVERY_S = 1.0

#: Whoever hands parcels over, and says of each what came of it; those it says nothing of it has
#: not tried.
Carry = Callable[[Sequence[Parcel]], Iterable[Delivery]]


def run(
    db: Database,
    city: Callable[[], City],
    *,
    clock: Callable[[], datetime],
    key: bytes,
    stop: threading.Event,
    out: Outlet | None = None,
    carriers: Mapping[Medium, Carry] | None = None,
) -> list[threading.Thread]:
    """Start the loops; they end soon after ``stop`` is set."""
    loops = [
        (DEADLINES_EVERY_S, lambda: _deadlines(db, city, clock)),
        (TELLING_EVERY_S, lambda: _telling(db, city, clock, out)),
        (TELLING_EVERY_S, _WhenChanged(city, lambda: _idle_rules(db, city, clock, out))),
        (ERASING_EVERY_S, lambda: erase(db, clock)),
        (LETTING_GO_EVERY_S, lambda: _letting_go(db, clock)),
        (RUNS_EVERY_S, lambda: runs(db, city, clock)),
        (DAYS_EVERY_S, lambda: _days(db, city, clock)),
        (LOTTERY_EVERY_S, lambda: lots(db, city, key, clock)),
        (FREEZING_EVERY_S, lambda: months(db, city, clock)),
    ]
    if out is not None:
        loops += [
            (SENDING_EVERY_S, partial(send_all, db, city, medium, carry, out, clock))
            for medium, carry in (carriers or {}).items()
        ]
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


def _telling(
    db: Database, city: Callable[[], City], clock: Callable[[], datetime], out: Outlet | None
) -> None:
    """Let the readers of the ledger come up to its end: first who presses, then who tells."""
    readers: list[Callable[[Tx], int]] = [
        lambda tx: ladder.press(tx, city(), at=clock()),
        lambda tx: notices.follow(tx, city(), now=clock(), out=out),
    ]
    if out is not None:
        readers.append(lambda tx: outward.follow(tx, city(), out, now=clock()))
    for follow in readers:
        more = True
        while more:
            with db.transaction() as tx:
                more = follow(tx) > 0


def _idle_rules(
    db: Database, city: Callable[[], City], clock: Callable[[], datetime], out: Outlet | None
) -> None:
    with db.transaction() as tx:
        notices.tell_idle_rules(tx, city(), now=clock(), out=out)


def send_all(
    db: Database, city: Callable[[], City], medium: Medium, carry: Carry, out: Outlet,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    """Send what is due of a medium until nothing is."""
    while send(db, city(), medium, carry, out, clock):
        pass


def send(
    db: Database, city: City, medium: Medium, carry: Carry, out: Outlet, clock: Callable[[], datetime]
) -> int:  # fmt: skip
    """Take a lot of messages in hand, have it carried, and keep what came of each; return how
    many parcels were settled. No transaction is open while somebody carries.
    """
    with db.transaction() as tx:
        parcels = sending.claim(tx, city, medium, out, now=clock())
    if not parcels:
        return 0
    untried = {parcel.ids: parcel for parcel in parcels}
    for delivery in carry(parcels):
        with db.transaction() as tx:
            sending.settle(tx, delivery, now=clock())
        untried.pop(delivery.ids, None)
    with db.transaction() as tx:
        sending.lay_back(tx, untried.values())
    return len(parcels) - len(untried)


def erase(db: Database, clock: Callable[[], datetime]) -> None:
    """Erase what has been kept for long enough, until nothing of it is left."""
    with db.transaction() as tx:
        contacts.erase(tx, at=clock())
    for forget in (notices.forget, sending.forget):
        more = True
        while more:
            with db.transaction() as tx:
                more = forget(tx, now=clock()) > 0
    with db.transaction() as tx:
        addresses.forget(tx, now=clock())


def _letting_go(db: Database, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        waiting.let_go(tx, at=clock())
    with db.transaction() as tx:
        once.forget(tx, at=clock())
    with db.transaction() as tx:
        openings.forget(tx, at=clock())


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
