"""When two reports speak of the same matter: near in place and time, of one class.

The rule is a plain, explained one (distance, age, words): a person can judge it, undo
it, and a city can set it per category. It only ever proposes open cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zhongshu.core.cases.lifecycle import Case, Stage
from zhongshu.core.place import Point, metres
from zhongshu.core.values import CategoryId
from zhongshu.core.words import likeness, words

#: A case past handling is no longer joined: a new report then says it is not fixed.
JOINABLE: frozenset[Stage] = frozenset(
    {Stage.RECEIVED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRule:
    """How near counts as the same matter (defaults for outdoor places: 50 m, 72 h)."""

    metres: float = 50.0
    hours: float = 72.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A case that may be the same matter, with the reasons a person can check."""

    case: Case
    metres: float
    hours: float
    likeness: float

    @property
    def score(self) -> float:
        return nearness(self.metres, self.hours, self.likeness)


def nearness(metres: float, hours: float, likeness: float) -> float:
    """Smaller is more alike: distance and age in units of the rule, less shared words."""
    return metres / 50 + hours / 720 - likeness


def same_matter(
    *,
    at: datetime,
    place: Point,
    category: CategoryId,
    text: str,
    candidates: Iterable[Case],
    rule: SameRule,
) -> Sequence[Match]:
    """Return the open cases that fit the rule, the most alike first.

    Cases reported after ``at`` do not count, nor any without a place.
    """
    spoken = frozenset(words(text))
    found: list[Match] = []
    for case in candidates:
        if case.category != category or case.stage not in JOINABLE:
            continue
        if case.lon is None or case.lat is None:
            continue
        age = at - case.reported_at
        if not timedelta(0) <= age <= timedelta(hours=rule.hours):
            continue
        distance = metres(place, Point(case.lon, case.lat))
        if distance <= rule.metres:
            found.append(
                Match(
                    case=case,
                    metres=distance,
                    hours=age.total_seconds() / 3600,
                    likeness=likeness(spoken, frozenset(words(case.title))),
                )
            )
    return sorted(found, key=lambda m: (m.score, m.case.id))
