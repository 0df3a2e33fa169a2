"""The ledger's table: append, and read without skipping.

Identities are handed out before commit, so a slow transaction can commit a lower one
after a higher was read. A reader therefore goes by ``(tx, id)`` and stops at the oldest
transaction still running.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row

from zhongshu.core.facts import By, Fact, Kind, Position
from zhongshu.core.values import CaseId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = "case_id, seq, kind, at, account, post, rule, sets, says"

_OF_F: LiteralString = "f.case_id, f.seq, f.kind, f.at, f.account, f.post, f.rule, f.sets, f.says"


#: The condition that a dispatch `f` stands: no later fact of its case took it back at once. One
#: that was taken back never counted (`core/cases/undo.py`), in no number of dispatches.
STANDS: LiteralString = (
    " not exists (select from facts w where w.case_id = f.case_id and w.seq > f.seq"
    " and w.kind = 'case:withdrawn' and (w.says->>'undoes')::int = f.seq)"
)


@dataclass(frozen=True, slots=True)
class Read:
    """A fact together with its place in the ledger."""

    position: Position
    fact: Fact


def record(fact: Fact) -> dict[str, Any]:
    """Return the fact as a JSON-ready row of its table."""
    return {
        "case_id": fact.case, "seq": fact.seq, "kind": fact.kind, "at": fact.at.isoformat(),
        "account": fact.by.account, "post": fact.by.post, "rule": fact.by.rule,
        "sets": dict(fact.sets), "says": dict(fact.says),
    }  # fmt: skip


def append(tx: Tx, facts: Sequence[Fact]) -> None:
    """Write facts whose state rows the caller writes in the same transaction."""
    tx.execute(
        f"insert into facts ({_COLUMNS}) select {_COLUMNS} from json_to_recordset(%s)"
        " as f(case_id bigint, seq int, kind text, at timestamptz, account bigint, post bigint,"
        " rule text, sets jsonb, says jsonb)",
        (json.dumps([record(fact) for fact in facts], ensure_ascii=False),),
    )


def read(tx: Tx, *, after: Position, limit: int = 1000) -> list[Read]:
    """Return the next facts after a position, in the one order every reader sees."""
    cursor = tx.cursor(row_factory=kwargs_row(_read))
    return cursor.execute(
        f"select tx::text::bigint as tx, id, {_COLUMNS} from facts"
        " where (tx, id) > (%s::text::xid8, %s) and tx < pg_snapshot_xmin(pg_current_snapshot())"
        " order by tx, id limit %s",
        (str(after.tx), after.id, limit),
    ).fetchall()


def read_with_case(
    tx: Tx, *, after: Position, limit: int = 1000
) -> list[tuple[Read, dict[str, Any]]]:
    """Return `read`, each with the public fields of its case as it stands now."""
    rows = tx.execute(
        f"select f.tx::text::bigint, f.id, {_OF_F}, c.number, c.stage, c.category, c.lon, c.lat,"
        " c.area, c.area_code, c.unit, c.overdue_at, c.hazard from facts f join cases c on c.id = f.case_id"
        " where (f.tx, f.id) > (%s::text::xid8, %s) and f.tx < pg_snapshot_xmin(pg_current_snapshot())"
        " order by f.tx, f.id limit %s",
        (str(after.tx), after.id, limit),
    ).fetchall()
    names = (
        "number",
        "stage",
        "category",
        "lon",
        "lat",
        "area",
        "area_code",
        "unit",
        "overdue_at",
        "hazard",
    )
    facts = _COLUMNS.split(", ")
    return [
        (
            _read(tx=row[0], id=row[1], **dict(zip(facts, row[2:11], strict=True))),
            dict(zip(names, row[11:], strict=True)),
        )
        for row in rows
    ]


def newest(tx: Tx) -> Position:
    """Return the position after everything that is already settled."""
    row = tx.execute(
        "select tx::text::bigint, id from facts"
        " where tx < pg_snapshot_xmin(pg_current_snapshot()) order by facts.tx desc, id desc limit 1"
    ).fetchone()
    return Position(*row) if row else Position()


def of_case(tx: Tx, case: CaseId, *, limit: int = 500) -> list[Fact]:
    """Return a case's facts in order."""
    cursor = tx.cursor(row_factory=kwargs_row(_fact))
    return cursor.execute(
        f"select {_COLUMNS} from facts where case_id = %s order by seq limit %s", (case, limit)
    ).fetchall()


def of_cases(tx: Tx, cases: Sequence[CaseId]) -> dict[CaseId, list[Fact]]:
    """Return the facts of several cases, each in order."""
    found: dict[CaseId, list[Fact]] = {case: [] for case in cases}
    cursor = tx.cursor(row_factory=kwargs_row(_fact))
    for fact in cursor.execute(
        f"select {_COLUMNS} from facts where case_id = any(%s) order by case_id, seq",
        (list(cases),),
    ):
        found[fact.case].append(fact)
    return found


def position(tx: Tx, reader: str) -> Position:
    """Return how far a named reader has read, and keep other workers of it out meanwhile."""
    tx.execute("insert into readers (name) values (%s) on conflict do nothing", (reader,))
    row = tx.execute(
        "select tx::text::bigint, id from readers where name = %s for update", (reader,)
    ).fetchone()
    assert row is not None
    return Position(*row)


def advance(tx: Tx, reader: str, to: Position) -> None:
    """Remember, in the reader's own transaction, that it has read that far."""
    tx.execute(
        "update readers set tx = %s::text::xid8, id = %s where name = %s",
        (str(to.tx), to.id, reader),
    )


def _fact(
    *, case_id: int, seq: int, kind: str, at: datetime, account: Any, post: Any,
    rule: str | None, sets: dict[str, Any], says: dict[str, Any],
) -> Fact:  # fmt: skip
    return Fact(
        case=CaseId(case_id), seq=seq, kind=Kind(kind), at=at,
        by=By(account=account, post=post, rule=rule), sets=sets, says=says,
    )  # fmt: skip


def _read(*, tx: int, id: int, **row: Any) -> Read:
    return Read(Position(tx, id), _fact(**row))


def since(tx: Tx, after: Position, cases: Sequence[CaseId]) -> dict[CaseId, list[Fact]]:
    """Return what was written about some cases after a position, each in order."""
    found: dict[CaseId, list[Fact]] = {}
    cursor = tx.cursor(row_factory=kwargs_row(_fact))
    for fact in cursor.execute(
        f"select {_COLUMNS} from facts where case_id = any(%s) and (tx, id) > (%s::text::xid8, %s)"
        " order by case_id, seq",
        (list(cases), str(after.tx), after.id),
    ):
        found.setdefault(fact.case, []).append(fact)
    return found
