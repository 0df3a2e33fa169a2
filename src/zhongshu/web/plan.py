"""Small plans as SVG, north up: outlines of areas, and the ground of one area to point at."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import shapely

from zhongshu.core.grid import Area
from zhongshu.core.place import METRES_PER_DEGREE, Point
from zhongshu.core.values import AreaId

#: More outlines than this are no plan on a phone any more.
MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Outlines by area and a spot inside each, in a frame of ``width`` by ``height``; the frame
    begins at ``west`` and ``north`` and has ``across`` and ``down`` degrees a pixel.
    """

    width: int
    height: int
    paths: dict[AreaId, str]
    spots: dict[AreaId, tuple[float, float]]
    west: float
    north: float
    across: float
    down: float

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where a place lies in the frame."""
        return round((lon - self.west) / self.across, 1), round((self.north - lat) / self.down, 1)


def plan(areas: Sequence[Area], *, width: int = 360) -> Plan | None:
    """Return the outlines of some areas; None where none has a shape, or they are too many."""
    shaped = {area.id: area.shape for area in areas if area.shape is not None}
    if not shaped or len(shaped) > MOST:
        return None
    west, south, east, north = shapely.total_bounds(list(shaped.values()))
    across = math.cos(math.radians((south + north) / 2))
    scale = width / max((east - west) * across * METRES_PER_DEGREE, 1.0)
    height = max(40, math.ceil((north - south) * METRES_PER_DEGREE * scale))

    metre = METRES_PER_DEGREE * scale

    def at(x: float, y: float) -> tuple[float, float]:
        return round((x - west) * across * metre, 1), round((north - y) * metre, 1)

    def path(shape: shapely.Geometry) -> str:
        kept = shapely.simplify(shape, 0.5 / scale / METRES_PER_DEGREE)
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
        west=float(west), north=float(north), across=1 / (across * metre), down=1 / metre,
    )  # fmt: skip


#: Sides of the ground in pixels: it fits the narrowest phone, and a press says where it was.
SIDE = 256
#: How much of what lies around an area is drawn with it, as a part of its longer side.
_AROUND = 0.12
#: An area no longer than this (metres) is pointed into, instead of being divided further.
NEAR_M = 1_500.0
_LOOK = """path{fill:none;stroke-linecap:round;stroke-linejoin:round}.g{fill:#eef1f5}
.park{fill:#d9ecd8}.water{fill:#b9d9f0}.road{stroke:#c3ccd8}.edge{stroke:#0b5cad;stroke-width:2.5}
text{font:12px sans-serif;fill:#16202e;paint-order:stroke;stroke:#fff;stroke-width:3px}
@media(prefers-color-scheme:dark){.g{fill:#0b1018}.park{fill:#15271f}.water{fill:#12304d}
.road{stroke:#3a4a60}.edge{stroke:#63acff}text{fill:#e8edf4;stroke:#0b1018}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A square piece of ground, `SIDE` pixels wide: its west and north, and degrees a pixel."""

    west: float
    north: float
    across: float
    down: float

    def at(self, x: float, y: float) -> Point:
        """Return the place under a pixel."""
        return Point(round(self.west + x * self.across, 6), round(self.north - y * self.down, 6))

    def pixel(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the pixel over a place."""
        x, y = (lon - self.west) / self.across, (self.north - lat) / self.down
        return round(x, 1), round(y, 1)


def frame(area: Area) -> Frame | None:
    """Return the square that holds an area with a little around it; None without a shape."""
    if area.shape is None:
        return None
    west, south, east, north = area.shape.bounds
    narrow = math.cos(math.radians((south + north) / 2))
    side = max((east - west) * narrow, north - south, 1e-6) * (1 + 2 * _AROUND)
    return Frame(
        west=(west + east) / 2 - side / narrow / 2, north=(south + north) / 2 + side / 2,
        across=side / narrow / SIDE, down=side / SIDE,
    )  # fmt: skip


def near_enough(area: Area) -> bool:
    """Say whether one can point into a drawing of an area and be understood to some metres."""
    seen = frame(area)
    return seen is not None and seen.down * SIDE * METRES_PER_DEGREE <= NEAR_M


def ground(area: Area, backdrop: Mapping[str, Any], *, lang: str) -> str | None:
    """Return a drawing of an area with the roads, water and parks in it; None without a shape."""
    seen = frame(area)
    if seen is None or area.shape is None:
        return None
    corner = seen.at(SIDE, SIDE)
    box = shapely.box(seen.west, corner.lat, corner.lon, seen.north)
    shapes: list[str] = []
    names: dict[str, str] = {}
    for layer in ("park", "water", "road"):
        for feature in backdrop.get(layer, {}).get("features", ()):
            shape = shapely.from_geojson(json.dumps(feature["geometry"]))
            if not shape.intersects(box):
                continue
            says = feature.get("properties", {})
            width = {1: 12, 2: 8}.get(says.get("class"), 5) if layer == "road" else 0
            kept = shape.intersection(box)
            look = f' stroke-width="{width}"' if width else ""
            shapes.append(f'<path class="{layer}"{look} d="{_path(kept, seen)}"/>')
            name = says.get(lang) or says.get("zh")
            if name and layer == "road":
                names.setdefault(name, _label(name, kept, seen))
    edge = f'<path class="edge" d="{_path(area.shape, seen)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}"'
        f' height="{SIDE}"><style>{_LOOK}</style><rect class="g" width="{SIDE}" height="{SIDE}"/>'
        f"{''.join(shapes)}{edge}{''.join(list(names.values())[:6])}</svg>"
    )


def _path(shape: shapely.Geometry, seen: Frame) -> str:
    """Return the lines and rings of a shape as one path."""
    found: list[str] = []
    for part in shapely.get_parts(shape):
        rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
        for ring in rings:
            if ring.geom_type in ("LineString", "LinearRing"):
                pixels = (seen.pixel(x, y) for x, y, *_ in ring.coords)
                points = " ".join(f"{x},{y}" for x, y in pixels)
                found.append(f"M{points}{'Z' if part.geom_type == 'Polygon' else ''}")
    return "".join(found)


def _label(name: str, shape: shapely.Geometry, seen: Frame) -> str:
    spot = shapely.point_on_surface(shape)
    x, y = seen.pixel(spot.x, spot.y)
    x, y = min(max(x, 40), SIDE - 40), min(max(y, 14), SIDE - 6)
    safe = name.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x}" y="{y}" text-anchor="middle">{safe}</text>'
