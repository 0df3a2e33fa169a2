"""The ladder presses: a rung that asks for supervision (督办) has it opened, or raised, by rule.

A reader of the ledger of its own: that a clock climbed is a fact like any other, and what
follows from it happens once, however often the reader is stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from zhongshu.core import escalation
from zhongshu.core.access import Duty
from zhongshu.core.cases import Case
from zhongshu.core.cases.clocks import ClockKind, ClockState, Rung, by_kind
from zhongshu.core.escalation import Quiet, passed
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.notices import tellings
from zhongshu.core.procedures import Move, ProcedureKind, may_begin
from zhongshu.core.values import CaseId, PostId, Refused
from zhongshu.flow import proceedings
from zhongshu.flow.city import City
from zhongshu.store import cases, facts, notices, procedures
from zhongshu.store import city as store
from zhongshu.store.db import Tx

READER = "ladder"
BY_RULE = By(rule="ladder")


def press(tx: Tx, city: City, *, at: datetime, limit: int = 2000) -> int:
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
    reason = f"ladder:{rung}"
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


# ── a city changes its rows ──────────────────────────────────────────────────────────


class NoSuchPost(Refused):
    status: ClassVar[int] = 404
    message = "There is no post “%(value)s”."
    remedy = "Look the post up by its duty first."


class HalfQuiet(Refused):
    message = "%(field)s: quiet hours need a beginning and another end."
    remedy = "Write both as 22:00, or none for a post that is told at any hour."


def set_rung(tx: Tx, clock: str, rung: str, *, told: Sequence[str] | None, level: int = 0) -> None:
    """Let a rung of the city's ladder tell these; with None it does what is usual again."""

    def change(said: dict[str, Any]) -> None:
        rows = {kind: dict(rungs) for kind, rungs in said.get("ladder", {}).items()}
        if told is None:
            rows.get(clock, {}).pop(rung, None)
        else:
            rows.setdefault(clock, {})[rung] = {"told": list(told), "level": level}
        # Read as it will be read: a word that is none is refused now and not by the reader.
        escalation.ladder({clock: {rung: rows.get(clock, {}).get(rung, {})}})
        said["ladder"] = {kind: rungs for kind, rungs in rows.items() if rungs}

    store.change(tx, change)


def set_telling(tx: Tx, happening: str, *, told: Sequence[str] | None) -> None:
    """Let something that happens be told to these; with None to whom it usually is."""

    def change(said: dict[str, Any]) -> None:
        rows = dict(said.get("tellings", {}))
        if told is None:
            rows.pop(happening, None)
        else:
            rows[happening] = list(told)
        tellings({happening: rows.get(happening, [])})
        said["tellings"] = rows

    store.change(tx, change)


def set_quiet(
    tx: Tx, quiet: Quiet | None, *, duty: str = "", post: PostId | None = None, at: datetime
) -> int:
    """Give one post its quiet hours, or every post of a duty; return how many."""
    if quiet is not None and quiet.start == quiet.end:
        raise HalfQuiet("quiet", f"{quiet.start:%H:%M}–{quiet.end:%H:%M}")
    if duty:
        escalation.among("duty", duty, list(Duty))
    elif post is None or notices.post(tx, post, at=at) is None:
        raise NoSuchPost("post", post)
    return notices.set_quiet(tx, quiet, duty=duty, post=post)
