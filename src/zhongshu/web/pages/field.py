"""The field app at /m: tasks, one task, reporting, places to look at. Usable without a script;
with one, also without net.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import JSONResponse, RedirectResponse, Response

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.assets import AssetFilter
from zhongshu.core.cases import Filter, Outcome
from zhongshu.core.catalogue import DOOR_GROUPS, Category
from zhongshu.core.intake import Channel
from zhongshu.core.procedures import PATHS
from zhongshu.core.values import Refused
from zhongshu.flow import field, patrols
from zhongshu.flow.acts import Cause
from zhongshu.flow.city import City
from zhongshu.store import assets
from zhongshu.store import cases as store
from zhongshu.store.db import Tx
from zhongshu.web import appfiles
from zhongshu.web.api.reports import ReportIn, filed
from zhongshu.web.forms import degrees
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.look import language, page, said
from zhongshu.web.plan import plan
from zhongshu.web.problems import problem
from zhongshu.web.shots import MOST, PhotoIn
from zhongshu.web.vocabulary import N_

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Reporter = Annotated[Actor, Depends(Needs(Permission.REPORT_CREATE))]
Checker = Annotated[Actor, Depends(Needs(Permission.CASE_CHECK))]
Public = Annotated[Actor | None, Depends(Anybody())]

_LATELY = timedelta(days=30)
_TOKEN_BYTES = 12
_NAME = N_("Field")


@router.get("/m")
def tasks(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show what one may act on now, what expires first first."""
    with hub.db.seeing(actor.sight) as tx:
        found, whole = field.tasks(tx, actor)
    return _page(request, "field.html", {"errands": found, "whole": whole})


@router.get("/m/report")
def report_form(request: Request, hub: TheHub, actor: Reporter) -> Response:
    """Ask for photo, place and kind, in this order."""
    return _report_page(request, actor, {"token": hub.random(_TOKEN_BYTES).hex()}, None)


@router.post("/m/report")
async def report(
    request: Request, hub: TheHub, actor: Reporter,
    text: Annotated[str, Form()] = "", category: Annotated[str, Form()] = "",
    other: Annotated[str, Form()] = "",
    address: Annotated[str, Form()] = "", lon: Annotated[str, Form()] = "",
    lat: Annotated[str, Form()] = "", token: Annotated[str, Form()] = "",
    photo: list[UploadFile] | None = None,
) -> Response:  # fmt: skip
    """Take a report from the spot; a refusal comes back with what was written."""
    category = category or other
    written = {"text": text, "category": category, "address": address, "lon": lon, "lat": lat}
    kind = hub.city().catalogue.by_code(category)
    try:
        body = ReportIn(
            # The kind alone says what is wrong, where nobody has a hand free to write.
            text=text or (kind.name.said(language(request)) if kind else ""),
            channel=Channel.FIELD, category=category or None, address=address,
            lon=degrees("lon", lon), lat=degrees("lat", lat), lang=language(request),
            photos=[
                PhotoIn.model_construct(data=await each.read())
                for each in (photo or [])[:MOST]
                if each.filename
            ],
        )  # fmt: skip
        receipt = await filed(request, actor, body, token or None)
    except Refused as refusal:
        fresh = {**written, "token": hub.random(_TOKEN_BYTES).hex()}
        return await asyncio.to_thread(_report_page, request, actor, fresh, refusal)
    return RedirectResponse(f"/m/report?sent={receipt.number}", 303)


@router.get("/m/patrol")
def patrol(request: Request, hub: TheHub, actor: Checker, area: str = "") -> Response:
    """Show places and whether they were looked at today, those longest unseen first."""
    city = hub.city()
    today = hub.clock().astimezone(city.zone).date()
    own = patrols.own(city, actor)
    above = patrols.covered(city, actor, area) if area else own[0] if len(own) == 1 else None
    with hub.db.transaction() as tx:
        if above is not None:
            rows: Sequence[patrols.Coverage] = patrols.coverage(tx, city, above, today)
            is_cell = [c.area.id for c in rows] == [above.id]
            things = _things(tx, above.span.lo, above.span.hi) if is_cell else []
        else:
            rows = [patrols.whole(tx, city, one, today) for one in own]
            is_cell, things = False, []
    return _page(
        request, "field_patrol.html",
        {
            "above": above, "rows": rows, "things": things, "is_cell": is_cell,
            "plan": plan([c.area for c in rows]),
            "crumbs": _crumbs(city, above, own),
        },
    )  # fmt: skip


@router.post("/m/patrol")
def look(
    hub: TheHub, actor: Checker, area: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Count that a place was looked at today, then show the places again."""
    city = hub.city()
    today = hub.clock().astimezone(city.zone).date()
    with hub.db.writing() as tx:
        patrols.look(tx, city, actor, area, today, today=today)
    return RedirectResponse(f"/m/patrol?{urlencode({'area': back})}" if back else "/m/patrol", 303)


@router.get("/m/me")
def me(request: Request, _: Reader) -> Response:
    """Show what waits on this device, and how the app is to look."""
    return _page(request, "field_me.html", {})


@router.get("/m/left")
def left(request: Request, _: Public) -> Response:
    """Clear what this browser keeps of whoever signed out."""
    response = page(request, "field_left.html", {"version": appfiles.version()})
    response.delete_cookie(appfiles.KEEPS, path="/")
    return response


@router.get("/m/away")
def away(request: Request, _: Public) -> Response:
    """Say, in both languages and to anybody, that a page is not on this device."""
    return page(request, "field_away.html", {"version": appfiles.version()})


@router.get("/m/sw.js")
def worker(_: Public) -> Response:
    """Return the service worker of the pages below /m."""
    headers = {"Service-Worker-Allowed": "/m", "Cache-Control": "no-cache"}
    return Response(appfiles.worker(), media_type="text/javascript", headers=headers)


@router.get("/m/app/{version}/{name}")
def file(_: Public, version: str, name: str) -> Response:
    """Return a file of the app; under its own version it never changes."""
    if name not in appfiles.FILES:
        raise NotFound("file", name)
    same = version == appfiles.version()
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    keep = "public, max-age=31536000, immutable" if same else "no-store"
    content = appfiles.read(appfiles.FILES[name])
    return Response(content, media_type=kind, headers={"Cache-Control": keep})


@router.get("/m/icon-{size}.png")
def icon(_: Public, size: int, *, maskable: bool = False) -> Response:
    """Return the app's icon."""
    if size not in appfiles.SIZES:
        raise NotFound("icon", size)
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(appfiles.icon(size, maskable=maskable), media_type="image/png", headers=headers)


@router.get("/m/manifest.webmanifest")
def manifest(request: Request, hub: TheHub, _: Public) -> Response:
    """Return what a system needs to install the app."""
    lang = language(request)
    name = f"{hub.city().name.said(lang)} · {said(_NAME, lang)}"
    icons = [
        {"src": f"/m/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    cut = {**icons[1], "src": "/m/icon-512.png?maskable=true", "purpose": "maskable"}
    return JSONResponse(
        {
            "id": "/m", "name": name, "short_name": said(_NAME, lang), "start_url": "/m",
            "scope": "/m", "display": "standalone", "orientation": "portrait",
            "background_color": "#f6f7f9", "theme_color": "#0b5cad", "lang": lang,
            "icons": [*icons, cut],
        },
        media_type="application/manifest+json",
    )  # fmt: skip


@router.get("/m/{number}")
def task(request: Request, hub: TheHub, actor: Reader, number: str) -> Response:
    """Show one task: where, what counts as done, the photos it needs, the acts it allows."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        spot = field.spot(tx, city, actor, number)
    category = city.category(spot.errand.case.category)
    return _page(
        request, "field_task.html",
        {
            "spot": spot, "case": spot.errand.case, "errand": spot.errand,
            "condition": category and category.condition(hazard=spot.errand.case.hazard),
            "Outcome": Outcome, "Cause": Cause, "PATHS": PATHS,
        },
    )  # fmt: skip


def _page(
    request: Request, template: str, view: Mapping[str, Any], *, status: int = 200
) -> Response:
    """Render a page of the app, and remember that this browser keeps something of it."""
    response = page(request, template, {**view, "version": appfiles.version()}, status=status)
    response.set_cookie(
        appfiles.KEEPS, "1", max_age=31_536_000, httponly=True, samesite="lax", path="/",
        secure=request.app.state.hub.https,
    )  # fmt: skip
    return response


def _report_page(
    request: Request, actor: Actor, written: Mapping[str, str], refusal: Refused | None
) -> Response:
    hub = request.app.state.hub
    city: City = hub.city()
    lately = Filter(since=hub.clock() - _LATELY)
    with hub.db.seeing(actor.sight) as tx:
        counted = store.count_by(tx, "category", actor.sight_for(Permission.REPORT_CREATE), lately)
    blank = {"text": "", "category": "", "address": "", "lon": "", "lat": ""}
    view = {
        "kinds": _often(city, counted), "groups": _groups(city), "said": {**blank, **written},
        "categories": [c for c in city.catalogue.categories if c.active],
        "problem": refusal and problem(refusal, language(request)),
    }  # fmt: skip
    return _page(request, "field_report.html", view, status=refusal.status if refusal else 200)


def _often(city: City, counted: Mapping[Any, int]) -> list[Category]:
    """Return the kinds reported most where one's posts are, lately."""
    ranked = sorted((k for k in counted if k is not None), key=lambda k: (-counted[k], k))
    found = (city.catalogue.by_id(k) for k in ranked)
    return [c for c in found if c is not None and c.active][:6]


def _groups(city: City) -> list[tuple[Any, list[Category]]]:
    known = [(g, [city.catalogue.by_code(code) for code in g.codes]) for g in DOOR_GROUPS]
    return [(g, [c for c in found if c is not None and c.active]) for g, found in known]


def _things(tx: Tx, lo: int, hi: int) -> Sequence[Any]:
    return assets.page(tx, AssetFilter(area=(lo, hi)), limit=50)


def _crumbs(city: City, area: Any, own: Sequence[Any]) -> list[Any]:
    """Return the areas above one, as far as they are one's own."""
    if area is None:
        return []
    mine = {a.id for a in own}
    chain = city.tree.chain(area.id)[:-1]
    first = next((n for n, a in enumerate(chain) if a.id in mine), len(chain))
    return list(chain[first:])
