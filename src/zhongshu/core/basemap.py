"""The ground under a map: what is drawn on it, from which zoom on, and how it is cut into tiles.

Tiles are the squares of the web's maps (EPSG:3857, named zoom/column/row from the north-west);
what lies in one is given in whole units of its side, `EXTENT` to a side, y down, as Mapbox
Vector Tile 2.1 wants it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zhongshu.core.place import Datum, Point, from_wgs84
from zhongshu.core.values import Name

Box = tuple[float, float, float, float]
Shapes = NDArray[np.object_]

#: Units along a tile's side, and how far beyond it a tile still draws, for wide lines.
EXTENT, BESIDE = 4096, 96
#: The square map ends here; nearer to the poles nothing is drawn.
_MOST_LATITUDE = 85.0511
#: Pixels along the side of a picture tile.
PIXELS = 256


class Layer(StrEnum):
    PARK = "park"
    WATER = "water"
    STREAM = "stream"
    BUILDING = "building"
    RAIL = "rail"
    ROAD = "road"
    PLACE = "place"


#: 0: points, 1: lines, 2: polygons.
_DIMENSION = {
    Layer.PARK: 2, Layer.WATER: 2, Layer.BUILDING: 2,
    Layer.STREAM: 1, Layer.RAIL: 1, Layer.ROAD: 1, Layer.PLACE: 0,
}  # fmt: skip
#: The zoom from which a layer is drawn, by rank: 1 is the most important.
_FROM = {
    Layer.PARK: (10,), Layer.WATER: (8,), Layer.STREAM: (10, 13), Layer.BUILDING: (14,),
    Layer.RAIL: (10, 13), Layer.ROAD: (8, 11, 13, 15), Layer.PLACE: (8, 10, 12, 14),
}  # fmt: skip
#: Below this zoom roads are too many for their names.
_ROAD_NAMES_FROM = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Something drawn on the map: its shape in WGS-84 degrees, a rank from 1, a name or none."""

    layer: Layer
    rank: int
    shape: shapely.Geometry
    name: Name | None = None


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A square of the map: column ``x`` and row ``y`` of the 2^zoom by 2^zoom it is cut into."""

    zoom: int
    x: int
    y: int

    @property
    def box(self) -> Box:
        """West, south, east, north in degrees."""
        side = 2.0**self.zoom
        west, east = (x / side * 360 - 180 for x in (self.x, self.x + 1))
        north, south = (_latitude(y / side) for y in (self.y, self.y + 1))
        return west, south, east, north

    def inside(self) -> bool:
        """Say whether there is such a tile."""
        return (
            0 <= self.zoom <= 24
            and min(self.x, self.y) >= 0
            and max(self.x, self.y) < 1 << self.zoom
        )


def touches(tile: Tile, box: Box) -> bool:
    """Say whether a tile and a box in degrees have anything in common."""
    west, south, east, north = tile.box
    return west <= box[2] and east >= box[0] and south <= box[3] and north >= box[1]


def over(box: Box, zoom: int) -> Iterator[Tile]:
    """Yield the tiles that cover a box in degrees."""
    side = 1 << zoom
    (left, top), (right, bottom) = _square(box[0], box[3]), _square(box[2], box[1])
    for y in range(max(0, int(top * side)), min(side - 1, int(bottom * side)) + 1):
        for x in range(max(0, int(left * side)), min(side - 1, int(right * side)) + 1):
            yield Tile(zoom, x, y)


def _square(lon: float, lat: float) -> tuple[float, float]:
    """Return where a place lies on the map, from 0 to 1 eastward and southward."""
    sine = math.sin(math.radians(max(-_MOST_LATITUDE, min(_MOST_LATITUDE, lat))))
    return (lon + 180) / 360, 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)


def _latitude(down: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * down))))


def shift(tile: Tile, datum: Datum) -> tuple[float, float]:
    """Return by how many pixels (right, down) a service that draws in ``datum`` shows the middle
    of a tile of ours; one shift for a whole tile leaves seams of at most 1.5 pixels in China.
    """
    west, south, east, north = tile.box
    middle = Point((west + east) / 2, (south + north) / 2)
    there = from_wgs84(middle, datum)
    (x0, y0), (x1, y1) = _square(middle.lon, middle.lat), _square(there.lon, there.lat)
    pixels = PIXELS * 2.0**tile.zoom
    return (x1 - x0) * pixels, (y1 - y0) * pixels


# ── what is drawn, told from the words of its source ─────────────────────────────────

_ROADS = {
    "motorway": 1, "trunk": 1, "primary": 1, "secondary": 2, "tertiary": 2, "residential": 3,
    "unclassified": 3, "living_street": 3, "pedestrian": 3, "road": 3, "service": 4, "track": 4,
    "footway": 4, "path": 4, "cycleway": 4, "steps": 4,
}  # fmt: skip
_RAILS = {"rail": 1, "light_rail": 1, "narrow_gauge": 2, "tram": 2, "monorail": 2}
_STREAMS = {"river": 1, "canal": 1, "stream": 2, "drain": 2, "ditch": 2}
_GREEN = {
    "leisure": {"park", "garden", "golf_course", "nature_reserve", "pitch", "playground"},
    "landuse": {"forest", "grass", "recreation_ground", "meadow", "cemetery", "village_green"},
    "natural": {"wood", "grassland", "scrub", "heath"},
}
_WET = {"natural": {"water", "bay"}, "landuse": {"reservoir", "basin"}, "waterway": {"riverbank", "dock"}}  # fmt: skip
_PLACES = {
    "city": 1, "town": 1, "borough": 2, "suburb": 2, "village": 3, "quarter": 3, "neighbourhood": 4,
    "hamlet": 4,
}  # fmt: skip
#: The words that OpenStreetMap's things are told by.
TAGS = ("highway", "railway", "waterway", "natural", "landuse", "leisure", "building", "place")


def drawn(
    tags: Mapping[str, Any], shape: shapely.Geometry, *, layer: Layer | None = None
) -> Drawn | None:
    """Return what a thing is on the map, or None: it is not drawn.

    ``tags`` are OpenStreetMap's, or ``layer`` and ``class`` of our own; ``layer`` is meant where
    they say nothing (a file of roads holds roads).
    """
    own = str(tags.get("layer", ""))
    kind, rank = (Layer(own), _own_rank(tags)) if own in set(Layer) else _told(tags)
    if kind is None:
        kind, rank = layer, _own_rank(tags)
    if kind is None or shapely.get_dimensions(shape) != _DIMENSION[kind]:
        return None
    return Drawn(
        layer=kind, rank=max(1, min(rank, len(_FROM[kind]))), shape=shape, name=_name(tags)
    )


def _own_rank(tags: Mapping[str, Any]) -> int:
    said = tags.get("class")
    return said if isinstance(said, int) and said > 0 else 1


def _told(tags: Mapping[str, Any]) -> tuple[Layer | None, int]:
    said = {key: str(tags.get(key) or "") for key in TAGS}
    for key, layer, ranks in (
        ("highway", Layer.ROAD, _ROADS), ("railway", Layer.RAIL, _RAILS), ("place", Layer.PLACE, _PLACES),
    ):  # fmt: skip
        if (rank := ranks.get(said[key].removesuffix("_link"))) is not None:
            return layer, rank
    if any(said[key] in words for key, words in _WET.items()):
        return Layer.WATER, 1
    if said["waterway"] in _STREAMS:
        return Layer.STREAM, _STREAMS[said["waterway"]]
    if any(said[key] in words for key, words in _GREEN.items()):
        return Layer.PARK, 1
    if said["building"] not in {"", "no"}:
        return Layer.BUILDING, 1
    return None, 1


def _name(tags: Mapping[str, Any]) -> Name | None:
    zh = next((str(tags[key]) for key in ("name:zh", "name_zh", "zh", "name") if tags.get(key)), "")
    en = next((str(tags[key]) for key in ("name:en", "name_en", "en") if tags.get(key)), "")
    return Name(zh or en, en) if zh or en else None


# ── cut into tiles ───────────────────────────────────────────────────────────────────

#: Half a pixel of a tile shown 512 pixels wide: nobody sees what is smaller.
_UNSEEN = 4.0
#: Square units below which a polygon is left out before the last zoom: two pixels by two.
_SMALL = 256.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What lies in a tile of one layer, rank and name, in the tile's own units."""

    layer: Layer
    rank: int
    name: Name | None
    shape: shapely.Geometry


def cut(things: Sequence[Drawn], zooms: range) -> Iterator[tuple[Tile, list[Piece]]]:
    """Cut what is drawn into tiles, zoom by zoom; a tile in which nothing lies is left out."""
    flat = shapely.transform(np.array([t.shape for t in things], dtype=object), _flattened)
    for zoom in zooms:
        shown = [n for n, t in enumerate(things) if zoom >= _FROM[t.layer][t.rank - 1]]
        if shown:
            yield from _cut(things, flat, np.array(shown), zoom, last=zoom == zooms[-1])


def _flattened(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    sine = np.sin(np.radians(np.clip(xy[:, 1], -_MOST_LATITUDE, _MOST_LATITUDE)))
    return np.column_stack(
        [(xy[:, 0] + 180) / 360, 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)]
    )


def _cut(
    things: Sequence[Drawn], flat: Shapes, shown: NDArray[np.int_], zoom: int, *, last: bool
) -> Iterator[tuple[Tile, list[Piece]]]:
    units = EXTENT * 2.0**zoom
    scaled = shapely.simplify(
        shapely.transform(flat[shown], lambda xy: xy * units), 1.0 if last else _UNSEEN
    )
    seen = ~shapely.is_empty(scaled)
    if not last:
        seen &= (shapely.get_dimensions(scaled) < 2) | (shapely.area(scaled) >= _SMALL)
    scaled, shown = scaled[seen], shown[seen]
    if not len(scaled):
        return
    tree = shapely.STRtree(scaled)
    west, north, east, south = (math.floor(v / EXTENT) for v in shapely.total_bounds(scaled))
    for y in range(north, south + 1):
        for x in range(west, east + 1):
            left, top = x * EXTENT, y * EXTENT
            frame = (left - BESIDE, top - BESIDE, left + EXTENT + BESIDE, top + EXTENT + BESIDE)
            found = np.sort(tree.query(shapely.box(*frame), predicate="intersects"))
            clipped = shapely.clip_by_rect(scaled[found], *frame)
            own = shapely.transform(clipped, _in_tile(left, top))
            if pieces := _gathered(
                [things[n] for n in shown[found]], own, names=zoom >= _ROAD_NAMES_FROM
            ):
                yield Tile(zoom, x, y), pieces


def _in_tile(left: int, top: int) -> Any:
    return lambda xy: np.round(xy - (left, top))


def _gathered(things: Sequence[Drawn], shapes: Shapes, *, names: bool) -> list[Piece]:
    """Gather what is alike into one piece: a tile of a town has hundreds of nameless houses."""
    parts, owners = shapely.get_parts(shapes, return_index=True)
    alike: dict[tuple[Layer, int, Name | None], list[shapely.Geometry]] = {}
    for part, owner, dimension in zip(parts, owners, shapely.get_dimensions(parts), strict=True):
        thing = things[owner]
        if dimension == _DIMENSION[thing.layer]:  # else a polygon that only touches the tile
            name = thing.name if names or thing.layer is not Layer.ROAD else None
            alike.setdefault((thing.layer, thing.rank, name), []).append(part)
    return [
        Piece(layer, rank, name, _SEVERAL[_DIMENSION[layer]](parts))
        for (layer, rank, name), parts in alike.items()
    ]


_SEVERAL: tuple[Callable[[Sequence[shapely.Geometry]], Any], ...] = (
    shapely.multipoints,
    shapely.multilinestrings,
    # Outer rings clockwise as one looks at the screen, as the format wants them.
    lambda parts: shapely.orient_polygons(shapely.multipolygons(parts), exterior_cw=False),
)


def geojson(things: Iterable[Drawn]) -> dict[str, Any]:
    """Return what is drawn as a GeoJSON FeatureCollection, to a decimetre; ``class`` is the rank."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"class": t.rank} | ({"zh": t.name.zh, "en": t.name.en} if t.name else {}),
                "geometry": json.loads(shapely.to_geojson(shapely.set_precision(t.shape, 1e-6))),
            }
            for t in things
        ],
    }  # fmt: skip
