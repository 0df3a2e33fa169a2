"""The procedures: what is asked for on a case beside its lifecycle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter, Key
from zhongshu.core.procedures import Procedure, ProcedureFilter, ProcedureKind
from zhongshu.core.values import AccountId, CaseId, UnitId
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx, Where

_COLUMNS: LiteralString = (
    "id, case_id, kind, state, unit, opened_at, due_at, late_at, ended_at, hands, said"
)


def identity(tx: Tx) -> int:
    """Return a fresh identity."""
    row = tx.execute("select nextval(pg_get_serial_sequence('procedures', 'id'))").fetchone()
    assert row is not None
    return int(row[0])


def add(tx: Tx, procedure: Procedure) -> None:
    tx.execute(
        f"insert into procedures ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            procedure.id, procedure.case, procedure.kind, procedure.state, procedure.unit,
            procedure.opened_at, procedure.due_at, procedure.late_at, procedure.ended_at,
            list(procedure.hands), _json(procedure.said),
        ),
    )  # fmt: skip


def save(tx: Tx, procedure: Procedure) -> None:
    tx.execute(
        "update procedures set state = %s, unit = %s, due_at = %s, late_at = %s, ended_at = %s,"
        " hands = %s, said = %s where id = %s",
        (
            procedure.state, procedure.unit, procedure.due_at, procedure.late_at,
            procedure.ended_at, list(procedure.hands), _json(procedure.said), procedure.id,
        ),
    )  # fmt: skip


def of_case(tx: Tx, case: CaseId, *, limit: int = 200) -> Sequence[Procedure]:
    """Return all procedures a case has had, the oldest first."""
    return _many(
        tx, f"select {_COLUMNS} from procedures where case_id = %s order by id limit %s",
        (case, limit),
    )  # fmt: skip


def open_on(tx: Tx, cases: Sequence[CaseId]) -> Sequence[Procedure]:
    """Return the procedures that are open on these cases, the oldest first."""
    return _many(
        tx, f"select {_COLUMNS} from procedures where case_id = any(%s) and ended_at is null"
        " order by id", (list(cases),),
    )  # fmt: skip


def due(tx: Tx, *, at: datetime, limit: int = 200) -> Sequence[Procedure]:
    """Return open procedures whose moment passed unnoticed, earliest first."""
    return _many(
        tx,
        f"select {_COLUMNS} from procedures where due_at <= %s and ended_at is null"
        " and late_at is null order by due_at limit %s",
        (at, limit),
    )


def held_until(tx: Tx, *, at: datetime, limit: int = 200) -> Sequence[Procedure]:
    """Return holds whose time is over."""
    return _many(
        tx,
        f"select {_COLUMNS} from procedures where kind = 'hold' and state = 'held'"
        " and ended_at is null and (said->>'until')::timestamptz <= %s order by id limit %s",
        (at, limit),
    )


def page(
    tx: Tx, sight: Sight, wanted: ProcedureFilter, *, after: Key | None, limit: int
) -> list[Procedure]:
    """Return one page of the procedures of cases in sight, what is due first first."""
    where = _wanted(sight, wanted)
    if after is not None and after.at is not None:
        where.add("((p.due_at, p.id) > (%s, %s) or p.due_at is null)", after.at, after.id)
    elif after is not None:
        where.add("p.due_at is null and p.id > %s", after.id)
    query = sql.SQL("select {} from procedures p where {} order by due_at, id limit %s").format(
        sql.SQL(_COLUMNS), where.sql
    )
    cursor = tx.cursor(row_factory=kwargs_row(_procedure))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def count_by_kind(tx: Tx, sight: Sight, wanted: ProcedureFilter) -> dict[str, int]:
    """Return how many procedures of cases in sight are wanted, by kind."""
    where = _wanted(sight, wanted)
    query = sql.SQL(
        "select kind, count(*) from procedures p where {} group by 1 order by 1"
    ).format(where.sql)
    return dict(tx.execute(query, where.values).fetchall())


def _wanted(sight: Sight, wanted: ProcedureFilter) -> Where:
    """Turn a filter and a sight into conditions on the table `procedures`, called p."""
    where = Where()
    where.add("p.ended_at is not null" if wanted.ended else "p.ended_at is null")
    if wanted.kind:
        where.add("p.kind = %s", wanted.kind)
    if wanted.level is not None:
        where.add(
            "p.kind = 'supervision' and coalesce((p.said->>'level')::int, 1) = %s", wanted.level
        )
    if wanted.late is not None:
        where.add("p.due_at < %s", wanted.late)
    case = matching(sight, Filter())
    if wanted.units:
        case.add("(unit = any(%s) or p.unit = any(%s))", list(wanted.units), list(wanted.units))
    # Inside, a name without its table is a column of the case.
    where.add(f"exists (select from cases where id = p.case_id and {case.text})", *case.values)
    return where


def _procedure(
    *, id: int, case_id: int, kind: str, state: str, unit: int | None, opened_at: datetime,
    due_at: datetime | None, late_at: datetime | None, ended_at: datetime | None,
    hands: list[int], said: dict[str, Any],
) -> Procedure:  # fmt: skip
    return Procedure(
        id=id, case=CaseId(case_id), kind=ProcedureKind(kind), state=state,
        unit=None if unit is None else UnitId(unit), opened_at=opened_at, due_at=due_at,
        late_at=late_at, ended_at=ended_at, hands=tuple(AccountId(h) for h in hands), said=said,
    )  # fmt: skip


def _many(tx: Tx, query: LiteralString, values: Sequence[Any]) -> list[Procedure]:
    return tx.cursor(row_factory=kwargs_row(_procedure)).execute(query, values).fetchall()


def _json(said: Any) -> str:
    return json.dumps(dict(said), ensure_ascii=False)
