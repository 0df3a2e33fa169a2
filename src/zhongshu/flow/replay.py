"""Playing a past again: its reports through the live door, its closings at their hour.

One hour of history takes ``3600 / speed`` seconds. Where it stands is kept in the
database after each step, so that a replay stopped, or killed, goes on where it was; each
report carries its own number as key, so nothing is ever doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from zhongshu.core.cases import Act, Outcome, Stage
from zhongshu.core.facts import By
from zhongshu.core.history import Mapping
from zhongshu.core.intake import Channel, Draft
from zhongshu.core.values import CaseId, Refused
from zhongshu.flow import acts
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.flow.intake import Random, Receipt, receive
from zhongshu.store import cases, reports
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx

SETTING = "replay"


class Order(StrEnum):
    """What an operator told a running replay to do."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Something of the past: a report, or the end of its case (outcome not None)."""

    at: datetime
    key: str
    outcome: str | None = None
    row: Any = None


@dataclass(slots=True)
class Played:
    """What a replay did so far."""

    reports: int = 0
    closed: int = 0
    left: int = 0
    refused: int = 0


def events(frames: Iterable[pl.DataFrame]) -> list[Event]:
    """Return the events of normalised rows in the order they happened."""
    found: list[Event] = []
    for frame in frames:
        for row in frame.iter_rows(named=True):
            found.append(Event(row["reported"], row["key"], None, row))
            if row["closed"] is not None and row["state"] == "closed":
                found.append(Event(row["closed"], row["key"], row["outcome"] or "solved", None))
    found.sort(key=lambda e: (e.at, e.outcome is not None, e.key))
    return found


def play(
    db: Database, city: Callable[[], City], mapping: Mapping, past: Sequence[Event], *,
    speed: float, clock: Callable[[], datetime], wait: Callable[[float], None], random: Random,
    key: bytes, progress: Callable[[Played, datetime], None] = lambda *_: None,
) -> Played:  # fmt: skip
    """Play the events not yet played, in their own rhythm × ``speed``."""
    done = Played()
    source = f"replay:{mapping.source}"
    at = _begun(db, source)
    waiting = [event for event in past if (event.at, event.outcome is not None, event.key) > at]
    if not waiting:
        return done
    first, started, n = waiting[0].at, clock(), 0
    while n < len(waiting):
        order = _order(db)
        if order is Order.STOP:
            break
        if order is Order.PAUSE:
            # The clock of the past stands still meanwhile.
            paused = clock()
            wait(0.2)
            started += clock() - paused
            continue
        until = first + (clock() - started) * speed
        due = []
        while n < len(waiting) and waiting[n].at <= until and len(due) < 200:
            due.append(waiting[n])
            n += 1
        if due:
            _played(db, city(), mapping, source, due, done, now=clock(), random=random, key=key)
            progress(done, due[-1].at)
        else:
            wait(min(0.2, (waiting[n].at - until) / timedelta(seconds=1) / speed))
    return done


def command(tx: Tx, order: Order) -> None:
    """Tell the running replay to pause, go on or stop."""
    said: dict[str, Any] = city_store.setting(tx, SETTING) or {}
    city_store.set_setting(tx, SETTING, {**said, "order": order})


def _begun(db: Database, source: str) -> tuple[datetime, bool, str]:
    with db.transaction() as tx:
        said: dict[str, Any] = city_store.setting(tx, SETTING) or {}
        city_store.set_setting(tx, SETTING, {**said, "order": Order.RUN})
    at = said.get("at", {}).get(source)
    if at is None:
        return datetime.fromisoformat("0001-01-01T00:00:00+00:00"), False, ""
    return datetime.fromisoformat(at[0]), bool(at[1]), at[2]


def _order(db: Database) -> Order:
    with db.reading() as connection:
        said: dict[str, Any] = city_store.setting(connection, SETTING) or {}
    return Order(said.get("order", Order.RUN))


def _played(
    db: Database, city: City, mapping: Mapping, source: str, due: Sequence[Event], done: Played, *,
    now: datetime, random: Random, key: bytes,
) -> None:  # fmt: skip
    """Play a handful of events and remember the last, in one transaction."""
    with db.transaction() as tx:
        fresh = [event for event in due if event.outcome is None]
        drafts = [_draft(event, mapping, source) for event in fresh]
        for answer in receive(tx, city, drafts, now=now, random=random, key=key):
            done.reports += isinstance(answer, Receipt)
            done.refused += isinstance(answer, Refused)
        for event in due:
            if event.outcome is not None:
                ended = _end(tx, city, source, event, now)
                done.closed += ended
                done.left += not ended
        last = due[-1]
        said: dict[str, Any] = city_store.setting(tx, SETTING) or {}
        at = {
            **said.get("at", {}),
            source: [last.at.isoformat(), last.outcome is not None, last.key],
        }
        city_store.set_setting(tx, SETTING, {**said, "at": at})


def _draft(event: Event, mapping: Mapping, source: str) -> Draft:
    row = event.row
    return Draft(
        text=row["text"], channel=Channel.REPLAY, lon=row["lon"], lat=row["lat"],
        address=row["address"], category=row["category"], source=source, key=event.key,
        lang="zh" if mapping.lang == "zh" else "en", extra={"happened": event.at.isoformat()},
    )  # fmt: skip


def _end(tx: Tx, city: City, source: str, event: Event, now: datetime) -> bool:
    """Bring a case to its end as it was in the past; say whether it came there.

    A case the hub could not file (no category, no place) is left for a person.
    """
    known = reports.known(tx, [(source, event.key)])
    if not known:
        return False
    return _driven(tx, city, CaseId(known[0].case_id), Outcome(event.outcome or "solved"), now)


_NEXT: dict[Stage, tuple[Act, str]] = {
    Stage.FILED: (Act.DISPATCH, "dispatcher"),
    Stage.DISPATCHED: (Act.ACCEPT, "handler"),
    Stage.IN_HAND: (Act.HANDLE, "handler"),
    Stage.HANDLED: (Act.PASS, "checker"),
    Stage.CHECKED: (Act.CLOSE, "acceptor"),
}


def _driven(tx: Tx, city: City, case_id: CaseId, outcome: Outcome, now: datetime) -> bool:
    case = cases.get(tx, case_id)
    while case is not None and case.stage in _NEXT:
        what, who = _NEXT[case.stage]
        form = Form(outcome=outcome) if what is Act.HANDLE else Form()
        try:
            case = acts.act(tx, city, case_id, what, by=By(rule=f"replay:{who}"), at=now, form=form)
        except acts.NoUnit:
            return False
    return case is not None and case.stage is Stage.CLOSED
