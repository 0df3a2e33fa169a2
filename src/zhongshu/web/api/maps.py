"""Base maps: which there are, and their tiles; whatever others draw comes through the hub."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from zhongshu.core.access import Actor, NotFound
from zhongshu.core.basemap import Box, Tile, touches
from zhongshu.flow.places import around
from zhongshu.link.mapfiles import MapFile
from zhongshu.link.maps import Base
from zhongshu.link.mapservices import media_type
from zhongshu.store import city as city_store
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub

router = APIRouter(tags=["map"], prefix="/map")
Public = Annotated[Actor | None, Depends(Anybody())]
_GROUND = "/api/v1/map/tiles/{id}/{part}/{{z}}/{{x}}/{{y}}?v={stamp}"


@router.get("/bases")
def bases(hub: TheHub, _: Public) -> dict[str, Any]:
    """List the base maps a map may be drawn on, the usual one first; ``drawn`` is where streets,
    water and parks stand in one piece, for a city without tiles.
    """
    with hub.db.transaction() as tx:
        drawn = bool(city_store.backdrops(tx))
    return {
        "bases": [as_json(base, around(hub.city())) for base in hub.maps.known().bases],
        "drawn": "/api/v1/map/backdrop.geojson" if drawn else None,
    }


def as_json(base: Base, city: Box | None) -> dict[str, Any]:
    file = isinstance(base, MapFile)
    kind, schema = ("vector", "zhongshu") if file else (base.kind, base.schema)
    return {
        "id": base.id, "name": {"zh": base.name.zh, "en": base.name.en}, "kind": kind,
        "schema": schema if kind == "vector" else None, "attribution": base.attribution,
        "min_zoom": base.min_zoom, "max_zoom": base.max_zoom,
        "bounds": base.box if file else city or (-180.0, -85.0, 180.0, 85.0),
        "tiles": _GROUND.format(id=base.id, part="ground", stamp=base.stamp),
        "labels": None if file or not base.labels else _GROUND.format(id=base.id, part="labels", stamp=base.stamp),
    }  # fmt: skip


@router.get("/tiles/{base}/{part}/{zoom}/{x}/{y}")
def tile(
    hub: TheHub, _: Public, base: str, part: Literal["ground", "labels"], zoom: int, x: int, y: int
) -> Response:
    """Return a tile of a base map. Services of others are asked for the city and a bit around it
    only, so that nobody uses up the city's share of them elsewhere.
    """
    found, wanted = hub.maps.base(base), Tile(zoom, x, y)
    if found is None:
        raise NotFound("base", base)
    if not wanted.inside() or not found.min_zoom <= zoom <= found.max_zoom:
        raise NotFound("tile", f"{zoom}/{x}/{y}")
    if isinstance(found, MapFile):
        return _packed(hub, found, wanted)
    box = around(hub.city())
    if box is None or not touches(wanted, box) or (part == "labels" and not found.labels):
        raise NotFound("tile", f"{zoom}/{x}/{y}")
    data = hub.maps.tile(found, wanted, part)
    kept = {"Cache-Control": "public, max-age=86400"}
    if not data:
        return Response(status_code=204, headers=kept)
    if found.kind == "raster":
        return Response(data, media_type=media_type(data), headers=kept)
    packed = {"Content-Encoding": "gzip"} if data.startswith(b"\x1f\x8b") else {}
    return Response(data, media_type="application/x-protobuf", headers=kept | packed)


def _packed(hub: Hub, found: MapFile, wanted: Tile) -> Response:
    data = hub.maps.tile(found, wanted)
    kept = {"Cache-Control": "public, max-age=604800"}
    if not data:
        return Response(status_code=204, headers=kept)
    return Response(
        data, media_type="application/x-protobuf", headers=kept | {"Content-Encoding": "gzip"}
    )
