"""The live screen: one look at the whole city, each number with the cases behind it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import browse
from zhongshu.flow.city import City
from zhongshu.store import facts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.get("/wall")
def wall(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the screen."""
    return page(request, "wall.html", _view(request, hub, actor))


@router.get("/wall/tiles")
def tiles(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the numbers alone; the screen fetches them anew every few seconds."""
    return page(request, "wall_tiles.html", _view(request, hub, actor))


def _view(request: Request, hub: Hub, actor: Actor) -> dict[str, Any]:
    city = hub.city()
    # Before the numbers: what happens after it comes to the screen by the stream.
    with hub.db.reading() as connection:
        position = facts.newest(connection)
    with hub.db.seeing(actor.sight) as tx:
        pulse = browse.pulse(tx, city, actor.sight, now=hub.clock())
    shown = [kind for kind in _kinds(city) if city.tree.of_kind(kind)]
    return {
        "pulse": pulse, "position": str(position), "districts": _districts(city, pulse.by_district),
        "level_names": {x.kind: x.name.said(language(request)) for x in city.levels},
        "levels": [shown[0], *shown[-2:]] if len(shown) > 2 else shown or ["city"],
        "chart": _chart(pulse.hours_filed, pulse.hours_closed),
    }  # fmt: skip


def _kinds(city: City) -> list[str]:
    """Return the levels worth drawing, the coarse first: not the city, nor the very fine."""
    chain = [level.kind for level in city.levels if not level.overlay]
    return [kind for kind in chain if 1 < len(city.tree.of_kind(kind)) <= 1500]


def _districts(city: City, by_area: Any) -> list[dict[str, Any]]:
    """Return open cases per area of the first level below the city, the most first."""
    kinds = _kinds(city)
    if not kinds:
        return []
    sums: dict[int, int] = {}
    for area_id, n in by_area.items():
        for above in city.tree.chain(area_id) if area_id in city.tree.by_id else ():
            if above.kind == kinds[0]:
                sums[above.id] = sums.get(above.id, 0) + n
    ranked = sorted(city.tree.of_kind(kinds[0]), key=lambda a: (-sums.get(a.id, 0), a.code))
    most = max(sums.values(), default=1)
    return [
        {"area": area, "count": sums.get(area.id, 0), "share": sums.get(area.id, 0) / most}
        for area in ranked[:12]
    ]


def _chart(filed: Any, closed: Any) -> dict[str, Any]:
    """Return two lines of 24 hours as points of an SVG 240 wide and 60 high."""
    top = max(5, *filed, *closed)

    def line(values: Any) -> str:
        return " ".join(f"{x * 240 / 23:.1f},{58 - 54 * v / top:.1f}" for x, v in enumerate(values))

    return {"filed": line(filed), "closed": line(closed), "top": top}
