"""A raster over polygons that answers most places without asking a polygon.

Each small square knows its answer (wholly inside one polygon, or outside all), or else
the few polygons that reach into it; only then a place is tested, against those alone.
Squares are found by dividing: a square that lies wholly inside is not looked at again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zhongshu.core.place import Floats

Ints = NDArray[np.int64]

#: The answer for a place in no polygon.
NOWHERE = -1
#: Squares of the raster, at most (4 bytes each), and along the longer side, at least.
_MOST, _FEWEST = 2**22, 64
#: Squares across an average polygon. More of them make fewer borders and a slower start:
#: at 5,000 polygons 8, 16 and 32 were tried.
_ACROSS = 16
#: The first squares are this many fine ones wide.
_COARSE = 8


class Raster:
    """Finds, among prepared polygons, the first that covers a place (borders included)."""

    def __init__(self, shapes: NDArray[np.object_]) -> None:
        self._shapes = shapes
        west, south, east, north = (float(v) for v in shapely.total_bounds(shapes))
        size = max(east - west, north - south, 1e-9)
        across = int(min(_MOST**0.5, max(_FEWEST, _ACROSS * len(shapes) ** 0.5)))
        self._west, self._south, self._step = west, south, size / across
        self._columns = _whole(int((east - west) / self._step) + 1)
        self._rows = _whole(int((north - south) / self._step) + 1)
        #: Per square: a polygon's index, NOWHERE, or -2 - n for the n-th list of candidates.
        self._known = np.full((self._rows, self._columns), NOWHERE, dtype=np.int32)
        self._starts, self._candidates = self._burn()
        self._flat = self._known.ravel()
        self._view: Any = self._flat.data
        # For one place at a time plain lists are faster than arrays.
        self._ends: list[int] = self._starts.tolist()
        self._asked: list[int] = self._candidates.tolist()

    def find(self, lon: Floats, lat: Floats) -> Ints:
        """Return for each place the index of the first polygon that covers it, or NOWHERE."""
        column = np.floor((lon - self._west) / self._step)
        row = np.floor((lat - self._south) / self._step)
        inside = (column >= 0) & (row >= 0) & (column < self._columns) & (row < self._rows)
        at = np.where(inside, row * self._columns + column, 0).astype(np.int64)
        found = np.where(inside, self._flat[at], NOWHERE).astype(np.int64)
        asked = np.flatnonzero(found < NOWHERE)
        found[asked] = self._tested(-2 - found[asked], lon[asked], lat[asked])
        return found

    def find_one(self, lon: float, lat: float) -> int:
        """Return `find` of one place."""
        column = int((lon - self._west) // self._step)
        row = int((lat - self._south) // self._step)
        if not (0 <= column < self._columns and 0 <= row < self._rows):
            return NOWHERE
        known: int = self._view[row * self._columns + column]
        if known >= NOWHERE:
            return known
        for shape in self._asked[self._ends[-2 - known] : self._ends[-1 - known]]:
            if shapely.intersects_xy(self._shapes[shape], lon, lat):
                return shape
        return NOWHERE

    def _tested(self, lists: Ints, lon: Floats, lat: Floats) -> Ints:
        """Ask the candidates of each place in turn, the first ones first."""
        found = np.full(len(lists), NOWHERE, dtype=np.int64)
        at, end = self._starts[lists], self._starts[lists + 1]
        left = np.arange(len(lists))
        while len(left):
            shape = self._candidates[at[left]]
            hit = shapely.intersects_xy(self._shapes[shape], lon[left], lat[left])
            found[left[hit]] = shape[hit]
            left = left[~hit]
            at[left] += 1
            left = left[at[left] < end[left]]
        return found

    def _burn(self) -> tuple[Ints, Ints]:
        """Mark every square, from coarse to fine; return the lists of candidates."""
        size = _COARSE
        row, column = (a.ravel() for a in np.mgrid[0 : self._rows : size, 0 : self._columns : size])
        tree = shapely.STRtree(self._shapes)
        square, shape = tree.query(self._boxes(row, column, size))
        while True:
            boxes = self._boxes(row, column, size)
            touches = shapely.intersects(self._shapes[shape], boxes[square])
            square, shape = square[touches], shape[touches]
            order = np.lexsort((shape, square))
            square, shape = square[order], shape[order]
            mixed = self._mark(row, column, size, boxes, square, shape)
            keep = mixed[square]
            square, shape = (np.cumsum(mixed) - 1)[square[keep]], shape[keep]
            row, column = row[mixed], column[mixed]
            if size == 1:
                break
            size //= 2
            row = (row[:, None] + np.array([0, 0, size, size])).ravel()
            column = (column[:, None] + np.array([0, size, 0, size])).ravel()
            square = (square[:, None] * 4 + np.arange(4)).ravel()
            shape = np.repeat(shape, 4)
        self._known[row, column] = -2 - np.arange(len(row))
        starts = np.searchsorted(square, np.arange(len(row) + 1))
        return starts.astype(np.int64), shape.astype(np.int64)

    def _mark(
        self, row: Ints, column: Ints, size: int, boxes: NDArray[np.object_],
        square: Ints, shape: Ints,
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Write the squares whose answer is known; say which others are touched at all."""
        first = np.flatnonzero(np.diff(square, prepend=-1))
        # Where the first polygon covers the square, later ones do not matter.
        whole = shapely.contains_properly(self._shapes[shape[first]], boxes[square[first]])
        known, answer = square[first[whole]], shape[first[whole]]
        step = np.arange(size)
        rows = row[known][:, None, None] + step[:, None]
        columns = column[known][:, None, None] + step
        self._known[rows, columns] = answer[:, None, None]
        mixed = np.zeros(len(row), dtype=bool)
        mixed[square[first[~whole]]] = True
        return mixed

    def _boxes(self, row: Ints, column: Ints, size: int) -> NDArray[np.object_]:
        """Return squares, a hair too wide so that rounding never crosses a border."""
        hair = self._step * 1e-6
        west, south = self._west + column * self._step, self._south + row * self._step
        wide = size * self._step + hair
        return np.asarray(shapely.box(west - hair, south - hair, west + wide, south + wide))


def _whole(count: int) -> int:
    """Round up to full coarse squares."""
    return -(-count // _COARSE) * _COARSE
