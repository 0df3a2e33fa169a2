"""The ground of the demo city: outline, areas down to unit grids, roads, river, lake, parks.

Everything is made from one seed. Children tile their parents exactly, for each level is a
Voronoi division clipped to the level above; roads run along the borders, as they do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid import COMMUNITY, UNIT_GRID, Draft, make_cells
from zhongshu.core.values import Name

#: The demo is the same every time.
SEED = 20261124
#: A province code that does not exist, so that nobody takes the city for a real one.
CITY_CODE = "990100"
_MIDDLE = (113.62, 34.74)
_LAT = math.cos(math.radians(_MIDDLE[1]))
_KM = 1 / 111.195

_DISTRICTS = (("城东区", "East District"), ("城西区", "West District"), ("城南区", "South District"), ("城北区", "North District"))  # fmt: skip
_STREETS = (
    ("湖滨", "Hubin"), ("临江", "Linjiang"), ("古城", "Gucheng"), ("新区", "Xinqu"), ("港口", "Gangkou"),
    ("松涛", "Songtao"), ("竹苑", "Zhuyuan"), ("云溪", "Yunxi"), ("玉山", "Yushan"), ("梅岭", "Meiling"),
    ("开元", "Kaiyuan"), ("龙泉", "Longquan"), ("花园", "Huayuan"), ("学府", "Xuefu"), ("高铁", "Gaotie"),
    ("科创", "Kechuang"),
)  # fmt: skip
_WORDS = (
    ("东风", "Dongfeng"), ("建设", "Jianshe"), ("人民", "Renmin"), ("文化", "Wenhua"), ("青年", "Qingnian"),
    ("新华", "Xinhua"), ("和平", "Heping"), ("长江", "Changjiang"), ("滨河", "Binhe"), ("解放", "Jiefang"),
    ("中山", "Zhongshan"), ("迎宾", "Yingbin"), ("翠屏", "Cuiping"), ("文昌", "Wenchang"), ("学院", "Xueyuan"),
    ("富民", "Fumin"),
)  # fmt: skip
_ENDS = (("里", "Li"), ("苑", "Yuan"), ("坊", "Fang"), ("庭", "Ting"), ("台", "Tai"))
#: How many areas of a level lie in one of the level above.
_STREETS_EACH, _COMMUNITIES_EACH, _GRIDS_EACH = 4, 5, 5
_UNIT_METRES = 160.0


@dataclass(slots=True)
class Ground:
    """What was made: drafts of areas by level, in order, and what the map is drawn on."""

    areas: dict[str, list[Draft]] = field(default_factory=dict[str, list[Draft]])
    backdrops: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def make(rng: np.random.Generator) -> Ground:
    """Make the ground."""
    outline = _outline(rng)
    ground = Ground()
    ground.areas["city"] = [_draft(CITY_CODE, "city", ("清河市", "Qinghe City"), None, outline)]
    districts = _by_direction(_divide(outline, len(_DISTRICTS), rng))
    ground.areas["district"] = [
        _draft(f"9901{n:02d}", "district", name, CITY_CODE, shape)
        for n, (name, shape) in enumerate(zip(_DISTRICTS, districts, strict=True), start=1)
    ]
    names = iter(_STREETS)
    ground.areas["subdistrict"] = _level(
        ground.areas["district"], "subdistrict", _STREETS_EACH, rng,
        lambda parent, n: f"{parent}{n:03d}", lambda _: _both(next(names), "街道", " Subdistrict"),
    )  # fmt: skip
    pairs = iter([(w, e) for e in _ENDS for w in _WORDS])
    ground.areas["community"] = _level(
        ground.areas["subdistrict"], "community", _COMMUNITIES_EACH, rng, COMMUNITY.below,
        lambda _: _community(next(pairs)),
    )  # fmt: skip
    ground.areas["grid"] = _level(
        ground.areas["community"], "grid", _GRIDS_EACH, rng, lambda parent, n: f"{parent}-W{n:02d}",
        lambda n: (f"第{n}网格", f"Grid {n}"),
    )  # fmt: skip
    ground.areas["unit_grid"] = _unit_grids(ground.areas["community"], ground.areas["grid"])
    ground.areas["exclusive"] = _exclusive(ground.areas["grid"], rng)
    ground.backdrops = _backdrops(ground, outline, rng)
    return ground


def _outline(rng: np.random.Generator) -> BaseGeometry:
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    reach = 1 + sum(
        rng.uniform(0.02, 0.07) * np.sin(k * turn + rng.uniform(0, 6.28)) for k in range(2, 7)
    )
    x = _MIDDLE[0] + 6.2 * _KM / _LAT * reach * np.cos(turn)
    y = _MIDDLE[1] + 4.6 * _KM * reach * np.sin(turn)
    return shapely.set_precision(shapely.Polygon(np.column_stack([x, y])), 1e-7)


def _divide(shape: BaseGeometry, count: int, rng: np.random.Generator) -> list[BaseGeometry]:
    """Divide a polygon into ``count`` parts of like size: Voronoi cells, relaxed."""
    seeds = _inside(shape, count, rng)
    cells: list[BaseGeometry] = []
    for _ in range(6):
        # Stretched so that cells are as wide as high on the ground.
        flat = shapely.transform(shapely.MultiPoint(seeds), lambda xy: xy * [_LAT, 1])
        frame = shapely.transform(shapely.box(*shape.bounds).buffer(1), lambda xy: xy * [_LAT, 1])
        voronoi = shapely.voronoi_polygons(flat, extend_to=frame)
        whole = [shapely.transform(g, lambda xy: xy / [_LAT, 1]) for g in voronoi.geoms]
        cells = [shapely.intersection(g, shape) for g in whole]
        cells = [cell for cell in cells if not cell.is_empty]
        seeds = [(c.centroid.x, c.centroid.y) for c in cells]
    return sorted(cells, key=lambda c: (-round(c.centroid.y, 2), c.centroid.x))


def _by_direction(shapes: list[BaseGeometry]) -> list[BaseGeometry]:
    """Order four districts as east, west, south, north, the order of their names."""
    left = list(shapes)
    ordered: list[BaseGeometry] = []
    for east, north in ((1, 0), (-1, 0), (0, -1), (0, 1)):
        best = max(left, key=lambda s: east * s.centroid.x + north * s.centroid.y)
        left.remove(best)
        ordered.append(best)
    return ordered


def _inside(shape: BaseGeometry, count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    west, south, east, north = shape.bounds
    found: list[tuple[float, float]] = []
    while len(found) < count:
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        if shapely.contains_xy(shape, x, y):
            found.append((x, y))
    return found


def _level(
    parents: Sequence[Draft], kind: str, each: int, rng: np.random.Generator,
    code: Any, name: Any,
) -> list[Draft]:  # fmt: skip
    made: list[Draft] = []
    for parent in parents:
        assert parent.shape is not None
        for n, shape in enumerate(_divide(parent.shape, each, rng), start=1):
            made.append(_draft(code(parent.code, n), kind, name(n), parent.code, shape))
    return made


def _unit_grids(communities: Sequence[Draft], grids: Sequence[Draft]) -> list[Draft]:
    """Cells of the 15-digit code, below the community grid they mostly lie in."""
    made: list[Draft] = []
    for community in communities:
        assert community.shape is not None
        own = [g for g in grids if g.parent_code == community.code]
        for cell in make_cells(community.shape, size_m=_UNIT_METRES):
            middle = cell.shape.representative_point()
            home = next((g for g in own if g.shape is not None and g.shape.covers(middle)), own[0])
            code = UNIT_GRID.below(community.code, cell.number)
            made.append(_draft(code, "unit_grid", (code[-6:], code[-6:]), home.code, cell.shape))
    return made


def _exclusive(grids: Sequence[Draft], rng: np.random.Generator) -> list[Draft]:
    kinds = (("火车站", "Railway station"), ("大学校园", "University campus"), ("中心市场", "Central market"), ("工业园", "Industrial park"))  # fmt: skip
    chosen = rng.choice(len(grids), len(kinds), replace=False)
    return [
        _draft(f"ZS{n:02d}", "exclusive", name, CITY_CODE, _shrunk(grids[int(at)]))
        for n, (name, at) in enumerate(zip(kinds, chosen, strict=True), start=1)
    ]


def _shrunk(grid: Draft) -> BaseGeometry:
    assert grid.shape is not None
    return grid.shape.buffer(0.0008)


def _backdrops(
    ground: Ground, outline: BaseGeometry, rng: np.random.Generator
) -> dict[str, Mapping[str, Any]]:
    west, south, east, north = outline.bounds
    x = np.linspace(west - 0.02, east + 0.02, 60)
    y = (
        south
        + 0.38 * (north - south)
        + 0.006 * np.sin((x - west) * 90)
        + 0.004 * np.sin((x - west) * 37)
    )
    river = shapely.LineString(np.column_stack([x, y])).buffer(0.0016)
    lake = shapely.Point(_MIDDLE[0] + 0.012, _MIDDLE[1] + 0.014).buffer(0.009)
    lake = shapely.transform(lake, lambda xy: (xy - _MIDDLE) * [1.2, 0.75] + _MIDDLE)
    grids = ground.areas["grid"]
    parks = [grids[int(i)] for i in rng.choice(len(grids), 18, replace=False)]
    return {
        "park": _features(
            (g.shape.buffer(-0.0006), {"class": 1}) for g in parks if g.shape is not None
        ),
        "water": _features(
            [
                (river, {"zh": "清河", "en": "Qinghe River", "class": 1}),
                (lake, {"zh": "云湖", "en": "Yun Lake", "class": 2}),
            ]
        ),
        "road": _features(_roads(ground)),
    }


def _roads(ground: Ground) -> list[tuple[BaseGeometry, dict[str, Any]]]:
    """Roads along the borders: wide ones between subdistricts, narrow ones between grids."""
    ways = (("大道", " Avenue"), ("路", " Road"), ("街", " Street"))
    roads: list[tuple[BaseGeometry, dict[str, Any]]] = []
    drawn: BaseGeometry | None = None
    for rank, kind in enumerate(("subdistrict", "community", "grid"), start=1):
        lines = shapely.union_all(
            [a.shape.boundary for a in ground.areas[kind] if a.shape is not None]
        )
        new = shapely.line_merge(
            lines if drawn is None else shapely.difference(lines, drawn.buffer(1e-6))
        )
        for n, line in enumerate(shapely.get_parts(new)):
            if line.geom_type != "LineString" or line.length < 0.0004:
                continue
            word, end = _WORDS[(n * 7 + rank) % len(_WORDS)], ways[rank - 1]
            side = ("东", "East ") if n % 2 else ("西", "West ")
            roads.append(
                (line, {"class": rank, "zh": f"{word[0]}{side[0]}{end[0]}", "en": f"{side[1]}{word[1]}{end[1]}"})
            )  # fmt: skip
        drawn = lines if drawn is None else shapely.union(drawn, lines)
    return roads


def _features(shapes: Any) -> Mapping[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature", "properties": properties,
                "geometry": json.loads(shapely.to_geojson(shapely.set_precision(shape, 1e-6))),
            }
            for shape, properties in shapes
            if not shape.is_empty
        ],
    }  # fmt: skip


def _draft(
    code: str, kind: str, name: tuple[str, str], parent: str | None, shape: BaseGeometry
) -> Draft:
    return Draft(code=code, kind=kind, name=Name(*name), parent_code=parent, shape=shape)


def _both(name: tuple[str, str], zh: str, en: str) -> tuple[str, str]:
    return name[0] + zh, name[1] + en


def _community(pair: tuple[tuple[str, str], tuple[str, str]]) -> tuple[str, str]:
    (zh, en), (end_zh, end_en) = pair
    return f"{zh}{end_zh}社区", f"{en} {end_en} Community"
