"""派单目录, the duty rules: which unit leads, for which matter, where and when, and why.

Of the rules that fit, the one that speaks of the asset's owner wins before the others (先主后
属地: the owner first, then the territory), then the longest category, then a rule that names
the owner, the nearest first, then the narrowest area, then one bound to hours, then the higher
priority, then the older rule. `RANKS` is that order; it is shown with every pick, so nobody
has to guess which rule fired.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
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
class Matter:
    """What the duty rules look at: the class, the cell, the local moment, and whose the asset is.

    ``owners`` are the unit that owns the asset and all units above it. Who is no longer at
    work is nobody here.
    """

    category: str
    area_code: int | None
    at: datetime
    owner: UnitId | None = None
    maintainer: UnitId | None = None
    owners: frozenset[UnitId] = frozenset()


class Lead(StrEnum):
    """Whom a duty rule names."""

    UNIT = "unit"  # a unit of its own
    OWNER = "owner"  # 权属单位: whoever owns the asset
    MAINTAINER = "maintainer"  # 养护单位: whoever maintains it


#: What decides between two rules that fit, in this order.
RANKS = ("ownership", "category", "owner", "area", "hours", "priority", "age")


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """One line of the duty catalogue. Empty category, area, owner or hours: any.

    ``owner`` fits an asset that the unit or one below it owns; ``owner_depth`` is how deep that
    unit stands in the tree of units. A rule whose ``lead`` is the owner or the maintainer fits
    only a case about an asset that has one. ``auto`` is the explicit rule by which the hub
    dispatches without a person. ``forbidden`` are units that may not be given such a matter.
    ``catalogue`` is the version its code is written in; the city reads it in the one in force.
    ``line`` is the identity of the rule's first version, where this is a later one: people
    speak of a rule by it.
    """

    id: int
    unit: UnitId | None = None
    lead: Lead = Lead.UNIT
    category: str = ""
    area: Span | None = None
    owner: UnitId | None = None
    owner_depth: int = 0
    hours: tuple[Window, ...] = ()
    co_units: tuple[UnitId, ...] = ()
    forbidden: frozenset[UnitId] = frozenset()
    clause: str = ""
    priority: int = 0
    auto: bool = False
    valid_from: date = date.min
    valid_until: date | None = None
    catalogue: int | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        if (self.unit is not None) != (self.lead is Lead.UNIT):
            raise ValueError("a rule names a unit, or the owner, or the maintainer")

    @property
    def number(self) -> int:
        """The number a rule is spoken of by, whichever version of it this is."""
        return self.id if self.line is None else self.line

    def in_force(self, on: date) -> bool:
        """Say whether this version holds on a day of the city."""
        return self.valid_from <= on and not self.over(on)

    def over(self, on: date) -> bool:
        """Say whether this version holds no more on a day of the city."""
        return self.valid_until is not None and self.valid_until <= on

    def leads_to(self, matter: Matter) -> UnitId | None:
        """Return the unit the rule gives a matter to; None where the asset has no such unit."""
        match self.lead:
            case Lead.UNIT:
                return self.unit
            case Lead.OWNER:
                return matter.owner
            case Lead.MAINTAINER:
                return matter.maintainer

    def fits(self, matter: Matter) -> bool:
        """Say whether the rule applies to a matter."""
        return (
            matter.category.startswith(self.category)
            and (
                self.area is None
                or (matter.area_code is not None and matter.area_code in self.area)
            )
            and (self.owner is None or self.owner in matter.owners)
            and (not self.hours or any(window.holds(matter.at) for window in self.hours))
            and self.in_force(matter.at.date())
            and self.leads_to(matter) is not None
        )

    @property
    def by_owner(self) -> bool:
        """Say whether the rule goes by whose the asset is."""
        return self.owner is not None or self.lead is not Lead.UNIT

    @property
    def general(self) -> bool:
        """Say whether it fits every matter: the city's fallback."""
        return not (self.category or self.area or self.hours or self.by_owner)

    @property
    def rank(self) -> tuple[int, ...]:
        """The order of specificity, as `RANKS` names its places; the smallest wins."""
        width = self.area.hi - self.area.lo if self.area else 2**63
        depth = 0 if self.owner is None else -1 - self.owner_depth
        return (
            not self.by_owner, -len(self.category), depth, width, not self.hours, -self.priority,
            self.number,
        )  # fmt: skip

    @property
    def conditions(self) -> tuple[str, ...]:
        """Which of its conditions speak when it fits: a template puts them into words."""
        spoke = (
            ("category", bool(self.category)), ("area", self.area is not None),
            ("owner", self.owner is not None), ("to_owner", self.lead is Lead.OWNER),
            ("to_maintainer", self.lead is Lead.MAINTAINER), ("hours", bool(self.hours)),
            ("clause", bool(self.clause)), ("fallback", self.general),
        )  # fmt: skip
        return tuple(name for name, said in spoke if said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The unit a matter goes to, by which rule, and what came second."""

    rule: DutyRule
    unit: UnitId
    runner_up: Pick | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which conditions of the rule spoke."""
        return self.rule.conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rule that fits, the unit it leads to, and on which place of `RANKS` it stands before
    the next one (nothing: it is the last). ``barred`` is the rule that forbids that unit.
    """

    rule: DutyRule
    unit: UnitId
    ahead: str = ""
    barred: DutyRule | None = None


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
        self._barring: dict[str, tuple[DutyRule, ...]] = {}

    def pick(self, matter: Matter) -> Pick | None:
        """Return the unit for a matter; None where no rule fits. A unit that another rule
        forbids is passed over.
        """
        found: list[tuple[DutyRule, UnitId]] = []
        barred = self.barred(matter)
        for rule in self._candidates(matter.category):
            unit = rule.leads_to(matter)
            if unit is not None and unit not in barred and rule.fits(matter):
                found.append((rule, unit))
                if len(found) == 2:
                    break
        if not found:
            return None
        second = Pick(rule=found[1][0], unit=found[1][1]) if len(found) > 1 else None
        return Pick(rule=found[0][0], unit=found[0][1], runner_up=second)

    def candidates(self, matter: Matter) -> tuple[Candidate, ...]:
        """Return every rule that fits a matter, in order, each with why it stands there."""
        fitting = [r for r in self._candidates(matter.category) if r.fits(matter)]
        barred = self.barred(matter)
        return tuple(
            Candidate(
                rule=rule, unit=unit, barred=barred.get(unit),
                ahead=ahead(rule, fitting[n]) if n < len(fitting) else "",
            )
            for n, rule in enumerate(fitting, start=1)
            if (unit := rule.leads_to(matter)) is not None
        )  # fmt: skip

    def barred(self, matter: Matter) -> dict[UnitId, DutyRule]:
        """Return the units that may not be given a matter, each with the rule that says so."""
        found: dict[UnitId, DutyRule] = {}
        for rule in self._forbidding(matter.category):
            if rule.fits(matter):
                for unit in rule.forbidden:
                    found.setdefault(unit, rule)
        return found

    def check(self, unit: UnitId, matter: Matter) -> None:
        """Refuse a unit that a fitting rule forbids."""
        rule = self.barred(matter).get(unit)
        if rule is not None:
            raise Incompetent("unit", unit, clause=rule.clause)

    def _candidates(self, category: str) -> Sequence[DutyRule]:
        found = self._by_category.get(category)
        if found is None:
            found = tuple(rule for rule in self.rules if category.startswith(rule.category))
            self._by_category[category] = found
        return found

    def _forbidding(self, category: str) -> Sequence[DutyRule]:
        found = self._barring.get(category)
        if found is None:
            found = tuple(rule for rule in self._candidates(category) if rule.forbidden)
            self._barring[category] = found
        return found


def ahead(first: DutyRule, second: DutyRule) -> str:
    """Return the place of `RANKS` on which one rule stands before another."""
    pairs = zip(RANKS, first.rank, second.rank, strict=True)
    return next((name for name, mine, theirs in pairs if mine != theirs), "")
