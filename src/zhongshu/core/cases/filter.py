"""What somebody is looking for among the cases; the same value behind page, API and export."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from zhongshu.core.cases.lifecycle import Outcome, Stage
from zhongshu.core.values import AreaId, CaseId, CategoryId, Span, UnitId


class Order(StrEnum):
    """How a list is ordered; each ends in the identity, so that pages never overlap."""

    NEWEST = "newest"
    DUE = "due"  # by the deadline of the work; without one last
    CLOCK = "clock"  # what runs out first, whoever has it now; what rests last


class Period(StrEnum):
    """A period a campaign is measured in."""

    BEFORE = "before"  # the equally long one before
    DURING = "during"
    AFTER = "after"  # thirty days


class Measure(StrEnum):
    """What is counted of the cases reported in a period, as they stood at its end (or stand now,
    where it is not over). Merged cases and those not accepted are left out of all but the last.
    """

    NEW = "new"
    OPEN = "open"
    OVERDUE = "overdue"
    REPEAT = "repeat"  # of a case closed shortly before, of the same class at the same place
    CLOSED = "closed"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class InCampaign:
    """Asks for the cases of a campaign that a number of its comparison counts. ``now`` is the
    moment a period that is not over is measured at.
    """

    id: int
    period: Period = Period.DURING
    measure: Measure | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions joined by *and*; an empty one does not narrow.

    ``area`` is a subtree of the main chain, ``cell`` an area of a level that cuts
    across; ``overdue`` asks for cases late at that moment; ``pending`` for those with an open
    procedure of that kind; ``several`` for those more than one report speaks of; ``asset`` for
    those about a thing; ``linked_to`` for those that share a leading case's clock.
    """

    text: str = ""
    stages: frozenset[Stage] = frozenset()
    open_only: bool = False
    categories: frozenset[CategoryId] = frozenset()
    area: Span | None = None
    cell: AreaId | None = None
    units: frozenset[UnitId] = frozenset()
    channel: str = ""
    since: datetime | None = None
    until: datetime | None = None
    overdue: datetime | None = None
    merged_into: CaseId | None = None
    pending: str = ""
    held: bool = False
    repeats: bool = False
    several: bool = False
    asset: str = ""
    linked_to: CaseId | None = None
    campaign: InCampaign | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """Where a page of a list ended: the last row's time (None: it had none) and identity."""

    at: datetime | None
    id: CaseId

    def __str__(self) -> str:
        return f"{self.at.isoformat() if self.at else ''}~{self.id}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read what ``str`` wrote; raises ValueError on anything else."""
        at, _, id_ = text.rpartition("~")
        return cls(datetime.fromisoformat(at) if at else None, CaseId(int(id_)))
