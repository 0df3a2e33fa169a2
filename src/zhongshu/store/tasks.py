"""The tasks: work on a case for a unit, each with its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString

from psycopg.rows import class_row

from zhongshu.core.values import AccountId, CaseId, TaskId, UnitId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "id, case_id, kind, state, unit, limit_, opened_at, due_at, accepted_at, accepted_by,"
    " ended_at, ended_by, result"
)
Ending = Literal["done", "returned", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A row of the table `tasks`."""

    id: TaskId
    case_id: CaseId
    kind: str
    state: str
    unit: UnitId | None
    limit_: str | None
    opened_at: datetime
    due_at: datetime | None
    accepted_at: datetime | None
    accepted_by: AccountId | None
    ended_at: datetime | None
    ended_by: AccountId | None
    result: str


def open_(
    tx: Tx, case: CaseId, kind: str, *, at: datetime, unit: UnitId | None = None,
    limit: str | None = None, due_at: datetime | None = None,
) -> None:  # fmt: skip
    """Open a task; the database refuses a second open one of the same kind."""
    tx.execute(
        "insert into tasks (case_id, kind, state, unit, limit_, opened_at, due_at)"
        " values (%s, %s, 'open', %s, %s, %s, %s)",
        (case, kind, unit, limit, at, due_at),
    )


def accept(tx: Tx, case: CaseId, *, at: datetime, by: AccountId | None) -> None:
    tx.execute(
        "update tasks set state = 'accepted', accepted_at = %s, accepted_by = %s"
        " where case_id = %s and kind = 'handle' and state = 'open'",
        (at, by, case),
    )


def end(
    tx: Tx, case: CaseId, kind: str, ending: Ending, *, at: datetime, by: AccountId | None,
    result: str = "",
) -> None:  # fmt: skip
    """End the open task of a kind, if there is one."""
    tx.execute(
        "update tasks set state = %s, ended_at = %s, ended_by = %s, result = %s"
        " where case_id = %s and kind = %s and state in ('open', 'accepted')",
        (ending, at, by, result, case, kind),
    )


def cancel_all(tx: Tx, case: CaseId, *, at: datetime, by: AccountId | None) -> None:
    """Cancel whatever is still open on a case."""
    tx.execute(
        "update tasks set state = 'cancelled', ended_at = %s, ended_by = %s"
        " where case_id = %s and state in ('open', 'accepted')",
        (at, by, case),
    )


def wake(tx: Tx, case: CaseId) -> None:
    """Bring back, as they were, the tasks that ended when the case was merged the last time."""
    tx.execute(
        "update tasks set state = case when accepted_at is null then 'open' else 'accepted' end,"
        " ended_at = null, ended_by = null"
        " where case_id = %s and state = 'cancelled' and ended_at = ("
        "  select max(at) from facts where case_id = %s and kind = 'case:merged')",
        (case, case),
    )


def of_case(tx: Tx, case: CaseId, *, limit: int = 100) -> Sequence[Task]:
    """Return a case's tasks, the oldest first."""
    return (
        tx.cursor(row_factory=class_row(Task))
        .execute(
            f"select {_COLUMNS} from tasks where case_id = %s order by id limit %s", (case, limit)
        )
        .fetchall()
    )
