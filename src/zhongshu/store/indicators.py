"""What happened in a period, marked: one query for each family of indicators.

Each reads the ledger (and the rows that are its folds) as items with marks; counting them
and listing them are the same query with another end. What is left out and why is decided as
things stand now, what was done by the end of the period by that moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter
from zhongshu.core.facts import Position
from zhongshu.core.indicators import (
    SATISFIED_FROM,
    WRONG_DISPATCH,
    Family,
    Item,
    Known,
    Period,
    Tally,
)
from zhongshu.core.values import AreaId, CategoryId, UnitId
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx
from zhongshu.store.facts import STANDS
from zhongshu.store.known import as_known

# Within a case the kind is compared as `kind || ''`: a case has few facts, found by its
# identity, and a planner that has no figures yet must not take the index on kinds for them.

#: The unit that had the case when a fact `f` was written: most say it, for older ones it is
#: looked for.
UNIT_THEN: LiteralString = (
    " coalesce(f.says->>'unit', f.sets->>'unit', (select g.sets->>'unit' from facts g"
    "  where g.case_id = f.case_id and g.seq <= f.seq and g.sets->>'unit' is not null"
    "  order by g.seq desc limit 1))::bigint"
)
_IN: LiteralString = " f.at >= %(start)s and f.at < %(until)s and {chosen}"

_RECEIVED: LiteralString = (
    "select c.id as case_id, 0 as seq, c.reported_at as at, coalesce(c.unit, c.returned_by) as unit, c.area,"
    " array_remove(array['received',"
    "  case when c.stage = 'merged' then 'merged' end,"
    "  case when c.filed_at < %(until)s and c.stage <> 'rejected' then 'filed' end,"
    "  case when c.repeat_of is not null then 'repeat' end,"
    "  case when c.channel in ('field', 'sensor') then 'self_found' end,"
    "  case when c.channel = 'field' then 'patrolled' end,"
    "  case when c.channel = 'field' and c.filed_at < %(until)s and c.stage <> 'rejected' then 'patrol_valid' end,"
    "  case when w.layer in ('component', 'event') and c.filed_at < %(until)s and c.stage <> 'rejected' then 'patrollable' end,"
    "  case when w.layer in ('component', 'event') and c.filed_at < %(until)s and c.stage <> 'rejected'"
    "   and c.channel not in ('field', 'sensor') then 'missed' end,"
    "  case when coalesce(b.sets->'clocks' @> '[{{\"kind\": \"accept\"}}]', false) then null else 'unclocked' end,"
    '  case when a.at < %(until)s and jsonb_path_exists(a.sets, \'$.clocks[*] ? (@.kind == "accept"'
    "   && @.state == \"stopped\" && !(@.left_s < 0))') then 'answered_in_time' end], null) as marks"
    " from cases c left join categories w on w.id = c.category"
    " left join facts b on b.case_id = c.id and b.seq = 1"
    " left join lateral (select f.at, f.sets from facts f where f.case_id = c.id"
    "  and (f.kind || '' in ('case:filed', 'case:rejected') or (f.seq = 1 and f.sets->>'stage' = 'filed'))"
    "  order by f.seq limit 1) a on true"
    " where c.reported_at >= %(start)s and c.reported_at < %(until)s and {chosen}"
)

#: The round a case is in, those that rest without a deadline, and the rounds that were
#: closed and then reopened: the row has forgotten those, the facts have not.
_DUE: LiteralString = (
    "with round as ("
    " select c.id as case_id, 0 as seq, c.due_at, c.handled_at,"
    "  case when c.stage = 'closed' then c.closed_at end as closed_at,"
    "  coalesce(c.unit, c.returned_by) as unit, c.area,"
    "  case when c.stage = 'merged' then 'merged' when c.exempted and exists (select from facts x"
    "   where x.case_id = c.id and (x.sets->>'exempted')::boolean and x.seq > coalesce((select max(b.seq)"
    "   from facts b where b.case_id = c.id and b.kind || '' = 'case:reopened'), 0)) then 'exempted' end as out"
    " from cases c where c.due_at >= %(start)s and c.due_at < %(until)s and {chosen}"
    " union all"
    " select c.id, 0, w.due_at, null, null, coalesce(c.unit, c.returned_by), c.area,"
    "  case when c.stage = 'rejected' then 'rejected' else 'held' end"
    " from cases c cross join lateral (select (f.sets->>'due_at')::timestamptz as due_at from facts f"
    "  where f.case_id = c.id and f.sets->>'due_at' is not null and f.seq > coalesce((select max(b.seq)"
    "  from facts b where b.case_id = c.id and b.kind || '' = 'case:reopened'), 0) order by f.seq desc limit 1) w"
    " where (c.held_at is not null or (c.stage = 'rejected' and c.returns > 0)) and c.due_at is null"
    "  and w.due_at >= %(start)s and w.due_at < %(until)s and {chosen}"
    " union all"
    " select r.case_id, r.seq, w.due_at, w.handled_at, w.closed_at, w.unit, c.area,"
    "  case when w.exempted then 'exempted' end"
    " from facts r join cases c on c.id = r.case_id cross join lateral (select"
    "   (array_agg(f.sets->>'due_at' order by f.seq desc) filter (where f.sets->>'due_at' is not null))[1]::timestamptz as due_at,"
    "   (array_agg(f.sets->>'handled_at' order by f.seq desc) filter (where f.sets->>'handled_at' is not null))[1]::timestamptz as handled_at,"
    "   (array_agg(f.sets->>'closed_at' order by f.seq desc) filter (where f.sets->>'closed_at' is not null))[1]::timestamptz as closed_at,"
    "   (array_agg(f.sets->>'unit' order by f.seq desc) filter (where f.sets->>'unit' is not null))[1]::bigint as unit,"
    "   bool_or((f.sets->>'exempted')::boolean) as exempted"
    "  from facts f where f.case_id = r.case_id and f.seq < r.seq and f.seq > coalesce((select max(b.seq)"
    "   from facts b where b.case_id = r.case_id and b.kind || '' = 'case:reopened' and b.seq < r.seq), 0)) w"
    # No deadline lies further after a closing than the longest hold.
    " where r.kind = 'case:reopened' and r.sets->>'stage' = 'filed' and r.at >= %(start)s - interval '366 days'"
    "  and w.due_at >= %(start)s and w.due_at < %(until)s and {chosen})"
    " select case_id, seq, due_at as at, unit, area, array_remove(array['due', out,"
    "  case when coalesce(handled_at, closed_at) < %(until)s then 'handled' end,"
    "  case when coalesce(handled_at, closed_at) < %(until)s and coalesce(handled_at, closed_at) <= due_at then 'handled_in_time' end,"
    "  case when due_at < %(until)s and (coalesce(handled_at, closed_at) < %(until)s) is not true then 'late_open' end,"
    "  case when closed_at < %(until)s then 'closed' end,"
    "  case when closed_at < %(until)s and coalesce(handled_at, closed_at) <= due_at then 'closed_in_time' end], null) as marks"
    " from round"
)

_HANDLED: LiteralString = (
    "select f.case_id, f.seq, f.at," + UNIT_THEN + " as unit, c.area, array_remove(array['handled',"
    "  case when n.kind is null then 'unchecked' else 'checked' end,"
    "  case when n.kind = 'case:failed' then 'reworked' end,"
    '  case when not coalesce(f.sets->\'clocks\' @> \'[{{"kind": "check", "state": "running"}}]\', false) then \'unclocked\' end,'
    "  case when jsonb_path_exists(n.sets, '$.clocks[*] ? (@.kind == \"check\" && @.state == \"stopped\" && !(@.left_s < 0))') then 'checked_in_time' end], null) as marks"
    " from facts f join cases c on c.id = f.case_id left join lateral (select n.kind, n.sets from facts n"
    "  where n.case_id = f.case_id and n.seq > f.seq and n.kind in ('case:passed', 'case:failed')"
    "  and n.at < %(until)s order by n.seq limit 1) n on true"
    " where f.kind = 'case:handled' and" + _IN
)

#: What a closing was is seen in one walk through the case's facts: `again` is the next
#: reopening of any kind, `rated` the first rating after it.
_CLOSED: LiteralString = (
    "select f.case_id, f.seq, f.at," + UNIT_THEN + " as unit, c.area, array_remove(array['closed',"
    "  coalesce(f.says->>'outcome', f.sets->>'outcome', (select g.sets->>'outcome' from facts g"
    "   where g.case_id = f.case_id and g.seq <= f.seq and g.sets ? 'outcome' order by g.seq desc limit 1), 'no_outcome'),"
    "  case when f.rule like 'import:%%' then 'brought' end,"
    "  case when w.crooked then null else 'first_time' end,"
    "  case when w.rated < coalesce(w.again, 2147483647) then 'rated' end], null) as marks"
    " from facts f join cases c on c.id = f.case_id cross join lateral (select"
    "   coalesce(bool_or((n.kind = 'case:failed' and n.seq < f.seq)"
    "    or (n.kind = 'case:reopened' and n.at < %(until)s and n.sets->>'stage' = 'filed')), false) as crooked,"
    "   min(n.seq) filter (where n.kind = 'case:reopened' and n.seq > f.seq) as again,"
    "   min(n.seq) filter (where n.kind = 'case:rated' and n.seq > f.seq and n.at < %(until)s) as rated"
    "  from facts n where n.case_id = f.case_id) w"
    " where f.kind = 'case:closed' and" + _IN +
    " union all"
    " select f.case_id, f.seq, f.at," + UNIT_THEN + ", c.area, array['reopened']"
    " from facts f join cases c on c.id = f.case_id"
    " where f.kind = 'case:reopened' and f.sets->>'stage' = 'filed' and" + _IN
)  # fmt: skip

_DISPATCHED: LiteralString = (
    "select f.case_id, f.seq, f.at, coalesce((n.says->>'unit')::bigint," + UNIT_THEN + ") as unit, c.area,"
    " array_remove(array['dispatched',"
    "  case when f.rule = 'handle_first' then 'fallback' end,"
    "  case when n.back then 'returned' end, n.says->>'cause',"
    "  case when coalesce(n.says->>'cause' = any(%(wrong)s), false) then null else 'accurate' end], null) as marks"
    " from facts f join cases c on c.id = f.case_id left join lateral (select back, case when back then says end as says"
    "  from (select n.kind = 'case:returned' and n.at < %(until)s as back, n.says from facts n"
    "   where n.case_id = f.case_id and n.seq > f.seq and n.kind in ('case:returned', 'case:dispatched')"
    "   order by n.seq limit 1) first) n on true"
    " where f.kind = 'case:dispatched' and" + STANDS + " and" + _IN
)  # fmt: skip

#: A rating says its answers; older ones only what they changed.
_RATED: LiteralString = (
    "select case_id, seq, at, unit, area, array_remove(array['answered_solved',"
    "  case when said = 'true' then 'said_solved' end], null) as marks from ("
    "  select distinct on (f.case_id) f.case_id, f.seq, f.at," + UNIT_THEN + " as unit, c.area,"
    "   coalesce(f.says->>'solved', f.sets->>'solved') as said from facts f join cases c on c.id = f.case_id"
    "   where f.kind = 'case:rated' and coalesce(f.says->>'solved', f.sets->>'solved') is not null and" + _IN +
    "   order by f.case_id, f.seq desc) a"
    " union all"
    " select case_id, seq, at, unit, area, array_remove(array['answered_satisfied',"
    "  case when said::int >= %(satisfied)s then 'said_satisfied' end], null) from ("
    "  select distinct on (f.case_id) f.case_id, f.seq, f.at," + UNIT_THEN + " as unit, c.area,"
    "   coalesce(f.says->>'satisfied', f.sets->>'satisfied') as said from facts f join cases c on c.id = f.case_id"
    "   where f.kind = 'case:rated' and coalesce(f.says->>'satisfied', f.sets->>'satisfied') is not null and" + _IN +
    "   order by f.case_id, f.seq desc) b"
)  # fmt: skip

_RECHECKED: LiteralString = (
    "select p.case_id, p.id::int as seq, p.ended_at as at, (select (g.sets->>'unit')::bigint from facts g"
    "  where g.case_id = p.case_id and g.at <= p.opened_at and g.sets->>'unit' is not null"
    "  order by g.seq desc limit 1) as unit, c.area,"
    " array_remove(array['rechecked', p.state, case when p.said ? 'lottery' then 'by_lot' end], null) as marks"
    " from procedures p join cases c on c.id = p.case_id where p.kind = 'recheck'"
    "  and p.ended_at >= %(start)s and p.ended_at < %(until)s and {chosen}"
)

ITEMS: Mapping[Family, LiteralString] = MappingProxyType(
    {
        Family.RECEIVED: _RECEIVED, Family.DUE: _DUE, Family.HANDLED: _HANDLED,
        Family.CLOSED: _CLOSED, Family.DISPATCHED: _DISPATCHED, Family.RATED: _RATED,
        Family.RECHECKED: _RECHECKED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Of which items: in a subtree of areas (or outside of some), of some units (None among
    them: of none); ``known``: as the ledger stood then, not as it stands; ``moved``: only of cases
    that something was written about after a position.
    """

    cases: Filter = field(default_factory=Filter)
    units: frozenset[UnitId | None] | None = None
    outside: frozenset[AreaId] | None = None
    known: Known | None = None
    moved: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An item with what a list shows of its case."""

    item: Item
    number: str
    title: str
    stage: str
    category: CategoryId | None
    reason: str | None
    repeats: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page of items ended."""

    at: datetime
    case: int
    seq: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.case}~{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read what ``str`` wrote; raises ValueError on anything else."""
        at, case, seq = text.split("~")
        return cls(datetime.fromisoformat(at), int(case), int(seq))


def tallies(tx: Tx, sight: Sight, family: Family, period: Period, scope: Scope) -> list[Tally]:
    """Return how many items of a family in sight have which marks, by unit and area."""
    query, values = _items(sight, family, period, scope)
    found = tx.execute(
        *as_known(
            scope.known,
            sql.SQL(
                "select unit, area, marks, count(*) from ({}) item where {} group by unit, area, marks"
            ).format(query, narrowed(scope, values)),
            values,
        )
    )
    return [
        Tally(unit=unit, area=area, marks=frozenset(marks), count=n)
        for unit, area, marks, n in found
    ]


def by_category(
    tx: Tx, sight: Sight, family: Family, period: Period, scope: Scope, *, carry: Collection[str],
    lack: Collection[str],
) -> dict[CategoryId | None, int]:  # fmt: skip
    """Return how many items carry all of some marks and none of others, by category."""
    query, values = _items(sight, family, period, scope)
    where = narrowed(scope, values)
    found = tx.execute(
        *as_known(
            scope.known,
            sql.SQL(
                "select c.category, count(*) from ({}) item join cases c on c.id = item.case_id"
                " where {} and item.marks @> %(carry)s::text[] and not item.marks && %(lack)s::text[]"
                " group by c.category"
            ).format(query, where),
            values | {"carry": list(carry), "lack": list(lack)},
        )
    )
    return dict(found.fetchall())


def items(
    tx: Tx, sight: Sight, family: Family, period: Period, scope: Scope, *,
    carry: Collection[str], lack: Collection[str], after: Key | None = None, limit: int | None = 200,
) -> list[Shown]:  # fmt: skip
    """Return the items that carry all of some marks and none of others, the latest first;
    without a limit all of them.
    """
    query, values = _items(sight, family, period, scope)
    where = narrowed(scope, values)
    values |= {"carry": list(carry), "lack": list(lack), "limit": limit}
    if after is not None:
        values |= {"after_at": after.at, "after_case": after.case, "after_seq": after.seq}
        where = sql.SQL(
            "{} and (item.at, item.case_id, item.seq) < (%(after_at)s, %(after_case)s, %(after_seq)s)"
        ).format(where)
    return (
        tx.cursor(row_factory=kwargs_row(_shown))
        .execute(
            *as_known(
                scope.known,
                sql.SQL(
                    "select item.case_id, item.seq, item.at, item.unit, item.area, item.marks, c.number,"
                    " c.title, c.stage, c.category, f.says->>'reason' as reason, b.number as repeats"
                    " from ({}) item join cases c on c.id = item.case_id left join cases b on b.id = c.repeat_of"
                    " left join facts f on f.case_id = item.case_id and f.seq = item.seq and %(of_facts)s"
                    " where {} and item.marks @> %(carry)s::text[] and not item.marks && %(lack)s::text[]"
                    " order by item.at desc, item.case_id desc, item.seq desc limit %(limit)s"
                ).format(query, where),
                # A recheck is no fact: its number is not to be taken for one.
                values | {"of_facts": family is not Family.RECHECKED},
            )
        )
        .fetchall()
    )


def _items(
    sight: Sight, family: Family, period: Period, scope: Scope
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the query of a family, and its values by name."""
    where = matching(sight, scope.cases)
    values: dict[str, Any] = {
        "start": period.start, "until": period.until, "wrong": list(WRONG_DISPATCH),
        "satisfied": SATISFIED_FROM,
    }  # fmt: skip
    conditions, more = where.named("w")
    chosen = sql.SQL("true")
    if more or conditions.as_string() != "true":
        chosen = sql.SQL("c.id in (select id from cases where {})").format(conditions)
    return sql.SQL(ITEMS[family]).format(chosen=chosen), values | more


def narrowed(scope: Scope, values: dict[str, Any]) -> sql.Composed:
    """Return the condition on an `item` that a scope means, its values put among others."""
    parts: list[sql.Composable] = [sql.SQL("true")]
    if scope.units is not None:
        values["units"] = [unit for unit in scope.units if unit is not None]
        none = " or item.unit is null" if None in scope.units else ""
        parts.append(sql.SQL("(item.unit = any(%(units)s::bigint[])" + none + ")"))
    if scope.outside is not None:
        values["outside"] = list(scope.outside)
        parts.append(sql.SQL("(item.area is null or item.area <> all(%(outside)s::bigint[]))"))
    if scope.moved is not None:
        values |= {"moved_tx": str(scope.moved.tx), "moved_id": scope.moved.id}
        parts.append(
            sql.SQL(
                "item.case_id in (select m.case_id from public.facts m"
                " where (m.tx, m.id) > (%(moved_tx)s::text::xid8, %(moved_id)s))"
            )
        )
    return sql.SQL(" and ").join(parts)


def _shown(
    *, case_id: Any, seq: int, at: datetime, unit: Any, area: Any, marks: list[str], **row: Any
) -> Shown:
    item = Item(case=case_id, seq=seq, at=at, unit=unit, area=area, marks=frozenset(marks))
    return Shown(item=item, **row)
