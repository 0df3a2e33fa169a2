"""The door: where residents begin, and the form that has all on one page. No script is needed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import Response

from zhongshu.core.access import Actor
from zhongshu.core.assets import Asset
from zhongshu.core.begun import DANGER
from zhongshu.core.catalogue import DOOR_GROUPS
from zhongshu.core.values import Refused
from zhongshu.flow import waiting
from zhongshu.store import assets
from zhongshu.web import taking
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
#: Bytes of the key a form carries, so that pressing twice sends one report.
_TOKEN_BYTES = 12
_EMPTY = {
    "text": "", "group": "", "address": "", "lon": "", "lat": "", "contact": "", "held": "",
    "asset": "", "tell": "",
}  # fmt: skip


@router.get("/")
@router.get("/en")
def home(request: Request, _: Public) -> Response:
    view = {"problem": None, "groups": DOOR_GROUPS, "DANGER": DANGER, "said": None}
    return page(request, "home.html", view)


@router.get("/report/all")
@router.get("/en/report/all")
def form(request: Request, hub: TheHub, _: Public, asset: str = "") -> Response:
    """Show the form with all on one page; a plate's code in the address (as its QR has it) says what it is about."""
    said = {**_EMPTY, "token": hub.random(_TOKEN_BYTES).hex(), "asset": asset[:60]}
    return _form(request, said)


@router.post("/report")
@router.post("/en/report")
async def report(
    request: Request, hub: TheHub, actor: Public,
    text: Annotated[str, Form()] = "", group: Annotated[str, Form()] = "",
    address: Annotated[str, Form()] = "", lon: Annotated[str, Form()] = "",
    lat: Annotated[str, Form()] = "", contact: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "", joins: Annotated[str, Form()] = "",
    held: Annotated[str, Form()] = "", asset: Annotated[str, Form()] = "",
    tell: Annotated[str, Form()] = "",
    photo: list[UploadFile] | None = None,
) -> Response:  # fmt: skip
    """Take a report in. Where the matter may be known already, ask first whether it is; a
    refusal comes back with everything already written.
    """
    said = {
        "text": text, "group": group, "address": address, "lon": lon, "lat": lat,
        "contact": contact, "token": token, "held": held, "asset": asset,
        "tell": tell,
    }  # fmt: skip
    try:
        photos = await taking.photos(photo)
        draft = taking.draft(
            request, text=text, group=group, lon=lon, lat=lat, address=address, contact=contact,
            channel=taking.channel(actor), key=token or None, joins=joins,
            asset=asset.strip() or None, tell=bool(tell),
        )  # fmt: skip
        known = await asyncio.to_thread(taking.known, hub, actor, draft, group) if not joins else []
        if photos and (known or held):
            key = await asyncio.to_thread(taking.wait, hub, held, photos)
            # Where there is no room to let photos wait, the report is taken in unasked.
            known = known if key else []
            said["held"], photos = (key, []) if key else (held, photos)
        if known:
            return page(request, "known.html", {"said": said, "known": known, "problem": None})
        answer = await request.app.state.reports.send(draft)
    except Refused as refusal:
        # What was refused was not taken in: the form goes on under a key of its own.
        said["token"] = hub.random(_TOKEN_BYTES).hex()
        return _form(request, said, refusal)
    return await taking.received(request, answer, photos, said["held"])


@router.post("/report/near")
@router.post("/en/report/near")
def near(
    request: Request, actor: Public, text: Annotated[str, Form()] = "",
    group: Annotated[str, Form()] = "", lon: Annotated[str, Form()] = "",
    lat: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Show what is known already at a place while a report is being written."""
    known = taking.likely(request, actor, text=text, group=group, lon=lon, lat=lat)
    return page(request, "known_near.html", {"known": known})


def _about(hub: Hub, code: str) -> Asset | None:
    if not code:
        return None
    with hub.db.reading() as connection:
        return assets.get(connection, code[:60])


def _form(request: Request, said: dict[str, str], refusal: Refused | None = None) -> Response:
    """Show the form, with what was written and why it was refused."""
    hub: Hub = request.app.state.hub
    with hub.db.transaction() as tx:
        photos = waiting.count(tx, said["held"], at=hub.clock()) if said["held"] else 0
    view = {
        "groups": DOOR_GROUPS, "said": said, "waiting": photos, "about": _about(hub, said["asset"]),
        "problem": problem(refusal, language(request)) if refusal else None,
    }  # fmt: skip
    return page(request, "report.html", view, status=refusal.status if refusal else 200)
