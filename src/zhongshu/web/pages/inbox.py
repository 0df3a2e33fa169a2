"""The inbox: what one is told through one's posts, unread first, by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Duty, Permission
from zhongshu.core.cases import Case
from zhongshu.core.escalation import PATHS_UP
from zhongshu.core.notices import MANDATORY, NoticeKind
from zhongshu.core.texts import Medium
from zhongshu.flow import addresses
from zhongshu.flow import notices as flow
from zhongshu.flow.city import City
from zhongshu.store import cases as store
from zhongshu.store.notices import Kept, NoticeFilter
from zhongshu.web.api.messages import media_of
from zhongshu.web.api.notices import after_of, kind_of, next_of, notice_filter
from zhongshu.web.forms import Sent, text, texts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page
from zhongshu.web.problems import BadField

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
PAGE = 60


@dataclass(slots=True)
class Group:
    """Notices shown together: of one case, or (``since``) of one night and post as a list."""

    case: Case | None
    released: datetime | None = None
    notices: list[Kept] = field(default_factory=list[Kept])


@router.get("/inbox")
def inbox(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show one's own notices; without a word in the URL those that are unread."""
    query, now, city = dict(request.query_params), hub.clock(), hub.city()
    asked = notice_filter(query if "all" in query else {"unread": "1", **query})
    with hub.db.transaction() as tx:
        found = flow.inbox(tx, actor, asked, now=now, after=after_of(query), limit=PAGE)
        clocks = store.running(tx, [case.id for case in found.cases.values()])
        off = flow.muted(tx, actor)
        own = addresses.own(tx, actor)
    query.pop("after", None)
    return page(
        request, "inbox.html",
        {
            "found": found, "groups": _groups(found.notices, found.cases), "asked": query,
            "query_text": urlencode(query), "next_key": next_of(found.next), "clocks": clocks,
            "kinds": list(NoticeKind), "mandatory": MANDATORY, "off": off,
            "tells": _told_as(city, actor), "own": own, "media": media_of(hub),
            "push_key": hub.push_key,
        },
    )  # fmt: skip


@router.post("/inbox/read")
def read(hub: TheHub, actor: Reader, sent: Sent) -> Response:
    """Mark notices as read: those ticked, or all that the filter shows."""
    ids = texts(sent, "id")
    if not all(one.isascii() and one.isdigit() and len(one) < 19 for one in ids):
        raise BadField("id", ",".join(ids)[:100], why="numbers of notices")
    asked = NoticeFilter(kind=kind_of(text(sent, "kind")), urgent=text(sent, "urgent") == "1")
    every = text(sent, "all") == "1"
    with hub.db.transaction() as tx:
        flow.read(
            tx, actor, asked, ids=None if every else [int(one) for one in ids], now=hub.clock()
        )
    return _back(text(sent, "back"))


@router.post("/inbox/kinds")
def kinds(hub: TheHub, actor: Reader, on: Annotated[list[str] | None, Form()] = None) -> Response:
    """Keep which kinds one wants to be told of."""
    wanted = {NoticeKind(kind_of(kind)) for kind in on or []}
    with hub.db.transaction() as tx:
        flow.mute(tx, actor, set(NoticeKind) - wanted - MANDATORY)
    return _back("/inbox?kept=1#kinds")


@router.post("/inbox/media")
def media(hub: TheHub, actor: Reader, sent: Sent) -> Response:
    """Keep where else one is told, and of which kinds."""
    said = {m: text(sent, m) for m in (Medium.EMAIL, Medium.SMS)}
    drop, on = set(texts(sent, "drop")), set(texts(sent, "on"))
    off = [
        (m.value, k.value)
        for m in Medium for k in NoticeKind
        if m is not Medium.CHAT and k not in MANDATORY and f"{m}:{k}" not in on
    ]  # fmt: skip
    with hub.db.transaction() as tx:
        for medium, typed in said.items():
            if typed or medium in drop:
                addresses.keep(tx, actor.account, medium, typed, key=hub.key, random=hub.random, at=hub.clock())  # fmt: skip
        addresses.mute(tx, actor, off)
    return _back("/inbox?media=1#media")


@router.post("/inbox/browsers")
def browsers(hub: TheHub, actor: Reader) -> Response:
    """Let no browser of one's own be told any more."""
    with hub.db.transaction() as tx:
        addresses.drop_browsers(tx, actor.account)
    return _back("/inbox?media=1#media")


def _back(target: str) -> Response:
    return RedirectResponse(target if target.startswith("/inbox") else "/inbox", 303)


def _groups(notices: Sequence[Kept], cases: dict[int, Case]) -> list[Group]:
    """Put together what speaks of one case, in the order of its first; what a night held back
    comes first, as one list for each post.
    """
    nights: dict[tuple[int, datetime], Group] = {}
    found: dict[int | None, Group] = {}
    for notice in notices:
        case = cases.get(notice.case_id) if notice.case_id is not None else None
        if notice.held and notice.read_at is None:
            key = (notice.post, notice.due_from)
            nights.setdefault(key, Group(None, notice.due_from)).notices.append(notice)
        else:
            # Of what is not a case of the city each stands alone.
            place = notice.case_id if notice.case_id is not None else -notice.id
            found.setdefault(place, Group(case)).notices.append(notice)
    return [*nights.values(), *found.values()]


def _told_as(city: City, actor: Actor) -> list[str]:
    """Return what one's duties are told of: clocks with their rungs, then what else happens."""
    duties: set[Duty] = {held.duty for held in actor.holdings}
    mine = {audience for audience, path in PATHS_UP.items() if duties & set(path.duties)}
    clocks = [
        f"clock:{clock}:{rung}"
        for (clock, rung), row in city.rules.ladder.items()
        if mine & set(row.told)
    ]
    others = [name for name, row in city.rules.tellings.items() if mine & set(row.told)]
    return [*clocks, *others, *(["rule"] if Duty.ADMIN in duties else [])]
