"""Assets: the things of the city, listed, found and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.assets import Asset, AssetFilter, AssetState
from zhongshu.core.values import UnitId
from zhongshu.flow.city import City
from zhongshu.store import assets as store
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["assets"])
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
MOST_DRAWN = 3000


@router.get("/assets")
def assets(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """List assets by code: filters `category` (or the beginning of one), `area`, `owner`,
    `maintainer`, `state`, `text`, `bbox`; `count=true` adds the exact number.
    """
    query, city = request.query_params, hub.city()
    asked, size = asset_filter(query, city), wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        found = store.page(tx, asked, after=query.get("after", ""), limit=size + 1)
        count = store.count(tx, asked) if query.get("count") == "true" else None
    return {
        "assets": [as_json(asset, city) for asset in found[:size]],
        "next": found[size - 1].code if len(found) > size else None,
        **({} if count is None else {"count": count}),
    }


@router.get("/assets/{code}")
def asset(code: str, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return one asset."""
    with hub.db.seeing(actor.sight) as tx:
        found = store.get(tx, code)
    if found is None:
        raise NotFound("asset", code)
    return as_json(found, hub.city())


@router.get("/map/assets.geojson")
def map_assets(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return the assets inside `bbox`, at most 3,000; `more` says that there are others."""
    city = hub.city()
    asked = asset_filter(request.query_params, city)
    if asked.box is None:
        raise BadField("bbox", None, why="write west,south,east,north in degrees")
    with hub.db.seeing(actor.sight) as tx:
        found = store.page(tx, asked, limit=MOST_DRAWN + 1)
    return {
        "type": "FeatureCollection", "more": len(found) > MOST_DRAWN,
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "code": a.code, "category": a.category, "state": a.state, "zh": a.name.zh,
                    "en": a.name.en or a.name.zh,
                },
                "geometry": {"type": "Point", "coordinates": [a.place.lon, a.place.lat]},
            }
            for a in found[:MOST_DRAWN]
        ],
    }  # fmt: skip


def asset_filter(query: Mapping[str, str], city: City) -> AssetFilter:
    """Return the filter a query means; a word that cannot be read is refused by name."""
    state, area = query.get("state", ""), query.get("area", "")
    found = city.tree.named(area) if area else None
    if area and found is None:
        raise BadField("area", area, why="no area has this code; see /api/v1/areas")
    if state and state not in list(AssetState):
        raise BadField("state", state, why=f"one of: {', '.join(AssetState)}")
    return AssetFilter(
        text=query.get("text", "").strip()[:100], category=query.get("category", "").strip(),
        area=(found.span.lo, found.span.hi) if found else None,
        owner=_unit("owner", query, city), maintainer=_unit("maintainer", query, city),
        state=AssetState(state) if state else None, box=_box(query.get("bbox", "")),
    )  # fmt: skip


def _unit(field: str, query: Mapping[str, str], city: City) -> UnitId | None:
    code = query.get(field, "")
    unit = city.unit_codes.get(code)
    if code and unit is None:
        raise BadField(field, code, why="no unit has this code; see /api/v1/units")
    return unit.id if unit else None


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadField("bbox", text, why="write west,south,east,north in degrees") from None
    return west, south, east, north


def as_json(asset: Asset, city: City) -> dict[str, Any]:
    area = city.tree.by_id.get(asset.area)  # type: ignore[call-overload]
    category = city.catalogue.by_code(asset.category)
    return {
        "code": asset.code, "zh": asset.name.zh, "en": asset.name.en, "state": asset.state,
        "category": {"code": asset.category, "zh": category.name.zh if category else "", "en": category.name.en if category else ""},
        "lon": asset.place.lon, "lat": asset.place.lat, "area": area.code if area else None,
        "owner": city.code_of(asset.owner) or None,
        "maintainer": city.code_of(asset.maintainer) or None, "surveyed": asset.surveyed,
    }  # fmt: skip
