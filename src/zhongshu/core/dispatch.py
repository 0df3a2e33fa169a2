"""派单目录, the duty rules: which unit leads, for which matter, where and when, and why.

The most specific rule that fits wins: the longest category, then the narrowest area,
then one bound to hours, then the higher priority, then the older rule. The order is
shown with every pick, so nobody has to guess which rule fired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import ClassVar

from zhongshu.core.values import Refused, Span, UnitId


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours of a week: days (0 is Monday), from ``start`` until before ``end``.

    A window whose end is not after its start runs over midnight.
    """

    days: frozenset[int]
    start: time
    end: time

    def holds(self, at: datetime) -> bool:
        """Say whether a local moment lies inside; the night counts to the day it began."""
        now = at.time()
        if self.start < self.end:
            return at.weekday() in self.days and self.start <= now < self.end
        return (at.weekday() in self.days and now >= self.start) or (
            (at.weekday() - 1) % 7 in self.days and now < self.end
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """One line of the duty catalogue. Empty category, area or hours: any.

    ``auto`` is the explicit rule by which the hub dispatches without a person.
    ``forbidden`` are units that may not be given such a matter. ``line`` is the identity of
    the rule's first version, where this is a later one: people speak of a rule by it.
    """

    id: int
    unit: UnitId
    category: str = ""
    area: Span | None = None
    hours: tuple[Window, ...] = ()
    co_units: tuple[UnitId, ...] = ()
    forbidden: frozenset[UnitId] = frozenset()
    clause: str = ""
    priority: int = 0
    auto: bool = False
    valid_from: date = date.min
    valid_until: date | None = None
    line: int | None = None

    @property
    def number(self) -> int:
        """The number a rule is spoken of by, whichever version of it this is."""
        return self.id if self.line is None else self.line

    def in_force(self, on: date) -> bool:
        """Say whether this version holds on a day of the city."""
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)

    def fits(self, category: str, area_code: int | None, at: datetime) -> bool:
        """Say whether the rule applies to a matter at a local moment."""
        return (
            category.startswith(self.category)
            and (self.area is None or (area_code is not None and area_code in self.area))
            and (not self.hours or any(window.holds(at) for window in self.hours))
            and self.in_force(at.date())
        )

    @property
    def rank(self) -> tuple[int, int, bool, int, int]:
        """The order of specificity; the smallest wins."""
        width = self.area.hi - self.area.lo if self.area else 2**63
        return (-len(self.category), width, not self.hours, -self.priority, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The unit a matter goes to, by which rule, and the rule that came second."""

    rule: DutyRule
    runner_up: DutyRule | None = None

    @property
    def unit(self) -> UnitId:
        return self.rule.unit

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which conditions of the rule spoke: a template puts them into words."""
        rule = self.rule
        spoke = (
            ("category", bool(rule.category)),
            ("area", rule.area is not None),
            ("hours", bool(rule.hours)),
            ("clause", bool(rule.clause)),
            ("fallback", not rule.category and rule.area is None and not rule.hours),
        )
        return tuple(name for name, said in spoke if said)


class Incompetent(Refused):
    """A matter may not be given to a unit that has no power over it (国办函〔2025〕66号)."""

    status: ClassVar[int] = 409
    message = "This unit may not be given such a matter: %(clause)s"
    remedy = "Choose the lead unit the duty rules name, or have the rule changed."


class Rulebook:
    """The duty rules, arranged so that a pick asks only rules that may fit."""

    def __init__(self, rules: Iterable[DutyRule]) -> None:
        self.rules: tuple[DutyRule, ...] = tuple(sorted(rules, key=lambda rule: rule.rank))
        self._by_category: dict[str, tuple[DutyRule, ...]] = {}

    def pick(self, category: str, area_code: int | None, at: datetime) -> Pick | None:
        """Return the unit for a matter at a local moment; None where no rule fits."""
        fitting: list[DutyRule] = []
        for rule in self._candidates(category):
            if rule.fits(category, area_code, at):
                fitting.append(rule)
                if len(fitting) == 2:
                    break
        if not fitting:
            return None
        return Pick(rule=fitting[0], runner_up=fitting[1] if len(fitting) > 1 else None)

    def check(self, unit: UnitId, category: str, area_code: int | None, at: datetime) -> None:
        """Refuse a unit that a fitting rule forbids."""
        for rule in self._candidates(category):
            if unit in rule.forbidden and rule.fits(category, area_code, at):
                raise Incompetent("unit", unit, clause=rule.clause)

    def _candidates(self, category: str) -> Sequence[DutyRule]:
        found = self._by_category.get(category)
        if found is None:
            found = tuple(rule for rule in self.rules if category.startswith(rule.category))
            self._by_category[category] = found
        return found
