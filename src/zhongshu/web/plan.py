"""Small plans as SVG, north up: outlines of areas, and the ground of one area to point at."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from zhongshu.core.grid import Area
from zhongshu.core.place import METRES_PER_DEGREE, Point
from zhongshu.core.values import AreaId
from zhongshu.web.look import TOKENS

#: More outlines than this are no plan on a phone any more.
MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A piece of ground drawn in pixels: its west and north, and degrees a pixel."""

    west: float
    north: float
    across: float
    down: float

    def place(self, x: float, y: float) -> Point:
        """Return the place under a pixel."""
        return Point(round(self.west + x * self.across, 6), round(self.north - y * self.down, 6))

    def pixel(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the pixel over a place."""
        x, y = (lon - self.west) / self.across, (self.north - lat) / self.down
        return round(x, 1), round(y, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Outlines by area and a spot inside each, in pixels of a frame, ``width`` by ``height``."""

    width: int
    height: int
    paths: dict[AreaId, str]
    spots: dict[AreaId, tuple[float, float]]
    frame: Frame


def plan(areas: Sequence[Area], *, width: int = 360) -> Plan | None:
    """Return the outlines of some areas; None where none has a shape, or they are too many."""
    shaped = {area.id: area.shape for area in areas if area.shape is not None}
    if not shaped or len(shaped) > MOST:
        return None
    west, south, east, north = shapely.total_bounds(list(shaped.values()))
    narrow = math.cos(math.radians((south + north) / 2))
    scale = width / max((east - west) * narrow * METRES_PER_DEGREE, 1.0)
    down = 1 / (METRES_PER_DEGREE * scale)
    seen = Frame(west=float(west), north=float(north), across=down / narrow, down=down)
    inside = {area: shapely.point_on_surface(shape) for area, shape in shaped.items()}
    return Plan(
        width=width,
        height=max(40, math.ceil((north - south) / down)),
        paths={a: _path(shapely.simplify(shape, down / 2), seen) for a, shape in shaped.items()},
        spots={area: seen.pixel(spot.x, spot.y) for area, spot in inside.items()},
        frame=seen,
    )


#: Sides of the ground in pixels: it fits the narrowest phone, and a press says where it was.
SIDE = 256
#: How much of what lies around an area is drawn with it, as a part of its longer side.
_AROUND = 0.12
#: An area no longer than this (metres) is pointed into, instead of being divided further.
NEAR_M = 1_500.0


def frame(area: Area) -> Frame | None:
    """Return the square, `SIDE` pixels wide, that holds an area with a little around it; None
    without a shape.
    """
    if area.shape is None:
        return None
    west, south, east, north = area.shape.bounds
    narrow = math.cos(math.radians((south + north) / 2))
    side = max((east - west) * narrow, north - south, 1e-6) * (1 + 2 * _AROUND)
    return Frame(
        west=(west + east) / 2 - side / narrow / 2, north=(south + north) / 2 + side / 2,
        across=side / narrow / SIDE, down=side / SIDE,
    )  # fmt: skip


def _look() -> str:
    """Return the style of a drawing that stands alone as a picture."""

    def colours(n: int) -> str:
        said = {name: pair[n] for name, pair in TOKENS.items()}
        fills = "".join(f".{name}{{fill:{said[name]}}}" for name in ("surface", "park", "water"))
        lines = "".join(f".{name}{{stroke:{said[name]}}}" for name in ("road", "accent"))
        return f"{fills}{lines}text{{fill:{said['text']};stroke:{said['surface']}}}"

    return (
        "path{fill:none;stroke-linecap:round;stroke-linejoin:round}.accent{stroke-width:2.5}"
        "text{font:12px sans-serif;paint-order:stroke;stroke-width:3px}"
        f"{colours(0)}@media(prefers-color-scheme:dark){{{colours(1)}}}"
    )


def near_enough(area: Area) -> bool:
    """Say whether one can point into a drawing of an area and be understood to some metres."""
    seen = frame(area)
    return seen is not None and seen.down * SIDE * METRES_PER_DEGREE <= NEAR_M


def ground(area: Area, backdrop: Mapping[str, Any], *, lang: str) -> str | None:
    """Return a drawing of an area with the roads, water and parks in it; None without a shape."""
    seen = frame(area)
    if seen is None or area.shape is None:
        return None
    corner = seen.place(SIDE, SIDE)
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
    edge = f'<path class="accent" d="{_path(area.shape, seen)}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}"'
        f' height="{SIDE}"><style>{_look()}</style><rect class="surface" width="{SIDE}" height="{SIDE}"/>'
        f"{''.join(shapes)}{edge}{''.join(list(names.values())[:6])}</svg>"
    )


def _path(shape: shapely.Geometry, seen: Frame) -> str:
    """Return the lines and rings of a shape as one path."""
    found: list[str] = []
    for part in shapely.get_parts(shape):
        solid = part.geom_type == "Polygon"
        for ring in [part.exterior, *part.interiors] if solid else [part]:
            if ring.geom_type in ("LineString", "LinearRing"):
                corners = ring.coords[:-1] if solid else ring.coords
                pixels = (seen.pixel(x, y) for x, y, *_ in corners)
                points = " ".join(f"{x},{y}" for x, y in pixels)
                found.append(f"M{points}{'Z' if solid else ''}")
    return "".join(found)


def _label(name: str, shape: shapely.Geometry, seen: Frame) -> str:
    spot = shapely.point_on_surface(shape)
    x, y = seen.pixel(spot.x, spot.y)
    x, y = min(max(x, 40), SIDE - 40), min(max(y, 14), SIDE - 6)
    safe = name.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x}" y="{y}" text-anchor="middle">{safe}</text>'
