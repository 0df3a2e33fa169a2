"""What anybody may see of open matters: squares, a smallest number, and areas for the rest.

Nothing finer than a square of `SIDE_M` and nothing fewer than `FEWEST` is told of a place; what
is fewer is told of the smallest area that has enough. See docs/decisions/0024-a-report-begun.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zhongshu.core.cases.lifecycle import Stage
from zhongshu.core.place import METRES_PER_DEGREE
from zhongshu.core.values import AreaId

SIDE_M = 150.0
FEWEST = 3
#: Layers of the catalogue that speak of people's homes, and what has no class yet: never drawn
#: in a square.
PRIVATE_LAYERS = frozenset({"S", "-"})


class PublicState(StrEnum):
    """How far an open matter is, as anybody may know it."""

    NEW = "new"  # reported, not yet with a unit
    IN_WORK = "in_work"  # with a unit
    CHECKING = "checking"  # done, as the unit says


OF_STAGE: Mapping[Stage, PublicState] = {
    Stage.WAITING_PLACE: PublicState.NEW, Stage.NOT_OURS: PublicState.NEW,
    Stage.RECEIVED: PublicState.NEW, Stage.FILED: PublicState.NEW,
    Stage.DISPATCHED: PublicState.IN_WORK, Stage.IN_HAND: PublicState.IN_WORK,
    Stage.HANDLED: PublicState.CHECKING, Stage.CHECKED: PublicState.CHECKING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raster:
    """Squares of at least `SIDE_M` both ways all over a city: degrees up and across."""

    up: float
    across: float

    @classmethod
    def over(cls, south: float, north: float) -> Raster:
        """Return the raster for a city between two latitudes."""
        up = SIDE_M / METRES_PER_DEGREE
        narrowest = math.cos(math.radians(min(max(abs(south), abs(north)), 85.0)))
        return cls(up, up / narrowest)

    def box(self, column: int, row: int) -> tuple[float, float, float, float]:
        """Return west, south, east and north of a square."""
        return column * self.across, row * self.up, (column + 1) * self.across, (row + 1) * self.up


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """Open matters that stand in one square and one area, are of one class and stand alike."""

    column: int
    row: int
    area: AreaId
    major: str
    state: PublicState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How many matters are open in a square, or scattered over an area (None: the city).

    Classes and states with fewer than `FEWEST` are counted together, under nothing.
    """

    square: tuple[int, int] | None
    area: AreaId | None
    count: int
    classes: Mapping[str, int]
    states: Mapping[str, int]


def coarsened(
    heaps: Iterable[Heap], above: Callable[[AreaId], Sequence[AreaId]], *, fewest: int = FEWEST
) -> list[Told]:
    """Return what may be told, squares first, each in the area most of it lies in, the fullest
    first. ``above`` gives the areas that are wide enough to be named for a cell, the smallest
    first.
    """
    squares: dict[tuple[int, int], list[Heap]] = {}
    rest: list[Heap] = []
    for heap in heaps:
        if heap.major[:1] in PRIVATE_LAYERS:
            rest.append(heap)
        else:
            squares.setdefault((heap.column, heap.row), []).append(heap)
    found: list[Told] = []
    for square, here in squares.items():
        if sum(h.count for h in here) < fewest:
            rest += here
        else:
            found.append(_told(here, square, _home(here, above), fewest))
    found.sort(key=lambda t: (-t.count, t.square))
    return found + _scattered(rest, above, fewest)


def _scattered(
    rest: Sequence[Heap], above: Callable[[AreaId], Sequence[AreaId]], fewest: int
) -> list[Told]:
    """Return the matters of no square by the smallest areas that have enough of them."""
    chains = {heap.area: tuple(above(heap.area)) for heap in rest}
    longest = max((len(chain) for chain in chains.values()), default=0)
    found: list[Told] = []
    for depth in range(longest, 0, -1):
        # The smallest areas first; what is too few waits for the area above.
        groups: dict[AreaId, list[Heap]] = {}
        for heap in rest:
            chain = chains[heap.area]
            if len(chain) >= depth:
                groups.setdefault(chain[len(chain) - depth], []).append(heap)
        told = {area for area, here in groups.items() if sum(h.count for h in here) >= fewest}
        found += [_told(groups[area], None, area, fewest) for area in told]
        rest = [
            h for h in rest if not told & set(chains[h.area][len(chains[h.area]) - depth :][:1])
        ]
    found.sort(key=lambda t: (-t.count, t.area))
    return [*found, _told(rest, None, None, fewest)] if rest else found


def _told(
    here: Sequence[Heap], square: tuple[int, int] | None, area: AreaId | None, fewest: int
) -> Told:
    classes, states = Counter[str](), Counter[str]()
    for heap in here:
        classes[heap.major] += heap.count
        states[heap.state] += heap.count
    return Told(
        square=square, area=area, count=classes.total(),
        classes=_enough(classes, fewest), states=_enough(states, fewest),
    )  # fmt: skip


def _enough(counts: Counter[str], fewest: int) -> dict[str, int]:
    """Return counts with the small ones together; one that is left alone takes another along."""
    large = {key: n for key, n in counts.most_common() if n >= fewest}
    small = counts.total() - sum(large.values())
    if 0 < small < fewest and large:
        # Else the rest would be told by subtraction.
        small += large.popitem()[1]
    return {**large, **({"": small} if small else {})}


def _home(here: Sequence[Heap], above: Callable[[AreaId], Sequence[AreaId]]) -> AreaId | None:
    """Return the area most matters of a square lie in."""
    homes = Counter[AreaId]()
    for heap in here:
        chain = above(heap.area)
        if chain:
            homes[chain[0]] += heap.count
    return homes.most_common(1)[0][0] if homes else None
