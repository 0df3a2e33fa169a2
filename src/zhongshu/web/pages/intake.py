"""Taking a call: the caller's words, the place, what is known already, and the code to read out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from zhongshu.core.access import Actor, Permission
from zhongshu.core.catalogue import danger_in
from zhongshu.core.intake import OWN, Channel, Draft, read, typed_code
from zhongshu.core.values import Refused
from zhongshu.flow import browse, same, spots
from zhongshu.web.forms import Sent, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Agent = Annotated[Actor, Depends(Needs(Permission.REPORT_CREATE))]
_TOKEN_BYTES = 12
FIELDS = ("text", "where", "place", "category", "joins", "contact", "token")
#: How many categories the words offer, and how many open cases are shown beside them.
GUESSES, KNOWN = 4, 5


@router.get("/desk/new")
def form(request: Request, hub: TheHub, actor: Agent) -> Response:
    """Show the form of a call."""
    said = {**dict.fromkeys(FIELDS, ""), "token": hub.random(_TOKEN_BYTES).hex()}
    return _form(request, hub, actor, said)


@router.post("/desk/new/while")
def meanwhile(request: Request, hub: TheHub, actor: Agent, sent: Sent) -> Response:
    """Show, while somebody types, danger, places, categories and similar open cases."""
    return page(request, "intake_found.html", _found(hub, actor, _said(sent)))


@router.post("/desk/new")
async def take(request: Request, hub: TheHub, actor: Agent, sent: Sent) -> Response:
    """Take the call in, and show the code to read out; with ``look`` only look things up."""
    said = _said(sent)
    if text(sent, "look"):
        return await asyncio.to_thread(_form, request, hub, actor, said)
    try:
        draft = await asyncio.to_thread(_draft, hub, said)
        answer = await request.app.state.reports.send(replace(draft, lang=language(request)))
    except Refused as refusal:
        # What was refused was not taken in: the form goes on under a key of its own.
        said["token"] = hub.random(_TOKEN_BYTES).hex()
        return await asyncio.to_thread(_form, request, hub, actor, said, refusal)
    return RedirectResponse(f"/desk/new/{answer.code}", 303)


@router.get("/desk/new/{code}")
def receipt(request: Request, hub: TheHub, actor: Agent, code: str) -> Response:
    """Show the receipt of a call: the code, letter by letter, and what happens next."""
    with hub.db.transaction() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
    case = found.current
    city = hub.city()
    seen = actor.sight.shows(case)
    return page(
        request, "intake_receipt.html",
        {
            "found": found, "case": case, "seen": seen, "danger": danger_in(found.voice.text),
            "joined": case.reports > 1, "category": city.category_name(case.category),
        },
    )  # fmt: skip


def _said(sent: FormData) -> dict[str, str]:
    return {name: text(sent, name) for name in FIELDS}


def _form(
    request: Request,
    hub: Hub,
    actor: Actor,
    said: Mapping[str, str],
    refusal: Refused | None = None,
) -> Response:
    view = _found(hub, actor, said)
    view["problem"] = problem(refusal, language(request)) if refusal else None
    return page(request, "intake.html", view, status=refusal.status if refusal else 200)


def _found(hub: Hub, actor: Actor, said: Mapping[str, str]) -> dict[str, Any]:
    """Return what the words and the place written so far point at."""
    city, words = hub.city(), said["text"]
    with hub.db.seeing(actor.sight) as tx:
        found = spots.places(tx, city, actor.sight, said["where"])
        place = spots.meant(tx, city, said["place"]).place
    chosen = said["place"] if any(s.key == said["place"] for s in found) else ""
    known: list[Any] = []
    if place is not None and city.where(place) is not None:
        with hub.db.transaction() as tx:
            matches = same.known_here(
                tx, city, place, at=hub.clock(), text=words, code=said["category"], most=KNOWN
            )
        known = [m for m in matches if actor.sight.shows(m.case)]
    return {
        "said": said, "danger": danger_in(words) if words else None, "spots": found,
        "chosen": chosen, "guesses": city.guesses(words)[:GUESSES] if words else (), "known": known,
        "OWN": OWN, "categories": [c for c in city.catalogue.categories if c.active],
    }  # fmt: skip


def _draft(hub: Hub, said: Mapping[str, str]) -> Draft:
    """Return the report a call makes."""
    city = hub.city()
    with hub.db.reading() as tx:
        spot = spots.meant(tx, city, said["place"])
    area, address = spot.area, said["where"]
    if area is not None and area.name.zh not in address:
        address = f"{area.name.zh} {address}"
    draft = Draft(
        text=said["text"], channel=Channel.HOTLINE, source="desk", address=address,
        lon=spot.place.lon if spot.place else None, lat=spot.place.lat if spot.place else None,
        category=said["category"] or None, contact=said["contact"], key=said["token"] or None,
        joins=said["joins"], asset=spot.asset,
    )  # fmt: skip
    read(draft, now=hub.clock())
    return draft
