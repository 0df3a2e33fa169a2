"""What the public map is asked for in an address, and what was worked out a moment ago."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import Request

from zhongshu.core.coarse import PublicState, Told
from zhongshu.core.values import Lang
from zhongshu.flow import openmap, places
from zhongshu.flow.city import City
from zhongshu.store.openmap import Taken
from zhongshu.web.hub import Hub
from zhongshu.web.pace import Kept, Pace
from zhongshu.web.problems import BadField

#: Seconds that counts and figures are kept for everybody.
COUNTS_S, FIGURES_S = 60.0, 600.0
COLUMNS = ("kind", "area", "area_name", "west", "south", "east", "north", "count", "classes", "states", "as_of")  # fmt: skip


class Openly:
    """The open matters, the public figures and how long things take, each asked for once in a
    while however many look; and the pace of who asks.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._counts, self._figures = Kept(COUNTS_S), Kept(FIGURES_S)
        self.pace = Pace(proxied=hub.https)

    def open(self) -> openmap.Open:
        """Return the open matters as they were counted within the last minute."""
        city = self._hub.city()

        def work() -> openmap.Open:
            with self._hub.db.transaction() as tx:
                return openmap.count(tx, city, now=self._hub.clock())

        return self._counts.get(("open", city.version), work)

    def figures(self) -> Any:
        """Return the period and the public figures of the areas."""
        city = self._hub.city()

        def work() -> Any:
            with self._hub.db.transaction() as tx:
                return openmap.figures(tx, city, now=self._hub.clock())

        return self._figures.get(("figures", city.version, city.day), work)

    def taken(self) -> Mapping[str, Taken]:
        """Return how long things of each class took."""
        city = self._hub.city()

        def work() -> Mapping[str, Taken]:
            with self._hub.db.transaction() as tx:
                return openmap.taken(tx, city, now=self._hub.clock())

        return self._figures.get(("taken", city.version), work)


def openly(request: Request) -> Openly:
    """Return what this process keeps, and keep the pace of who asks."""
    state = request.app.state
    if not hasattr(state, "openly"):
        state.openly = Openly(state.hub)
    state.openly.pace.keep(request)
    return state.openly


def asked(request: Request, city: City) -> openmap.Asked:
    """Read `area`, `class` and `state` of an address."""
    query = request.query_params
    code, major, state = query.get("area", ""), query.get("class", ""), query.get("state", "")
    area = city.tree.named(code) if code else None
    if code and (area is None or not openmap.wide_above(city, area.id)):
        raise BadField("area", code, why="no area of the public map has this code")
    if area is not None and openmap.wide_above(city, area.id)[0] != area.id:
        raise BadField("area", code, why="this area is too small for the public map")
    if major and major != openmap.NO_CLASS and major not in openmap.majors(city):
        raise BadField("class", major, why="such as E-01")
    if state and state not in set(PublicState):
        raise BadField("state", state, why=", ".join(PublicState))
    return openmap.Asked(area=area, major=major, state=PublicState(state) if state else None)


def rows(
    found: openmap.Open, told: Sequence[Told], city: City, lang: Lang
) -> Iterator[dict[str, Any]]:
    """Yield what is told as rows of a table: squares with their corners, and areas."""
    names = openmap.majors(city)
    for one in told:
        area = city.tree.by_id.get(one.area) if one.area is not None else None
        corners = found.raster.box(*one.square) if one.square else (None,) * 4
        yield {
            "kind": "square" if one.square else "area" if area else "city",
            "area": area.code if area else "",
            "area_name": (area.name if area else city.name).said(lang),
            **dict(zip(("west", "south", "east", "north"), corners, strict=True)),
            "count": one.count,
            "classes": _said({k: names[k].said(lang) if k in names else k for k in one.classes}, one.classes),
            "states": _said({k: k for k in one.states}, one.states),
            "as_of": found.at.isoformat(timespec="seconds"),
        }  # fmt: skip


def features(found: openmap.Open, told: Sequence[Told], city: City) -> list[dict[str, Any]]:
    """Return what is told as GeoJSON: squares, and a point inside each area."""
    made: list[dict[str, Any]] = []
    for one in told:
        area = city.tree.by_id.get(one.area) if one.area is not None else None
        says = {
            "count": one.count, "kind": "square" if one.square else "area",
            "area": area.code if area else None,
        }  # fmt: skip
        if one.square:
            west, south, east, north = found.raster.box(*one.square)
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            made.append({"type": "Feature", "properties": says, "geometry": {"type": "Polygon", "coordinates": [ring]}})  # fmt: skip
        elif area is not None and (spot := places.inside(area)) is not None:
            made.append({"type": "Feature", "properties": says, "geometry": {"type": "Point", "coordinates": [spot.lon, spot.lat]}})  # fmt: skip
    return made


def _said(names: Mapping[str, str], counts: Mapping[str, int]) -> str:
    return "; ".join(f"{names[key] or '*'}: {n}" for key, n in counts.items())
