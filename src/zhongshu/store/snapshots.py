"""Frozen snapshots: written once, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row

from zhongshu.core.facts import Position
from zhongshu.core.indicators import Period
from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "s.id, s.since, s.until, s.upto_tx::text::bigint as upto_tx, s.upto_id, s.frozen_at, s.frozen_by,"
    " s.sha256, a.name as by_name"
)
_FROM: LiteralString = "from snapshots s left join accounts a on a.id = s.frozen_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A frozen snapshot as a list shows it. ``by_name`` is who froze it by hand; empty: the hub,
    after the month.
    """

    id: int
    period: Period
    upto: Position
    frozen_at: datetime
    frozen_by: AccountId | None
    by_name: str
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Entry):
    """A frozen snapshot with its document."""

    document: str


def add(
    tx: Tx, period: Period, upto: Position, *, at: datetime, by: AccountId | None, document: str,
    sha256: bytes,
) -> int | None:  # fmt: skip
    """Write a snapshot and return its number; None where its period has one already."""
    row = tx.execute(
        "insert into snapshots (since, until, upto_tx, upto_id, frozen_at, frozen_by, document, sha256)"
        " values (%s, %s, %s::text::xid8, %s, %s, %s, %s, %s) on conflict (since, until) do nothing"
        " returning id",
        (period.start, period.until, str(upto.tx), upto.id, at, by, document, sha256),
    ).fetchone()
    return None if row is None else int(row[0])


def get(tx: Tx, identity: int) -> Snapshot | None:
    return _one(tx, f"select {_COLUMNS}, s.document {_FROM} where s.id = %s", (identity,))


def of_period(tx: Tx, period: Period) -> Snapshot | None:
    """Return the snapshot of exactly this period."""
    return _one(
        tx, f"select {_COLUMNS}, s.document {_FROM} where s.since = %s and s.until = %s",
        (period.start, period.until),
    )  # fmt: skip


def latest(tx: Tx, *, before: int | None = None, limit: int = 60) -> Sequence[Entry]:
    """Return snapshots, the one frozen last first."""
    return (
        tx.cursor(row_factory=kwargs_row(_entry))
        .execute(
            f"select {_COLUMNS} {_FROM} where s.id < coalesce(%s, 9223372036854775807)"
            " order by s.id desc limit %s",
            (before, limit),
        )
        .fetchall()
    )


def last_month_until(tx: Tx) -> datetime | None:
    """Return where the last month that the hub froze by itself ended."""
    row = tx.execute("select max(until) from snapshots where frozen_by is null").fetchone()
    return row[0] if row else None


def anything_before(tx: Tx, until: datetime) -> bool:
    """Say whether any case was reported before a moment."""
    row = tx.execute(
        "select exists (select from cases where reported_at < %s)", (until,)
    ).fetchone()
    return row is not None and bool(row[0])


def _one(tx: Tx, query: LiteralString, values: Sequence[Any]) -> Snapshot | None:
    return tx.cursor(row_factory=kwargs_row(_snapshot)).execute(query, values).fetchone()


def _snapshot(*, document: str, **row: Any) -> Snapshot:
    return Snapshot(document=document, **_said(**row))


def _entry(**row: Any) -> Entry:
    return Entry(**_said(**row))


def _said(
    *, since: datetime, until: datetime, upto_tx: int, upto_id: int, by_name: str | None, **row: Any
) -> dict[str, Any]:
    return {
        **row, "period": Period(start=since, until=until), "upto": Position(upto_tx, upto_id),
        "by_name": by_name or "",
    }  # fmt: skip
