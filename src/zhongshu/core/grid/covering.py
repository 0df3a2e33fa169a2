"""How well areas tile the area above them: overlaps, gaps, and what sticks out, in m²."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid.areas import Draft
from zhongshu.core.place import METRES_PER_DEGREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """How well children tile their parent, in square metres."""

    overlap_m2: float
    gap_m2: float
    outside_m2: float
    worst: tuple[tuple[str, str, float], ...] = ()


def cover(parent: BaseGeometry, children: Sequence[Draft], *, worst: int = 5) -> Cover:
    """Measure overlaps between children, gaps left in the parent, and what sticks out."""
    shaped = [(child.code, child.shape) for child in children if child.shape is not None]
    if not shaped:
        return Cover(overlap_m2=0.0, gap_m2=square_metres(parent), outside_m2=0.0)
    shapes = [shape for _, shape in shaped]
    tree = shapely.STRtree(shapes)
    pairs: list[tuple[str, str, float]] = []
    for one, other in zip(*tree.query(shapes, predicate="intersects"), strict=True):
        if one < other:
            shared = square_metres(shapely.intersection(shapes[one], shapes[other]))
            if shared > 1.0:
                pairs.append((shaped[one][0], shaped[other][0], shared))
    together = shapely.union_all(shapes)
    pairs.sort(key=lambda pair: -pair[2])
    return Cover(
        overlap_m2=sum(pair[2] for pair in pairs),
        gap_m2=square_metres(shapely.difference(parent, together)),
        outside_m2=square_metres(shapely.difference(together, parent)),
        worst=tuple(pairs[:worst]),
    )


def square_metres(shape: BaseGeometry) -> float:
    """Return the area of a polygon in degrees, in m² (below 1 % off within a city)."""
    if shape.is_empty:
        return 0.0
    middle = (shape.bounds[1] + shape.bounds[3]) / 2
    return float(shape.area) * METRES_PER_DEGREE**2 * math.cos(math.radians(middle))
