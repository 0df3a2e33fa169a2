"""A small plan of areas as SVG paths: their outlines in metres, north up, no map behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import shapely

from zhongshu.core.grid import Area
from zhongshu.core.values import AreaId

_METRE_DEGREES = 111_320.0
#: More outlines than this are no plan on a phone any more.
MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Outlines by area and a spot inside each, in a frame of ``width`` by ``height``."""

    width: int
    height: int
    paths: dict[AreaId, str]
    spots: dict[AreaId, tuple[float, float]]


def plan(areas: Sequence[Area], *, width: int = 360) -> Plan | None:
    """Return the outlines of some areas; None where none has a shape, or they are too many."""
    shaped = {area.id: area.shape for area in areas if area.shape is not None}
    if not shaped or len(shaped) > MOST:
        return None
    west, south, east, north = shapely.total_bounds(list(shaped.values()))
    across = math.cos(math.radians((south + north) / 2))
    scale = width / max((east - west) * across * _METRE_DEGREES, 1.0)
    height = max(40, math.ceil((north - south) * _METRE_DEGREES * scale))

    def at(x: float, y: float) -> tuple[float, float]:
        metre = _METRE_DEGREES * scale
        return round((x - west) * across * metre, 1), round((north - y) * metre, 1)

    def path(shape: shapely.Geometry) -> str:
        kept = shapely.simplify(shape, 0.5 / scale / _METRE_DEGREES)
        solid = [part for part in shapely.get_parts(kept) if part.geom_type == "Polygon"]
        rings = [ring for part in solid for ring in (part.exterior, *part.interiors)]
        return "".join(
            "M" + " ".join(f"{x},{y}" for x, y in starmap(at, ring.coords[:-1])) + "Z"
            for ring in rings
        )

    inside = {area: shapely.point_on_surface(shape) for area, shape in shaped.items()}
    return Plan(
        width=width,
        height=height,
        paths={area: path(shape) for area, shape in shaped.items()},
        spots={area: at(spot.x, spot.y) for area, spot in inside.items()},
    )
