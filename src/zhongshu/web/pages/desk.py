"""The desk: the queue with its filters, and the case with its acts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import NEEDS_REASON, OPEN, Act, Filter, Order, Outcome, Stage
from zhongshu.core.cases.evidence import PhotoStep, step_of, step_with
from zhongshu.core.intake import Channel
from zhongshu.core.privacy import Purpose
from zhongshu.core.procedures import ARRIVE_WITHIN, LEVELS, PATHS, Move
from zhongshu.core.replies import FOR, Reply
from zhongshu.flow import (
    acts,
    advice,
    browse,
    contacts,
    evidence,
    openings,
    proceedings,
    replies,
    undo,
    views,
)
from zhongshu.flow.acts import Cause
from zhongshu.flow.bulk import through
from zhongshu.flow.city import City
from zhongshu.store import accounts, facts
from zhongshu.store import cases as store
from zhongshu.store import views as kept_views
from zhongshu.store.db import Tx
from zhongshu.web import columns, shots, wanted
from zhongshu.web.api import photos as photo_api
from zhongshu.web.api import views as views_api
from zhongshu.web.api.acts import ActIn, act_of, done, form_of
from zhongshu.web.api.replies import text_for
from zhongshu.web.forms import Sent, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.pages import many
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
PAGE = 50
#: So many cases go on paper.
PRINTED = 500
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
    chosen, key = query.pop("case", ""), wanted.after(query)
    query, asked, order = _asked(query, city, now)
    with hub.db.seeing(actor.sight) as tx:
        listing = browse.listing(tx, actor.sight, asked, order=order, after=key, limit=PAGE)
        view = _rail(tx, hub, actor, now) | {
            "count": store.count(tx, actor.sight, asked),
            "clocks": store.running(tx, [case.id for case in listing.cases]),
        }
        sheet = browse.sheet(tx, city, actor, chosen, now=now) if chosen else None
        view["replies"] = _by_act(tx) if sheet else {}
        toast = _toast(city, actor, sheet, now) if sheet else None
        hint = advice.advice(tx, city, actor, sheet, now=now) if sheet else None
    with hub.db.transaction() as tx:
        also = openings.opened(tx, actor, sheet, at=now) if sheet else ()
        here = openings.here(tx, actor, [case.id for case in listing.cases], at=now)
    return page(
        request, "desk.html",
        {
            **view, "listing": listing, "query_text": urlencode(query), "asked": query or _OPEN,
            "order": order, "orders": list(Order), "channels": _channels(), "many": many.offered(actor),
            "sheet": sheet, "toast": toast, "advice": hint, "also": also, "here": here, "first": key is None,
            **_city_lists(hub), **_sheet_words(sheet, actor, now),
        },
    )  # fmt: skip


@router.get("/desk/print")
def printed(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the filtered list on one sheet of paper, with what was asked for, when and by whom."""
    city, now, lang = hub.city(), hub.clock(), language(request)
    query, asked, order = _asked(dict(request.query_params), city, now)
    query = query or _OPEN
    with hub.db.seeing(actor.sight) as tx:
        listing = browse.listing(tx, actor.sight, asked, order=order, after=None, limit=PRINTED)
        count = store.count(tx, actor.sight, asked)
        clocks = store.running(tx, [case.id for case in listing.cases])
    return page(
        request, "print.html",
        {
            "cases": listing.cases, "count": count, "clocks": clocks, "back": f"/desk?{urlencode(query)}",
            "about": columns.filter_words(query, city, lang),
        },
    )  # fmt: skip


#: What the desk shows where nothing is asked for.
_OPEN = {"open": "1"}


def _asked(
    query: Mapping[str, str], city: City, now: datetime
) -> tuple[dict[str, str], Filter, Order]:
    """Return the words of a query that ask for cases, what they mean, and the order."""
    words = {k: v for k, v in query.items() if k in (*wanted.WORDS, "order") and v}
    asked = wanted.wanted(words or _OPEN, city, now=now)
    order = wanted.order(words, default=Order.CLOCK if _of_open(asked) else Order.NEWEST)
    return words, asked, order


def _of_open(asked: Filter) -> bool:
    """Say whether a filter asks for open cases only: those have a clock to be ordered by."""
    return (
        asked.open_only
        or asked.overdue is not None
        or bool(asked.stages and not asked.stages - OPEN)
    )


def _rail(tx: Tx, hub: Hub, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the queues and the saved views, each with its count now; pinned ones first."""
    kept = kept_views.offered(tx, actor.account)
    stages = store.count_by(tx, "stage", actor.sight, Filter(open_only=True))
    overdue = store.count(tx, actor.sight, Filter(overdue=now))
    held = store.count(tx, actor.sight, Filter(held=True))
    return {
        "views": _views(stages, overdue, held, store.count_pending(tx, actor.sight)),
        "kept": [
            {"view": view, "count": views_api.count(tx, actor, view.query, hub) if n < COUNTED else None}
            for n, view in enumerate(kept)
        ],
    }  # fmt: skip


def _toast(city: City, actor: Actor, sheet: browse.Sheet, now: datetime) -> dict[str, Any] | None:
    """Return what can still be taken back of what the actor just did to a case; with the
    seconds that are left.
    """
    was = undo.offered(city, actor, sheet.facts, at=now)
    if was is None:
        return None
    return {"case": sheet.case, "undo": was, "left": max(1.0, (was.until - now).total_seconds())}


@router.get("/desk/here")
def here(
    hub: TheHub, actor: Reader, case: Annotated[list[str] | None, Query()] = None, at: str = ""
) -> Response:
    """Return who else has these cases open, by number; ``at`` is the case one has open oneself,
    which stays so.
    """
    now = hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        ids = [browse.number_id(number) for number in (case or [])[:PAGE]]
        seen = {found.id: found.number for found in store.in_sight(tx, actor.sight, ids)}
        mine = browse.case(tx, actor.sight, at) if at else None
    with hub.db.transaction() as tx:
        if mine is not None:
            openings.still(tx, actor, mine.id, at=now)
        names = openings.here(tx, actor, list(seen), at=now)
    return JSONResponse({seen[one]: list(who) for one, who in names.items()})


@router.post("/desk/views")
def keep_view(hub: TheHub, actor: Reader, sent: Sent) -> Response:
    """Keep the list as it is filtered now, under a title."""
    query = wanted.canonical(text(sent, "query"), hub.city(), now=hub.clock())
    title, shared = text(sent, "title"), bool(text(sent, "shared"))
    with hub.db.transaction() as tx:
        views.keep(tx, actor, title=title, query=query, shared=shared, at=hub.clock())
    return RedirectResponse(f"/desk?{query}", 303)


@router.post("/desk/views/{view}/pin")
def pin_view(hub: TheHub, actor: Reader, view: int, sent: Sent) -> Response:
    """Keep a view on top of one's own list, or let it go back to its place."""
    with hub.db.transaction() as tx:
        views.pin(tx, actor, view, on=text(sent, "on") == "1")
    return _back_to(text(sent, "back") or "/desk")


@router.post("/desk/views/{view}/drop")
def drop_view(hub: TheHub, actor: Reader, view: int) -> Response:
    """Drop a view of one's own."""
    with hub.db.transaction() as tx:
        views.drop(tx, actor, view)
    return RedirectResponse("/desk", 303)


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
    """Do one act from a form, then show the case again. Where somebody was first, show what
    has changed since, and keep what was written.
    """
    sent = await request.form()
    back = str(sent.get("back") or f"/cases/{number}")
    fields = {k: str(v) for k, v in sent.items() if k in ActIn.model_fields and str(v) != ""}
    files = {name: await shots.read(sent.getlist(name)) for name in ("photo_before", "photo")}
    try:
        await asyncio.to_thread(_do, hub, actor, number, act, fields, files)
    except acts.Moved as moved:
        view = {
            "problem": problem(moved, language(request)), "back": wanted.inside(back, "/desk"),
            "photos": sum(map(len, files.values())),
        }  # fmt: skip
        return await asyncio.to_thread(_moved, request, hub, actor, number, act, fields, view)
    return _back_to(back)


def _moved(
    request: Request, hub: Hub, actor: Actor, number: str, act: str, fields: dict[str, str],
    view: dict[str, Any],
) -> Response:  # fmt: skip
    """Show the loser of a race what changed since, and what he wrote."""
    seen = int(fields.pop("version", "0"))
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        since = [fact for fact in facts.of_case(tx, found.id) if fact.seq > seen]
        names = accounts.names(tx, sorted({f.by.account for f in since if f.by.account}))
        may = browse.acts_for(found, actor, parts_open=acts.parts_open(tx, found))
    view |= {
        "case": found, "since": since, "names": names, "act": act, "fields": fields,
        "may": act in may, "may_note": Act.NOTE in may,
    }  # fmt: skip
    return page(request, "moved.html", view, status=acts.Moved.status)


@router.post("/cases/{number}/undo")
def take_back(hub: TheHub, actor: Reader, number: str, sent: Sent) -> Response:
    """Take back one's own last act while its window is open, then show the case again."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        undo.undo(tx, city, actor, number, at=hub.clock())
    return _back_to(text(sent, "back") or f"/cases/{number}")


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
    now = hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        sheet = browse.sheet(tx, hub.city(), actor, number, now=now)
        offered = _by_act(tx)
        toast = _toast(hub.city(), actor, sheet, now)
        hint = advice.advice(tx, hub.city(), actor, sheet, now=now)
    with hub.db.transaction() as tx:
        also = openings.opened(tx, actor, sheet, at=now)
    act, code = request.query_params.get("act", ""), request.query_params.get("reply", "")
    # Without a script a reply is filled in by the form asking for the page again.
    reply = text_for(hub, actor, number, code, language(request)) if code and act in FOR else ""
    return page(
        request, template,
        {
            **_city_lists(hub), **_sheet_words(sheet, actor, now), "sheet": sheet, "toast": toast,
            "advice": hint, "also": also, "replies": offered,
            "filled": {"act": act, "code": code, "text": reply} if reply else None,
        },
    )  # fmt: skip


def _add(hub: Hub, actor: Actor, number: str, step: PhotoStep, files: Files) -> None:
    photos = shots.of_files(files, step=step)
    with hub.db.seeing(actor.sight) as tx:
        photo_api.keep(tx, hub, actor, number, photos)


def _do(
    hub: Hub, actor: Actor, number: str, act: str, fields: dict[str, str], files: dict[str, Files]
) -> None:
    what = act_of(act)
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
    return RedirectResponse(wanted.inside(back, "/desk"), 303)


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
        {"key": "closed", "query": "stage=closed", "count": None},
    ]


def _city_lists(hub: Hub) -> dict[str, Any]:
    city = hub.city()
    return {
        "categories": [c for c in city.catalogue.categories if c.active],
        "units": [u for u in city.units.values() if u.active],
        "districts": wanted.districts(city),
    }


def _sheet_words(
    sheet: browse.Sheet | None, actor: Actor, now: datetime
) -> dict[str, Any]:  # fmt: skip
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
        "FOR": FOR, "filled": None,
    }  # fmt: skip


def _by_act(tx: Tx) -> dict[str, list[Reply]]:
    """Return the standard replies by the act whose form offers them."""
    offered = replies.offered(tx)
    return {act: [one for one in offered if act in one.acts] for act in FOR}


def _channels() -> list[str]:
    return list(Channel)
