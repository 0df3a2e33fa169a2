"""The door: where residents report, track, rate and reopen. No script is needed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from zhongshu.core import pictures
from zhongshu.core.access import Actor, NotFound
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Act
from zhongshu.core.catalogue import DOOR_GROUPS, danger_in
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.intake import Channel, Draft, typed_code
from zhongshu.core.values import Refused
from zhongshu.flow import acts, browse
from zhongshu.flow.intake import Receipt
from zhongshu.store import assets, vault
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
MOST_PHOTOS = 3
_EMPTY = {"text": "", "group": "", "address": "", "lon": "", "lat": "", "contact": "", "asset": ""}
#: Bytes of the key a form carries, so that pressing twice sends one report.
_TOKEN_BYTES = 12


@router.get("/")
@router.get("/en")
def home(request: Request, _: Public) -> Response:
    return page(request, "home.html", {"problem": None})


@router.get("/report")
@router.get("/en/report")
def form(request: Request, hub: TheHub, _: Public, asset: str = "") -> Response:
    """Show the form; a plate's code in the address (as its QR has it) says what it is about."""
    said = {**_EMPTY, "token": hub.random(_TOKEN_BYTES).hex(), "asset": asset[:60]}
    view = {"groups": DOOR_GROUPS, "said": said, "problem": None, "about": _about(hub, asset)}
    return page(request, "report.html", view)


@router.post("/report")
@router.post("/en/report")
async def report(
    request: Request, hub: TheHub, _: Public,
    text: Annotated[str, Form()] = "", group: Annotated[str, Form()] = "",
    address: Annotated[str, Form()] = "", lon: Annotated[str, Form()] = "",
    lat: Annotated[str, Form()] = "", contact: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "", asset: Annotated[str, Form()] = "",
    photo: list[UploadFile] | None = None,
) -> Response:  # fmt: skip
    """Take a report in; a refusal comes back with everything already written."""
    said = {
        "text": text,
        "group": group,
        "address": address,
        "lon": lon,
        "lat": lat,
        "contact": contact,
        "asset": asset,
        # What was refused was not taken in: the form goes on under a key of its own.
        "token": hub.random(_TOKEN_BYTES).hex(),
    }
    try:
        photos = [await _picture(file) for file in (photo or [])[:MOST_PHOTOS] if file.filename]
        draft = Draft(
            text=text, channel=Channel.WEB, lon=_degrees("lon", lon), lat=_degrees("lat", lat),
            address=address, contact=contact, lang=language(request), source="web",
            category=_category(hub, text, group), key=token or None, asset=asset.strip() or None,
        )  # fmt: skip
        answer = await request.app.state.gatherer.send(draft)
        if isinstance(answer, Refused):
            raise answer
    except Refused as refusal:
        view = {
            "groups": DOOR_GROUPS, "said": said, "problem": problem(refusal, language(request)),
            "about": await asyncio.to_thread(_about, hub, asset),
        }  # fmt: skip
        return page(request, "report.html", view, status=refusal.status)
    if photos and not answer.again:
        await asyncio.to_thread(_keep, hub, answer, photos)
    return RedirectResponse(f"/t/{answer.code}?new=1", 303)


def _about(hub: Hub, code: str) -> Asset | None:
    if not code:
        return None
    with hub.db.reading() as connection:
        return assets.get(connection, code[:60])


@router.get("/track")
@router.get("/en/track")
def track(request: Request, _: Public, code: str = "") -> Response:
    if code:
        return RedirectResponse(f"/t/{typed_code(code)[:20]}", 303)
    return page(request, "track.html", {"problem": None, "code": ""})


@router.get("/t/{code}")
def progress(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Show how far the matter has come, like a parcel."""
    try:
        with hub.db.transaction() as tx:
            found = browse.progress(tx, typed_code(code)[:20])
    except NotFound as refusal:
        view = {"problem": problem(refusal, language(request)), "code": code}
        return page(request, "track.html", view, status=404)
    city = hub.city()
    case = found.current
    return page(
        request, "progress.html",
        {
            "found": found, "case": case, "danger": danger_in(found.voice.text),
            "unit": city.units.get(case.unit) if case.unit is not None else None,
            "category": city.category_name(case.category), "problem": None,
        },
    )  # fmt: skip


@router.post("/t/{code}/rate")
def rate(
    hub: TheHub, _: Public, code: str, solved: Annotated[str, Form()] = "",
    satisfied: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep whether it was solved and how satisfied the reporter is, apart."""
    form = acts.Form(
        solved={"yes": True, "no": False}.get(solved),
        satisfied=int(satisfied) if satisfied in "12345" and satisfied else None,
    )
    return _reporter_acts(hub, code, Act.RATE, form)


@router.post("/t/{code}/reopen")
def reopen(hub: TheHub, _: Public, code: str, reason: Annotated[str, Form()] = "") -> Response:
    return _reporter_acts(hub, code, Act.REOPEN, acts.Form(reason=reason[:2000]))


@router.get("/photos/{code}/{photo_id}")
def photo(hub: TheHub, _: Public, code: str, photo_id: int) -> Response:
    """Show a photo of the case a tracking code belongs to."""
    with hub.db.transaction() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
        if photo_id not in {p.id for p in found.photos}:
            raise NotFound("photo", photo_id)
        kept = vault.photo(tx, photo_id)
    if kept is None:
        raise NotFound("photo", photo_id)
    return Response(kept[2], media_type=kept[1], headers={"Cache-Control": "private, max-age=3600"})


def _reporter_acts(hub: Hub, code: str, act: Act, form: acts.Form) -> Response:
    with hub.db.writing() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
        acts.act(tx, hub.city(), found.current.id, act, by=A_REPORTER, at=hub.clock(), form=form)
    return RedirectResponse(f"/t/{found.code}", 303)


async def _picture(file: UploadFile) -> pictures.Picture:
    data = await file.read(pictures.MAX_UPLOAD + 1)
    return await asyncio.to_thread(pictures.clean, data, name=file.filename or "", field="photo")


def _keep(hub: Hub, receipt: Receipt, photos: list[pictures.Picture]) -> None:
    with hub.db.transaction() as tx:
        for picture in photos:
            vault.add_photo(
                tx, receipt.case, report=receipt.report, step="report", sha256=picture.sha256,
                mime=picture.mime, width=picture.width, height=picture.height, data=picture.data,
                at=hub.clock(),
            )  # fmt: skip


def _category(hub: Hub, text: str, group: str) -> str | None:
    """Return the category the words name within the group chosen; None leaves it to a person."""
    codes: Any = next((g.codes for g in DOOR_GROUPS if g.key == group), None)
    if codes is None:
        return None
    guesses = hub.city().guesses(text)
    return next((g.category.code for g in guesses if g.category.code in codes), None)


def _degrees(field: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise BadField(field, text, why="degrees, such as 113.62") from None
