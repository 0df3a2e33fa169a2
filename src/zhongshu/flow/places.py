"""A place that somebody looks for: by the code on a plate, the name of an area, a street."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from zhongshu.core.assets import Asset, AssetFilter
from zhongshu.core.basemap import Box
from zhongshu.core.grid import Area
from zhongshu.core.place import Point
from zhongshu.core.values import Name
from zhongshu.flow.city import City
from zhongshu.store import assets
from zhongshu.store import city as store
from zhongshu.store.db import Tx

#: How many of a kind are offered; more are no answer.
MOST = 6
#: Fewer letters than this say nothing of a name.
FEWEST = 2
#: How far beyond the city its maps go, in parts of its size.
_BEYOND = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What was found: things by their code or name, areas, and stretches of a street with the
    area each lies in.
    """

    things: Sequence[Asset]
    areas: Sequence[Area]
    streets: Sequence[tuple[Name, Area]]

    def __bool__(self) -> bool:
        return bool(self.things or self.areas or self.streets)


def look_for(tx: Tx, city: City, words: str) -> Sought:
    """Return what the words may mean, the nearest meaning first; nothing for too few letters."""
    said = words.strip()[:100]
    if len(said) < FEWEST:
        return Sought(things=(), areas=(), streets=())
    exact = assets.some(tx, [said, said.upper()])
    things = list(exact.values()) or assets.page(tx, AssetFilter(text=said), limit=MOST)
    return Sought(things=things, areas=_areas(city, said), streets=_streets(tx, city, said))


def rooted(city: City) -> Sequence[Area]:
    """Return the areas a plan of the whole city begins with: below a single root, its parts."""
    roots = city.tree.children(None)
    return roots if len(roots) != 1 else parts(city, roots[0]) or roots


def parts(city: City, area: Area) -> Sequence[Area]:
    """Return the areas right below one that can be drawn, overlays left out."""
    overlay = {level.kind for level in city.levels if level.overlay}
    below = city.tree.children(area.id)
    return tuple(a for a in below if a.shape is not None and a.kind not in overlay)


def inside(area: Area) -> Point | None:
    """Return a place inside an area; None where it has no shape."""
    if area.shape is None:
        return None
    spot = shapely.point_on_surface(area.shape)
    return Point(round(spot.x, 6), round(spot.y, 6))


def around(city: City) -> Box | None:
    """Return the box of a city and half its size around it, where its maps go; None where no
    area has a shape.
    """
    shapes = [area.shape for area in city.tree.children(None) if area.shape is not None]
    if not shapes:
        return None
    west, south, east, north = (float(v) for v in shapely.total_bounds(shapes))
    beside, above = (east - west) * _BEYOND, (north - south) * _BEYOND
    return west - beside, south - above, east + beside, north + above


def _areas(city: City, said: str) -> Sequence[Area]:
    """Return areas whose name is said in the words, or holds them; the larger first."""
    ranks = {level.kind: level.rank for level in city.levels if not level.overlay}
    found = [
        a for a in city.tree
        if a.kind in ranks and a.parent is not None and _closeness(a.name, said)
    ]  # fmt: skip
    return sorted(found, key=lambda a: (-_closeness(a.name, said), ranks[a.kind], a.code))[:MOST]


def _streets(tx: Tx, city: City, said: str) -> Sequence[tuple[Name, Area]]:
    roads: Mapping[str, Any] = store.backdrops(tx).get("road", {})
    named = [
        (Name(p.get("zh", ""), p.get("en", "")), feature["geometry"])
        for feature in roads.get("features", ())
        if (p := feature.get("properties", {})).get("zh")
    ]
    wanted = [(name, shape) for name, shape in named if _closeness(name, said)]
    best = max((_closeness(name, said) for name, _ in wanted), default=0)
    found: dict[tuple[str, int], tuple[Name, Area]] = {}
    for name, geometry in wanted:
        if _closeness(name, said) == best:
            for area in _crossed(city, geometry):
                found.setdefault((name.zh, area.id), (name, area))
    return list(found.values())[:MOST]


def _crossed(city: City, geometry: Mapping[str, Any]) -> Sequence[Area]:
    """Return the areas a line runs through, of the last level that a plan divides further."""
    line = shapely.from_geojson(json.dumps(geometry))
    places = [line.interpolate(share, normalized=True) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    found: list[Area] = []
    for place in places:
        where = city.where(Point(place.x, place.y))
        chain = city.tree.chain(where["area"]) if where is not None else ()
        divided = [a for a in chain if parts(city, a)]
        if divided and divided[-1] not in found:
            found.append(divided[-1])
    return found


def _closeness(name: Name, said: str) -> int:
    """Return how many letters of a name and the words agree; 0 where neither holds the other."""
    low = said.lower()
    each = [n.lower() for n in (name.zh, name.en or "") if len(n) >= FEWEST]
    return max((min(len(n), len(low)) for n in each if n in low or low in n), default=0)
