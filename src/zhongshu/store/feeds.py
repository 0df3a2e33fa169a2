"""What feeds tell: the cases of a place or a class that moved last, with what anybody may know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from psycopg.rows import class_row

from zhongshu.core.values import AreaId, CaseId, CategoryId, Span
from zhongshu.store.db import Tx, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A case as a feed tells it: its class, its place, how far it has come. Nobody's words."""

    id: CaseId
    number: str
    stage: str
    category: CategoryId | None
    area: AreaId | None
    reported_at: datetime
    changed_at: datetime


def recent(
    tx: Tx, *, span: Span | None, categories: Collection[CategoryId] | None, since: datetime,
    limit: int,
) -> list[News]:  # fmt: skip
    """Return the accepted cases reported since, the newest first."""
    where = Where()
    where.add("stage in ('filed', 'dispatched', 'in_hand', 'handled', 'checked', 'closed')")
    where.add("reported_at >= %s", since)
    if span is not None:
        where.add("area_code >= %s and area_code < %s", span.lo, span.hi)
    if categories is not None:
        where.add("category = any(%s)", list(categories))
    query = sql.SQL(
        "select id, number, stage, category, area, reported_at,"
        " greatest(reported_at, filed_at, dispatched_at, handled_at, closed_at) as changed_at"
        " from cases where {} order by reported_at desc, id desc limit %s"
    ).format(where.sql)
    return tx.cursor(row_factory=class_row(News)).execute(query, (*where.values, limit)).fetchall()
