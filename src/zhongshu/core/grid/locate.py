"""Which cells a place lies in: one of each level, for one place or for a million.

A border belongs to the lowest code (in the order of the code's characters), and so does
an overlap. See `raster` for how it is found quickly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from zhongshu.core.grid.areas import Area, Level
from zhongshu.core.grid.raster import NOWHERE, Ints, Raster
from zhongshu.core.place import Floats, Point
from zhongshu.core.values import AreaId


@dataclass(frozen=True, slots=True)
class Where:
    """The cells of a place: the deepest of the main chain, and one per overlay level."""

    area: AreaId
    code: int
    cells: tuple[AreaId, ...] = ()


class _Layer:
    """One level: finds the lowest-coded polygon that covers a place."""

    def __init__(self, areas: Sequence[Area]) -> None:
        # The least index is the lowest code.
        self.areas = sorted(areas, key=lambda a: (a.code, a.id))
        self.ids = np.array([area.id for area in self.areas], dtype=np.int64)
        self.codes = np.array([area.span.lo for area in self.areas], dtype=np.int64)
        shapes = np.array([area.shape for area in self.areas], dtype=object)
        shapely.prepare(shapes)
        self._raster = Raster(shapes)
        #: For each place the index into `areas`, or -1; for one place, and for many.
        self.find_one = self._raster.find_one
        self.find = self._raster.find


class Locator:
    """Finds the cells of places among areas with polygons, all valid on the same day."""

    def __init__(self, areas: Iterable[Area], levels: Iterable[Level]) -> None:
        by_kind: dict[str, list[Area]] = {}
        for area in areas:
            if area.shape is not None:
                by_kind.setdefault(area.kind, []).append(area)
        ordered = sorted(levels, key=lambda level: level.rank)
        #: Deepest first: the first that knows the place names the cell.
        self._chain = [
            _Layer(by_kind[level.kind])
            for level in reversed(ordered)
            if not level.overlay and level.kind in by_kind
        ]
        self._across = [
            _Layer(by_kind[level.kind])
            for level in ordered
            if level.overlay and level.kind in by_kind
        ]

    @property
    def cuts_across(self) -> bool:
        """Say whether any level cuts across the main chain."""
        return bool(self._across)

    def locate(self, place: Point) -> Where | None:
        """Return the cells of a place; None when it is outside the city."""
        for layer in self._chain:
            at = layer.find_one(place.lon, place.lat)
            if at >= 0:
                area = layer.areas[at]
                return Where(area.id, area.span.lo, self._cells(place))
        return None

    def locate_many(self, lon: Floats, lat: Floats) -> list[Where | None]:
        """Return `locate` of many places, in order."""
        area, code = self.areas_of(lon, lat)
        across = [(layer, layer.find(lon, lat)) for layer in self._across]
        return [
            None
            if area[i] < 0
            else Where(
                AreaId(int(area[i])), int(code[i]),
                tuple(layer.areas[found[i]].id for layer, found in across if found[i] >= 0),
            )
            for i in range(len(lon))
        ]  # fmt: skip

    def areas_of(self, lon: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return area identities and codes of many places; -1 where outside the city."""
        area = np.full(len(lon), NOWHERE, dtype=np.int64)
        code = np.full(len(lon), NOWHERE, dtype=np.int64)
        left = np.arange(len(lon))
        for layer in self._chain:
            if not len(left):
                break
            found = layer.find(lon[left], lat[left])
            hit = found >= 0
            area[left[hit]] = layer.ids[found[hit]]
            code[left[hit]] = layer.codes[found[hit]]
            left = left[~hit]
        return area, code

    def overlays_of(self, lon: Floats, lat: Floats) -> list[tuple[int, ...]]:
        """Return, for many places, the areas of the levels that cut across."""
        found = [(layer.ids, layer.find(lon, lat)) for layer in self._across]
        return [tuple(int(ids[at[i]]) for ids, at in found if at[i] >= 0) for i in range(len(lon))]

    def _cells(self, place: Point) -> tuple[AreaId, ...]:
        found: list[AreaId] = []
        for layer in self._across:
            at = layer.find_one(place.lon, place.lat)
            if at >= 0:
                found.append(layer.areas[at].id)
        return tuple(found)
