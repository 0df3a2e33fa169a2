"""The recheck lottery 复查抽签: which closed cases somebody looks at once more.

The seed of a day is fixed before any case of that day can be closed, and its SHA-256 is
published then. When the day's cases are drawn the seed is published too, and anybody can
work out again who had to be drawn: nobody could choose the cases, nor the seed for them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

#: How many days after closing a case may be drawn, and which share of a day's cases is
#: where the city says nothing (a proposal).
ROUNDS: Mapping[int, Decimal] = MappingProxyType({7: Decimal("0.10"), 30: Decimal("0.05")})
#: For how many days to come the seeds stand fixed, so that a hub that was away still has them.
AHEAD = 7
_ALL = 1 << 64


class Fate(StrEnum):
    """What became of a case that was drawn."""

    OPENED = "opened"  # 已发起复查
    NOT_CLOSED = "not_closed"  # 已重新办理: it had been reopened by then
    OPEN_ALREADY = "open_already"  # 复查进行中: another recheck of it was still open


class Flaw(StrEnum):
    """What is not right about a lottery."""

    COMMITTED_LATE = "committed_late"  # 承诺过晚: when its day had begun
    SEED_LOST = "seed_lost"  # 种子遗失: the hub's key is another, nothing was drawn
    SEED_WRONG = "seed_wrong"  # 种子不符: it is not the one that was promised
    COUNT_WRONG = "count_wrong"  # 件数不符: of the cases closed, or of those drawn
    LEFT_OUT = "left_out"  # 漏抽: a case that had to be drawn was not
    PUT_IN = "put_in"  # 误抽: a case was drawn that had not to be


@dataclass(frozen=True, slots=True, kw_only=True)
class Lottery:
    """The lottery of one day's closings, so many days after it.

    ``day`` is a day in ``zone``; ``share`` of its cases are drawn. The last four are None
    until then; ``lost_at`` says that the seed could not be had any more.
    """

    day: date
    after_days: int
    share: Decimal
    zone: str
    commitment: bytes
    committed_at: datetime
    seed: bytes | None = None
    drawn_at: datetime | None = None
    population: int | None = None
    drawn: int | None = None
    lost_at: datetime | None = None

    @property
    def due(self) -> date:
        """The day on which it is drawn."""
        return self.day + timedelta(days=self.after_days)

    @property
    def begins(self) -> datetime:
        """When the day begins, in the city it is of."""
        return datetime.combine(self.day, time(), ZoneInfo(self.zone))

    @property
    def ends(self) -> datetime:
        return datetime.combine(self.day + timedelta(days=1), time(), ZoneInfo(self.zone))

    @property
    def late(self) -> bool:
        """Say whether its seed was fixed when cases of the day could be closed already."""
        return self.committed_at >= self.begins


def seed_of(key: bytes, day: date, after_days: int) -> bytes:
    """Return the secret seed of a lottery: nobody without the hub's key can know it before."""
    return hmac.digest(key, f"zhongshu recheck lottery {day} +{after_days}".encode(), "sha256")


def commitment(seed: bytes) -> bytes:
    """Return what is published of a seed before the draw."""
    return hashlib.sha256(seed).digest()


def ticket(seed: bytes, number: str) -> int:
    """Return the ticket of a case: the first 64 bits of HMAC-SHA256(seed, case number)."""
    return int.from_bytes(hmac.digest(seed, number.encode(), "sha256")[:8], "big")


def is_drawn(seed: bytes, number: str, share: Decimal) -> bool:
    """Say whether a case is drawn: its ticket lies in the first ``share`` of all there are."""
    return ticket(seed, number) < int(share * _ALL)


def draw(seed: bytes, numbers: Iterable[str], share: Decimal) -> tuple[str, ...]:
    """Return the cases drawn, in the order given, each once."""
    return tuple(n for n in dict.fromkeys(numbers) if is_drawn(seed, n, share))


def share_of(said: object, usual: Decimal) -> Decimal:
    """Read a share from 0 to 1; what is none leaves the usual one."""
    try:
        share = Decimal(str(said))
        readable = 0 <= share <= 1
    except InvalidOperation:
        return usual
    return share if readable else usual


def days_to_promise(last: date | None, today: date) -> tuple[date, ...]:
    """Return the days whose seeds are to be fixed now. The first are those after today; days
    that were missed are fixed late, which everybody will see.
    """
    first = today + timedelta(days=1) if last is None else last + timedelta(days=1)
    count = (today + timedelta(days=AHEAD) - first).days + 1
    return tuple(first + timedelta(days=n) for n in range(max(0, count)))


def flaws(
    lottery: Lottery, closed: Sequence[str], drawn: Sequence[str]
) -> tuple[Flaw, ...]:  # fmt: skip
    """Return what is not right: ``closed`` are the cases that the ledger says were closed on
    the day, ``drawn`` those that were kept as drawn.
    """
    found = [(Flaw.COMMITTED_LATE, lottery.late), (Flaw.SEED_LOST, lottery.lost_at is not None)]
    if lottery.seed is not None:
        meant = set(draw(lottery.seed, closed, lottery.share))
        counts = (lottery.population, lottery.drawn)
        found += [
            (Flaw.SEED_WRONG, commitment(lottery.seed) != lottery.commitment),
            (Flaw.COUNT_WRONG, counts != (len(set(closed)), len(set(drawn)))),
            (Flaw.LEFT_OUT, not meant <= set(drawn)),
            (Flaw.PUT_IN, not set(drawn) <= meant),
        ]
    return tuple(flaw for flaw, holds in found if holds)
