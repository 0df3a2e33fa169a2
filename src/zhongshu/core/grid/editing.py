"""Drawing areas anew: split by a line, joined, drawn, and corners moved that neighbours share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry import Point as Spot
from shapely.geometry.base import BaseGeometry
from shapely.ops import split as divided

from zhongshu.core.grid.covering import square_metres
from zhongshu.core.place import METRES_PER_DEGREE, Point
from zhongshu.core.values import Refused

#: Corners nearer than this are one corner (degrees; about 10 cm).
SAME = 1e-6
#: A piece smaller than this is no area (m²).
LEAST_M2 = 4.0

Pair = tuple[float, float]


class NotSplit(Refused):
    message = "The line does not cut “%(value)s” into parts."
    remedy = "Begin and end it outside the area, and let it cross the area once or more."


class NotNeighbours(Refused):
    message = "“%(value)s” do not lie side by side: together they are not one area."
    remedy = "Choose areas that share a border."


class NoCorner(Refused):
    message = "No border runs through %(value)s."
    remedy = "Choose a corner or a place on a border, as the list of corners gives it."


class Crossed(Refused):
    message = "“%(value)s” would cross itself, its neighbours, or become nothing."
    remedy = "Move the corner less far, or to the other side of its neighbours."


class TooFew(Refused):
    message = "%(value)s places are no outline."
    remedy = "Give at least three corners: longitude,latitude, separated by spaces."


class Covered(Refused):
    message = "What was drawn lies wholly in areas that are there already."
    remedy = "Draw where no area is, or split the area that is there."


def split(code: str, shape: BaseGeometry, line: Sequence[Point]) -> tuple[BaseGeometry, ...]:
    """Return the parts a line cuts an area into, the largest first; borders stay as they are."""
    if len(line) < 2:
        raise NotSplit("line", code)
    cut = LineString([(p.lon, p.lat) for p in line])
    parts: list[BaseGeometry] = []
    for piece in shapely.get_parts(shape):
        parts += [part for part in divided(piece, cut).geoms if part.geom_type == "Polygon"]
    if len(parts) <= shapely.get_num_geometries(shape):
        raise NotSplit("line", code)
    parts.sort(key=lambda part: (-part.area, part.bounds))
    if square_metres(parts[-1]) < LEAST_M2:
        raise NotSplit("line", code)
    return tuple(parts)


def merged(codes: Sequence[str], shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return neighbours as one area."""
    whole = shapely.union_all(list(shapes))
    most = max((shapely.get_num_geometries(shape) for shape in shapes), default=0)
    if len(shapes) < 2 or shapely.get_num_geometries(whole) > most:
        raise NotNeighbours("areas", ", ".join(codes))
    return whole


def moved(layer: Mapping[str, BaseGeometry], at: Point, to: Point) -> dict[str, BaseGeometry]:
    """Return the areas that change when a corner moves: all that share it move with it. A place
    on a border becomes a corner of both sides first.
    """
    return _changed(layer, at, lambda ring, n: [*ring[:n], (to.lon, to.lat), *ring[n + 1 :]])


def removed(layer: Mapping[str, BaseGeometry], at: Point) -> dict[str, BaseGeometry]:
    """Return the areas that change when a corner is taken away from all that share it."""
    return _changed(layer, at, lambda ring, n: [*ring[:n], *ring[n + 1 :]])


def snapped(layer: Mapping[str, BaseGeometry], to: Point, *, metres: float) -> Point:
    """Return the nearest corner of a layer within so many metres, or the place itself."""
    spot, within = Spot(to.lon, to.lat), metres / METRES_PER_DEGREE
    best, found = within, to
    for shape in layer.values():
        if shape.distance(spot) > within:
            continue
        for x, y in shapely.get_coordinates(shape):
            away = float(np.hypot(x - to.lon, y - to.lat))
            if away <= best:
                best, found = away, Point(float(x), float(y))
    return found


def drawn(
    layer: Mapping[str, BaseGeometry], outline: Sequence[Point], *, snap_m: float = 5.0
) -> BaseGeometry:
    """Return an area drawn by its corners: near ones snap to corners that are there, and what
    other areas have already is left to them.
    """
    corners = [snapped(layer, p, metres=snap_m) for p in outline]
    if len({(p.lon, p.lat) for p in corners}) < 3:
        raise TooFew("outline", len(corners))
    shape: BaseGeometry = Polygon([(p.lon, p.lat) for p in corners])
    if not shape.is_valid:
        raise Crossed("outline", "outline")
    near = [other for other in layer.values() if other.intersects(shape)]
    left = shapely.difference(shape, shapely.union_all(near)) if near else shape
    kept = [p for p in shapely.get_parts(left) if p.geom_type == "Polygon" and square_metres(p) >= LEAST_M2]  # fmt: skip
    if not kept:
        raise Covered("outline", "outline")
    return shapely.union_all(kept)


def corners(shape: BaseGeometry) -> list[Pair]:
    """Return the corners of an area, each once, ring by ring."""
    return [
        (float(x), float(y))
        for piece in shapely.get_parts(shape)
        for ring in (piece.exterior, *piece.interiors)
        for x, y in ring.coords[:-1]
    ]


def _changed(
    layer: Mapping[str, BaseGeometry], at: Point, change: Callable[[list[Pair], int], list[Pair]]
) -> dict[str, BaseGeometry]:
    spot = Spot(at.lon, at.lat)
    found: dict[str, BaseGeometry] = {}
    for code, shape in layer.items():
        if shape.boundary.distance(spot) <= SAME:
            new = _rebuilt(shape, (at.lon, at.lat), change)
            if new is None or not new.is_valid or square_metres(new) < LEAST_M2:
                raise Crossed("corner", code)
            found[code] = new
    if not found:
        raise NoCorner("corner", f"{at.lon:.6f},{at.lat:.6f}")
    if _overlap({**layer, **found}, found) > _overlap(layer, found) + 1.0:
        raise Crossed("corner", ", ".join(found))
    return found


def _overlap(layer: Mapping[str, BaseGeometry], of: Mapping[str, BaseGeometry]) -> float:
    """Return how much (m²) some areas overlap others of their layer, each pair once or twice."""
    codes, shapes = list(layer), list(layer.values())
    tree = shapely.STRtree(shapes)
    return sum(
        square_metres(shapely.intersection(layer[code], shapes[n]))
        for code in of
        for n in tree.query(layer[code])
        if codes[n] != code
    )


def _rebuilt(
    shape: BaseGeometry, at: Pair, change: Callable[[list[Pair], int], list[Pair]]
) -> BaseGeometry | None:
    """Return an area whose rings through a place are changed there; None where a ring is lost."""
    pieces: list[Polygon] = []
    for piece in shapely.get_parts(shape):
        rings = [
            _ring([(float(x), float(y)) for x, y in ring.coords[:-1]], at, change)
            for ring in (piece.exterior, *piece.interiors)
        ]
        if any(len(ring) < 3 for ring in rings):
            return None
        pieces.append(Polygon(rings[0], rings[1:]))
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(pieces)


def _ring(ring: list[Pair], at: Pair, change: Callable[[list[Pair], int], list[Pair]]) -> list[Pair]:  # fmt: skip
    """Change a ring at the corner there; on an edge, a corner is made first."""
    n = next((n for n, corner in enumerate(ring) if np.hypot(corner[0] - at[0], corner[1] - at[1]) <= SAME), None)  # fmt: skip
    if n is None:
        spot = Spot(at)
        for edge, (one, other) in enumerate(zip(ring, [*ring[1:], ring[0]], strict=True)):
            if LineString([one, other]).distance(spot) <= SAME:
                ring, n = [*ring[: edge + 1], at, *ring[edge + 1 :]], edge + 1
                break
    return ring if n is None else change(ring, n)
