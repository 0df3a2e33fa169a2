"""Patrols by place: which cells were looked at on a day. Who looked is nowhere kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from zhongshu.core.access import Actor, Forbidden, NotFound, Permission
from zhongshu.core.grid import Area
from zhongshu.core.values import AreaId, Refused
from zhongshu.flow.city import City
from zhongshu.store import patrols
from zhongshu.store.db import Tx

#: How long a look may wait on a device without net.
WAITS = timedelta(days=7)
#: How far back “last looked at” looks.
REMEMBERED = timedelta(days=60)


class CellsBelow(Refused):
    message = "%(field)s: “%(value)s” has smaller cells; one is looked at at a time."
    remedy = "Choose one of the cells below it."


class NotThatDay(Refused):
    message = "%(field)s: a look of %(value)s is not counted any more, or not yet."
    remedy = "Send the day it was looked at, today or one of the seven days before."


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A place on one day: of how many cells how many were looked at, how often, and the last
    day any of them was (within `REMEMBERED`). A cell without smaller ones is one of one.
    """

    area: Area
    cells: int
    seen: int
    times: int
    last: date | None

    @property
    def is_cell(self) -> bool:
        return self.cells == 1


def look(tx: Tx, city: City, actor: Actor, code: str, day: date, *, today: date) -> Coverage:
    """Count that a cell was looked at on a day: the place, the day, one more, and no more."""
    area = covered(city, actor, code)
    if _below(city, area):
        raise CellsBelow("area", code)
    if not today - WAITS <= day <= today:
        raise NotThatDay("day", day.isoformat())
    times = patrols.look(tx, area.id, day)
    return Coverage(area=area, cells=1, seen=1, times=times, last=day)


def coverage(tx: Tx, city: City, area: Area, day: date) -> Sequence[Coverage]:
    """Return the places right below an area as they were looked at on a day, those longest
    unseen first; the area itself where there is nothing below it.
    """
    looks = patrols.below(tx, area.span, since=day - REMEMBERED, day=day)
    found = [_covered(city, each, looks) for each in _below(city, area) or (area,)]
    return sorted(found, key=lambda c: (c.seen / c.cells, c.last or date.min, c.area.span.lo))


def whole(tx: Tx, city: City, area: Area, day: date) -> Coverage:
    """Return an area as it was looked at on a day, all its cells together."""
    return _covered(city, area, patrols.below(tx, area.span, since=day - REMEMBERED, day=day))


def covered(city: City, actor: Actor, code: str) -> Area:
    """Return an area by its code where one of the actor's posts lets one check there."""
    area = city.tree.named(code)
    if area is None or area.kind in _overlays(city):
        raise NotFound("area", code)
    if actor.acting(Permission.CASE_CHECK, area_code=area.span.lo, unit=None) is None:
        raise Forbidden("permission", Permission.CASE_CHECK.value)
    return area


def own(city: City, actor: Actor) -> tuple[Area, ...]:
    """Return the areas the actor's posts let one check in: the roots where it is everywhere."""
    sight = actor.sight_for(Permission.CASE_CHECK)
    if sight.everything:
        return tuple(a for a in city.tree.children(None) if a.kind not in _overlays(city))
    return tuple(
        a for a in city.tree if a.span in sight.areas and a.kind not in _overlays(city)
    )  # fmt: skip


def _covered(city: City, area: Area, looks: Mapping[AreaId, patrols.Seen]) -> Coverage:
    cells = _cells(city, area)
    seen = [looks[cell] for cell in cells if cell in looks]
    return Coverage(
        area=area,
        cells=len(cells),
        seen=sum(1 for s in seen if s.times),
        times=sum(s.times for s in seen),
        last=max((s.last for s in seen), default=None),
    )


def _cells(city: City, area: Area) -> list[AreaId]:
    """Return the smallest cells an area is made of: itself where it has none below."""
    below = _below(city, area)
    return [cell for each in below for cell in _cells(city, each)] if below else [area.id]


def _below(city: City, area: Area) -> tuple[Area, ...]:
    overlays = _overlays(city)
    return tuple(a for a in city.tree.children(area.id) if a.kind not in overlays)


def _overlays(city: City) -> frozenset[str]:
    return frozenset(level.kind for level in city.levels if level.overlay)
