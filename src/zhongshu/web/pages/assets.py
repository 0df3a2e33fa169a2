"""The things of the city as pages: a list with filters, and one thing with its cases."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.assets import AssetState
from zhongshu.core.cases import Filter, Order
from zhongshu.flow import browse
from zhongshu.store import assets as store
from zhongshu.store import cases
from zhongshu.web import wanted
from zhongshu.web.api.assets import asset_filter
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]


@router.get("/assets")
def assets(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List assets; the filters are in the URL."""
    query, city = dict(request.query_params), hub.city()
    asked, size = asset_filter(query, city), wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        found = store.page(tx, asked, after=query.get("after", ""), limit=size + 1)
        count = store.count(tx, asked)
        classes = store.count_by_category(tx)
    query.pop("after", None)
    return page(
        request, "assets.html",
        {
            "assets": found[:size], "next": found[size - 1].code if len(found) > size else None,
            "count": count, "asked": query, "query_text": urlencode(query), "classes": classes,
            "units": list(city.units.values()), "states": list(AssetState),
        },
    )  # fmt: skip


@router.get("/assets/{code}")
def asset(request: Request, hub: TheHub, actor: Reader, code: str) -> Response:
    """Show one asset, the cases about it, and those of its class around it."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = store.get(tx, code)
        if found is None:
            raise NotFound("asset", code)
        about = browse.listing(
            tx, actor.sight, Filter(asset=code), order=Order.NEWEST, after=None, limit=20
        )
        count = cases.count(tx, actor.sight, Filter(asset=code))
        near = browse.around(tx, city, actor.sight, found.place, found.category)
    around = [(case, metres) for case, metres in near if case.asset != code]
    return page(
        request, "asset.html",
        {"asset": found, "about": about.cases, "count": count, "around": around},
    )  # fmt: skip
