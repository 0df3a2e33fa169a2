"""The houses of the demo city, and its ground as a base map."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from zhongshu.core.basemap import Drawn, Layer, cut, drawn
from zhongshu.core.grid import Draft
from zhongshu.core.place import METRES_PER_DEGREE
from zhongshu.core.values import Name
from zhongshu.demo.ground import SEED, Ground, make
from zhongshu.link import mapfiles

#: Zooms of the map: at the first the city is a spot, at the last its houses are seen.
ZOOMS = range(8, 16)
#: How a quarter is built: length and depth of its houses, from wall to wall, the share left open; metres.
_BUILT = (
    (58.0, 14.0, 26.0, 0.15),  # slabs of flats in rows
    (28.0, 26.0, 34.0, 0.25),  # towers
    (20.0, 12.0, 16.0, 0.15),  # an old quarter
    (40.0, 20.0, 24.0, 0.20),  # shops and offices
    (70.0, 34.0, 24.0, 0.30),  # works and halls
)
_FROM_STREET_M = 16.0


def write(path: Path) -> int:
    """Write the demo city's base map, always the same; return how many tiles it has."""
    rng = np.random.default_rng(SEED)
    ground = make(rng)
    things = [*_ground(ground), *_names(ground), *_houses(ground, rng)]
    box = shapely.total_bounds([t.shape for t in things])
    return mapfiles.write(
        path, cut(things, ZOOMS), name=Name("清河市（演示）", "Qinghe City (demo)"),
        attribution="演示数据 · Demo data", box=(box[0], box[1], box[2], box[3]),
    )  # fmt: skip


def _ground(ground: Ground) -> Iterator[Drawn]:
    for kind, collection in ground.backdrops.items():
        for feature in collection["features"]:
            tags: Mapping[str, Any] = {**feature["properties"], "layer": kind}
            if found := drawn(tags, shapely.from_geojson(json.dumps(feature["geometry"]))):
                yield found


def _names(ground: Ground) -> Iterator[Drawn]:
    for rank, kind in ((1, "city"), (2, "district"), (3, "subdistrict")):
        for area in ground.areas[kind]:
            if area.shape is not None:
                yield Drawn(
                    layer=Layer.PLACE,
                    rank=rank,
                    shape=area.shape.point_on_surface(),
                    name=area.name,
                )


def _houses(ground: Ground, rng: np.random.Generator) -> Iterator[Drawn]:
    open_ground = [
        shapely.from_geojson(json.dumps(feature["geometry"]))
        for kind in ("water", "park")
        for feature in ground.backdrops[kind]["features"]
    ]
    taken = shapely.STRtree(open_ground)
    for quarter in ground.areas["grid"]:
        houses = _quarter(quarter, rng)
        bare = np.unique(taken.query(houses, predicate="intersects")[0]) if len(houses) else []
        for shape in np.delete(houses, bare):
            yield Drawn(layer=Layer.BUILDING, rank=1, shape=shape)


def _quarter(quarter: Draft, rng: np.random.Generator) -> NDArray[np.object_]:
    """Return the houses of a quarter: rows along its longest side, off its streets."""
    assert quarter.shape is not None
    middle = quarter.shape.centroid
    scale = np.array([METRES_PER_DEGREE * math.cos(math.radians(middle.y)), METRES_PER_DEGREE])
    flat = shapely.transform(quarter.shape, lambda xy: (xy - (middle.x, middle.y)) * scale)
    inner = flat.buffer(-_FROM_STREET_M)
    length, depth, gap, bare = _BUILT[int(rng.integers(len(_BUILT)))]
    reach = math.hypot(*(abs(v) for v in flat.bounds[2:])) + math.hypot(*flat.bounds[:2])
    across = np.arange(-reach, reach, length + gap)
    down = np.arange(-reach, reach, depth + gap)
    x, y = (v.ravel() for v in np.meshgrid(across, down))
    kept = rng.random(len(x)) >= bare
    x, y = x[kept], y[kept]
    longer, deeper = (size * rng.uniform(0.7, 1.1, len(x)) for size in (length, depth))
    boxes = shapely.box(x - longer / 2, y - deeper / 2, x + longer / 2, y + deeper / 2)
    turn = _along(flat)
    turned = shapely.transform(boxes, lambda xy: xy @ turn)
    shapely.prepare(inner)
    inside = turned[shapely.contains(inner, turned)]
    return shapely.transform(inside, lambda xy: np.round(xy / scale + (middle.x, middle.y), 7))


def _along(flat: shapely.Geometry) -> NDArray[np.float64]:
    """Return the turn (2 × 2) that lays the first axis along a quarter's longest side."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(flat))
    sides = np.diff(corners, axis=0)
    longest = sides[np.argmax(np.hypot(sides[:, 0], sides[:, 1]))]
    cos, sin = longest / np.hypot(*longest)
    return np.array([[cos, sin], [-sin, cos]])
