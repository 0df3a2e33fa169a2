"""The city in memory: everything a report meets on its way, as one frozen value.

Loaded when `city_version` moves. A few thousand polygons, the catalogue, the rules and
the calendar fit into some megabytes, and then finding a cell or a unit asks no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from zhongshu.core.calendar import Calendar, Limit, due
from zhongshu.core.cases import Case
from zhongshu.core.cases.clocks import ClockKind, Keeper, Tick, by_kind
from zhongshu.core.cases.matching import SameRule
from zhongshu.core.catalogue import Catalogue, Category, Guess
from zhongshu.core.dispatch import DutyRule, Pick, Rulebook
from zhongshu.core.grid import Level, Locator, Tree
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, Name, UnitId
from zhongshu.store import city as store
from zhongshu.store.db import Tx


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
    """One version of the city's own data."""

    version: int
    name: Name
    zone: ZoneInfo
    levels: tuple[Level, ...]
    tree: Tree
    locator: Locator
    catalogue: Catalogue
    rulebook: Rulebook
    idle_rules: tuple[DutyRule, ...]
    calendar: Calendar
    days: Mapping[date, tuple[str, str]]
    units: Mapping[UnitId, store.Unit]
    names: Mapping[int, tuple[str, Name]]
    same: SameRule
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

    def ticked(
        self, case: Case, tick: Tick, at: datetime, *, work: Limit | None = None,
        unit: UnitId | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the fields of a case that its clocks change when something happens."""
        code = self.code_of(unit)
        clocks = self.keeper.after(case.clocks, tick, at, work=work, unit=code)
        if clocks == case.clocks:
            return {}
        handle, was = by_kind(clocks, ClockKind.HANDLE), by_kind(case.clocks, ClockKind.HANDLE)
        if handle == was:
            return {"clocks": clocks}
        return {"clocks": clocks, "due_at": handle.due_at if handle else None}

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
        rules = [
            r for r in self.rulebook.rules if not r.category and r.area is None and not r.hours
        ]
        return rules[0].unit if rules else None

    def pick(self, case: Case, *, at: datetime) -> Pick | None:
        """Return the unit the duty rules name for a case."""
        category = self.catalogue.by_id(case.category)
        if category is None:
            return None
        return self.rulebook.pick(category.code, case.area_code, at.astimezone(self.zone))

    def work(self, case: Case, *, at: datetime, unit: UnitId | None = None) -> Work | None:
        """Return the work a dispatch now would make of a case: to the unit given, or to
        the one the rules name. None where neither is known.
        """
        category = self.catalogue.by_id(case.category)
        if category is None:
            return None
        pick = self.pick(case, at=at)
        lead = unit if unit is not None else pick.unit if pick else None
        if lead is None:
            return None
        condition = category.condition(hazard=case.hazard)
        by_rule = pick is not None and pick.unit == lead
        return Work(
            unit=lead,
            limit=condition.limit,
            due_at=due(self.hours(lead), at, condition.limit),
            auto=by_rule and pick.rule.auto if pick else False,
            says={"limit": str(condition.limit), **({"duty_rule": pick.rule.id} if by_rule and pick else {})},
            pick=pick,
            co_units=pick.rule.co_units if pick and by_rule else (),
        )  # fmt: skip

    def category(self, category: int | None) -> Category | None:
        return self.catalogue.by_id(category)

    def category_name(self, category: int | None) -> Name | None:
        """Return a category's name in whichever version it belongs to."""
        found = self.names.get(category) if category is not None else None
        return found[1] if found else None

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

    def units_under(self, unit: UnitId) -> frozenset[UnitId]:
        """Return a unit and all below it."""
        return self._below.get(unit, frozenset({unit}))

    @cached_property
    def unit_codes(self) -> Mapping[str, store.Unit]:
        return {unit.code: unit for unit in self.units.values()}


def load(tx: Tx, *, on: date | None = None) -> City:
    """Load the city as it is valid on a day (today where the caller says none)."""
    number = store.version(tx)
    said: Mapping[str, Any] = store.setting(tx, "city") or {}
    zone = ZoneInfo(said.get("zone", "Asia/Shanghai"))
    day = on or date.max.replace(year=9998)
    levels = tuple(store.levels(tx))
    areas = [area for area in store.areas(tx) if area.valid(day)]
    days = store.calendar_days(tx)
    units = {unit.id: unit for unit in store.units(tx)}
    rules = store.duty_rules(tx)
    return City(
        version=number,
        name=Name(said.get("name_zh", "未命名城市"), said.get("name_en", "A city without a name")),
        zone=zone,
        levels=levels,
        tree=Tree(areas),
        locator=Locator(areas, levels),
        catalogue=(store.catalogue(tx, on=day) or Catalogue(0, "", date.min, ())).limited(
            store.limits(tx)
        ),
        rulebook=Rulebook(rule for rule in rules if units[rule.unit].active),
        idle_rules=tuple(rule for rule in rules if not units[rule.unit].active),
        units=units,
        names=store.category_names(tx),
        **ruled(said, zone, units, days),
    )  # fmt: skip


def ruled(
    said: Mapping[str, Any], zone: ZoneInfo, units: Mapping[UnitId, store.Unit],
    days: Mapping[date, tuple[str, str]],
) -> dict[str, Any]:  # fmt: skip
    """Return the parts of a city that its settings, the units' hours and the days make."""
    same: Mapping[str, Any] = said.get("same", {})
    calendar = _calendar(said, zone, days)
    return {
        "said": said, "days": days, "calendar": calendar,
        "same": SameRule(metres=same.get("metres", 50.0), hours=same.get("hours", 72.0)),
        "keeper": Keeper.usual(
            calendar, said=said.get("limits", {}),
            units={u.code: _calendar(u.hours, zone, days) for u in units.values() if u.hours},
        ),
    }  # fmt: skip


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
