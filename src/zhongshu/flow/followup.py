"""What an act means for the tasks of a case: they follow the step just taken."""

from __future__ import annotations

from datetime import datetime

from zhongshu.core.cases import Act, Case
from zhongshu.core.facts import By
from zhongshu.store import tasks
from zhongshu.store.db import Tx


def tasks_of(tx: Tx, case: Case, what: Act, by: By, at: datetime, *, said: str) -> None:
    """Bring the tasks in line with the step just taken."""
    who = by.account
    match what:
        case Act.ACCEPT:
            tasks.accept(tx, case.id, at=at, by=who)
        case Act.WITHDRAW:
            tasks.end(tx, case.id, "handle", "cancelled", at=at, by=who)
        case Act.RETURN:
            tasks.end(tx, case.id, "handle", "returned", at=at, by=who, result=said)
        case Act.HANDLE:
            tasks.end(tx, case.id, "handle", "done", at=at, by=who, result=said)
            tasks.open_(tx, case.id, "check", at=at)
        case Act.PASS:
            tasks.end(tx, case.id, "check", "done", at=at, by=who, result="pass")
        case Act.FAIL:
            tasks.end(tx, case.id, "check", "done", at=at, by=who, result="fail")
            tasks.open_(tx, case.id, "handle", at=at, unit=case.unit, due_at=case.due_at)
        case Act.MERGE | Act.REJECT:
            tasks.cancel_all(tx, case.id, at=at, by=who)
        case Act.UNMERGE:
            tasks.wake(tx, case.id)
        case _:
            pass
