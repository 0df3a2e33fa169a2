"""Clocks that reach their next rung: found by index, and said once each."""

from __future__ import annotations

from datetime import datetime

from zhongshu.core.cases import Case, changed
from zhongshu.core.cases.clocks import climbed, passing
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.flow import links
from zhongshu.store import cases
from zhongshu.store.db import Tx

#: How many cases one transaction tells of: they stay locked until it ends.
CLIMB = 500


def climb(tx: Tx, *, at: datetime, limit: int = CLIMB) -> int:
    """Find clocks that reached their next rung, and say so once each; return how many cases."""
    reached = cases.ticking(tx, at=at, limit=limit)
    said = [(case.id, climbing(case, at=at)) for case in reached]
    steps = [step for _, step in said if step is not None]
    cases.save_all(
        tx, [case for case, _ in steps], [fact for _, fact in steps], ("clocks", "overdue_at")
    )
    for case, fact in steps:
        if case.leads and fact.kind is Kind.OVERDUE:
            links.late(tx, case, at=at)
    silent = {case_id for case_id, step in said if step is None}
    cases.noticed(tx, [case.id for case in reached if case.id in silent and not case.clocks])
    return len(reached)


def climbing(case: Case, *, at: datetime) -> tuple[Case, Fact] | None:
    """Return the case with every rung climbed that has passed, and the fact of it."""
    clocks, moved = climbed(case.clocks, at)
    late = case.overdue_at is None and case.is_overdue(at)
    if not (moved or late):
        return None
    return changed(
        case, Kind.OVERDUE if late else Kind.CLIMBED,
        {"clocks": clocks, **({"overdue_at": at} if late else {})},
        by=By(rule="deadline"), at=at,
        says={
            **passing(case.clocks, moved),
            "due_at": case.due_at.isoformat() if case.due_at else None,
        },
    )  # fmt: skip
