"""Making cells inside a polygon: squares of about 100 m, clipped, numbered, no slivers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.place import METRES_PER_DEGREE

#: A clipped piece smaller than this share of a full square joins its neighbour.
SLIVER = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A generated cell. Numbers run west to east, then north to south, from 1
    (the order of DB6101/T 3185-2024).
    """

    number: int
    shape: BaseGeometry


def make_cells(polygon: BaseGeometry, *, size_m: float = 100.0) -> tuple[Cell, ...]:
    """Divide a polygon (WGS-84 degrees) into cells of about ``size_m`` metres.

    Together the cells cover the polygon exactly, and no two overlap.
    """
    west, south, east, north = polygon.bounds
    high = size_m / METRES_PER_DEGREE
    wide = high / math.cos(math.radians((south + north) / 2))
    columns = max(1, round((east - west) / wide))
    rows = max(1, round((north - south) / high))
    x = np.linspace(west, east, columns + 1)
    y = np.linspace(south, north, rows + 1)
    row, column = (a.ravel() for a in np.mgrid[0:rows, 0:columns])
    squares = shapely.box(x[column], y[row], x[column + 1], y[row + 1])
    shapely.prepare(polygon)
    near = shapely.intersects(polygon, squares)
    clipped = shapely.intersection(squares[near], polygon)
    keep = shapely.area(clipped) > 0
    pieces = _without_slivers(list(clipped[keep]), full=(x[1] - x[0]) * (y[1] - y[0]))
    pieces.sort(key=lambda shape: _reading_order(shape, north, (north - south) / rows))
    return tuple(Cell(number=n, shape=shape) for n, shape in enumerate(pieces, start=1))


def _without_slivers(pieces: list[BaseGeometry], *, full: float) -> list[BaseGeometry]:
    """Join each piece that is too small to the neighbour it shares the longest border with."""
    small = {i for i, piece in enumerate(pieces) if piece.area < SLIVER * full}
    if not small or len(pieces) == 1:
        return pieces
    tree = shapely.STRtree(pieces)
    joins: dict[int, list[BaseGeometry]] = {}
    lonely: list[BaseGeometry] = []
    for i in sorted(small):
        shared = {
            int(j): shapely.intersection(pieces[i], pieces[j]).length
            for j in tree.query(pieces[i], predicate="intersects")
            if int(j) not in small
        }
        best = max(sorted(shared), key=lambda j: shared[j]) if shared else None
        if best is None or shared[best] == 0:
            lonely.append(pieces[i])
        else:
            joins.setdefault(best, []).append(pieces[i])
    kept = [
        shapely.union_all([piece, *joins[i]]) if i in joins else piece
        for i, piece in enumerate(pieces)
        if i not in small
    ]
    return kept + lonely


def _reading_order(shape: BaseGeometry, north: float, high: float) -> tuple[int, float, float]:
    middle = shape.centroid
    return int((north - middle.y) / high), middle.x, -middle.y
