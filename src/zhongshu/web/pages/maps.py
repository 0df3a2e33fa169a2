"""The base maps in the workshop: which there are, how each does, and a look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.basemap import Tile, over
from zhongshu.core.values import Refused
from zhongshu.flow.places import around
from zhongshu.link.mapfiles import MapFile
from zhongshu.link.maps import Base
from zhongshu.link.mapservices import Health
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False, prefix="/workshop")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
#: A tile is tried where a street is seen.
_TRIED_AT = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A base map as the page shows it; ``bytes`` of its file, ``health`` of a service."""

    base: Base
    bytes: int = 0
    health: Health | None = None
    good_at: datetime | None = None
    bad_at: datetime | None = None


@router.get("/maps")
def maps(request: Request, hub: TheHub, _: Reader) -> Response:
    """Show the base maps, the usual one first, with what is wrong."""
    return _page(request, hub)


@router.post("/maps/{base}/try")
def attempt(request: Request, hub: TheHub, _: Reader, base: str) -> Response:
    """Ask for the tile in the city's middle, and say what came."""
    found, box = hub.maps.base(base), around(hub.city())
    if found is None or box is None:
        return _page(request, hub)
    zoom = max(found.min_zoom, min(_TRIED_AT, found.max_zoom))
    middle = _middle(box, zoom)
    try:
        data = hub.maps.tile(found, middle)
    except Refused as refusal:
        return _page(request, hub, refusal=refusal)
    return _page(request, hub, tried=(base, len(data)))


def _middle(box: tuple[float, float, float, float], zoom: int) -> Tile:
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return next(over((lon, lat, lon, lat), zoom))


def _page(
    request: Request,
    hub: Hub,
    *,
    refusal: Refused | None = None,
    tried: tuple[str, int] | None = None,
) -> Response:
    known, lang = hub.maps.known(), language(request)
    return page(
        request, "maps.html",
        {
            "rows": [_row(hub, base) for base in known.bases], "tried": tried,
            "wrong": [problem(bad, lang) for bad in known.wrong],
            "problem": problem(refusal, lang) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


def _row(hub: Hub, base: Base) -> Row:
    if isinstance(base, MapFile):
        return Row(base=base, bytes=base.path.stat().st_size)
    health = hub.maps.asked.health(base)
    return Row(
        base=base, health=health,
        good_at=datetime.fromtimestamp(health.good_at, UTC) if health.good_at else None,
        bad_at=datetime.fromtimestamp(health.bad_at, UTC) if health.bad_at else None,
    )  # fmt: skip
