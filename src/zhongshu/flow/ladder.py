"""The ladder presses: a rung that asks for supervision (督办) has it opened, or raised, by rule.

A reader of the ledger of its own: that a clock climbed is a fact like any other, and what
follows from it happens once, however often the reader is stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from zhongshu.core.cases import Case
from zhongshu.core.cases.clocks import ClockKind, ClockState, Rung, by_kind
from zhongshu.core.escalation import passed
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.procedures import Move, ProcedureKind, may_begin
from zhongshu.core.values import CaseId
from zhongshu.flow import proceedings
from zhongshu.flow.city import City
from zhongshu.store import cases, facts, procedures
from zhongshu.store.db import Tx

READER = "ladder"
BY_RULE = By(rule="ladder")


def press(tx: Tx, city: City, *, at: datetime, limit: int = 500) -> int:
    """Read on in the ledger, and press where a rung asks for it; return how many facts were read."""
    read = facts.read(tx, after=facts.position(tx, READER), limit=limit)
    if not read:
        return 0
    asked: dict[CaseId, tuple[int, ClockKind, Rung]] = {}
    for one in read:
        for kind, rung, level in _asks(city, one.fact):
            asked[one.fact.case] = max(asked.get(one.fact.case, (0, kind, rung)), (level, kind, rung))  # fmt: skip
    # Locked in one order, so that a merge and this cannot wait for each other.
    for case_id, case in sorted(cases.lock_all(tx, sorted(asked)).items()):
        _press(tx, city, case, *asked[case_id], at=at)
    facts.advance(tx, READER, read[-1].position)
    return len(read)


def _asks(city: City, fact: Fact) -> Sequence[tuple[ClockKind, Rung, int]]:
    """Return the rungs a fact says were passed that ask for a level of supervision."""
    if fact.kind not in (Kind.CLIMBED, Kind.OVERDUE):
        return ()
    rungs = passed(fact.says.get("clocks") or {}, fact.says.get("passed") or {})
    return [
        (kind, rung, rule.level)
        for kind, all_of_it in rungs.items()
        for rung in all_of_it
        if (rule := city.rules.ladder[kind, rung]).level
    ]


def _press(
    tx: Tx, city: City, case: Case, level: int, kind: ClockKind, rung: Rung, *, at: datetime
) -> None:
    """See to it that a case whose clock still runs is supervised at a level at least."""
    clock = by_kind(case.clocks, kind)
    if clock is None or clock.state is not ClockState.RUNNING or not clock.late:
        return  # it was done, held or merged meanwhile
    reason = f"ladder:{kind}:{rung}"
    kept = procedures.of_case(tx, case.id)
    now = next((p for p in kept if p.open and p.kind is ProcedureKind.SUPERVISION), None)
    if now is None:
        if may_begin(case, ProcedureKind.SUPERVISION, at=at):
            until = proceedings.answer_due(city, case, level, at).isoformat()
            proceedings.begin(
                tx, city, case, ProcedureKind.SUPERVISION, by=BY_RULE, at=at,
                said={"reason": reason, "until": until, "level": level},
            )  # fmt: skip
        return
    for _ in range(now.level, level):
        case = proceedings.take(
            tx, city, case, now.id, Move.RAISE, by=BY_RULE, at=at, said={"reason": reason}
        )
