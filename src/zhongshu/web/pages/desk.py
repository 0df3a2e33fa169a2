"""The desk: the queue with its filters, and the case with its acts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import NEEDS_REASON, OPEN, Act, Filter, Order, Outcome, Stage
from zhongshu.core.cases.evidence import PhotoStep, step_of, step_with
from zhongshu.core.intake import Channel
from zhongshu.core.privacy import Purpose
from zhongshu.core.procedures import ARRIVE_WITHIN, LEVELS, PATHS, Move
from zhongshu.flow import browse, contacts, evidence, proceedings, views
from zhongshu.flow.acts import Cause
from zhongshu.flow.bulk import through
from zhongshu.store import cases as store
from zhongshu.store import views as kept_views
from zhongshu.web import shots, wanted
from zhongshu.web.api import photos as photo_api
from zhongshu.web.api import views as views_api
from zhongshu.web.api.acts import ActIn, done, form_of
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import page
from zhongshu.web.problems import BadField

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
PAGE = 50
#: The files of a form's field, by name and content.
Files = list[tuple[str, bytes]]
#: So many saved views show their count; each is a question to the database.
COUNTED = 12
#: The desk's own views: a name, and the query behind it.
VIEWS: tuple[tuple[str, str, Filter], ...] = (
    ("open", "open=1", Filter(open_only=True)),
    ("received", "stage=received", Filter(stages=frozenset({Stage.RECEIVED}))),
    ("waiting_place", "stage=waiting_place", Filter(stages=frozenset({Stage.WAITING_PLACE}))),
    ("not_ours", "stage=not_ours", Filter(stages=frozenset({Stage.NOT_OURS}))),
    ("filed", "stage=filed", Filter(stages=frozenset({Stage.FILED}))),
    ("dispatched", "stage=dispatched", Filter(stages=frozenset({Stage.DISPATCHED}))),
    ("in_hand", "stage=in_hand", Filter(stages=frozenset({Stage.IN_HAND}))),
    ("handled", "stage=handled", Filter(stages=frozenset({Stage.HANDLED}))),
    ("checked", "stage=checked", Filter(stages=frozenset({Stage.CHECKED}))),
)


@router.get("/desk")
def desk(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the queue, and beside it the case chosen."""
    query, city, now = dict(request.query_params), hub.city(), hub.clock()
    chosen = query.pop("case", "")
    asked = wanted.wanted(query or {"open": "1"}, city, now=now)
    order = wanted.order(query, default=Order.NEWEST if asked.stages - _open() else Order.DUE)
    with hub.db.seeing(actor.sight) as tx:
        listing = browse.listing(
            tx, actor.sight, asked, order=order, after=wanted.after(query), limit=PAGE
        )
        stages = store.count_by(tx, "stage", actor.sight, Filter(open_only=True))
        overdue = store.count(tx, actor.sight, Filter(overdue=now))
        held = store.count(tx, actor.sight, Filter(held=True))
        pending = store.count_pending(tx, actor.sight)
        count = store.count(tx, actor.sight, asked)
        kept = [
            {"view": view, "count": views_api.count(tx, actor, view.query, hub) if n < COUNTED else None}
            for n, view in enumerate(kept_views.offered(tx, actor.account))
        ]  # fmt: skip
        clocks = store.running(tx, [case.id for case in listing.cases])
        sheet = browse.sheet(tx, city, actor, chosen, now=now) if chosen else None
    query.pop("after", None)
    return page(
        request, "desk.html",
        {
            "listing": listing, "sheet": sheet, "query_text": urlencode(query), "asked": query,
            "clocks": clocks, "kept": kept, "views": _views(stages, overdue, held, pending), "count": count, "channels": _channels(),
            **_city_lists(hub), **_sheet_words(sheet, actor, now),
        },
    )  # fmt: skip


@router.post("/desk/views")
async def keep_view(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Keep the list as it is filtered now, under a title."""
    sent = await request.form()
    query = wanted.canonical(str(sent.get("query", "")), hub.city(), now=hub.clock())
    await asyncio.to_thread(
        _keep, hub, actor, str(sent.get("title", "")), query, shared=bool(sent.get("shared"))
    )
    return RedirectResponse(f"/desk?{query}", 303)


@router.post("/desk/views/{view}/drop")
def drop_view(hub: TheHub, actor: Reader, view: int) -> Response:
    """Drop a view of one's own."""
    with hub.db.transaction() as tx:
        views.drop(tx, actor, view)
    return RedirectResponse("/desk", 303)


def _keep(hub: Hub, actor: Actor, title: str, query: str, *, shared: bool) -> None:
    with hub.db.transaction() as tx:
        views.keep(tx, actor, title=title, query=query, shared=shared, at=hub.clock())


@router.get("/desk/case/{number}")
def pane(request: Request, hub: TheHub, actor: Reader, number: str) -> Response:
    """Show one case as the right half of the desk (fetched by htmx)."""
    return _case_page(request, hub, actor, number, "case_pane.html")


@router.get("/cases/{number}")
def case(request: Request, hub: TheHub, actor: Reader, number: str) -> Response:
    """Show one case on a page of its own."""
    return _case_page(request, hub, actor, number, "case.html")


@router.post("/cases/{number}/acts/{act}")
async def do(request: Request, hub: TheHub, actor: Reader, number: str, act: str) -> Response:
    """Do one act from a form, then show the case again."""
    sent = await request.form()
    back = str(sent.get("back") or f"/cases/{number}")
    fields = {k: str(v) for k, v in sent.items() if k in ActIn.model_fields and str(v) != ""}
    files = {name: await shots.read(sent.getlist(name)) for name in ("photo_before", "photo")}
    await asyncio.to_thread(_do, hub, actor, number, act, fields, files)
    return _back_to(back)


@router.post("/cases/{number}/photos")
async def add_photos(request: Request, hub: TheHub, actor: Reader, number: str) -> Response:
    """Add photos from a form, then show the case again."""
    sent = await request.form()
    step, files = step_of(str(sent.get("step") or "")), await shots.read(sent.getlist("photo"))
    if files:
        await asyncio.to_thread(_add, hub, actor, number, step, files)
    return _back_to(str(sent.get("back") or f"/cases/{number}"))


@router.post("/cases/{number}/contact/{contact_id}")
def reveal(
    request: Request, hub: TheHub,
    actor: Annotated[Actor, Depends(Needs(Permission.CONTACT_REVEAL))], number: str, contact_id: int,
) -> Response:  # fmt: skip
    """Show a contact once, in the clear; that it was looked at is a fact of the case."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        shown = contacts.reveal(
            tx, found, contact_id, key=hub.key, by=through(actor, Act.NOTE, found),
            purpose=Purpose.CALL_BACK, at=hub.clock(),
        )  # fmt: skip
    return page(request, "contact.html", {"shown": shown, "number": number})


@router.get("/cases/{number}/photos/{photo_id}")
def photo(hub: TheHub, actor: Reader, number: str, photo_id: int) -> Response:
    """Show a photo of a case in sight."""
    return photo_api.picture(hub, actor, number, photo_id)


def _case_page(request: Request, hub: Hub, actor: Actor, number: str, template: str) -> Response:
    with hub.db.seeing(actor.sight) as tx:
        sheet = browse.sheet(tx, hub.city(), actor, number, now=hub.clock())
    return page(
        request,
        template,
        {"sheet": sheet, **_city_lists(hub), **_sheet_words(sheet, actor, hub.clock())},
    )


def _add(hub: Hub, actor: Actor, number: str, step: PhotoStep, files: Files) -> None:
    photos = shots.of_files(files, step=step)
    with hub.db.seeing(actor.sight) as tx:
        photo_api.keep(tx, hub, actor, number, photos)


def _do(
    hub: Hub, actor: Actor, number: str, act: str, fields: dict[str, str], files: dict[str, Files]
) -> None:
    try:
        what = Act(act)
    except ValueError:
        raise BadField("act", act, why=f"one of: {', '.join(Act)}") from None
    city = hub.city()
    photos = [
        *shots.of_files(files["photo_before"], step=PhotoStep.BEFORE),
        *shots.of_files(files["photo"], step=step_with(what)),
    ]
    form = replace(form_of(ActIn.model_validate(fields), city), photos=tuple(photos))
    with hub.db.seeing(actor.sight) as tx:
        done(tx, hub, actor, number, what, form)


def _back_to(back: str) -> Response:
    """Go back to where the form stood, and nowhere outside."""
    return RedirectResponse(
        back if back.startswith("/") and not back.startswith("//") else "/desk", 303
    )


def _views(
    stages: dict[str, int], overdue: int, held: int, pending: dict[str, int]
) -> list[dict[str, Any]]:
    views = [
        {"key": key, "query": query, "count": stages.get(key, 0)} for key, query, _ in VIEWS[1:]
    ]
    return [
        {"key": "open", "query": "open=1", "count": sum(stages.values())},
        *views,
        {"key": "overdue", "query": "overdue=1", "count": overdue},
        {"key": "held", "query": "held=1", "count": held},
        *({"key": kind, "query": f"pending={kind}", "count": n} for kind, n in pending.items()),
        {"key": "closed", "query": "stage=closed&order=newest", "count": None},
    ]


def _city_lists(hub: Hub) -> dict[str, Any]:
    city = hub.city()
    return {
        "categories": [c for c in city.catalogue.categories if c.active],
        "units": [u for u in city.units.values() if u.active],
        "districts": wanted.districts(city),
    }


def _sheet_words(sheet: browse.Sheet | None, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return what the page of a case asks for besides the case itself."""
    if sheet is None:
        return {}
    case = sheet.case
    return {
        "NEEDS_REASON": NEEDS_REASON, "Outcome": Outcome, "PATHS": PATHS, "Move": Move,
        "ARRIVE_WITHIN": ARRIVE_WITHIN,
        "Cause": Cause, "moves": lambda procedure: proceedings.offered(procedure, case, actor),
        "beginnings": proceedings.beginnings(case, actor, at=now),
        "levels": proceedings.levels_for(case, actor), "LEVELS": LEVELS,
        "shown": evidence.arranged(sheet.photos, sheet.facts, case.id),
        "photo_steps": evidence.steps_for(case, actor),
    }  # fmt: skip


def _channels() -> list[str]:
    return list(Channel)


def _open() -> frozenset[Stage]:
    return OPEN
