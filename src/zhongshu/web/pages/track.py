"""Following a report by its code, like a parcel: how far it is, and the reporter's say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, NotFound
from zhongshu.core.cases import Act
from zhongshu.core.cases.voices import WITH_REASON
from zhongshu.core.catalogue import danger_in
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.intake import typed_code
from zhongshu.flow import acts, browse
from zhongshu.store import vault
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem
from zhongshu.web.vocabulary import OTHERS_STEPS

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]


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
