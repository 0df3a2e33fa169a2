"""The cases as they stood at a moment that is past, as that is known today: their stage and
deadline are told by the ledger, with what was written late; all else is the row of today.
What was known then is another question: `store.known`.

Only cases that may have been open then are asked: those open now, those closed later, and
those merged or rejected later. Of each the last fact up to the moment says how it stood.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import OPEN, Filter, Stage
from zhongshu.core.values import AreaId, CaseId, CategoryId, UnitId
from zhongshu.store.cases import IS_OPEN, matching
from zhongshu.store.db import Tx

_STOOD: LiteralString = (
    "with could as ("
    " select id from cases where " + IS_OPEN + " and {chosen}"
    " union all select id from cases where stage = 'closed' and closed_at > %(at)s and {chosen}"
    " union all select id from cases where stage in ('merged', 'rejected') and id in (select case_id"
    "  from facts where kind in ('case:merged', 'case:rejected') and at > %(at)s) and {chosen})"
    " select c.id, c.number, c.title, c.category, c.area, c.unit, c.hazard, c.reported_at,"
    "  s.stage, d.due_at, d.due_at < %(at)s and s.stage in ('dispatched', 'in_hand') as late"
    " from could join cases c using (id) cross join lateral ("
    "  select f.sets->>'stage' as stage from facts f where f.case_id = c.id and f.at <= %(at)s"
    "   and f.sets->>'stage' is not null order by f.seq desc limit 1) s"
    " left join lateral (select (f.sets->>'due_at')::timestamptz as due_at from facts f"
    "  where f.case_id = c.id and f.at <= %(at)s and jsonb_exists(f.sets, 'due_at')"
    "  order by f.seq desc limit 1) d on true"
    " where s.stage = any(%(open)s)"
)  # fmt: skip
#: The same of the rows as they are.
_STANDING: LiteralString = (
    "select id, number, title, category, area, unit, hazard, reported_at, stage, due_at,"
    " due_at < %(at)s and stage in ('dispatched', 'in_hand') as late from cases where {chosen}"
)
EVERY = Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many cases of an area stood at a stage, late or not, in danger or not."""

    area: AreaId | None
    stage: str
    late: bool
    hazard: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """One case as it stood."""

    id: CaseId
    number: str
    title: str
    category: CategoryId | None
    area: AreaId | None
    unit: UnitId | None
    hazard: bool
    reported_at: datetime
    stage: str
    due_at: datetime | None
    late: bool


def standing(tx: Tx, sight: Sight, wanted: Filter = EVERY, *, at: datetime) -> list[Standing]:
    """Return how the cases in sight stood that were open at a moment, counted."""
    return _counted(tx, *_stood(sight, wanted, at))


def standing_now(tx: Tx, sight: Sight, wanted: Filter = EVERY, *, at: datetime) -> list[Standing]:
    """Return the same of this moment, for which the rows of the cases are enough."""
    return _counted(tx, *_standing(sight, wanted, at))


def foremost(
    tx: Tx, sight: Sight, wanted: Filter, *, at: datetime, past: bool, limit: int
) -> list[Stood]:
    """Return open cases: those in danger first, then what expires first."""
    query, values = (_stood if past else _standing)(sight, wanted, at)
    return (
        tx.cursor(row_factory=kwargs_row(_stood_of))
        .execute(
            sql.SQL("select * from ({}) one order by hazard desc, due_at, id limit %(limit)s").format(query),
            {**values, "limit": limit}, prepare=False,
        )
        .fetchall()
    )  # fmt: skip


def page(
    tx: Tx, sight: Sight, wanted: Filter, *, at: datetime, stages: frozenset[Stage], late: bool,
    after: CaseId | None, limit: int,
) -> list[Stood]:  # fmt: skip
    """Return cases as they stood, the newest identity first: of these stages (of any open one
    where none is said), and with ``late`` only those past their deadline then.
    """
    query, values = _stood(sight, wanted, at)
    values |= {"stages": [*(stages or OPEN)], "late": late, "after": after, "limit": limit}
    return (
        tx.cursor(row_factory=kwargs_row(_stood_of))
        .execute(
            sql.SQL(
                "select one.* from ({}) one where stage = any(%(stages)s) and (not %(late)s or late)"
                " and (%(after)s::bigint is null or id < %(after)s) order by id desc limit %(limit)s"
            ).format(query),
            values, prepare=False,
        )
        .fetchall()
    )  # fmt: skip


def _counted(tx: Tx, query: sql.Composed, values: dict[str, Any]) -> list[Standing]:
    rows = tx.execute(
        sql.SQL(
            "select area, stage, coalesce(late, false) as late, hazard, count(*) from ({}) one"
            " group by area, stage, coalesce(late, false), hazard"
        ).format(query),
        values, prepare=False,
    )  # fmt: skip
    return [
        Standing(area=area, stage=stage, late=late, hazard=hazard, count=n)
        for area, stage, late, hazard, n in rows
    ]


def _stood(sight: Sight, wanted: Filter, at: datetime) -> tuple[sql.Composed, dict[str, Any]]:
    conditions, values = matching(sight, wanted).named("w")
    return sql.SQL(_STOOD).format(chosen=conditions), {**values, "at": at, "open": [*OPEN]}


def _standing(sight: Sight, wanted: Filter, at: datetime) -> tuple[sql.Composed, dict[str, Any]]:
    conditions, values = matching(sight, replace(wanted, open_only=True)).named("w")
    return sql.SQL(_STANDING).format(chosen=conditions), {**values, "at": at}


def _stood_of(*, late: bool | None, **row: Any) -> Stood:
    return Stood(late=bool(late), **row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened to a case, as the screen tells it."""

    kind: str
    at: datetime
    number: str
    category: CategoryId | None


def happened(
    tx: Tx, sight: Sight, kinds: Collection[str], *, since: datetime, until: datetime, limit: int
) -> list[Happened]:
    """Return the latest facts of some kinds on cases in sight in a short stretch of time."""
    conditions, values = matching(sight, EVERY).named("w")
    return (
        tx.cursor(row_factory=class_row(Happened))
        .execute(
            sql.SQL(
                "select f.kind, f.at, c.number, c.category from facts f join cases c on c.id = f.case_id"
                " where f.at > %(since)s and f.at <= %(until)s and f.kind = any(%(kinds)s)"
                " and c.id in (select id from cases where {}) order by f.at desc, f.id desc limit %(limit)s"
            ).format(conditions),
            {**values, "since": since, "until": until, "kinds": list(kinds), "limit": limit},
            prepare=False,
        )
        .fetchall()
    )
