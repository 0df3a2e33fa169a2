"""Returns, and the dispatches they are counted against: read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import Case, Filter
from zhongshu.core.values import CategoryId, UnitId
from zhongshu.store.cases import LISTED, case_of, matching
from zhongshu.store.db import Tx
from zhongshu.store.facts import STANDS

#: What returns are counted by: columns of `_SENT`. A dispatch has no cause.
BY: tuple[LiteralString, ...] = ("unit", "category", "rule", "cause")

#: Every dispatch and every return of a period, with the duty rule that a return answers: that
#: of the dispatch before it. Dispatches and returns by a rule of the hub are among them.
_SENT = (
    "with chosen as (select id, category from cases where {where}),"
    " sent as (select f.case_id, f.seq, f.at, f.kind, c.category,"
    "  case when f.kind = 'case:returned' then (f.says->>'unit')::bigint"
    "   else (f.sets->>'unit')::bigint end as unit,"
    "  case when f.kind = 'case:returned' then f.says->>'cause' end as cause,"
    "  case when f.kind = 'case:returned' then (select (d.says->>'duty_rule')::bigint from facts d"
    "    where d.case_id = f.case_id and d.seq < f.seq and d.kind = 'case:dispatched'"
    "    order by d.seq desc limit 1)"
    "   else (f.says->>'duty_rule')::bigint end as rule"
    "  from facts f join chosen c on c.id = f.case_id"
    "  where f.kind in ('case:dispatched', 'case:returned') and f.at >= %s and f.at < %s and"
    + STANDS
    + ")"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Returns under one key, and the dispatches under it (those of the whole where a dispatch
    has no such key).
    """

    key: Any
    returns: int
    dispatches: int


def counted(
    tx: Tx, sight: Sight, wanted: Filter, *, since: datetime, until: datetime
) -> dict[str, list[Row]]:  # fmt: skip
    """Count the returns of the wanted cases within a period by each of `BY`, in one pass."""
    where = matching(sight, wanted)
    query = sql.SQL(_SENT).format(where=where.sql) + sql.SQL(
        " select case 0 when grouping(unit) then 'unit' when grouping(category) then 'category'"
        "   when grouping(rule) then 'rule' else 'cause' end as by,"
        "  coalesce(unit, category, rule) as number, cause,"
        "  count(*) filter (where kind = 'case:returned')::int as returns,"
        "  count(*) filter (where kind = 'case:dispatched')::int as dispatches"
        " from sent group by grouping sets ((unit), (category), (rule), (cause))"
        " order by returns desc, dispatches desc, number, cause"
    )
    found: dict[str, list[Row]] = {by: [] for by in BY}
    for by, number, cause, returns, dispatches in tx.execute(query, (*where.values, since, until)):
        found[by].append(Row(key=cause if by == "cause" else number, returns=returns, dispatches=dispatches))  # fmt: skip
    # A dispatch has no cause: each cause is of all of them.
    whole = sum(row.dispatches for row in found["unit"])
    found["cause"] = [replace(row, dispatches=whole) for row in found["cause"] if row.returns]
    return found


def behind(
    tx: Tx, sight: Sight, wanted: Filter, *, kind: str, by: str, keys: Sequence[Any] | None,
    since: datetime, until: datetime, limit: int = 500,
) -> list[Case]:  # fmt: skip
    """Return the cases behind one number: those dispatched or returned (``kind``) under any of
    the keys; none given: those that have no key.
    """
    where = matching(sight, wanted)
    column = sql.Identifier(by) if by else None
    only = (
        sql.SQL("")
        if column is None
        else sql.SQL("and {} is null").format(column)
        if keys is None
        else sql.SQL("and {} = any(%s)").format(column)
    )
    query = sql.SQL(_SENT).format(where=where.sql) + sql.SQL(  # type: ignore[arg-type]
        " select {columns} from cases where id in (select case_id from sent where kind = %s {only})"
        " order by reported_at desc, id desc limit %s"
    ).format(columns=sql.SQL(LISTED), only=only)
    asked = () if column is None or keys is None else (list(keys),)
    values = (*where.values, since, until, kind, *asked, limit)
    return tx.cursor(row_factory=kwargs_row(case_of)).execute(query, values).fetchall()


def of_class(
    tx: Tx, sight: Sight, category: CategoryId, *, since: datetime, newest: int
) -> dict[UnitId, tuple[int, int]]:
    """Return how often each unit was sent a case of a class and returned it, among the newest
    cases of the class since a moment: (dispatches, returns).
    """
    where = matching(sight, Filter(categories=frozenset({category}), since=since))
    query = sql.SQL(
        "with class as (select id from cases where {} order by reported_at desc, id desc limit %s)"
        " select case when f.kind = 'case:returned' then (f.says->>'unit')::bigint"
        "   else (f.sets->>'unit')::bigint end,"
        "  count(*) filter (where f.kind = 'case:dispatched')::int,"
        "  count(*) filter (where f.kind = 'case:returned')::int"
        " from facts f join class on class.id = f.case_id"
        " where f.kind in ('case:dispatched', 'case:returned') and" + STANDS + " group by 1"
    ).format(where.sql)
    rows: Sequence[tuple[Any, int, int]] = tx.execute(query, (*where.values, newest)).fetchall()
    return {UnitId(unit): (sent, back) for unit, sent, back in rows if unit is not None}
