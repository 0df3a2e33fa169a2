"""Areas: the nodes of the place tree, their levels, and the line of codes they divide.

Every area owns a `Span` of one bigint line and its children divide it, so that “all
cases under this district” is one range of an index. Spans are handed out adaptively:
any number of children, any depth the line has room for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from shapely.geometry.base import BaseGeometry

from zhongshu.core.values import AreaId, Name, Refused, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A kind of area. ``rank`` orders the main chain from the city down.

    An ``overlay`` level cuts across the chain (council district, exclusive grid): a case
    keeps its cell there too, but no other area hangs below it.
    """

    kind: str
    name: Name
    rank: int
    overlay: bool = False


#: The usual levels; a city keeps its own list as data.
LEVELS: tuple[Level, ...] = (
    Level(kind="city", name=Name("市", "City"), rank=10),
    Level(kind="district", name=Name("区县", "District"), rank=20),
    Level(kind="subdistrict", name=Name("街道（乡镇）", "Subdistrict"), rank=30),
    Level(kind="community", name=Name("社区（村）", "Community"), rank=40),
    Level(kind="grid", name=Name("社区网格", "Community grid"), rank=50),
    Level(kind="micro_grid", name=Name("微网格", "Micro-grid"), rank=60),
    Level(kind="unit_grid", name=Name("单元网格", "Unit grid"), rank=70),
    Level(kind="exclusive", name=Name("专属网格", "Exclusive grid"), rank=80, overlay=True),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Area:
    """One area in one version: valid from a day (inclusive) until another (exclusive).

    ``shape`` is a polygon in WGS-84 degrees, or None for an area known only by its code.
    """

    id: AreaId
    code: str
    kind: str
    name: Name
    parent: AreaId | None
    span: Span
    shape: BaseGeometry | None = None
    official: bool = True
    households: int | None = None
    valid_from: date = date.min
    valid_until: date | None = None

    def valid(self, on: date) -> bool:
        """Say whether this version of the area holds on a day."""
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An area as a file tells it, before it has an identity and a span. ``row``: from 1;
    0 where it does not come from a file.
    """

    code: str
    kind: str
    name: Name
    parent_code: str | None
    shape: BaseGeometry | None
    households: int | None = None
    row: int = 0


#: The whole line. Roots divide it; it fits a bigint with room to add two codes.
LINE = Span(0, 2**62)
#: A child takes at most this part of the room left, so that every level costs four bits.
_FEWEST = 16
#: Room is left for this many times the children an area has, counting the new ones.
_GROWTH = 4


class NoRoom(Refused):
    message = "%(field)s: there is no room below “%(value)s” for %(count)d more areas."
    remedy = "Put a level in between, or import the tree anew from its root."


def allot(parent: Span, taken: Sequence[Span], count: int, *, name: str = "") -> tuple[Span, ...]:
    """Return ``count`` new spans inside ``parent``, clear of those taken, in order.

    The parent's own code (its first) stays its own. Deterministic.
    """
    if count == 0:
        return ()
    used = max((span.hi for span in taken), default=parent.lo + 1)
    # A share of what is left, and never all of it: the ten-thousandth child added one by
    # one still gets a span that can be divided.
    width = (parent.hi - used) // max(_FEWEST, _GROWTH * (len(taken) + count))
    if width < 1:
        raise NoRoom("area", name, count=count)
    return tuple(Span(used + i * width, used + (i + 1) * width) for i in range(count))


def at(areas: Iterable[Area], day: date) -> tuple[Area, ...]:
    """Return the versions that hold on a day: at most one of each kind and code."""
    found: dict[tuple[str, str], Area] = {}
    for area in areas:
        if area.valid(day):
            key = (area.kind, area.code)
            # Two versions that overlap in time are a mistake of the data: the newer counts.
            if key not in found or found[key].valid_from < area.valid_from:
                found[key] = area
    return tuple(found.values())


class Tree:
    """All areas valid on a day, by identity, by code and by parent.

    A version that is no longer valid is known by its identity too: it stands for what its
    area is today or, where that is no more, for the area it lay in. Cases and posts keep
    the version they were given.
    """

    def __init__(self, areas: Iterable[Area], former: Iterable[Area] = ()) -> None:
        self._ordered = tuple(sorted(areas, key=lambda a: (a.span.lo, a.code, a.id)))
        self.former = tuple(former)
        by_id = {area.id: area for area in self._ordered}
        self.by_code: Mapping[tuple[str, str], Area] = MappingProxyType(
            {(a.kind, a.code): a for a in self._ordered}
        )
        self._versions: dict[AreaId, list[AreaId]] = {area.id: [area.id] for area in self._ordered}
        # Whatever is above comes first: its span begins no later, and is longer.
        for gone in sorted(self.former, key=lambda a: (a.span.lo, -a.span.hi, a.id)):
            same = self.by_code.get((gone.kind, gone.code))
            now = same or (by_id.get(gone.parent) if gone.parent is not None else None)
            if now is not None and gone.id not in by_id:
                by_id[gone.id] = now
                if same is not None:
                    self._versions[same.id].append(gone.id)
        self.by_id: Mapping[AreaId, Area] = MappingProxyType(by_id)
        # Worked out when it is first asked for: a tree never changes.
        self._homes: dict[str, Mapping[AreaId | None, AreaId]] = {}
        children: dict[AreaId | None, list[Area]] = {}
        for area in self._ordered:
            above = by_id.get(area.parent) if area.parent is not None else None
            children.setdefault(above.id if above is not None else area.parent, []).append(area)
        self._children = {parent: tuple(found) for parent, found in children.items()}

    def __iter__(self) -> Iterator[Area]:
        return iter(self._ordered)

    def __len__(self) -> int:
        return len(self._ordered)

    def children(self, parent: AreaId | None) -> tuple[Area, ...]:
        return self._children.get(parent, ())

    def of_kind(self, kind: str) -> tuple[Area, ...]:
        return tuple(area for area in self._ordered if area.kind == kind)

    def chain(self, area: AreaId | None) -> tuple[Area, ...]:
        """Return the area and all above it, from the root down."""
        found: list[Area] = []
        while area is not None:
            here = self.by_id[area]
            found.append(here)
            area = here.parent
        return tuple(reversed(found))

    def homes(self, level: str) -> Mapping[AreaId | None, AreaId]:
        """Return the area of a level in which each known area lies, or which it is; former
        versions count where they count today. What lies in none of the level is not there.
        """
        if level not in self._homes:
            self._homes[level] = {
                known: above.id
                for known, now in self.by_id.items()
                for above in self.chain(now.id)
                if above.kind == level
            }
        return self._homes[level]

    def versions(self, areas: Iterable[AreaId]) -> list[AreaId]:
        """Return the identities these areas have, and had in former versions."""
        return sorted({id_ for area in areas for id_ in self._versions.get(area, [area])})

    def named(self, code: str) -> Area | None:
        """Return the area of that code, of the highest level where several share it."""
        return next((a for a in self._ordered if a.code == code), None)
