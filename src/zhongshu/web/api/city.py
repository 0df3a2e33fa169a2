"""The city: its areas, categories and units, and what the map draws."""

from __future__ import annotations

import json
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter
from zhongshu.core.catalogue import Category
from zhongshu.flow import browse
from zhongshu.store import cases as store
from zhongshu.store import city as city_store
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["city"])
Public = Annotated[Actor | None, Depends(Anybody())]
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.get("/levels")
def levels(hub: TheHub, _: Public) -> list[dict[str, Any]]:
    """List the kinds of area, from the city down."""
    return [
        {"kind": x.kind, "zh": x.name.zh, "en": x.name.en, "rank": x.rank, "overlay": x.overlay}
        for x in hub.city().levels
    ]


@router.get("/areas")
def areas(hub: TheHub, _: Public, level: str = "", parent: str = "") -> list[dict[str, Any]]:
    """List areas of a level, or right below a parent (by code); the roots without either."""
    tree = hub.city().tree
    if level:
        found = tree.of_kind(level)
    elif parent:
        above = tree.named(parent)
        if above is None:
            raise BadField("parent", parent, why="no area has this code")
        found = tree.children(above.id)
    else:
        found = tree.children(None)
    return [
        {
            "code": a.code, "kind": a.kind, "zh": a.name.zh, "en": a.name.en,
            "parent": tree.by_id[a.parent].code if a.parent is not None else None,
            "households": a.households, "official": a.official,
        }
        for a in found
    ]  # fmt: skip


@router.get("/categories")
def categories(hub: TheHub, _: Public) -> dict[str, Any]:
    """List the catalogue in force, with its filing conditions and their limits."""
    catalogue = hub.city().catalogue
    return {
        "version": catalogue.version,
        "name": catalogue.name,
        "categories": [category_json(c) for c in catalogue.categories],
    }


def category_json(category: Category) -> dict[str, Any]:
    """Return a category with its filing conditions, which acts name by their number."""
    return {
        "code": category.code, "layer": category.layer,
        "zh": category.name.zh, "en": category.name.en,
        "major": {"zh": category.major.zh, "en": category.major.en},
        "unit_type": category.unit_type, "active": category.active,
        "conditions": [
            {
                "n": n, "zh": k.text.zh, "en": k.text.en, "limit": str(k.limit), "hazard": k.hazard,
                "closing": {"zh": k.closing.zh, "en": k.closing.en} if k.closing else None,
                "photos": k.photos,
            }
            for n, k in enumerate(category.conditions, start=1)
        ],
    }  # fmt: skip


@router.get("/units")
def units(hub: TheHub, _: Public) -> list[dict[str, Any]]:
    """List the units that can be responsible."""
    known = hub.city().units
    return [
        {
            "code": u.code, "zh": u.name.zh, "en": u.name.en, "kind": u.kind, "active": u.active,
            "parent": known[u.parent].code if u.parent is not None else None,
        }
        for u in known.values()
    ]  # fmt: skip


@router.get("/map/areas.geojson")
def map_areas(request: Request, hub: TheHub, _: Public, level: str = "") -> Response:
    """Return the polygons of a level. They change with the city's version only."""
    city = hub.city()
    tag = f'"{city.version}-{level}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304)
    features = [
        {
            "type": "Feature", "id": area.id,
            "properties": {"code": area.code, "kind": area.kind, "zh": area.name.zh, "en": area.name.en},
            "geometry": json.loads(shapely.to_geojson(shapely.set_precision(area.shape, 1e-6))),
        }
        for area in city.tree.of_kind(level)
        if area.shape is not None
    ]  # fmt: skip
    return _geojson(features, {"ETag": tag, "Cache-Control": "private, max-age=60"})


@router.get("/map/backdrop.geojson")
def backdrop(hub: TheHub, _: Public) -> Response:
    """Return roads, water and parks: only to draw the map on."""
    with hub.db.transaction() as tx:
        drawn = city_store.backdrops(tx)
    features = [
        {**feature, "properties": {**feature.get("properties", {}), "layer": kind}}
        for kind, collection in drawn.items()
        for feature in collection["features"]
    ]
    return _geojson(features, {"Cache-Control": "private, max-age=600"})


@router.get("/map/cases.geojson")
def map_cases(hub: TheHub, actor: Reader) -> Response:
    """Return the open cases in sight, at most 5,000, what expires first first."""
    city, now = hub.city(), hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        found = browse.open_on_map(tx, actor.sight)
    features = [
        {
            "type": "Feature", "id": case.id,
            "properties": {
                "number": case.number, "stage": case.stage, "overdue": case.is_overdue(now),
                "hazard": case.hazard, "category": city.code(case),
                **_said(city.category_name(case.category)),
            },
            "geometry": {"type": "Point", "coordinates": [case.lon, case.lat]},
        }
        for case in found
        if case.lon is not None
    ]  # fmt: skip
    return _geojson(features, {"Cache-Control": "no-store"})


@router.get("/map/load.json")
def load(hub: TheHub, actor: Reader, level: str = "") -> dict[str, int]:
    """Return how many open cases lie in each area of a level, by the area's identity."""
    tree = hub.city().tree
    with hub.db.seeing(actor.sight) as tx:
        by_area = store.count_by(tx, "area", actor.sight, Filter(open_only=True))
    counts: dict[str, int] = {}
    for area_id, n in by_area.items():
        for above in tree.chain(area_id) if area_id in tree.by_id else ():
            if above.kind == level:
                counts[str(above.id)] = counts.get(str(above.id), 0) + n
    return counts


def _said(name: Any) -> dict[str, str]:
    return {"zh": name.zh, "en": name.en or name.zh} if name is not None else {"zh": "", "en": ""}


def _geojson(features: list[Any], headers: dict[str, str]) -> Response:
    body = {"type": "FeatureCollection", "features": features}
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        media_type="application/geo+json", headers=headers,
    )  # fmt: skip
