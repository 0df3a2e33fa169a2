"""The recheck lottery at work: seeds fixed ahead, days drawn once, and the proof of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from zhongshu.core.access import NotFound
from zhongshu.core.cases import Stage
from zhongshu.core.facts import By
from zhongshu.core.lottery import (
    ROUNDS,
    Fate,
    Flaw,
    Lottery,
    commitment,
    days_to_promise,
    flaws,
    is_drawn,
    seed_of,
    share_of,
)
from zhongshu.core.procedures import ProcedureKind
from zhongshu.core.values import CaseId
from zhongshu.flow import pending
from zhongshu.flow.city import City
from zhongshu.store import cases
from zhongshu.store import lotteries as store
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A lottery with all that is needed to work it out again."""

    lottery: Lottery
    closed: Sequence[str]
    drawings: Sequence[store.Drawing]
    flaws: tuple[Flaw, ...]

    @property
    def drawn(self) -> frozenset[str]:
        return frozenset(drawing.number for drawing in self.drawings)


def promise(tx: Tx, city: City, *, key: bytes, at: datetime) -> int:
    """Fix the seeds of the days to come that have none; return how many lotteries that were."""
    today = at.astimezone(city.zone).date()
    days = days_to_promise(store.last_day(tx), today)
    for day in days:
        for after_days, share in shares(city).items():
            store.promise(
                tx,
                Lottery(
                    day=day, after_days=after_days, share=share, zone=str(city.zone),
                    commitment=commitment(seed_of(key, day, after_days)), committed_at=at,
                ),
            )  # fmt: skip
    return len(days) * len(ROUNDS)


def shares(city: City) -> dict[int, Decimal]:
    """Return which share of a day's closings is drawn in each round: what the city says."""
    said = city.said.get("lottery", {})
    return {days: share_of(said.get(str(days), usual), usual) for days, usual in ROUNDS.items()}


def draw(tx: Tx, city: City, *, key: bytes, at: datetime) -> Lottery | None:
    """Draw the oldest lottery that is due and open the rechecks; None where none is due. A
    lottery that was drawn is never drawn again.
    """
    lottery = store.next_due(tx, today=at.astimezone(city.zone).date())
    if lottery is None:
        return None
    seed = seed_of(key, lottery.day, lottery.after_days)
    if commitment(seed) != lottery.commitment:
        store.lost(tx, lottery, at=at)
        return lottery
    closed = store.closed(tx, lottery)
    lots = [case for case, number in closed if is_drawn(seed, number, lottery.share)]
    for case in lots:
        _recheck(tx, city, lottery, case, at=at)
    store.drawn(tx, lottery, seed=seed, at=at, population=len(closed), count=len(lots))
    return lottery


def _recheck(tx: Tx, city: City, lottery: Lottery, drawn: CaseId, *, at: datetime) -> None:
    """Open the recheck of a case that was drawn, where there is something to look at."""
    case = cases.lock(tx, drawn)
    assert case is not None
    fate, procedure = Fate.OPENED, None
    if case.stage is not Stage.CLOSED:
        fate = Fate.NOT_CLOSED
    elif ProcedureKind.RECHECK in case.pending:
        fate = Fate.OPEN_ALREADY
    else:
        _, opened = pending.opened(
            tx, city, case, ProcedureKind.RECHECK, by=By(rule="lottery"), at=at,
            said={"lottery": f"{lottery.day}+{lottery.after_days}"},
        )  # fmt: skip
        procedure = opened.id
    store.keep(tx, lottery, drawn, fate, procedure=procedure)


def proof(tx: Tx, day: date, after_days: int) -> Proof:
    """Return a lottery with what the ledger says of its day, and whatever is not right."""
    lottery = store.get(tx, day, after_days)
    if lottery is None:
        raise NotFound("lottery", f"{day}+{after_days}")
    # Before the draw its day may not be over, and who closed what is nobody's business yet.
    done = lottery.seed is not None
    closed = [number for _, number in store.closed(tx, lottery)] if done else []
    drawings = store.drawings(tx, lottery)
    return Proof(
        lottery=lottery, closed=closed, drawings=drawings,
        flaws=flaws(lottery, closed, [d.number for d in drawings]),
    )  # fmt: skip
