"""Rule proposals and their runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter
from zhongshu.core.values import AccountId, CaseId
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx, Where

_COLUMNS: LiteralString = (
    "id, title, state, changes, version, made_by, made_at, starts_on, decided_by, reason, rules"
)
_RUN: LiteralString = (
    "id, proposal, version, changes, since, until, state, asked_by, asked_at, beat_at, ended_at, done,"
    " total, result, problem"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A proposal as it is kept. ``rules``: the numbers of the rules it made, by their key."""

    id: int
    title: str
    state: str
    changes: Sequence[Mapping[str, Any]]
    version: int
    made_by: AccountId | None
    made_at: datetime
    starts_on: date | None
    decided_by: AccountId | None
    reason: str
    rules: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a proposal over a period, and what it found (`core.whatif.Findings.record`)."""

    id: int
    proposal: int
    version: int
    changes: Sequence[Mapping[str, Any]]
    since: datetime
    until: datetime
    state: str
    asked_by: AccountId | None
    asked_at: datetime
    beat_at: datetime | None
    ended_at: datetime | None
    done: int
    total: int
    result: Mapping[str, Any] | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A case of a run. ``says`` holds both decisions where they differ."""

    case_id: CaseId
    number: str
    title: str
    tags: Sequence[str]
    unit_before: int | None
    unit_after: int | None
    says: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Which cases of a run: those with a tag, those late on one side (``handle:before``), those
    from or to a unit (0: none; None: any). Without any of it, those that differ in anything.
    """

    tag: str = ""
    late: str = ""
    source: int | None = None
    target: int | None = None
    alike: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A report of a run that would join otherwise."""

    report: int
    kind: str
    number: str
    text: str
    before_number: str | None
    after_number: str | None
    metres: float | None
    hours: float | None


def add(tx: Tx, *, title: str, by: AccountId | None, at: datetime) -> int:
    row = tx.execute(
        "insert into proposals (title, state, made_by, made_at) values (%s, 'draft', %s, %s)"
        " returning id",
        (title, by, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def get(tx: Tx, proposal: int, *, lock: bool = False) -> Kept | None:
    """Return a proposal; with ``lock`` nobody else moves it until the transaction ends."""
    tail: LiteralString = " for update" if lock else ""
    query: LiteralString = f"select {_COLUMNS} from proposals where id = %s" + tail
    return tx.cursor(row_factory=class_row(Kept)).execute(query, (proposal,)).fetchone()


def listing(tx: Tx, *, limit: int = 200) -> Sequence[Kept]:
    """Return proposals, the newest first."""
    return (
        tx.cursor(row_factory=class_row(Kept))
        .execute(f"select {_COLUMNS} from proposals order by id desc limit %s", (limit,))
        .fetchall()
    )


def due(tx: Tx, *, on: date) -> Sequence[Kept]:
    """Return, locked, the proposals whose day has come and that are not in force yet."""
    return (
        tx.cursor(row_factory=class_row(Kept))
        .execute(
            f"select {_COLUMNS} from proposals where state = 'scheduled' and starts_on <= %s"
            " order by starts_on, id for update skip locked",
            (on,),
        )
        .fetchall()
    )


def in_force(tx: Tx) -> Sequence[Kept]:
    """Return the proposals that are on, the latest first."""
    return (
        tx.cursor(row_factory=class_row(Kept))
        .execute(f"select {_COLUMNS} from proposals where state = 'on' order by starts_on desc, id desc")
        .fetchall()
    )  # fmt: skip


def write(tx: Tx, proposal: int, *, title: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write a draft anew; its version moves."""
    tx.execute(
        "update proposals set title = %s, changes = %s, version = version + 1 where id = %s",
        (title, _json(list(changes)), proposal),
    )


def move(
    tx: Tx, proposal: int, state: str, *, starts_on: date | None, by: AccountId | None,
    reason: str, rules: Mapping[str, int],
) -> None:  # fmt: skip
    """Write where a proposal stands now, and who decided that."""
    tx.execute(
        "update proposals set state = %s, starts_on = %s, decided_by = %s, reason = %s, rules = %s"
        " where id = %s",
        (state, starts_on, by, reason, _json(rules), proposal),
    )


# ── runs ─────────────────────────────────────────────────────────────────────────────


def ask(
    tx: Tx, kept: Kept, *, since: datetime, until: datetime, by: AccountId | None, at: datetime
) -> int:
    """Write that a run of a proposal, as it is now, is wanted; return its identity."""
    row = tx.execute(
        "insert into proposal_runs (proposal, version, changes, since, until, state, asked_by,"
        " asked_at) values (%s, %s, %s, %s, %s, 'queued', %s, %s) returning id",
        (kept.id, kept.version, _json(list(kept.changes)), since, until, by, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def forget_runs(tx: Tx, proposal: int, *, keep: int) -> None:
    """Delete all but the latest runs of a proposal: they can be made again."""
    tx.execute(
        "delete from proposal_runs where proposal = %s and state in ('done', 'failed') and id not in"
        " (select id from proposal_runs where proposal = %s order by id desc limit %s)",
        (proposal, proposal, keep),
    )


def run(tx: Tx, run_id: int) -> Run | None:
    query: LiteralString = f"select {_RUN} from proposal_runs where id = %s"
    return tx.cursor(row_factory=class_row(Run)).execute(query, (run_id,)).fetchone()


def runs(tx: Tx, proposal: int, *, limit: int = 20) -> Sequence[Run]:
    """Return the runs of a proposal, the latest first."""
    return (
        tx.cursor(row_factory=class_row(Run))
        .execute(
            f"select {_RUN} from proposal_runs where proposal = %s order by id desc limit %s",
            (proposal, limit),
        )
        .fetchall()
    )


def claim(tx: Tx, *, at: datetime, dead_since: datetime) -> Run | None:
    """Take the next run that is waiting, or whose runner gave no sign of life, for oneself."""
    return (
        tx.cursor(row_factory=class_row(Run))
        .execute(
            "update proposal_runs set state = 'running', beat_at = %s, done = 0 where id ="
            " (select id from proposal_runs where state = 'queued'"
            "  or (state = 'running' and beat_at < %s) order by id limit 1 for update skip locked)"
            f" returning {_RUN}",
            (at, dead_since),
        )
        .fetchone()
    )


def beat(tx: Tx, run_id: int, *, done: int, total: int, at: datetime) -> None:
    """Say how far a run has come."""
    tx.execute(
        "update proposal_runs set done = %s, total = %s, beat_at = %s where id = %s",
        (done, total, at, run_id),
    )


def finish(
    tx: Tx, run_id: int, *, result: Mapping[str, Any] | None, problem: str, at: datetime
) -> None:
    """Write what a run found, or why it could not."""
    tx.execute(
        "update proposal_runs set state = %s, result = %s, problem = %s, ended_at = %s, done = total"
        " where id = %s",
        ("failed" if result is None else "done", _json(result), problem, at, run_id),
    )


def clear(tx: Tx, run_id: int) -> None:
    """Drop what an earlier, broken attempt at a run left."""
    tx.execute("delete from proposal_run_cases where run = %s", (run_id,))
    tx.execute("delete from proposal_run_joins where run = %s", (run_id,))


def add_cases(tx: Tx, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write cases of a run: run, case, tags, late, unit before and after, both decisions."""
    with (
        tx.cursor() as cursor,
        cursor.copy(
            "copy proposal_run_cases (run, case_id, tags, late, unit_before, unit_after, says)"
            " from stdin"
        ) as copy,
    ):
        for *columns, says in rows:
            copy.write_row((*columns, _json(says)))


def add_joins(tx: Tx, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write the reports that join otherwise."""
    with (
        tx.cursor() as cursor,
        cursor.copy(
            "copy proposal_run_joins (run, report, kind, case_id, before_case, after_case, metres,"
            " hours) from stdin"
        ) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def differing(
    tx: Tx, sight: Sight, run_id: int, among: Among = Among(), *, after: int = 0, limit: int = 100
) -> Sequence[Differing]:
    """Return cases in sight of a run, by identity after one."""
    where = _of_run(sight, run_id, among)
    where.add("d.case_id > %s", after)
    query = sql.SQL(
        "select d.case_id, number, title, d.tags, d.unit_before, d.unit_after, d.says"
        " from proposal_run_cases d join cases on cases.id = d.case_id where {}"
        " order by d.case_id limit %s"
    ).format(where.sql)
    cursor = tx.cursor(row_factory=class_row(Differing))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def count_differing(tx: Tx, sight: Sight, run_id: int, among: Among = Among()) -> int:
    """Return how many cases in sight that is."""
    where = _of_run(sight, run_id, among)
    query = sql.SQL(
        "select count(*) from proposal_run_cases d join cases on cases.id = d.case_id where {}"
    ).format(where.sql)
    row = tx.execute(query, where.values).fetchone()
    assert row is not None
    return int(row[0])


def _of_run(sight: Sight, run_id: int, among: Among) -> Where:
    where = matching(sight, Filter())
    where.add("d.run = %s", run_id)
    if not (among.alike or among.late):
        where.add("d.tags <> '{}'")
    if among.tag:
        where.add("d.tags @> array[%s]::text[]", among.tag)
    if among.late:
        where.add("d.late @> array[%s]::text[]", among.late)
    if among.source is not None:
        where.add("coalesce(d.unit_before, 0) = %s", among.source)
    if among.target is not None:
        where.add("coalesce(d.unit_after, 0) = %s", among.target)
    return where


def joining(
    tx: Tx, sight: Sight, run_id: int, *, kind: str = "", after: int = 0, limit: int = 100
) -> Sequence[Joining]:
    """Return reports on cases in sight that would join otherwise, by identity after one."""
    where = matching(sight, Filter())
    where.add("j.run = %s and j.report > %s", run_id, after)
    if kind:
        where.add("j.kind = %s", kind)
    query = sql.SQL(
        "select j.report, j.kind, cases.number, left(r.text, 120) as text,"
        " (select b.number from cases b where b.id = j.before_case) as before_number,"
        " (select a.number from cases a where a.id = j.after_case) as after_number,"
        " j.metres, j.hours from proposal_run_joins j join cases on cases.id = j.case_id"
        " join reports r on r.id = j.report where {} order by j.report limit %s"
    ).format(where.sql)
    cursor = tx.cursor(row_factory=class_row(Joining))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
