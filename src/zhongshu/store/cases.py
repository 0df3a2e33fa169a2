"""The cases: one row each, written together with the facts that explain it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import FIELDS, OPEN, Case, Filter, Key, Order, Stage, plain, rich
from zhongshu.core.cases.clocks import Clock, next_at, waiting
from zhongshu.core.facts import Fact
from zhongshu.core.place import tile
from zhongshu.core.values import CaseId, CategoryId
from zhongshu.core.words import words
from zhongshu.store.db import Tx, Where
from zhongshu.store.facts import record
from zhongshu.store.membership import belonging

COLUMNS: LiteralString = (
    "id, number, stage, reported_at, title, address, channel, category, hazard, priority, lon, lat,"
    " area, area_code, cells, unit, outcome, confirmation, solved, satisfied, reports, filed_at,"
    " dispatched_at, due_at, handled_at, handled_by, handled_post, checked_by, checked_post, closed_at,"
    " overdue_at, merged_into, before_merge, clocks, pending, involved, returns, returned_by, held_at,"
    " exempted, repeat_of, condition, asset, linked_to, leads, version"
)
#: The same for lists: clocks are left out, for reading them takes longer than all the rest.
#: Who means to change a case locks it, and then has it whole.
LISTED: LiteralString = COLUMNS.replace("clocks", "'[]'::jsonb as clocks")
#: The stages of a partial index, written as its definition writes them.
IS_OPEN: LiteralString = (
    "stage in ('waiting_place', 'not_ours', 'received', 'filed', 'dispatched', 'in_hand',"
    " 'handled', 'checked')"
)
_IS_SAME_STAGE: LiteralString = "stage in ('received', 'filed', 'dispatched', 'in_hand')"
#: As the index `cases_running` has it: what rests comes last, and a page begins by one comparison.
_RUNS_OUT: LiteralString = "coalesce(runs_out_at, 'infinity'::timestamptz)"
#: Adds to the cases this transaction has in hand (see wall.sql); never null.
_TAKEN: LiteralString = (
    "set_config('zhongshu.hand', (coalesce(nullif(current_setting('zhongshu.hand', true), ''), '{{}}')"
    "::bigint[] || {})::text, true)"
)
_LOCKED: LiteralString = f"select {COLUMNS} from cases where id = %s and {_TAKEN.format('array[id, merged_into]')} is not null for update"
_LOCKED_FREE: LiteralString = (
    f"select {COLUMNS} from cases where id = any(%s)"
    f" and {_TAKEN.format('array[id, merged_into]')} is not null order by id for update skip locked"
)


def ids(tx: Tx, *, cases: int, reports: int) -> tuple[list[int], list[int]]:
    """Return that many fresh case and report identities, in one round trip."""
    row = tx.execute(
        "select array(select nextval('case_id') from generate_series(1, %s)),"
        " array(select nextval('report_id') from generate_series(1, %s))",
        (cases, reports),
    ).fetchone()
    assert row is not None
    return row[0], row[1]


_ADDING_FACTS: LiteralString = (
    " insert into facts (case_id, seq, kind, at, account, post, rule, sets, says)"
    " select case_id, seq, kind, at, account, post, rule, sets, says from json_to_recordset(%s)"
    " as f(case_id bigint, seq int, kind text, at timestamptz, account bigint, post bigint,"
    " rule text, sets jsonb, says jsonb)"
)


def add(tx: Tx, cases: Sequence[Case], facts: Sequence[Fact], texts: Mapping[CaseId, str]) -> None:
    """Write new cases and their first facts; ``texts`` are what a search should find."""
    rows = [
        {**plain({name: getattr(case, name) for name in FIELDS}), "id": case.id,
         "version": case.version, **derived(case, texts.get(case.id, ""))}
        for case in cases
    ]  # fmt: skip
    tx.execute(
        f"with c as (insert into cases ({COLUMNS}, tile, words, next_at, runs_out_at)"
        f" select {COLUMNS}, tile, words, next_at, runs_out_at from json_populate_recordset(null::cases, %s))"
        + _ADDING_FACTS,
        (_json(rows), _json([record(fact) for fact in facts])),
    )


def save(tx: Tx, case: Case, fact: Fact) -> None:
    """Write one step: the fields the fact set, the new version, and the fact itself."""
    changes = {name: _column(name, case, said) for name, said in fact.sets.items()}
    if {"lon", "lat"} & changes.keys():
        changes["tile"] = _tile(case)
    if {"clocks", "stage"} & changes.keys():
        changes["next_at"] = next_at(case.clocks)
    if {"clocks", "stage", "due_at"} & changes.keys():
        changes["runs_out_at"] = case.runs_out_at
    row = record(fact)
    tx.execute(
        _saving((*changes, "version")),
        (
            *changes.values(),
            case.version,
            case.id,
            row["case_id"],
            row["seq"],
            row["kind"],
            fact.at,
            row["account"],
            row["post"],
            row["rule"],
            _json(row["sets"]),
            _json(row["says"]),
        ),
    )


def save_all(tx: Tx, after: Sequence[Case], facts: Sequence[Fact], fields: tuple[str, ...]) -> None:
    """Write many steps at once that set none but these fields: each case as it is after its
    last step, and all the facts.
    """
    if not after:
        return
    rows = [
        {**plain({name: getattr(case, name) for name in fields}), "id": case.id,
         "version": case.version, "next_at": _iso(next_at(case.clocks)),
         "runs_out_at": _iso(case.runs_out_at)}
        for case in after
    ]  # fmt: skip
    tx.execute(
        _saving_all((*fields, "version", "next_at", "runs_out_at")),
        (_json(rows), _json([record(fact) for fact in facts])),
    )


@lru_cache(maxsize=256)
def _saving(columns: tuple[str, ...]) -> bytes:
    """Return the statement that writes a step which changes these columns."""
    return (
        sql.SQL(
            "with c as (update cases set {} where id = %s)"
            " insert into facts (case_id, seq, kind, at, account, post, rule, sets, says)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        )
        .format(
            sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
        )
        .as_bytes()
    )


@lru_cache(maxsize=16)
def _saving_all(columns: tuple[str, ...]) -> bytes:
    """Return the statement that writes these columns of many cases, and the facts."""
    pairs = (sql.SQL("{0} = g.{0}").format(sql.Identifier(name)) for name in columns)
    return (
        sql.SQL(
            "with c as (update cases set {} from json_populate_recordset(null::cases, %s) as g"
            "  where cases.id = g.id)" + _ADDING_FACTS
        )
        .format(sql.SQL(", ").join(pairs))
        .as_bytes()
    )


def lock(tx: Tx, case: CaseId) -> Case | None:
    """Return the case and keep other writers out until the transaction ends. Whatever becomes
    of it, the transaction can go on with it, and with the case it was merged into.
    """
    return _one(tx, _LOCKED, (case,))


def take_in_hand(tx: Tx, case: CaseId) -> None:
    """Let the transaction go on with a case it is making, wherever that will lie."""
    tx.execute("select " + _TAKEN.format("%s::bigint"), (case,))


def lock_all(tx: Tx, wanted: Sequence[CaseId]) -> dict[CaseId, Case]:
    """Return these cases, locked in the order of their identities."""
    if not wanted:
        return {}
    found = _many(
        tx,
        f"select {COLUMNS} from cases where id = any(%s) order by id for update",
        (list(wanted),),
    )
    return {case.id: case for case in found}


def lock_free(tx: Tx, wanted: Sequence[CaseId]) -> list[Case]:
    """Return those of these cases that no other transaction holds, locked; waits for none."""
    return _many(tx, _LOCKED_FREE, (list(wanted),))


def some(tx: Tx, wanted: Sequence[CaseId]) -> list[Case]:
    """Return these cases whole, with their clocks, by identity."""
    return _many(tx, f"select {COLUMNS} from cases where id = any(%s) order by id", (list(wanted),))


def get(tx: Tx, case: CaseId) -> Case | None:
    return _one(tx, f"select {COLUMNS} from cases where id = %s", (case,))


def in_sight(tx: Tx, sight: Sight, wanted: Sequence[CaseId]) -> list[Case]:
    """Return those of these cases that are in sight, as lists have them."""
    where = matching(sight, Filter())
    where.add("id = any(%s)", list(wanted))
    query = sql.SQL("select {} from cases where {}").format(sql.SQL(LISTED), where.sql)
    return tx.cursor(row_factory=kwargs_row(case_of)).execute(query, where.values).fetchall()


def near(tx: Tx, spots: Sequence[tuple[int, CategoryId]], *, since: datetime) -> list[Case]:
    """Return open cases in any of these squares and classes, oldest first.

    ``spots`` are pairs of tile and category; at most 200 come back for a pair, the newest.
    """
    if not spots:
        return []
    return _many(
        tx,
        f"select {_of_c()} from unnest(%s::bigint[], %s::bigint[]) as spot(t, k)"
        f" cross join lateral (select {LISTED} from cases"
        f" where tile = spot.t and category = spot.k and {_IS_SAME_STAGE} and reported_at >= %s"
        " order by reported_at desc, id desc limit 200) c order by c.reported_at, c.id",
        ([t for t, _ in spots], [k for _, k in spots], since),
    )


def open_in(tx: Tx, squares: Sequence[int], *, since: datetime, limit: int = 100) -> list[Case]:
    """Return open cases in these squares, of whatever class, reported since; of each square at
    most ``limit``, the newest.
    """
    return _many(
        tx,
        f"select {_of_c()} from unnest(%s::bigint[]) as spot(t)"
        f" cross join lateral (select {LISTED} from cases"
        f" where tile = spot.t and {_IS_SAME_STAGE} and reported_at >= %s"
        " order by reported_at desc, id desc limit %s) c",
        (list(squares), since, limit),
    )


def closed_near(
    tx: Tx, spots: Sequence[tuple[int, CategoryId]], *, since: datetime
) -> list[Case]:  # fmt: skip
    """Return cases closed since in any of these squares and classes, the latest first."""
    if not spots:
        return []
    return _many(
        tx,
        f"select {_of_c()} from unnest(%s::bigint[], %s::bigint[]) as spot(t, k)"
        f" cross join lateral (select {LISTED} from cases"
        " where tile = spot.t and category = spot.k and stage = 'closed' and closed_at >= %s"
        " order by closed_at desc limit 20) c order by c.closed_at desc, c.id desc",
        ([t for t, _ in spots], [k for _, k in spots], since),
    )


def around(tx: Tx, squares: Sequence[int], categories: Sequence[CategoryId]) -> list[Case]:
    """Return cases of some classes in these squares whatever became of them, the newest first."""
    return _many(
        tx,
        f"select {LISTED} from cases where tile = any(%s) and category = any(%s)"
        " order by reported_at desc, id desc limit 200",
        (list(squares), list(categories)),
    )


def following(tx: Tx, after: CaseId, *, limit: int) -> list[Case]:
    """Return cases by identity, after one; a consistent step through all of them."""
    return _many(
        tx, f"select {COLUMNS} from cases where id > %s order by id limit %s", (after, limit)
    )


def page(
    tx: Tx, sight: Sight, wanted: Filter, *, order: Order, after: Key | None, limit: int
) -> list[Case]:
    """Return one page of the cases in sight that are wanted, after a key, as lists have them."""
    where = matching(sight, wanted)
    if order is Order.NEWEST:
        if after is not None:
            where.add("(reported_at, id) < (%s, %s)", after.at, after.id)
        tail = sql.SQL("order by reported_at desc, id desc")
    elif order is Order.CLOCK:
        if after is not None:
            where.add(
                f"({_RUNS_OUT}, id) > (coalesce(%s::timestamptz, 'infinity'), %s)",
                after.at,
                after.id,
            )
        tail = sql.SQL(f"order by {_RUNS_OUT}, id")
    else:
        if after is not None and after.at is not None:
            where.add("((due_at, id) > (%s, %s) or due_at is null)", after.at, after.id)
        elif after is not None:
            where.add("due_at is null and id > %s", after.id)
        tail = sql.SQL("order by due_at, id")
    cursor = tx.cursor(row_factory=kwargs_row(case_of))
    query = sql.SQL("select {} from cases where {} {} limit %s").format(
        sql.SQL(LISTED), where.sql, tail
    )
    # Planned anew for what is asked: a plan kept for any area reads a quarter of the city.
    return cursor.execute(query, (*where.values, limit), prepare=False).fetchall()


def running(tx: Tx, of: Sequence[CaseId]) -> dict[CaseId, Clock]:
    """Return the clock that runs now for whoever has each case."""
    rows = tx.execute("select id, clocks from cases where id = any(%s)", (list(of),))
    found = {CaseId(case): tuple(map(Clock.read, clocks)) for case, clocks in rows}
    return {case: clock for case, clocks in found.items() if (clock := waiting(clocks)) is not None}


def runs_out_at(tx: Tx, case: CaseId) -> datetime | None:
    """Return when the clock of a case runs out, as lists are ordered by it."""
    row = tx.execute("select runs_out_at from cases where id = %s", (case,)).fetchone()
    return row[0] if row else None


def count(tx: Tx, sight: Sight, wanted: Filter) -> int:
    """Return exactly how many cases in sight are wanted, however many pages that is."""
    where = matching(sight, wanted)
    query = sql.SQL("select count(*) from cases where {}").format(where.sql)
    row = tx.execute(query, where.values, prepare=False).fetchone()
    assert row is not None
    return int(row[0])


def count_by(tx: Tx, column: LiteralString, sight: Sight, wanted: Filter) -> dict[Any, int]:
    """Return counts of the wanted cases by one column (a literal of ours, not input)."""
    where = matching(sight, wanted)
    query = sql.SQL("select {0}, count(*) from cases where {1} group by {0}").format(
        sql.Identifier(column), where.sql
    )
    return dict(tx.execute(query, where.values, prepare=False).fetchall())


def count_pending(tx: Tx, sight: Sight) -> dict[str, int]:
    """Return how many cases in sight have an open procedure of each kind."""
    where = matching(sight, Filter())
    query = sql.SQL(
        "select kind, count(*) from cases, unnest(pending) kind where pending <> '{{}}' and {}"
        " group by kind order by kind"
    ).format(where.sql)
    return dict(tx.execute(query, where.values).fetchall())


def per_hour(
    tx: Tx, sight: Sight, column: Literal["reported_at", "closed_at"], *, now: datetime
) -> list[int]:
    """Return counts of the last 24 hours by one moment of a case, the oldest hour first."""
    where = matching(sight, Filter())
    query = sql.SQL(
        "select 23 - floor(extract(epoch from %s::timestamptz - {0}) / 3600)::int as hour, count(*)"
        " from cases where {0} > %s::timestamptz - interval '24 hours' and {0} <= %s and {1}"
        " group by hour"
    ).format(sql.Identifier(column), where.sql)
    counts = dict(tx.execute(query, (now, now, now, *where.values)).fetchall())
    return [counts.get(hour, 0) for hour in range(24)]


def ticking(tx: Tx, *, at: datetime, limit: int = 500) -> list[Case]:
    """Return cases of which a clock has reached its next rung, locked, earliest first."""
    return _many(
        tx,
        f"select {COLUMNS} from cases where next_at < %s"
        " order by next_at limit %s for update skip locked",
        (at, limit),
    )


def noticed(tx: Tx, wanted: Sequence[CaseId]) -> None:
    """Let cases without clocks (imported ones), of which there was nothing to say, rest."""
    if wanted:
        tx.execute("update cases set next_at = null where id = any(%s)", (list(wanted),))


def merged_into(tx: Tx, case: CaseId, *, limit: int = 1000) -> list[Case]:
    """Return the cases merged into this one."""
    return _many(
        tx,
        f"select {LISTED} from cases where merged_into = %s order by id limit %s",
        (case, limit),
    )


def merged_with_pending(tx: Tx, ids: Sequence[CaseId], kind: str) -> frozenset[CaseId]:
    """Return into which of these cases one with an open procedure of a kind was merged."""
    rows = tx.execute(
        "select distinct merged_into from cases where merged_into = any(%s) and %s = any(pending)",
        (list(ids), kind),
    ).fetchall()
    return frozenset(row[0] for row in rows)


def linked_to(
    tx: Tx, lead: CaseId, *, stages: Collection[Stage], limit: int | None = None
) -> list[Case]:
    """Return the cases linked to a leading one that stand at one of these stages, locked in the
    order of their identities.
    """
    return _many(
        tx,
        f"select {COLUMNS} from cases where linked_to = %s and stage = any(%s) order by id limit %s"
        " for update",
        (lead, [stage.value for stage in stages], limit),
    )


def to_link(
    tx: Tx, sight: Sight, spots: Sequence[int], *, category: CategoryId | None, since: datetime,
    until: datetime, limit: int,
) -> list[Case]:  # fmt: skip
    """Return cases in sight in these squares that may be linked to another: filed or at work,
    linked to none, reported in a period; of one class or (None) of any.
    """
    where = matching(sight, Filter(since=since, until=until))
    where.add(f"tile = any(%s) and {_IS_SAME_STAGE} and stage <> 'received'", list(spots))
    where.add("linked_to is null and held_at is null")
    if category is not None:
        where.add("category = %s", category)
    query = sql.SQL("select {} from cases where {} order by reported_at, id limit %s").format(
        sql.SQL(LISTED), where.sql
    )
    cursor = tx.cursor(row_factory=kwargs_row(case_of))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def matching(sight: Sight, wanted: Filter) -> Where:
    """Turn a filter and a sight into conditions on the table `cases`."""
    where = Where()
    if not sight.everything:
        _covered(where, sight)
    if wanted.open_only:
        where.add(IS_OPEN)
    if wanted.stages:
        if wanted.stages <= OPEN:
            where.add(IS_OPEN)
        where.add("stage = any(%s)", [s.value for s in wanted.stages])
    if wanted.categories:
        where.among("category", wanted.categories)
    if wanted.area is not None:
        where.add("area_code >= %s and area_code < %s", wanted.area.lo, wanted.area.hi)
    if wanted.cell is not None:
        where.add("cells @> array[%s]::bigint[] and cells <> '{}'", wanted.cell)
    if wanted.units:
        where.among("unit", wanted.units)
    if wanted.channel:
        where.add("channel = %s", wanted.channel)
    if wanted.since is not None:
        where.add("reported_at >= %s", wanted.since)
    if wanted.until is not None:
        where.add("reported_at < %s", wanted.until)
    if wanted.overdue is not None:
        # Not `IS_OPEN` besides: these stages imply it, and to say it twice would make the planner
        # expect a fraction of them.
        where.add("due_at < %s and stage in ('dispatched', 'in_hand')", wanted.overdue)
    if wanted.merged_into is not None:
        where.add("merged_into = %s", wanted.merged_into)
    if wanted.pending:
        where.add("pending @> array[%s]::text[] and pending <> '{}'", wanted.pending)
    if wanted.held:
        where.add("held_at is not null")
    if wanted.repeats:
        where.add("repeat_of is not null")
    if wanted.several:
        where.add("reports > 1 and stage <> 'merged'")
    if wanted.linked_to is not None:
        where.add("linked_to = %s", wanted.linked_to)
    if wanted.campaign is not None:
        belonging(where, wanted.campaign)
    if wanted.asset:
        where.add("asset = %s", wanted.asset)
    if wanted.outcome is not None:
        where.add("outcome = %s", wanted.outcome)
    if wanted.text:
        where.add("words @@ %s::tsquery", " & ".join(words(wanted.text)) or "''")
    return where


def _covered(where: Where, sight: Sight) -> None:
    """Ask for what a sight covers. One plain range per area, not a join: each can use the
    index on `area_code`; and no word of units where there are none, for the same reason.
    """
    arms: list[LiteralString] = []
    arms.extend("(area_code >= %s and area_code < %s)" for _ in sight.areas)
    values: list[Any] = [end for area in sight.areas for end in (area.lo, area.hi)]
    if sight.units:
        arms.append("unit = any(%s)")
        arms.append("(involved && %s::bigint[] and involved <> '{}')")
        values += [list(sight.units)] * 2
    where.add("(" + (" or ".join(arms) or "false") + ")", *values)


def derived(case: Case, text: str) -> dict[str, Any]:
    """Return the columns the database keeps for finding: the square and the words."""
    return {
        "tile": _tile(case),
        "next_at": _iso(next_at(case.clocks)),
        "runs_out_at": _iso(case.runs_out_at),
        "words": " ".join(words(f"{text} {case.title} {case.address}")),
    }


def case_of(**row: Any) -> Case:
    """Make a case of a row of `COLUMNS`."""
    row["stage"] = Stage(row["stage"])
    return Case(**rich(row))


def _tile(case: Case) -> int | None:
    return None if case.lon is None or case.lat is None else tile(case.lon, case.lat)


def _column(name: str, case: Case, said: Any) -> Any:
    """Return what a column takes of a field; ``said`` is the field as the fact says it."""
    if name == "clocks":
        return _json(said)
    value = getattr(case, name)
    return list(value) if isinstance(value, tuple) else value


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _of_c() -> LiteralString:
    return ", ".join("c." + name for name in COLUMNS.split(", "))


def _one(tx: Tx, query: LiteralString, values: Sequence[Any]) -> Case | None:
    return tx.cursor(row_factory=kwargs_row(case_of)).execute(query, values).fetchone()


def _many(tx: Tx, query: LiteralString, values: Sequence[Any]) -> list[Case]:
    return tx.cursor(row_factory=kwargs_row(case_of)).execute(query, values).fetchall()
