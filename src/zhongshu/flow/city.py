"""The city in memory: everything a report meets on its way, as one frozen value.

Loaded when `city_version` moves. A few thousand polygons, the catalogue, the rules and
the calendar fit into some megabytes, and then finding a cell or a unit asks no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from zhongshu.core.assets import Asset
from zhongshu.core.calendar import Calendar, Limit, due
from zhongshu.core.cases import Case, Stage
from zhongshu.core.cases.clocks import Clock, ClockKind, ClockState, Keeper, Tick, by_kind
from zhongshu.core.cases.evidence import MOST_METRES
from zhongshu.core.cases.matching import SameRules
from zhongshu.core.cases.undo import SECONDS
from zhongshu.core.catalogue import Catalogue, Category, Condition, Guess, PhotoRule
from zhongshu.core.catalogue_versions import Lineage, in_force
from zhongshu.core.dispatch import DutyRule, Matter, Pick, Rulebook
from zhongshu.core.escalation import ladder
from zhongshu.core.grid import Level, Locator, Tree
from zhongshu.core.messages import Sendings, sendings
from zhongshu.core.notices import Rules, tellings
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, CategoryId, Name, UnitId
from zhongshu.store import catalogues
from zhongshu.store import city as store
from zhongshu.store import same as same_store
from zhongshu.store.db import Tx

#: For how many days a reporter may have a closed case worked on anew, where the city says nothing.
REOPEN_DAYS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Where a case should go and until when: what a dispatch sets, and what it says."""

    unit: UnitId
    limit: Limit
    due_at: datetime
    auto: bool
    says: Mapping[str, Any]
    pick: Pick | None = None
    co_units: tuple[UnitId, ...] = ()


@dataclass(frozen=True)
class City:
    """One version of the city's own data, as it is valid on a day."""

    version: int
    day: date
    name: Name
    zone: ZoneInfo
    levels: tuple[Level, ...]
    tree: Tree
    locator: Locator
    catalogue: Catalogue
    lineage: Lineage
    rulebook: Rulebook
    idle_rules: tuple[DutyRule, ...]
    written_rules: tuple[DutyRule, ...]
    calendar: Calendar
    days: Mapping[date, tuple[str, str]]
    units: Mapping[UnitId, store.Unit]
    same: SameRules
    keeper: Keeper
    said: Mapping[str, Any]

    def where(self, place: Point) -> dict[str, Any] | None:
        """Return the fields of a case that say where it is; None outside the city."""
        found = self.locator.locate(place)
        if found is None:
            return None
        return {"area": found.area, "area_code": found.code, "cells": found.cells}

    def guesses(self, text: str) -> tuple[Guess, ...]:
        """Return the categories a text points at. The keyword rules; the port for a model."""
        return self.catalogue.guess(text)

    def number(self, at: datetime, case: CaseId) -> str:
        """Return the number a case is spoken of by: the day in the city, and its identity."""
        return f"{at.astimezone(self.zone):%y%m%d}-{case}"

    @staticmethod
    def case_id(number: str) -> CaseId | None:
        """Return the identity a case number ends in; None where it is no number."""
        tail = number.rpartition("-")[2]
        return CaseId(int(tail)) if tail.isascii() and tail.isdigit() and len(tail) <= 18 else None

    def code(self, case: Case) -> str:
        """Return the code a case's category has today; empty while it is open."""
        return "" if case.category is None else self.code_now(case.category)

    def ticked(
        self, case: Case, tick: Tick, at: datetime, *, work: Limit | None = None,
        unit: UnitId | None = None, lead: Case | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the fields of a case that its clocks change when something happens. ``lead`` is
        the leading case, for one that is linked to it.
        """
        clocks = self.keeper.after(
            case.clocks, tick, at, work=work, unit=self.code_of(unit),
            lead=by_kind(lead.clocks, ClockKind.HANDLE) if lead else None,
        )  # fmt: skip
        return self.timed(case, clocks)

    def followed(self, case: Case, tick: Tick, at: datetime, *, lead: Case) -> dict[str, Any]:
        """Return the fields of a linked case that change when something happened to the leading
        one, which stands now as ``lead``.
        """
        shown = by_kind(lead.clocks, ClockKind.HANDLE)
        return self.timed(case, self.keeper.shared(case.clocks, tick, at, lead=shown))

    @staticmethod
    def timed(case: Case, clocks: tuple[Clock, ...]) -> dict[str, Any]:
        """Return the fields of a case that its clocks change: themselves, and the deadline."""
        if clocks == case.clocks:
            return {}
        handle, was = by_kind(clocks, ClockKind.HANDLE), by_kind(case.clocks, ClockKind.HANDLE)
        if handle == was:
            return {"clocks": clocks}
        return {"clocks": clocks, "due_at": handle.due_at if handle else None}

    def first_clocks(self, case: Case, at: datetime) -> tuple[Clock, ...]:
        """Return the clocks a new case begins with."""
        clocks = self.keeper.after((), Tick.REPORTED, at)
        return self.keeper.after(clocks, Tick.FILED, at) if case.stage is Stage.FILED else clocks

    def dispatched(self, case: Case, work: Work, at: datetime) -> dict[str, Any]:
        """Return what a dispatch sets: to the unit that returned it, its clock goes on, unless
        another condition gives it another limit.
        """
        handle = by_kind(case.clocks, ClockKind.HANDLE)
        again = (
            work.unit == case.returned_by
            and handle is not None
            and handle.state is ClockState.PAUSED
            and handle.limit == str(work.limit)
        )
        fresh = {} if again else {"overdue_at": None}
        tick = Tick.DISPATCHED_AGAIN if again else Tick.DISPATCHED
        return {
            "unit": work.unit, "due_at": work.due_at, **fresh,
            **self.ticked(case, tick, at, work=work.limit, unit=work.unit),
        }  # fmt: skip

    def hours(self, unit: UnitId | None) -> Calendar:
        """Return the calendar a unit works by: its own, or the city's."""
        return self.keeper.units.get(self.code_of(unit), self.calendar)

    def code_of(self, unit: UnitId | None) -> str:
        """Return a unit's code; nothing where there is no such unit."""
        known = None if unit is None else self.units.get(unit)
        return known.code if known else ""

    @property
    def fallback(self) -> UnitId | None:
        """The unit that handles first while others argue: the one the city named, or that
        of the duty rule which fits everything.
        """
        named = self.unit_codes.get(str(self.said.get("fallback_unit", "")))
        if named is not None:
            return named.id
        general = (r for r in self.rulebook.rules if r.general and r.in_force(self.day))
        return next((rule.unit for rule in general), None)

    @property
    def reopen_days(self) -> int:
        """For how many days the reporter may have a closed case worked on anew."""
        return int(self.said.get("reopen_days", REOPEN_DAYS))

    @cached_property
    def rules(self) -> Rules:
        """Whom the city tells: the usual tables, with the rows it has changed."""
        return Rules(
            ladder=ladder(self.said.get("ladder", {})),
            tellings=tellings(self.said.get("tellings", {})),
        )

    @cached_property
    def sendings(self) -> Sendings:
        """By which media the city tells whom: the usual tables, with the rows it has changed."""
        return sendings(self.said.get("messages", {}))

    def matter(self, case: Case, *, at: datetime, asset: Asset | None) -> Matter | None:
        """Return what the duty rules look at in a case; None while its category is open.

        ``asset`` is the thing the case is about, where it names one. Where the category has
        become several, it is the one a rule names most closely.
        """
        found = self._matters(case, at=at, asset=asset)
        picks = [
            (pick.rule.rank, n) for n, m in enumerate(found) if (pick := self.rulebook.pick(m))
        ]
        return found[min(picks)[1]] if picks else next(iter(found), None)

    def _matters(self, case: Case, *, at: datetime, asset: Asset | None) -> Sequence[Matter]:
        owner = asset.owner if asset else None
        return [
            Matter(
                category=code, area_code=case.area_code, at=at.astimezone(self.zone),
                owner=self._at_work(owner), owners=self._above(owner),
                maintainer=self._at_work(asset.maintainer) if asset else None,
            )
            for code in self.codes_now(case.category)
        ]  # fmt: skip

    def check_competence(
        self, case: Case, unit: UnitId, *, at: datetime, asset: Asset | None
    ) -> None:
        """Refuse a unit that a duty rule forbids for such a case."""
        for matter in self._matters(case, at=at, asset=asset):
            self.rulebook.check(unit, matter)

    def photo_rule(self, case: Case) -> PhotoRule:
        """Return which photos the handling of a case has to bring: what its filing condition
        says; where that asks for none, what the city asks of every case.
        """
        applies = self.condition(case)
        own = applies[1].photos if applies else PhotoRule.NONE
        usual = PhotoRule(self.said.get("photo_rule", PhotoRule.NONE))
        return usual if own is PhotoRule.NONE else own

    @property
    def photo_metres(self) -> int:
        """How far from the case a photo may be taken before that is said of it."""
        return int(self.said.get("photo_metres", MOST_METRES))

    @property
    def undo_window(self) -> timedelta:
        """How long an act can be taken back at once; so long nobody is told of it."""
        return timedelta(seconds=float(self.said.get("undo_seconds", SECONDS)))

    def pick(self, case: Case, *, at: datetime, asset: Asset | None) -> Pick | None:
        """Return the unit the duty rules name for a case."""
        matter = self.matter(case, at=at, asset=asset)
        return None if matter is None else self.rulebook.pick(matter)

    def work(
        self, case: Case, *, at: datetime, asset: Asset | None, unit: UnitId | None = None
    ) -> Work | None:
        """Return the work a dispatch now would make of a case: to the unit given, or to
        the one the rules name. None where neither is known.
        """
        category = self.category(case.category)
        if category is None:
            return None
        pick = self.pick(case, at=at, asset=asset)
        lead = unit if unit is not None else pick.unit if pick else None
        if lead is None:
            return None
        n = category.number(hazard=case.hazard, chosen=case.condition)
        condition = category.conditions[n - 1]
        by_rule = pick is not None and pick.unit == lead
        return Work(
            unit=lead,
            limit=condition.limit,
            due_at=due(self.hours(lead), at, condition.limit),
            auto=by_rule and pick.rule.auto if pick else False,
            says={"limit": str(condition.limit), "condition": n, **({"duty_rule": pick.rule.id} if by_rule and pick else {})},
            pick=pick,
            co_units=pick.rule.co_units if pick and by_rule else (),
        )  # fmt: skip

    def category(self, category: int | None) -> Category | None:
        """Return a category of whichever version it belongs to: a case keeps its own."""
        known = None if category is None else self.lineage.owners.get(category)
        return known[1] if known else None

    def category_name(self, category: int | None) -> Name | None:
        """Return a category's name in whichever version it belongs to."""
        found = self.category(category)
        return found.name if found else None

    def condition(self, case: Case) -> tuple[int, Condition] | None:
        """Return the number and the filing condition that applies to a case."""
        category = self.category(case.category)
        if category is None or not category.conditions:
            return None
        n = category.number(hazard=case.hazard, chosen=case.condition)
        return n, category.conditions[n - 1]

    def codes_now(self, category: int | None) -> tuple[str, ...]:
        """Return the codes a category has today: its own where it leads nowhere."""
        return self.lineage.codes.get(category, ()) if category is not None else ()

    def code_now(self, category: int) -> str:
        """Return the one code a category is counted under today; its own where it became several."""
        codes, own = self.codes_now(category), self.category(category)
        return codes[0] if len(codes) == 1 else own.code if own else str(category)

    def coded(self, code: str) -> Category | None:
        """Return the category in use that somebody means by a code: of the version in force,
        or what the code of a former one has become.
        """
        found = self.catalogue.by_code(code)
        if found is None:
            became = self.lineage.successors(code)
            found = self.catalogue.by_code(became[0]) if len(became) == 1 else None
        return found if found is not None and found.active else None

    def alike(self, category: CategoryId) -> frozenset[CategoryId]:
        """Return a category and what it is called in other versions."""
        return self.lineage.alike(category)

    @cached_property
    def names(self) -> Mapping[int, tuple[str, Name]]:
        """Identity → code and name of every category that was ever in force."""
        return {id_: (one.code, one.name) for id_, (_, one) in self.lineage.owners.items()}

    @cached_property
    def _below(self) -> dict[UnitId, frozenset[UnitId]]:
        below: dict[UnitId, set[UnitId]] = {unit: {unit} for unit in self.units}
        for unit in self.units.values():
            seen: set[UnitId] = set()
            above = unit.parent
            while above is not None and above not in seen and above in below:
                seen.add(above)
                below[above].add(unit.id)
                above = self.units[above].parent
        return {unit: frozenset(found) for unit, found in below.items()}

    def _at_work(self, unit: UnitId | None) -> UnitId | None:
        known = None if unit is None else self.units.get(unit)
        return unit if known is not None and known.active else None

    def _above(self, unit: UnitId | None) -> frozenset[UnitId]:
        """Return a unit and all units above it."""
        found: set[UnitId] = set()
        while unit is not None and unit not in found and unit in self.units:
            found.add(unit)
            unit = self.units[unit].parent
        return frozenset(found)

    def units_under(self, unit: UnitId) -> frozenset[UnitId]:
        """Return a unit and all below it."""
        return self._below.get(unit, frozenset({unit}))

    @cached_property
    def unit_codes(self) -> Mapping[str, store.Unit]:
        return {unit.code: unit for unit in self.units.values()}


def load(tx: Tx, *, on: date | None = None, at: datetime | None = None) -> City:
    """Load the city as it is valid on a day, or on the day a moment has in the city (the
    latest of all where the caller says none).
    """
    number = store.version(tx)
    said: Mapping[str, Any] = store.setting(tx, "city") or {}
    zone = ZoneInfo(said.get("zone", "Asia/Shanghai"))
    day = at.astimezone(zone).date() if at else on or date.max.replace(year=9998)
    levels = tuple(store.levels(tx))
    every = store.areas(tx)
    areas = [area for area in every if area.valid(day)]
    units = {unit.id: unit for unit in store.units(tx)}
    lineage = _lineage(tx, day)
    return City(
        version=number,
        day=day,
        name=Name(said.get("name_zh", "未命名城市"), said.get("name_en", "A city without a name")),
        zone=zone,
        levels=levels,
        tree=Tree(areas, former=[area for area in every if not area.valid(day)]),
        locator=Locator(areas, levels),
        catalogue=lineage.versions.get(lineage.current) or Catalogue(0, "", None, ()),
        lineage=lineage,
        units=units,
        same=SameRules.usual(same_store.rules(tx)),
        **booked(store.duty_rules(tx), lineage, units),
        **ruled(said, zone, units, store.calendar_days(tx)),
    )  # fmt: skip


def booked(
    rules: Iterable[DutyRule], lineage: Lineage, units: Mapping[UnitId, store.Unit]
) -> dict[str, Any]:
    """Return the parts of a city that its duty rules make, as they are written."""
    written = tuple(rules)
    read = [now for rule in written for now in as_read(rule, lineage, units)]
    return {
        "written_rules": written,
        "rulebook": Rulebook(rule for rule in read if _works(rule, units)),
        "idle_rules": tuple(rule for rule in read if not _works(rule, units)),
    }


def ruled(
    said: Mapping[str, Any], zone: ZoneInfo, units: Mapping[UnitId, store.Unit],
    days: Mapping[date, tuple[str, str]],
) -> dict[str, Any]:  # fmt: skip
    """Return the parts of a city that its settings, the units' hours and the days make."""
    calendar = _calendar(said, zone, days)
    return {
        "said": said, "days": days, "calendar": calendar,
        "keeper": Keeper.usual(
            calendar, said=said.get("limits", {}),
            units={u.code: _calendar(u.hours, zone, days) for u in units.values() if u.hours},
        ),
    }  # fmt: skip


def _lineage(tx: Tx, day: date) -> Lineage:
    """Return every version of the catalogue that is or was in force by a day, each with the
    limits that stand in place of its own.
    """
    terms, limits = catalogues.terms(tx), catalogues.limits(tx)
    numbers = sorted({number for first, number in terms if first <= day})
    whole = catalogues.whole(tx, numbers)
    return Lineage(
        current=in_force(terms, day) or 0,
        versions={number: there.limited(limits) for number, there in whole.items()},
        based_on={version.number: version.based_on for version in catalogues.versions(tx)},
        pairs=catalogues.pairs(tx),
    )


def read_today(rule: DutyRule, lineage: Lineage) -> Sequence[DutyRule]:
    """Return a duty rule with its code read in the catalogue in force: one for each code it
    has become. The beginning of a code, and a code that leads nowhere, stay as written.
    """
    written = lineage.versions.get(rule.catalogue or lineage.current)
    if rule.catalogue in (None, lineage.current) or written is None:
        return (rule,)
    if written.by_code(rule.category) is None:
        return (rule,)
    became = lineage.successors(rule.category, rule.catalogue)
    return [replace(rule, category=code) for code in became] or (rule,)


def as_read(
    rule: DutyRule, lineage: Lineage, units: Mapping[UnitId, store.Unit]
) -> Sequence[DutyRule]:
    """Return a duty rule as the city goes by it: its code read today, its owner placed."""
    return [_placed(now, units) for now in read_today(rule, lineage)]


def _works(rule: DutyRule, units: Mapping[UnitId, store.Unit]) -> bool:
    return rule.unit is None or units[rule.unit].active


def _placed(rule: DutyRule, units: Mapping[UnitId, store.Unit]) -> DutyRule:
    """Return a rule with how deep the owner it names stands; whom it forbids, it forbids with
    all that is below.
    """
    depth, above = 0, units[rule.owner].parent if rule.owner is not None else None
    while above is not None and depth < len(units):
        depth, above = depth + 1, units[above].parent
    forbidden = set(rule.forbidden)
    more = bool(forbidden)
    while more:
        below = {u.id for u in units.values() if u.parent in forbidden} - forbidden
        forbidden |= below
        more = bool(below)
    return replace(rule, owner_depth=depth, forbidden=frozenset(forbidden))


_PERIODS = (("08:00", "12:00"), ("14:00", "18:00"))


def hours_said(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the work hours of a city or a unit, with what it leaves unsaid."""
    return {
        "periods": [list(period) for period in said.get("periods", _PERIODS)],
        "days_off": list(said.get("days_off", (5, 6))),
        "holidays_too": bool(said.get("holidays_too")),
        **({"zone": said["zone"]} if "zone" in said else {}),
    }


def _calendar(
    said: Mapping[str, Any], zone: ZoneInfo, days: Mapping[date, tuple[str, str]]
) -> Calendar:
    """Return a calendar of the hours said; one that works through holidays says so."""
    hours = hours_said(said)
    known = {} if hours["holidays_too"] else days
    return Calendar(
        zone=ZoneInfo(hours["zone"]) if "zone" in hours else zone,
        holidays=frozenset(day for day, (kind, _) in known.items() if kind == "holiday"),
        workdays=frozenset(day for day, (kind, _) in known.items() if kind == "workday"),
        days_off=frozenset(hours["days_off"]),
        periods=tuple(
            (time.fromisoformat(start), time.fromisoformat(end)) for start, end in hours["periods"]
        ),
    )
