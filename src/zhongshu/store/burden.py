"""What was done by hand, counted by unit: one query, with a list at its other end.

Whether somebody did it is asked (an account stands beside the fact); who, never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.burden import FIELDS, Burden, Load
from zhongshu.core.indicators import Period
from zhongshu.core.values import UnitId
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx
from zhongshu.store.facts import STANDS
from zhongshu.store.indicators import UNIT_THEN, Key, Scope, narrowed
from zhongshu.store.known import as_known

#: A fact by hand with what it asked for. The words of a procedure's step stand inside `said`,
#: whole each time: what an earlier step said is not written anew.
_DONE: LiteralString = (
    "with done as materialized (select f.case_id, f.seq, f.at, f.kind, c.number, c.title, c.stage,"
    "  case when f.kind = 'procedure:moved' then f.says->>'procedure' || ':' || (f.says->>'move') else f.kind end as what,"
    + UNIT_THEN
    + " as unit, c.area, f.kind = 'case:dispatched' and"
    + STANDS
    + " as moved,"
    "  array(select k from unnest(%(fields)s::text[]) k where"
    "   coalesce(f.says->>k, f.sets->>k, case when f.says->>'move' = 'open' then f.says->'said'->>k end, '') <> '') as fields"
    " from facts f join cases c on c.id = f.case_id"
    " where f.account is not null and f.at >= %(start)s and f.at < %(until)s"
    "  and f.kind not like 'contact:%%' and {chosen}),"
    " before as (select distinct case_id, seq from (select case_id, seq,"
    "  row_number() over (partition by case_id, what, k order by seq) as nth from done, unnest(fields) k) n where nth > 1),"
    " marked as (select d.*, row_number() over (partition by d.case_id order by d.seq) = 1 as first,"
    "  row_number() over (partition by d.case_id, d.unit order by d.seq) = 1 as first_of_unit,"
    "  cardinality(d.fields) > 0 as form, b.seq is not null as again,"
    "  d.moved and coalesce((select f.kind || '' in ('case:returned', 'case:dispatched') from facts f"
    "   where f.case_id = d.case_id and f.seq > d.seq and f.at < %(until)s and f.kind || '' in"
    "   ('case:returned', 'case:dispatched', 'case:accepted', 'case:handled', 'case:closed')"
    "   and (f.kind || '' <> 'case:dispatched' or"
    + STANDS
    + ") order by f.seq limit 1), false) as vain"
    " from done d left join before b on b.case_id = d.case_id and b.seq = d.seq) select * from marked"
)
#: How a row of it is recognised as each load, of all or of one unit.
_IS: dict[Load, LiteralString] = {
    Load.WORKED: "first", Load.ACT: "true", Load.FORM: "form", Load.FIELD: "form",
    Load.ASKED_AGAIN: "again", Load.CAME_BACK: "kind = 'case:returned'",
    Load.MOVED: "moved", Load.IN_VAIN: "vain",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One thing that was done by hand: what, on which case, and the fields it asked for."""

    case_id: int
    seq: int
    at: datetime
    what: str
    number: str
    title: str
    stage: str
    unit: UnitId | None
    fields: Sequence[str]


def counts(tx: Tx, sight: Sight, period: Period, scope: Scope) -> tuple[Burden, list[Burden]]:
    """Return what was counted of all, and of each unit by identity."""
    query, values = _query(sight, period, scope)
    counted = sql.SQL(
        "select grouping(unit) as whole, unit, count(distinct case_id), count(*),"
        " count(*) filter (where form), coalesce(sum(cardinality(fields)), 0),"
        " count(*) filter (where again), count(*) filter (where kind = 'case:returned'),"
        " count(*) filter (where moved), count(*) filter (where vain)"
        " from ({}) item where {} group by grouping sets ((), (unit)) order by 1 desc, unit"
    ).format(query, narrowed(scope, values))
    rows = tx.execute(*as_known(scope.known, counted, values)).fetchall()
    found = [
        Burden(unit=unit, counts=dict(zip(Load, map(int, numbers), strict=True)))
        for _, unit, *numbers in rows
    ]
    return found[0], found[1:]


def behind(
    tx: Tx, sight: Sight, period: Period, scope: Scope, load: Load, *, after: Key | None, limit: int
) -> list[Done]:  # fmt: skip
    """Return what is behind a number, the latest first; of the cases worked on, the first act
    of each.
    """
    query, values = _query(sight, period, scope)
    where: list[sql.Composable] = [narrowed(scope, values), sql.SQL(_IS[load])]
    if load is Load.WORKED and scope.units is not None:
        where[1] = sql.SQL("first_of_unit")
    if after is not None:
        values |= {"after_at": after.at, "after_case": after.case, "after_seq": after.seq}
        where.append(sql.SQL("(at, case_id, seq) < (%(after_at)s, %(after_case)s, %(after_seq)s)"))
    listed = sql.SQL(
        "select case_id, seq, at, what, number, title, stage, unit, fields from ({}) item"
        " where {} order by at desc, case_id desc, seq desc limit %(limit)s"
    ).format(query, sql.SQL(" and ").join(where))
    return (
        tx.cursor(row_factory=kwargs_row(_done))
        .execute(*as_known(scope.known, listed, values | {"limit": limit}))
        .fetchall()
    )


def _query(sight: Sight, period: Period, scope: Scope) -> tuple[sql.Composed, dict[str, Any]]:
    conditions, more = matching(sight, scope.cases).named("w")
    chosen = sql.SQL("c.id in (select id from cases where {})").format(conditions)
    values = {"start": period.start, "until": period.until, "fields": list(FIELDS)}
    return sql.SQL(_DONE).format(chosen=chosen), values | more


def _done(*, unit: int | None, **row: Any) -> Done:
    return Done(unit=None if unit is None else UnitId(unit), **row)
