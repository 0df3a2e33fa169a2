"""Finding the cells of places, against a bare Shapely tree over the same polygons and places.

`python -m benchmarks.locate [--quick]` prints the figures; `run` returns them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid import Area, Level, Locator
from zhongshu.core.place import Point
from zhongshu.core.values import AreaId, Name, Span

_WEST, _SOUTH, _WIDE, _HIGH = 113.4, 34.5, 0.6, 0.5
_ROUNDS = 5


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Measure straight-edged cells and cells with the ragged borders that real ones have.

    The raw figure is the fastest bare query there is (`intersects`, which for points is the
    same as being covered). It returns every hit; ours goes on to pick the lowest code.
    """
    polygons, places = (500, 100_000) if quick else (5_000, 1_000_000)
    rng = np.random.default_rng(7)
    cells = _voronoi(polygons, rng)
    lon = rng.random(places) * _WIDE + _WEST
    lat = rng.random(places) * _HIGH + _SOUTH
    return [
        _measured("straight borders", cells, lon, lat),
        _measured("ragged borders", _ragged(cells), lon, lat),
    ]


def _measured(
    name: str, cells: NDArray[np.object_], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> dict[str, Any]:
    areas = [_area(n, shape) for n, shape in enumerate(cells)]
    building = _seconds(lambda: Locator(areas, [Level(kind="grid", name=Name("g"), rank=1)]))
    locator = Locator(areas, [Level(kind="grid", name=Name("g"), rank=1)])
    tree = shapely.STRtree(cells)
    points = shapely.points(lon, lat)  # made beforehand, in favour of the raw figure
    # Side by side in each round, so that a busy machine slows both; the best round counts.
    ours, raw = [], []
    for _ in range(_ROUNDS):
        ours.append(_seconds(lambda: locator.areas_of(lon, lat)))
        raw.append(_seconds(lambda: tree.query(points, predicate="intersects")))
    one, p50, p99 = _single(locator, lon[:20_000], lat[:20_000])
    return {
        "what": f"locate {len(lon):,} places in {len(cells):,} polygons, {name}",
        "vertices_per_polygon": round(float(shapely.get_num_coordinates(cells).mean()), 1),
        "ours_per_s": round(len(lon) / min(ours)),
        "raw_per_s": round(len(lon) / min(raw)),
        "ratio": round(min(raw) / min(ours), 2),
        "agree": _agree(locator, tree, lon, lat),
        "single_mean_us": one,
        "single_p50_us": p50,
        "single_p99_us": p99,
        "build_s": round(building, 2),
    }


def _agree(
    locator: Locator, tree: shapely.STRtree, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> bool:
    """Say whether both find the same first polygon for every place."""
    at, shape = tree.query(shapely.points(lon, lat), predicate="intersects")
    first = np.full(len(lon), np.iinfo(np.int64).max)
    np.minimum.at(first, at, shape)
    first[first == np.iinfo(np.int64).max] = -2
    return bool((locator.areas_of(lon, lat)[0] == first + 1).all())


def _single(
    locator: Locator, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return mean, median and 99th percentile of one look-up, in microseconds."""
    taken: list[int] = []
    for place in [Point(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]:
        start = time.perf_counter_ns()
        locator.locate(place)
        taken.append(time.perf_counter_ns() - start)
    us = np.array(taken) / 1000
    return (
        round(float(us.mean()), 1),
        round(float(np.percentile(us, 50)), 1),
        round(float(np.percentile(us, 99)), 1),
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _voronoi(count: int, rng: np.random.Generator) -> NDArray[np.object_]:
    box = shapely.box(_WEST, _SOUTH, _WEST + _WIDE, _SOUTH + _HIGH)
    seeds = shapely.multipoints(rng.random((count, 2)) * [_WIDE, _HIGH] + [_WEST, _SOUTH])
    return shapely.intersection(
        shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=box)), box
    )


def _ragged(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    """Bend all borders by the same field, so that neighbours still meet edge to edge."""

    def bent(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = xy[:, 0], xy[:, 1]
        east, north = np.sin(6000 * y + 900 * x), np.sin(7000 * x - 800 * y)
        return xy + 0.00012 * np.column_stack([east, north])

    fine = shapely.segmentize(cells, 0.0005)
    return np.asarray(shapely.transform(fine, bent))


def _area(number: int, shape: BaseGeometry) -> Area:
    return Area(
        id=AreaId(number + 1), code=f"{number:05d}", kind="grid", name=Name(str(number)),
        parent=None, span=Span(number * 10 + 1, number * 10 + 11), shape=shape,
    )  # fmt: skip


if __name__ == "__main__":
    for figures in run("--quick" in sys.argv):
        print(*(f"{key}: {value}" for key, value in figures.items()), sep="\n  ")
