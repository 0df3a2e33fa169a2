"""The lotteries of rechecks, and what each drew: written once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString

from psycopg.rows import class_row

from zhongshu.core.lottery import Fate, Lottery
from zhongshu.core.values import CaseId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "day, after_days, share, zone, commitment, committed_at, seed, drawn_at, population, drawn,"
    " lost_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A case that was drawn, and what became of it."""

    case_id: CaseId
    number: str
    fate: Fate
    procedure: int | None
    state: str | None


def last_day(tx: Tx) -> date | None:
    """Return the last day whose seeds stand fixed."""
    row = tx.execute("select max(day) from lotteries").fetchone()
    return row[0] if row else None


def promise(tx: Tx, lottery: Lottery) -> None:
    """Fix a lottery before its day; one that stands already stays as it is."""
    tx.execute(
        "insert into lotteries (day, after_days, share, zone, commitment, committed_at)"
        " values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (
            lottery.day, lottery.after_days, lottery.share, lottery.zone, lottery.commitment,
            lottery.committed_at,
        ),
    )  # fmt: skip


def next_due(tx: Tx, *, today: date) -> Lottery | None:
    """Return the oldest lottery that is to be drawn by today, locked; one that somebody else
    is drawing is passed over.
    """
    return (
        tx.cursor(row_factory=class_row(Lottery))
        .execute(
            f"select {_COLUMNS} from lotteries where drawn_at is null and lost_at is null"
            " and day + after_days <= %s order by day, after_days limit 1 for update skip locked",
            (today,),
        )
        .fetchone()
    )


def drawn(tx: Tx, lottery: Lottery, *, seed: bytes, at: datetime, population: int, count: int) -> None:  # fmt: skip
    """Publish the seed of a lottery with what it drew."""
    tx.execute(
        "update lotteries set seed = %s, drawn_at = %s, population = %s, drawn = %s"
        " where day = %s and after_days = %s",
        (seed, at, population, count, lottery.day, lottery.after_days),
    )


def lost(tx: Tx, lottery: Lottery, *, at: datetime) -> None:
    """Say that the seed of a lottery cannot be had any more."""
    tx.execute(
        "update lotteries set lost_at = %s where day = %s and after_days = %s",
        (at, lottery.day, lottery.after_days),
    )


def keep(
    tx: Tx, lottery: Lottery, case: CaseId, fate: Fate, *, procedure: int | None
) -> None:  # fmt: skip
    """Keep one case as drawn."""
    tx.execute(
        "insert into drawings (day, after_days, case_id, fate, procedure) values (%s, %s, %s, %s, %s)",
        (lottery.day, lottery.after_days, case, fate, procedure),
    )


def closed(tx: Tx, lottery: Lottery) -> list[tuple[CaseId, str]]:
    """Return the cases closed on a lottery's day, by the ledger; what came in with a past was
    not closed here and cannot be drawn.
    """
    return tx.execute(
        "select c.id, c.number from cases c where c.id in (select case_id from facts"
        "  where kind = 'case:closed' and at >= %s and at < %s and coalesce(rule, '') not like %s)"
        " order by c.id",
        (lottery.begins, lottery.ends, "import:%"),
    ).fetchall()


def drawings(tx: Tx, lottery: Lottery) -> list[Drawing]:
    """Return the cases that were kept as drawn, and how the recheck of each stands."""
    rows = tx.execute(
        "select d.case_id, c.number, d.fate, d.procedure, p.state from drawings d"
        " join cases c on c.id = d.case_id left join procedures p on p.id = d.procedure"
        " where d.day = %s and d.after_days = %s order by d.case_id",
        (lottery.day, lottery.after_days),
    )
    return [
        Drawing(case_id=case, number=number, fate=Fate(fate), procedure=procedure, state=state)
        for case, number, fate, procedure, state in rows
    ]


def get(tx: Tx, day: date, after_days: int) -> Lottery | None:
    return (
        tx.cursor(row_factory=class_row(Lottery))
        .execute(
            f"select {_COLUMNS} from lotteries where day = %s and after_days = %s",
            (day, after_days),
        )
        .fetchone()
    )


def latest(tx: Tx, *, before: date | None = None, limit: int = 60) -> Sequence[Lottery]:
    """Return lotteries, the latest day first."""
    return (
        tx.cursor(row_factory=class_row(Lottery))
        .execute(
            f"select {_COLUMNS} from lotteries where day < coalesce(%s, 'infinity'::date)"
            " order by day desc, after_days limit %s",
            (before, limit),
        )
        .fetchall()
    )


def drawn_between(tx: Tx, start: datetime, until: datetime) -> tuple[int, int, int]:
    """Return how many lotteries were drawn in a period, of how many closings, and how many
    cases they drew.
    """
    row = tx.execute(
        "select count(*), coalesce(sum(population), 0), coalesce(sum(drawn), 0) from lotteries"
        " where drawn_at >= %s and drawn_at < %s",
        (start, until),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])
