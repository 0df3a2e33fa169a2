"""Making cells inside a polygon: squares of about 100 m, clipped, numbered, no slivers."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.place import METRES_PER_DEGREE

#: A clipped piece smaller than this share of a full square joins a neighbour.
SLIVER = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A generated cell. Numbers run west to east, then north to south, from 1
    (the order of DB6101/T 3185-2024).
    """

    number: int
    shape: BaseGeometry


def make_cells(
    polygon: BaseGeometry, *, size_m: float = 100.0, min_share: float = SLIVER
) -> tuple[Cell, ...]:
    """Divide a valid polygon (WGS-84 degrees) into cells of about ``size_m`` metres.

    Together the cells cover the polygon, and no two overlap, both to rounding. A piece
    smaller than ``min_share`` of a full square is joined to a neighbour.
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
    # A square cut in two by the border becomes two pieces: no cell lies in two places.
    parts = shapely.get_parts(shapely.get_parts(shapely.intersection(squares[near], polygon)))
    kept = [part for part in parts if part.area > 0]
    pieces = _without_slivers(kept, smallest=min_share * wide * high)
    pieces.sort(key=lambda shape: _reading_order(shape, north, (north - south) / rows))
    return tuple(Cell(number=n, shape=shape) for n, shape in enumerate(pieces, start=1))


def _without_slivers(pieces: list[BaseGeometry], *, smallest: float) -> list[BaseGeometry]:
    """Join each piece that is too small to the neighbour it shares the longest border with.

    The smallest goes first, and joined pieces may join again, so that a thin strip ends as
    a few long cells. A piece without neighbours (an islet) stays what it is.
    """
    borders = _borders(pieces)
    members = {i: [i] for i in range(len(pieces))}
    area = {i: float(piece.area) for i, piece in enumerate(pieces)}
    waiting = [(size, i) for i, size in area.items() if size < smallest]
    heapq.heapify(waiting)
    while waiting:
        size, i = heapq.heappop(waiting)
        if i not in members or area[i] != size or not borders[i]:
            continue
        into = max(sorted(borders[i]), key=lambda j: borders[i][j])
        members[into] += members.pop(i)
        area[into] += size
        for other, length in borders.pop(i).items():
            del borders[other][i]
            if other != into:
                borders[into][other] = borders[into].get(other, 0.0) + length
                borders[other][into] = borders[into][other]
        if area[into] < smallest:
            heapq.heappush(waiting, (area[into], into))
    return [
        pieces[i] if own == [i] else shapely.union_all([pieces[j] for j in own])
        for i, own in members.items()
    ]


def _borders(pieces: list[BaseGeometry]) -> dict[int, dict[int, float]]:
    """Return, for each piece, the lengths of the borders it shares with others."""
    borders: dict[int, dict[int, float]] = {i: {} for i in range(len(pieces))}
    shapes = np.array(pieces, dtype=object)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    lengths = shapely.length(shapely.intersection(shapes[one], shapes[other]))
    for i, j, length in zip(one.tolist(), other.tolist(), lengths.tolist(), strict=True):
        if length > 0:
            borders[i][j] = borders[j][i] = length
    return borders


def _reading_order(shape: BaseGeometry, north: float, high: float) -> tuple[int, float, float]:
    middle = shape.centroid
    return int((north - middle.y) / high), middle.x, -middle.y
