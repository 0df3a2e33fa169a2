"""Writing a past in bulk: columns copied as they are, and duplicates joined afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from zhongshu.store.db import Tx

CASES: LiteralString = (
    "id, number, stage, reported_at, title, address, channel, category, hazard, priority, lon, lat,"
    " area, area_code, cells, unit, outcome, confirmation, solved, satisfied, reports, filed_at,"
    " dispatched_at, due_at, handled_at, handled_by, checked_by, closed_at, overdue_at, merged_into,"
    " before_merge, version, next_at, runs_out_at, tile, words"
)
REPORTS: LiteralString = (
    "id, case_id, received_at, reported_at, channel, source, source_key, text, address, lang, lon,"
    " lat, category, extra"
)
FACTS: LiteralString = "case_id, seq, kind, at, rule, sets, says"
TASKS: LiteralString = "case_id, kind, state, unit, limit_, opened_at, due_at"


def known(tx: Tx, source: str, keys: Sequence[str]) -> set[str]:
    """Return which keys of a source are here already."""
    rows = tx.execute(
        "select source_key from reports where source = %s and source_key = any(%s)",
        (source, list(keys)),
    )
    return {row[0] for row in rows}


def prepare(tx: Tx) -> None:
    """Let this transaction take its time, and gather words before they are indexed."""
    tx.execute("set local statement_timeout = 0")
    tx.execute("set local gin_pending_list_limit = '64MB'")


def copy(tx: Tx, table: LiteralString, columns: LiteralString, csv: bytes) -> None:
    """Write rows given as CSV without a header; an empty unquoted field is null."""
    if not csv:
        return
    with (
        tx.cursor() as cursor,
        cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as stream,
    ):
        stream.write(csv)


def analyze(tx: Tx) -> None:
    """Let the planner know of what was just written."""
    tx.execute("analyze reports")
    tx.execute("analyze cases")


def duplicates(tx: Tx, source: str) -> list[tuple[int, int]]:
    """Return (case, parent case) for reports whose note names another report of the source."""
    return tx.execute(
        "select r.case_id, p.case_id from reports r"
        " join reports p on p.source = r.source and p.source_key = r.extra->>'duplicate_of'"
        " join cases c on c.id = r.case_id and c.merged_into is null"
        " where r.source = %s and r.extra ? 'duplicate_of' and p.case_id <> r.case_id"
        " order by r.case_id",
        (source,),
    ).fetchall()


def merge(tx: Tx, pairs: Sequence[tuple[int, int]], *, rule: str) -> int:
    """Merge cases into their parents, with the facts of both; return how many."""
    children, parents = [c for c, _ in pairs], [p for _, p in pairs]
    done = tx.execute(
        "with pair as (select * from unnest(%(children)s::bigint[], %(parents)s::bigint[]) as u(child, parent)),"
        " old as (select c.id, c.stage, c.reports, c.number, pair.parent, p.number as into_number,"
        "   greatest(c.closed_at, c.reported_at) as at from cases c join pair on pair.child = c.id"
        "   join cases p on p.id = pair.parent where c.merged_into is null for update of c),"
        " new as (update cases c set stage = 'merged', merged_into = old.parent, before_merge = old.stage,"
        "   runs_out_at = null, version = c.version + 1 from old where c.id = old.id"
        "   returning c.id, c.version, old.parent, old.stage as was, old.reports, old.number, old.into_number, old.at),"
        " said as (insert into facts (case_id, seq, kind, at, rule, sets, says)"
        "   select id, version, 'case:merged', at, %(rule)s, jsonb_build_object('stage', 'merged',"
        "   'merged_into', parent, 'before_merge', was), jsonb_build_object('into', into_number) from new),"
        " sum as (select parent, sum(reports)::int as n, max(at) as at, jsonb_agg(number order by id) as numbers from new group by parent),"
        " up as (update cases p set reports = p.reports + sum.n, version = p.version + 1 from sum where p.id = sum.parent"
        "   returning p.id, p.version, p.reports, sum.at, sum.numbers),"
        " told as (insert into facts (case_id, seq, kind, at, rule, sets, says)"
        "   select id, version, 'case:absorbed', at, %(rule)s, jsonb_build_object('reports', reports),"
        "   jsonb_build_object('numbers', numbers) from up)"
        " select count(*) from new",
        {"children": children, "parents": parents, "rule": rule},
    ).fetchone()
    return int(done[0]) if done else 0


def begin(tx: Tx, source: str, file: str) -> int:
    row = tx.execute(
        "insert into imports (source, file) values (%s, %s) returning id", (source, file)
    ).fetchone()
    assert row is not None
    return int(row[0])


def account(tx: Tx, run: int, **counts: Any) -> None:
    """Add to the account of an import run: read, made, known, refused."""
    tx.execute(
        "update imports set read = read + %(read)s, made = made + %(made)s, known = known + %(known)s,"
        " refused = refused + %(refused)s, ended_at = now() where id = %(run)s",
        {"run": run, **counts},
    )
