"""The public map: open matters coarsened, figures of areas, how long things take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import shapely

from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Filter, Stage
from zhongshu.core.coarse import FEWEST, OF_STAGE, Heap, PublicState, Raster, Told, coarsened
from zhongshu.core.grid import Area
from zhongshu.core.indicators import Measured, Period
from zhongshu.core.place import METRES_PER_DEGREE
from zhongshu.core.values import AreaId, Name
from zhongshu.flow import mirror
from zhongshu.flow.city import City
from zhongshu.store import cases
from zhongshu.store import openmap as store
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope

#: An area must be so long (metres) to be named for what lies scattered in it: a cell of a
#: hundred metres would be finer than a square.
WIDE_M = 500.0
#: The indicators that are told in public, and over how many whole days.
PUBLIC = ("closing_in_time", "reopened", "repeat")
DAYS = 30
#: Over how many days it is counted how long things take, and how many there must be to say so.
TAKEN_DAYS, TAKEN_FEWEST = 90, 5
#: What has no category yet.
NO_CLASS = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Open matters counted once, for all that will be asked of them: the raster, the heaps, and
    how many are left out because they have no place in the city.
    """

    raster: Raster
    heaps: Sequence[Heap]
    placeless: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which of the open matters somebody asks for."""

    area: Area | None = None
    major: str = ""
    state: PublicState | None = None


def count(tx: Tx, city: City, *, now: datetime) -> Open:
    """Count the open matters of the city by square, class and state."""
    shapes = [a.shape for a in city.tree if a.parent is None and a.shape is not None]
    _, south, _, north = shapely.total_bounds(shapes) if shapes else (0.0, -60.0, 0.0, 60.0)
    raster = Raster.over(float(south), float(north))
    heaps = [
        Heap(
            column=column, row=row, area=area, major=major_of(city, category),
            state=OF_STAGE[Stage(stage)], count=n,
        )
        for column, row, area, category, stage, n in store.heaped(tx, raster)
    ]  # fmt: skip
    whole = cases.count(tx, EVERYTHING, Filter(open_only=True))
    placeless = whole - sum(heap.count for heap in heaps)
    return Open(raster=raster, heaps=heaps, placeless=placeless, at=now)


def told(found: Open, city: City, asked: Asked) -> Sequence[Told]:
    """Return what may be told of those that are asked for."""
    tree = city.tree.by_id
    span = asked.area.span if asked.area is not None else None
    wanted = [
        h
        for h in found.heaps
        if asked.major in ("", h.major)
        and asked.state in (None, h.state)
        and h.area in tree
        and (span is None or span.holds(tree[h.area].span))
    ]
    return coarsened(wanted, lambda area: wide_above(city, area))


def wide_above(city: City, area: AreaId) -> Sequence[AreaId]:
    """Return the areas above a cell that are wide enough to be named, the smallest first; the
    root is left out, for it is the city.
    """
    chain = city.tree.chain(area) if area in city.tree.by_id else ()
    return [a.id for a in reversed(chain[1:]) if _wide(a)]


def majors(city: City) -> Mapping[str, Name]:
    """Return the classes of the catalogue in force: the beginning of their codes, and names."""
    return {c.code[:4]: c.major for c in city.catalogue.categories if c.active}


def major_of(city: City, category: int | None) -> str:
    """Return the class a category is counted under today."""
    return NO_CLASS if category is None else city.code_now(category)[:4]


def figures(tx: Tx, city: City, *, now: datetime) -> tuple[Period, Sequence[mirror.AreaRow]]:
    """Return the public indicators of the areas below the city over the last whole days."""
    midnight = now.astimezone(city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    period = Period(start=midnight - timedelta(days=DAYS), until=midnight)
    found = mirror.look(tx, city, EVERYTHING, period, Scope(), within=None)
    return period, [
        mirror.AreaRow(area=row.area, figures=public(row.figures))
        for row in found.areas
        if row.area is not None
    ]


def public(figures: Sequence[Measured]) -> Sequence[Measured]:
    """Return the figures that are told in public, in their order."""
    by_code = {m.indicator.code: m for m in figures}
    return [by_code[code] for code in PUBLIC if code in by_code]


def speaks(measured: Measured) -> bool:
    """Say whether there are enough for a rate to be told."""
    return measured.denominator >= FEWEST


def taken(tx: Tx, city: City, *, now: datetime) -> Mapping[str, store.Taken]:
    """Return how long things of each class took; classes with too few are left out."""
    classes = {id_: major_of(city, id_) for id_ in city.names}
    found = store.taken(tx, classes, since=now - timedelta(days=TAKEN_DAYS))  # type: ignore[arg-type]
    return {major: one for major, one in found.items() if one.count >= TAKEN_FEWEST}


def _wide(area: Area) -> bool:
    if area.shape is None:
        return False
    _, south, _, north = area.shape.bounds
    return (north - south) * METRES_PER_DEGREE >= WIDE_M
