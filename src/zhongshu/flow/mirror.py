"""The mirror 监督: the indicators of a period, whole, by unit and by area, and what is behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zhongshu.core.access import Sight
from zhongshu.core.grid import Area
from zhongshu.core.indicators import (
    BY_CODE,
    INDICATORS,
    Family,
    Indicator,
    Mark,
    Measured,
    Part,
    Period,
    Tally,
    measure,
)
from zhongshu.core.values import AreaId, UnitId
from zhongshu.flow.acts import Cause
from zhongshu.flow.city import City
from zhongshu.store import indicators as store
from zhongshu.store.city import Unit
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Key, Scope, Shown

#: The indicators a matrix has room for; the others are one click away.
MATRIX = (
    "closing", "closing_in_time", "handling_in_time", "accurate", "return", "rework", "first_time",
    "reopened", "repeat", "recheck",
)  # fmt: skip
Figures = Sequence[Measured]
Tallies = Mapping[Family, Sequence[Tally]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """A unit (None: nobody has the case yet) and its figures."""

    unit: Unit | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRow:
    """An area (None: what lies in none of the level) and its figures."""

    area: Area | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """All figures of a period. ``tiers`` are units of one kind each, by name; ``causes`` how
    often each unit returned a case for which cause.
    """

    whole: Figures
    tiers: Mapping[str, Sequence[UnitRow]]
    level: str
    areas: Sequence[AreaRow]
    causes: Mapping[UnitId | None, Mapping[str, int]]

    def one(self, code: str) -> Measured:
        return next(m for m in self.whole if m.indicator.code == code)


def this_month(now: datetime) -> Period:
    """Return the month of a moment (in the city's own time) up to it."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Period(start=first, until=now)


def last_month(now: datetime) -> Period:
    """Return the month before."""
    first = this_month(now).start
    return Period(start=this_month(first - timedelta(days=1)).start, until=first)


def look(tx: Tx, city: City, sight: Sight, period: Period, scope: Scope, *, within: Area | None) -> Mirror:  # fmt: skip
    """Return the figures of what is in sight; ``within`` is the area asked for, whose own
    parts then are the rows of the matrix.
    """
    tallies = tallied(tx, sight, period, scope)
    level, rows = parts(city, within)
    return Mirror(
        whole=[measure(indicator, tallies[indicator.family]) for indicator in INDICATORS],
        tiers=_tiers(city, tallies),
        level=level, areas=_areas(city, level, rows, tallies),
        causes=_causes(tallies[Family.DISPATCHED]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One indicator of one area (None: what lies in none of the level) over some periods."""

    area: Area | None
    points: Figures

    @property
    def change(self) -> float | None:
        """How many points the last period is above the one before; None: not to be compared."""
        last, before = self.points[-1].rate, self.points[-2].rate
        return None if last is None or before is None else 100 * (last - before)


def whole(tx: Tx, sight: Sight, period: Period, scope: Scope) -> Figures:
    """Return every indicator of what is in sight."""
    tallies = tallied(tx, sight, period, scope)
    return [measure(indicator, tallies[indicator.family]) for indicator in INDICATORS]


def tallied(tx: Tx, sight: Sight, period: Period, scope: Scope) -> Tallies:
    """Return what happened in a period, counted by family."""
    return {family: store.tallies(tx, sight, family, period, scope) for family in Family}


def months(now: datetime, *, count: int = 12) -> list[Period]:
    """Return the last months (in the city's own time), the one under way up to now."""
    found = [this_month(now)]
    while len(found) < count:
        found.insert(0, last_month(found[0].start))
    return found


def series(
    tx: Tx, city: City, sight: Sight, indicator: Indicator, periods: Sequence[Period], scope: Scope, *,
    within: Area | None,
) -> tuple[str, list[Series]]:  # fmt: skip
    """Return an indicator period by period for each part of an area (or of the city), in the
    order of their codes, and which level those are of.
    """
    level, rows = parts(city, within)
    by_period = [store.tallies(tx, sight, indicator.family, one, scope) for one in periods]
    homes = city.tree.homes(level)
    found: list[Series] = []
    for area in (*rows, None):
        wanted = area.id if area is not None else None
        points = [
            measure(indicator, [t for t in each if homes.get(t.area) == wanted])
            for each in by_period
        ]
        if area is not None or any(p.denominator or p.numerator for p in points):
            found.append(Series(area=area, points=points))
    return level, found


def behind(
    tx: Tx, sight: Sight, period: Period, scope: Scope, indicator: Indicator, part: Part, *,
    reason: Mark | None = None, also: str = "", after: Key | None = None, limit: int = 200,
) -> Sequence[Shown]:  # fmt: skip
    """Return the items behind a number, the latest first. ``also`` is one more mark they carry."""
    carry, lack = indicator.wanted(part, reason)
    return store.items(
        tx, sight, indicator.family, period, scope, carry=carry | ({also} if also else set()),
        lack=lack, after=after, limit=limit,
    )  # fmt: skip


def parts(city: City, within: Area | None) -> tuple[str, Sequence[Area]]:
    """Return the level right below an area (or the city) that has areas, and those."""
    chain = [level.kind for level in city.levels if not level.overlay]
    at = chain.index(within.kind) if within is not None and within.kind in chain else 0
    for kind in chain[at + 1 :]:
        found = [a for a in city.tree.of_kind(kind) if within is None or within.span.holds(a.span)]
        if found:
            return kind, sorted(found, key=lambda a: a.code)
    return (within.kind, [within]) if within is not None else (chain[0], city.tree.of_kind(chain[0]))  # fmt: skip


def covered(city: City, level: str) -> frozenset[AreaId]:
    """Return every area that lies in some area of a level, or is one."""
    return frozenset(area for area in city.tree.homes(level) if area is not None)


def _tiers(city: City, tallies: Tallies) -> dict[str, list[UnitRow]]:
    """Return the units that had something to do, by kind and then by name: never ranked."""
    shares = shared(tallies, lambda t: t.unit)
    found: dict[str, list[UnitRow]] = {}
    for unit in sorted((u for u in city.units.values() if u.id in shares), key=_tier):
        row = UnitRow(unit=unit, figures=_row(shares[unit.id]))
        found.setdefault(unit.kind, []).append(row)
    if None in shares:
        found["-"] = [UnitRow(unit=None, figures=_row(shares[None]))]
    return found


def _tier(unit: Unit) -> tuple[bool, str, str, str]:
    return unit.kind == "", unit.kind, unit.name.said("zh"), unit.code


def _areas(city: City, level: str, rows: Sequence[Area], tallies: Tallies) -> list[AreaRow]:
    """Return the areas of a level, by code; and what lies in none of them, where there is any."""
    homes = city.tree.homes(level)
    shares = shared(tallies, lambda t: homes.get(t.area))
    found = [AreaRow(area=area, figures=_row(shares.get(area.id, {}))) for area in rows]
    nowhere = [AreaRow(area=None, figures=_row(shares[None]))] if None in shares else []
    return [*found, *nowhere]


def shared(tallies: Tallies, key: Callable[[Tally], int | None]) -> dict[int | None, Tallies]:
    """Return the tallies handed out to whom they belong."""
    found: dict[int | None, dict[Family, list[Tally]]] = {}
    for family, each in tallies.items():
        for tally in each:
            found.setdefault(key(tally), {}).setdefault(family, []).append(tally)
    return {whose: dict(share) for whose, share in found.items()}


def _row(share: Tallies) -> Figures:
    return [measure(BY_CODE[code], share.get(BY_CODE[code].family, ())) for code in MATRIX]


def _causes(dispatched: Sequence[Tally]) -> dict[UnitId | None, dict[str, int]]:
    found: dict[UnitId | None, dict[str, int]] = {}
    for tally in dispatched:
        for cause in Cause:
            if cause in tally.marks:
                counts = found.setdefault(tally.unit, {})
                counts[cause] = counts.get(cause, 0) + tally.count
    return found
