"""The ledger's rows: what happened, to which case, by whom, when, with what.

A fact is never changed. State rows are folds of facts: `Fact.sets` holds exactly the
fields of the case that the fact changed, so folding is nothing but applying them in
order of `seq` (see `cases.fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from zhongshu.core.values import AccountId, CaseId, PostId, aware

#: JSON-ready values only: the ledger stores them as they are.
Data = Mapping[str, Any]

NOTHING: Data = MappingProxyType({})


class Kind(StrEnum):
    """What can happen to a case, `subject:verb`. The vocabulary of the ledger."""

    REPORTED = "case:reported"
    JOINED = "case:joined"
    IMPORTED = "case:imported"
    LOCATED = "case:located"
    CLASSIFIED = "case:classified"
    FILED = "case:filed"
    REJECTED = "case:rejected"
    DISPATCHED = "case:dispatched"
    ACCEPTED = "case:accepted"
    WITHDRAWN = "case:withdrawn"
    RETURNED = "case:returned"
    HANDLED = "case:handled"
    PASSED = "case:passed"
    FAILED = "case:failed"
    CLOSED = "case:closed"
    REOPENED = "case:reopened"
    RATED = "case:rated"
    MERGED = "case:merged"
    UNMERGED = "case:unmerged"
    ABSORBED = "case:absorbed"
    RELEASED = "case:released"
    SPLIT = "case:split"
    LINKED = "case:linked"
    UNLINKED = "case:unlinked"
    LED = "case:led"
    NOTED = "case:noted"
    PICTURED = "case:pictured"
    OVERDUE = "case:overdue"
    CLIMBED = "clock:climbed"
    SHARED = "clock:shared"
    PROCEDURE = "procedure:moved"
    REVEALED = "contact:revealed"
    ERASED = "contact:erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acted: an account through a post, a reporter (both None), or the hub by a rule."""

    account: AccountId | None = None
    post: PostId | None = None
    rule: str | None = None


THE_HUB = By(rule="hub")
A_REPORTER = By()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row of the ledger.

    ``seq`` counts the facts of one case from 1. ``sets`` are the changed fields of the
    case, JSON-ready; ``says`` is everything else worth keeping (reason, note, rule…).
    """

    case: CaseId
    seq: int
    kind: Kind
    at: datetime
    by: By = THE_HUB
    sets: Data = field(default_factory=lambda: NOTHING)
    says: Data = field(default_factory=lambda: NOTHING)

    def __post_init__(self) -> None:
        aware("at", self.at)
        if self.seq < 1:
            raise ValueError("seq counts from 1")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """How far a reader of the ledger has read: transaction first, identity within it."""

    tx: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.tx}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what ``str`` wrote; anything else is the beginning's business to refuse."""
        tx, _, id_ = text.partition("-")
        return cls(int(tx), int(id_))
