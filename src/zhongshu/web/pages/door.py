"""The door: where residents report, track, rate and reopen. No script is needed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from zhongshu.core import pictures
from zhongshu.core.access import Actor, Duty, NotFound, Sight
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Act
from zhongshu.core.cases.voices import WITH_REASON
from zhongshu.core.catalogue import DOOR_GROUPS, danger_in
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.intake import Channel, Draft, read, typed_code
from zhongshu.core.values import Refused
from zhongshu.flow import acts, browse, same, waiting
from zhongshu.flow.intake import Receipt
from zhongshu.store import assets, reports, vault
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem
from zhongshu.web.vocabulary import OTHERS_STEPS

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
MOST_PHOTOS = 3
#: Bytes of the key a form carries, so that pressing twice sends one report.
_TOKEN_BYTES = 12
_EMPTY = {
    "text": "", "group": "", "address": "", "lon": "", "lat": "", "contact": "", "held": "",
    "asset": "", "tell": "",
}  # fmt: skip


@router.get("/")
@router.get("/en")
def home(request: Request, _: Public) -> Response:
    return page(request, "home.html", {"problem": None})


@router.get("/report")
@router.get("/en/report")
def form(request: Request, hub: TheHub, _: Public, asset: str = "") -> Response:
    """Show the form; a plate's code in the address (as its QR has it) says what it is about."""
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
        photos = [await _picture(file) for file in (photo or [])[:MOST_PHOTOS] if file.filename]
        draft = Draft(
            text=text, channel=_channel(actor), lon=_degrees("lon", lon), lat=_degrees("lat", lat),
            address=address, contact=contact, lang=language(request), source="web",
            category=_category(hub, text, group), key=token or None, joins=joins,
            asset=asset.strip() or None, tell=bool(tell),
        )  # fmt: skip
        known = await asyncio.to_thread(_known, hub, actor, draft, group) if not joins else []
        if photos and (known or held):
            key = await asyncio.to_thread(_wait, hub, held, photos)
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
    lost = await asyncio.to_thread(_keep, hub, answer, photos, str(said["held"]))
    return RedirectResponse(f"/t/{answer.code}?new=1{'&lost=1' if lost else ''}", 303)


@router.post("/report/near")
@router.post("/en/report/near")
def near(
    request: Request, hub: TheHub, actor: Public, text: Annotated[str, Form()] = "",
    group: Annotated[str, Form()] = "", lon: Annotated[str, Form()] = "",
    lat: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Show what is known already at a place while a report is being written."""
    try:
        draft = Draft(
            text=text or "…", lon=_degrees("lon", lon), lat=_degrees("lat", lat),
            category=_category(hub, text, group),
        )  # fmt: skip
        known = _known(hub, actor, draft, group)
    except Refused:  # what is not finished yet is no mistake yet
        known = []
    return page(request, "known_near.html", {"known": known})


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
            "WITH_REASON": WITH_REASON, "OTHERS": OTHERS_STEPS,
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


def _known(hub: Hub, actor: Actor | None, draft: Draft, group: str) -> list[dict[str, Any]]:
    """Return what is known already at the place of a draft; for staff, the case too.

    Danger is not to be kept waiting by a question: such a report goes straight in.
    """
    report = read(draft, now=hub.clock())
    city = hub.city()
    if report.place is None or danger_in(report.text) or city.where(report.place) is None:
        return []
    codes = next((g.codes for g in DOOR_GROUPS if g.key == group), ())
    with hub.db.transaction() as tx:
        # Pressed twice: it is sent already, and its receipt is the answer.
        if report.key and reports.known(tx, [(report.source, report.key)]):
            return []
        found = same.known_here(
            tx, city, report.place, at=report.at, text=report.text, code=report.category or "",
            group=codes,
        )  # fmt: skip
    sight = actor.sight if actor is not None else Sight()
    return [
        {
            "is": same.told(m, city),
            "case": m.case
            if sight.covers(area_code=m.case.area_code, unit=m.case.unit, involved=m.case.involved)
            else None,
        }
        for m in found
    ]


def _wait(hub: Hub, held: str, photos: list[pictures.Picture]) -> str:
    """Let photos wait while a question is asked; return their key, empty without room."""
    with hub.db.transaction() as tx:
        return waiting.hold(tx, held, photos, at=hub.clock(), random=hub.random)


def _channel(actor: Actor | None) -> Channel:
    """Return the door a report comes through: the same form serves the hotline's agents."""
    duties = {h.duty for h in actor.holdings} if actor is not None else set[Duty]()
    return Channel.HOTLINE if Duty.HOTLINE in duties else Channel.WEB


def _keep(hub: Hub, receipt: Receipt, photos: list[pictures.Picture], held: str) -> bool:
    """Keep the photos of a report; say whether some that waited are gone."""
    if receipt.again or not (photos or held):
        return False
    with hub.db.transaction() as tx:
        for picture in photos:
            vault.add_photo(
                tx, receipt.case, report=receipt.report, step="report", sha256=picture.sha256,
                mime=picture.mime, width=picture.width, height=picture.height, data=picture.data,
                at=hub.clock(),
            )  # fmt: skip
        return bool(held) and not waiting.claim(tx, held, receipt, at=hub.clock())


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
