"""Replaying the ledger: the facts of every case must add up to its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zhongshu.core.cases import Case, fold
from zhongshu.core.values import CaseId
from zhongshu.store import cases, facts
from zhongshu.store.db import Database


@dataclass(frozen=True, slots=True)
class Difference:
    """A case whose facts do not add up to its row."""

    number: str
    fields: tuple[str, ...]


def ledger(
    db: Database, *, progress: Callable[[int], None] = lambda _: None
) -> Iterator[Difference]:
    """Fold the facts of every case and yield those that differ from their row."""
    after = CaseId(0)
    while True:
        with db.transaction() as tx:
            part = cases.following(tx, after, limit=500)
            said = facts.of_cases(tx, [case.id for case in part])
        if not part:
            return
        for case in part:
            differing = _compared(case, fold(case.id, said[case.id]))
            if differing:
                yield Difference(case.number, differing)
        after = part[-1].id
        progress(len(part))


def _compared(row: Case, folded: Case) -> tuple[str, ...]:
    return tuple(
        name for name in Case.__dataclass_fields__ if getattr(row, name) != getattr(folded, name)
    )
