"""Following a report by its code, like a parcel: how far it is, its receipt, the reporter's say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, NotFound
from zhongshu.core.cases import Act, Case
from zhongshu.core.cases.clocks import Clock, ClockKind, ClockState
from zhongshu.core.cases.voices import WITH_REASON
from zhongshu.core.catalogue import danger_in
from zhongshu.core.facts import A_REPORTER, Kind
from zhongshu.core.intake import shown_code, typed_code
from zhongshu.flow import acts, browse, contacts
from zhongshu.flow.city import City
from zhongshu.store import vault
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page, root, said
from zhongshu.web.problems import problem
from zhongshu.web.receipt import calendar, qr
from zhongshu.web.vocabulary import N_, OTHERS_STEPS

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
REMEMBER = N_("Look at my report")


@router.get("/track")
@router.get("/en/track")
def track(request: Request, _: Public, code: str = "") -> Response:
    if code:
        return RedirectResponse(f"{root(request)}/t/{typed_code(code)[:20]}", 303)
    return page(request, "track.html", {"problem": None, "code": ""})


@router.get("/t/{code}")
@router.get("/en/t/{code}")
def progress(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Show how far the matter has come, like a parcel; with a receipt right after reporting."""
    try:
        with hub.db.transaction() as tx:
            found = browse.progress(tx, typed_code(code)[:20])
            reachable = contacts.kept(tx, found.voice)
    except NotFound as refusal:
        view = {"problem": problem(refusal, language(request)), "code": code}
        return page(request, "track.html", view, status=404)
    return page(request, "progress.html", _view(request, hub, found) | {"reachable": reachable})


@router.get("/t/{code}/calendar.ics")
def remember(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Return an entry for a calendar: when to look again, and where."""
    with hub.db.transaction() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
    clock = running(found.current)
    text = calendar(
        found.code, _address(request, found.code), due=clock.due_at if clock else None,
        now=hub.clock(), words=said(REMEMBER, language(request)),
    )  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="{shown_code(found.code)}.ics"'}
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)


@router.post("/t/{code}/rate")
@router.post("/en/t/{code}/rate")
def rate(
    request: Request, hub: TheHub, _: Public, code: str, solved: Annotated[str, Form()] = "",
    satisfied: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep whether it was solved and how satisfied the reporter is, apart."""
    form = acts.Form(
        solved={"yes": True, "no": False}.get(solved),
        satisfied=int(satisfied) if satisfied in "12345" and satisfied else None,
    )
    return _reporter_acts(request, hub, code, Act.RATE, form)


@router.post("/t/{code}/reopen")
@router.post("/en/t/{code}/reopen")
def reopen(
    request: Request, hub: TheHub, _: Public, code: str, reason: Annotated[str, Form()] = ""
) -> Response:
    return _reporter_acts(request, hub, code, Act.REOPEN, acts.Form(reason=reason[:2000]))


@router.post("/t/{code}/erase")
@router.post("/en/t/{code}/erase")
def erase(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Erase the reporter's contact at once; the report itself goes on."""
    # Not `writing`: whether there was anything to erase is read from the answer.
    with hub.db.transaction() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
        contacts.erase_own(tx, found.voice, at=hub.clock())
    return RedirectResponse(f"{root(request)}/t/{found.code}?erased=1", 303)


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


def running(case: Case) -> Clock | None:
    """Return the clock that runs for whoever has the case now."""
    found = (
        c for c in case.clocks if c.state is ClockState.RUNNING and c.kind is not ClockKind.WHOLE
    )
    return next(found, None)


def _view(request: Request, hub: Hub, found: browse.Progress) -> dict[str, Any]:
    city, case = hub.city(), found.current
    refused = [f.says.get("reason") for f in found.facts if f.kind is Kind.REJECTED]
    fresh = "new" in request.query_params or "receipt" in request.query_params
    return {
        "found": found, "case": case, "danger": danger_in(found.voice.text), "problem": None,
        "unit": city.units.get(case.unit) if case.unit is not None else None,
        "category": city.category_name(case.category), "clock": running(case),
        "refused": refused[-1] if refused and case.stage == "rejected" else None,
        "until": _still_until(city, case, hub.clock()), "fresh": fresh,
        "address": _address(request, found.code),
        "qr": qr(_address(request, found.code)) if fresh else "",
        "own": [p for p in found.photos if p.step != "after"],
        "done": [p for p in found.photos if p.step == "after"],
        "WITH_REASON": WITH_REASON, "OTHERS": OTHERS_STEPS,
    }  # fmt: skip


def _still_until(city: City, case: Case, now: datetime) -> datetime | None:
    """Return until when the reporter may have it worked on anew; None where he may not."""
    until = acts.reopen_until(city, case)
    open_now = case.stage in ("closed", "rejected") and (until is None or now <= until)
    return until if open_now else None


def _address(request: Request, code: str) -> str:
    """Return where the report can be followed, as a phone needs it."""
    return f"{str(request.base_url).rstrip('/')}{root(request)}/t/{code}"


def _reporter_acts(
    request: Request, hub: Hub, code: str, act: Act, form: acts.Form
) -> Response:  # fmt: skip
    with hub.db.writing() as tx:
        found = browse.progress(tx, typed_code(code)[:20])
        acts.act(tx, hub.city(), found.current.id, act, by=A_REPORTER, at=hub.clock(), form=form)
    return RedirectResponse(f"{root(request)}/t/{found.code}#say", 303)
