"""Which cells a place lies in: one of each level, for one place or for a million.

A raster laid over the city remembers, for each small square that lies wholly inside the
same cells, the answer; only places in squares on a border are tested against polygons.
A border belongs to the lowest code, and so does an overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from zhongshu.core.grid.areas import Area, Level
from zhongshu.core.place import Floats, Point
from zhongshu.core.values import AreaId

Ints = NDArray[np.int64]

#: Squares of the raster along the longer side of the city, at most.
_SQUARES = 2048
_UNKNOWN = -2
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Where:
    """The cells of a place: the deepest of the main chain, and one per overlay level."""

    area: AreaId
    code: int
    cells: tuple[AreaId, ...] = ()


class _Layer:
    """One level: finds the lowest-coded polygon that covers a place."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self.areas = sorted(areas, key=lambda a: (a.code, a.id))
        self._shapes = np.array([area.shape for area in self.areas], dtype=object)
        shapely.prepare(self._shapes)
        self._tree = shapely.STRtree(self._shapes)
        self._raster = _Raster(self._shapes, self._tree)

    def find(self, lon: Floats, lat: Floats) -> Ints:
        """Return for each place the index into `areas`, or -1."""
        found = self._raster.look(lon, lat)
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            found[unknown] = self._exact(lon[unknown], lat[unknown])
        return found

    def find_one(self, lon: float, lat: float) -> int:
        found = self._raster.look_one(lon, lat)
        if found != _UNKNOWN:
            return found
        hits = self._tree.query(shapely.Point(lon, lat), predicate="covered_by")
        return int(hits.min()) if len(hits) else _NOWHERE

    def _exact(self, lon: Floats, lat: Floats) -> Ints:
        points = shapely.points(lon, lat)
        at, shape = self._tree.query(points, predicate="covered_by")
        found = np.full(len(lon), len(self.areas), dtype=np.int64)
        # Areas are sorted by code, so the least index is the lowest code.
        np.minimum.at(found, at, shape)
        found[found == len(self.areas)] = _NOWHERE
        return found


class _Raster:
    """Squares whose answer is known without asking a polygon."""

    def __init__(self, shapes: NDArray[np.object_], tree: shapely.STRtree) -> None:
        self._west, self._south, east, north = shapely.total_bounds(shapes)
        size = max(east - self._west, north - self._south, 1e-9)
        # As fine as pays: about 8 squares across an average polygon.
        across = min(_SQUARES, max(64, int(8 * len(shapes) ** 0.5)))
        self._step = size / across
        self._columns = int((east - self._west) / self._step) + 1
        self._rows = int((north - self._south) / self._step) + 1
        self._known = self._burn(shapes, tree)
        self._list: list[int] = self._known.tolist()

    def look(self, lon: Floats, lat: Floats) -> Ints:
        column = np.floor((lon - self._west) / self._step)
        row = np.floor((lat - self._south) / self._step)
        inside = (column >= 0) & (row >= 0) & (column < self._columns) & (row < self._rows)
        at = np.where(inside, row * self._columns + column, 0).astype(np.int64)
        return np.where(inside, self._known[at], _NOWHERE)

    def look_one(self, lon: float, lat: float) -> int:
        column = int((lon - self._west) // self._step)
        row = int((lat - self._south) // self._step)
        if 0 <= column < self._columns and 0 <= row < self._rows:
            return self._list[row * self._columns + column]
        return _NOWHERE

    def _burn(self, shapes: NDArray[np.object_], tree: shapely.STRtree) -> Ints:
        """Mark squares: wholly inside one polygon only, outside all, or unknown."""
        x = self._west + np.arange(self._columns) * self._step
        y = self._south + np.arange(self._rows) * self._step
        west, south = (axis.ravel() for axis in np.meshgrid(x, y))
        # A hair wider than the square, so that rounding never crosses a border.
        hair = self._step * 1e-6
        boxes = shapely.box(
            west - hair, south - hair, west + self._step + hair, south + self._step + hair
        )
        known = np.full(len(boxes), _NOWHERE, dtype=np.int64)
        square, shape = tree.query(boxes, predicate="intersects")
        touched = np.bincount(square, minlength=len(boxes))
        known[touched > 0] = _UNKNOWN
        single = touched[square] == 1
        square, shape = square[single], shape[single]
        whole = shapely.contains_properly(shapes[shape], boxes[square])
        known[square[whole]] = shape[whole]
        return known


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
        area = np.full(len(lon), _NOWHERE, dtype=np.int64)
        code = np.full(len(lon), _NOWHERE, dtype=np.int64)
        left = np.arange(len(lon))
        for layer in self._chain:
            if not len(left):
                break
            found = layer.find(lon[left], lat[left])
            hit = found >= 0
            ids = np.array([a.id for a in layer.areas], dtype=np.int64)
            codes = np.array([a.span.lo for a in layer.areas], dtype=np.int64)
            area[left[hit]] = ids[found[hit]]
            code[left[hit]] = codes[found[hit]]
            left = left[~hit]
        return area, code

    def overlays_of(self, lon: Floats, lat: Floats) -> list[tuple[int, ...]]:
        """Return, for many places, the areas of the levels that cut across."""
        found = [
            (np.array([a.id for a in layer.areas]), layer.find(lon, lat)) for layer in self._across
        ]
        return [tuple(int(ids[at[i]]) for ids, at in found if at[i] >= 0) for i in range(len(lon))]

    def _cells(self, place: Point) -> tuple[AreaId, ...]:
        found: list[AreaId] = []
        for layer in self._across:
            at = layer.find_one(place.lon, place.lat)
            if at >= 0:
                found.append(layer.areas[at].id)
        return tuple(found)
