"""Following a place or a kind of matter: by mail, confirmed and ended by a link, or by a feed;
and telling the city to write no more about a report. No script is needed.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, NotFound
from zhongshu.core.catalogue import DOOR_GROUPS
from zhongshu.core.grid import Area
from zhongshu.core.intake import typed_code
from zhongshu.core.texts import Medium
from zhongshu.core.values import Refused
from zhongshu.flow import addresses, sending, subscriptions
from zhongshu.flow.city import City
from zhongshu.store import reports
from zhongshu.web.api.messages import media_of
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]


@router.get("/subscribe")
@router.get("/en/subscribe")
def form(request: Request, hub: TheHub, _: Public, area: str = "", category: str = "") -> Response:
    """Show what can be followed, and the feed of what is chosen."""
    return _page(request, hub, {"area": area, "category": category, "address": ""})


@router.post("/subscribe")
@router.post("/en/subscribe")
def subscribe(
    request: Request, hub: TheHub, _: Public, address: Annotated[str, Form()] = "",
    area: Annotated[str, Form()] = "", category: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep what somebody asked for until the link of the mail is opened."""
    said = {"area": area, "category": category, "address": address}
    try:
        wanted = subscriptions.followed(hub.city(), area=area, category=category)
        with hub.db.transaction() as tx:
            subscriptions.subscribe(
                tx, hub.outlet, wanted, address, lang=language(request), random=hub.random,
                at=hub.clock(),
            )  # fmt: skip
    except Refused as refusal:
        return _page(request, hub, said, refusal)
    return page(request, "subscribed.html", {"state": "asked", "about": "", "action": ""})


@router.get("/subscribe/{word}")
@router.get("/subscribe/{word}/stop")
def look(request: Request, hub: TheHub, _: Public, word: str) -> Response:
    """Ask once more: mail programs open links by themselves."""
    stop = request.url.path.endswith("/stop")
    with hub.db.transaction() as tx:
        found = subscriptions.of_token(tx, hub.key, word)
    about = sending.subscribed_to(hub.city(), found.area, found.category, language(request))
    view = {"state": "stop?" if stop else "confirm?", "about": about, "action": request.url.path}
    return page(request, "subscribed.html", view)


@router.post("/subscribe/{word}")
def confirm(request: Request, hub: TheHub, _: Public, word: str) -> Response:
    """Let a subscription count."""
    with hub.db.transaction() as tx:
        subscriptions.confirm(tx, hub.key, word, at=hub.clock())
    return page(request, "subscribed.html", {"state": "confirmed", "about": "", "action": f"/subscribe/{word}/stop"})  # fmt: skip


@router.post("/subscribe/{word}/stop")
def unsubscribe(request: Request, hub: TheHub, _: Public, word: str) -> Response:
    """Erase a subscription: pressed on the page, or by a mail program (RFC 8058)."""
    with hub.db.transaction() as tx:
        subscriptions.unsubscribe(tx, hub.key, word)
    return page(request, "subscribed.html", {"state": "erased", "about": "", "action": ""})


@router.get("/t/{code}/stop")
def stop(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Ask whether the city is to write no more about a report."""
    with hub.db.reading() as connection:
        if reports.by_code(connection, typed_code(code)[:20]) is None:
            raise NotFound("report", code)
    return page(request, "subscribed.html", {"state": "quiet?", "about": "", "action": request.url.path})  # fmt: skip


@router.post("/t/{code}/stop")
def stopped(hub: TheHub, _: Public, code: str) -> Response:
    """Write no more about a report: pressed on the page, or by a mail program (RFC 8058)."""
    known = typed_code(code)[:20]
    with hub.db.transaction() as tx:
        addresses.stop(tx, known, at=hub.clock())
    return RedirectResponse(f"/t/{known}?stopped=1", 303)


def _page(
    request: Request, hub: Hub, said: dict[str, str], refusal: Refused | None = None
) -> Response:
    city = hub.city()
    view = {
        "said": said, "groups": DOOR_GROUPS, "areas": _areas(city), "mail": Medium.EMAIL in media_of(hub),
        "problem": problem(refusal, language(request)) if refusal else None,
    }  # fmt: skip
    return page(request, "subscribe.html", view, status=refusal.status if refusal else 200)


def _areas(city: City) -> list[tuple[Area, list[Area]]]:
    """Return what can be followed, each upper area with the communities in it."""
    kinds = [k for k in subscriptions.COARSE if city.tree.of_kind(k)]
    upper = [a for kind in kinds[:-1] or kinds for a in city.tree.of_kind(kind)]
    low = city.tree.of_kind(kinds[-1]) if len(kinds) > 1 else ()
    return [(area, [one for one in low if one.parent == area.id]) for area in upper]
