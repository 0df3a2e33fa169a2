"""Reporting step by step: one question on a page.

What was said lies sealed in a cookie of the reporter's own browser (`core.begun`), an hour at
most; only photos wait on the server, as they do everywhere (`flow.waiting`). An answer that is
taken leads to a plain GET, so that “back”, “again” and the choice of the language lose nothing;
one that is refused is answered with the same page and what was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from zhongshu.core.access import Actor
from zhongshu.core.begun import (
    ASKED_AT,
    CALLS,
    COUNTED,
    DANGER,
    MOST_TEXT,
    Begun,
    NoPlaceSaid,
    Step,
    after,
    begin,
    open_again,
    shut,
)
from zhongshu.core.catalogue import DOOR_GROUPS, danger_in
from zhongshu.core.place import Point
from zhongshu.core.privacy import NONCE_BYTES, read_contact, stripped
from zhongshu.core.values import Refused
from zhongshu.flow import places, waiting
from zhongshu.flow.things import NoSuchAsset
from zhongshu.store import assets
from zhongshu.store import city as city_store
from zhongshu.web import plan, taking
from zhongshu.web.forms import Sent, degrees, text
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page, root, said
from zhongshu.web.problems import BadField, problem
from zhongshu.web.vocabulary import N_

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
COOKIE = "begun"
GROUPS = {g.key for g in DOOR_GROUPS} | {DANGER}
#: What a report says whose reporter only follows a matter known already.
THE_SAME = N_("The same matter as reported already.")


@router.get("/report")
@router.get("/en/report")
def start(request: Request, hub: TheHub, _: Public, asset: str = "", new: str = "") -> Response:
    """Show the first question; a code read from a plate goes to the form that fits one page."""
    if asset:
        return RedirectResponse(f"{root(request)}/report/all?asset={quote(asset[:60])}", 303)
    begun = _begun(request, hub)
    answer = _shown(request, hub, Step.WHAT, begun if not new else None)
    if new:
        answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/plan/{code}.svg")
def drawing(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Draw one area with its roads, to point at."""
    area = hub.city().tree.named(code)
    with hub.db.reading() as connection:
        drawn = area and plan.ground(area, city_store.backdrops(connection), lang=language(request))
    if not drawn:
        raise BadField("area", code, why="no area with a shape has this code")
    headers = {"Cache-Control": "private, max-age=600"}
    return Response(drawn, media_type="image/svg+xml", headers=headers)


@router.get("/report/{step}")
@router.get("/en/report/{step}")
def show(
    request: Request, hub: TheHub, actor: Public, step: Step, within: str = "",
) -> Response:  # fmt: skip
    """Show a step, or the earlier one that is still open."""
    begun = _begun(request, hub)
    due = begun.may_be_at(step) if begun else Step.WHAT
    if begun is None or due is not step:
        return RedirectResponse(_at(request, due), 303)
    if step is Step.KNOWN:
        known = _known(request, actor, begun)
        if not known:
            return RedirectResponse(_at(request, _still(begun)), 303)
        return _shown(request, hub, step, begun, {"known": known})
    return _shown(request, hub, step, begun, {"within": within})


@router.post("/report/what")
@router.post("/en/report/what")
def what(
    request: Request, hub: TheHub, _: Public, group: Annotated[str, Form()] = ""
) -> Response:  # fmt: skip
    """Keep the group chosen; with it a report is begun."""
    begun = _begun(request, hub) or begin(random=hub.random(12), now=hub.clock())
    if group not in GROUPS:
        return _shown(request, hub, Step.WHAT, begun, refusal=BadGroup("group", group))
    return _on(request, hub, Step.WHAT, replace(begun, group=group, called=False))


@router.post("/report/call")
@router.post("/en/report/call")
def call(request: Request, hub: TheHub, _: Public) -> Response:
    """Go on after it was said whom to call."""
    begun = _begun(request, hub)
    if begun is None:
        return RedirectResponse(_at(request, Step.WHAT), 303)
    return _on(request, hub, Step.CALL, replace(begun, called=True))


@router.post("/report/where")
@router.post("/en/report/where")
def where(request: Request, hub: TheHub, _: Public, sent: Sent) -> Response:
    """Keep a place: a point, a thing, a press on the plan of an area, or words; or look for it."""
    begun = _begun(request, hub)
    if begun is None:
        return RedirectResponse(_at(request, Step.WHAT), 303)
    do, area, address = (
        text(sent, "do"),
        text(sent, "area"),
        stripped(text(sent, "address")).strip(),
    )
    # A form with the field says what it holds, nothing too; a press elsewhere changes no words.
    written = replace(begun, address=address[:200]) if "address" in sent else begun
    try:
        if do == "search":
            return _kept(request, hub, replace(written, sought=address[:100]), Step.WHERE)
        if do == "forget":
            blank = replace(
                begun, lon="", lat="", spot="", asset="", joins="", address="", sought=""
            )
            return _kept(request, hub, blank, Step.WHERE)
        placed = _placed(hub, written, sent)
    except Refused as refusal:
        return _shown(request, hub, Step.WHERE, written, {"within": area}, refusal=refusal)
    return _on(request, hub, Step.WHERE, replace(placed, sought="", joins=""))


@router.post("/report/known")
@router.post("/en/report/known")
def known(
    request: Request, hub: TheHub, _: Public, joins: Annotated[str, Form()] = "own"
) -> Response:  # fmt: skip
    """Keep whether it is one of the matters known already."""
    begun = _begun(request, hub)
    if begun is None:
        return RedirectResponse(_at(request, Step.WHAT), 303)
    return _on(request, hub, Step.KNOWN, replace(begun, joins=joins[:40]))


@router.post("/report/words")
@router.post("/en/report/words")
async def words(
    request: Request, hub: TheHub, _: Public, text: Annotated[str, Form()] = "",
    drop: Annotated[str, Form()] = "", photo: list[UploadFile] | None = None,
) -> Response:  # fmt: skip
    """Keep the words as they were written, and let the photos wait."""
    begun = _begun(request, hub)
    if begun is None:
        return RedirectResponse(_at(request, Step.WHAT), 303)
    held = "" if drop else begun.held
    # What is personal is cut out of them where they come to stay: when the report is taken in.
    written = replace(begun, text=text.strip()[:5000], held=held)
    try:
        if not written.text and not begun.following:
            raise NothingSaid("text", "")
        photos = await taking.photos(photo)
        if photos:
            key = await asyncio.to_thread(taking.wait, hub, held, photos)
            if not key:
                raise NoRoomForPhotos("photo", len(photos))
            written = replace(written, held=key)
        return _on(request, hub, Step.WORDS, written)
    except Refused as refusal:
        return _shown(request, hub, Step.WORDS, written, refusal=refusal)


@router.post("/report/contact")
@router.post("/en/report/contact")
def contact(
    request: Request, hub: TheHub, _: Public, contact: Annotated[str, Form()] = "",
    tell: Annotated[str, Form()] = "", do: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep how to reach the reporter, or that he does not want to be reached."""
    begun = _begun(request, hub)
    if begun is None:
        return RedirectResponse(_at(request, Step.WHAT), 303)
    given = "" if do == "skip" else contact.strip()[:254]
    reach = replace(begun, contact=given, tell=bool(given and tell))
    try:
        read_contact(given)
    except Refused as refusal:
        return _shown(request, hub, Step.CONTACT, reach, refusal=refusal)
    return _on(request, hub, Step.CONTACT, replace(reach, asked=True))


@router.post("/report/check")
@router.post("/en/report/check")
async def send(request: Request, hub: TheHub, actor: Public) -> Response:
    """Send the report; its receipt is the answer. Pressed twice it is sent once."""
    begun = _begun(request, hub)
    if begun is None or begun.open_steps():
        return RedirectResponse(_at(request, begun.open_steps()[0] if begun else Step.WHAT), 303)
    try:
        draft = taking.draft(
            request, text=begun.text or said(THE_SAME, language(request)), group=begun.group,
            lon=begun.lon, lat=begun.lat, address=begun.address, contact=begun.contact,
            channel=taking.channel(actor), key=begun.key, joins=begun.joins,
            asset=begun.asset or None, tell=begun.tell,
        )  # fmt: skip
        receipt = await request.app.state.reports.send(draft)
    except Refused as refusal:
        fresh = replace(begun, key=hub.random(12).hex(), joins="")
        return _shown(request, hub, Step.CHECK, fresh, refusal=refusal)
    answer = await taking.received(request, receipt, [], begun.held)
    answer.delete_cookie(COOKIE, path="/")
    return answer


class BadGroup(Refused):
    message = "What it is about has not been chosen yet."
    remedy = "Choose what is nearest; “Something else” will do, too."


class NothingSaid(Refused):
    message = "What is wrong has not been said yet."
    remedy = "A few words will do, such as: the lamp in front of the school is dark."


class NoRoomForPhotos(Refused):
    status = 503
    message = "There is no room at the moment to let %(value)s photos wait."
    remedy = "Go on without photos, or use the form with all on one page."


def _begun(request: Request, hub: Hub) -> Begun | None:
    return open_again(request.cookies.get(COOKIE, ""), key=hub.key, now=hub.clock())


def _on(request: Request, hub: Hub, step: Step, begun: Begun) -> Response:
    """Go on to the step that follows."""
    return _kept(request, hub, begun, after(step, begun))


def _kept(request: Request, hub: Hub, begun: Begun, step: Step) -> Response:
    answer = RedirectResponse(_at(request, step), 303)
    _keep(answer, hub, begun)
    return answer


def _keep(answer: Response, hub: Hub, begun: Begun) -> None:
    """Let the browser hold what was said, until it is closed; we read it for an hour (`FOR`)."""
    letters = shut(begun, key=hub.key, nonce=hub.random(NONCE_BYTES))
    answer.set_cookie(COOKIE, letters, httponly=True, samesite="lax", secure=hub.https, path="/")


def _at(request: Request, step: Step) -> str:
    tail = "" if step is Step.WHAT else f"/{step}"
    return f"{root(request)}/report{tail}"


def _still(begun: Begun) -> Step:
    still = begun.open_steps()
    return still[0] if still else Step.CHECK


def _placed(hub: Hub, begun: Begun, sent: FormData) -> Begun:
    """Return what was said with the place that a form of the step says."""
    thing, area, lon, lat = (text(sent, name) for name in ("thing", "area", "lon", "lat"))
    if thing:
        with hub.db.reading() as connection:
            found = assets.get(connection, thing[:60])
        if found is None:
            raise NoSuchAsset("asset", thing)
        return replace(
            begun, asset=found.code, spot=found.code, lon=str(found.place.lon),
            lat=str(found.place.lat),
        )  # fmt: skip
    if area:
        place = _pressed(hub, area, (text(sent, "spot.x"), text(sent, "spot.y")))
        return replace(begun, asset="", spot=area, lon=str(place.lon), lat=str(place.lat))
    if lon and lat:
        Point(degrees("lon", lon) or 0.0, degrees("lat", lat) or 0.0)
        moved = (lon, lat) != (begun.lon, begun.lat)
        return replace(
            begun, lon=lon[:20], lat=lat[:20], **({"asset": "", "spot": ""} if moved else {})
        )
    if not begun.placed:
        raise NoPlaceSaid("address", "")
    return begun


def _pressed(hub: Hub, code: str, at: tuple[str, str]) -> Point:
    """Return the place under a press on the plan of an area; by keyboard, one inside it."""
    area = hub.city().tree.named(code)
    seen = plan.frame(area) if area is not None else None
    if area is None or seen is None:
        raise BadField("address", code, why="no area with a shape has this code")
    x, y = (int(n) if n.isdecimal() and int(n) <= plan.SIDE else 0 for n in at)
    inside = places.inside(area)
    return seen.at(x, y) if x or y or inside is None else inside


def _known(request: Request, actor: Actor | None, begun: Begun) -> list[dict[str, Any]]:
    """Return the matters to ask about, where it can be one that is known already."""
    if begun.urgent or begun.group == DANGER or begun.asset:
        return []
    return taking.likely(
        request, actor, text=begun.text, group=begun.group, lon=begun.lon, lat=begun.lat
    )


def _shown(
    request: Request, hub: Hub, step: Step, begun: Begun | None,
    more: Mapping[str, Any] | None = None, *, refusal: Refused | None = None,
) -> Response:  # fmt: skip
    """Show the page of a step, with what was said so far and what stands in the way."""
    lang = language(request)
    blank = begun or begin(random=bytes(12), now=hub.clock())
    view: dict[str, Any] = {
        "step": step, "said": blank, "begun": begun is not None and bool(begun.group),
        "n": COUNTED.index(step) + 1 if step in COUNTED else 0, "of": len(COUNTED),
        "groups": DOOR_GROUPS, "DANGER": DANGER, "most": MOST_TEXT, "known": [], "within": "",
        "calls": _calls(blank), "problem": problem(refusal, lang) if refusal else None,
        "asked_at": ASKED_AT, **(more or {}), **_about(hub, step, blank, (more or {}).get("within", "")),
    }  # fmt: skip
    answer = page(request, f"step_{step}.html", view, status=refusal.status if refusal else 200)
    if refusal is not None and begun is not None and begun.group:
        # What is too long for the browser stands on the page, to be made shorter.
        with suppress(Refused):
            _keep(answer, hub, begun)
    return answer


def _calls(begun: Begun) -> tuple[str, ...]:
    """Return whom to call first for what was said or chosen."""
    danger = danger_in(begun.text)
    if danger is not None:
        return danger.call if "120" in danger.call else (*danger.call, "120")
    return CALLS.get(begun.group, ())


def _about(hub: Hub, step: Step, begun: Begun, within: str) -> dict[str, Any]:
    """Return what the page of a step shows of the city: a plan, what was found, what waits."""
    city = hub.city()
    found: dict[str, Any] = {}
    if step is Step.WHERE:
        area = city.tree.named(within) if within else None
        near = area is not None and plan.near_enough(area)
        below = places.rooted(city) if area is None else () if near else places.parts(city, area)
        found |= {"area": area, "below": below, "drawn": plan.plan(below), "side": plan.SIDE}
        with hub.db.reading() as connection:
            found["sought"] = places.look_for(connection, city, begun.sought)
    if step in (Step.WHERE, Step.CHECK):
        found["spot"] = city.tree.named(begun.spot) if begun.spot else None
    if step in (Step.WORDS, Step.CHECK) and begun.held:
        with hub.db.transaction() as tx:
            found["waiting"] = waiting.count(tx, begun.held, at=hub.clock())
    return {"waiting": 0, **found}
