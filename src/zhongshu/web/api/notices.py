"""Notices: one's own list, what is read, and who would be told of a case and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Case
from zhongshu.core.escalation import Found, Post
from zhongshu.core.notices import MANDATORY, NoticeKind
from zhongshu.flow import browse
from zhongshu.flow import notices as flow
from zhongshu.flow.city import City
from zhongshu.store.notices import Kept, NoticeFilter
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["notices"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class ReadIn(BaseModel):
    """Which notices are read: these, or with `all` every one of a kind (or of any)."""

    model_config = ConfigDict(extra="forbid")

    ids: list[int] = []
    all: bool = False
    kind: str = ""
    urgent: bool = False


class MutesIn(BaseModel):
    """All the kinds one has switched off for oneself."""

    model_config = ConfigDict(extra="forbid")

    kinds: list[str]


@router.get("/notices")
def notices(request: Request, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """List one's own notices, unread first. Filters: `kind`, `urgent`, `unread`, and `waiting`
    for those that quiet hours still hold back.
    """
    query = request.query_params
    with hub.db.transaction() as tx:
        found = flow.inbox(
            tx, actor, notice_filter(query), now=hub.clock(), after=after_of(query),
            limit=wanted.limit(query),
        )  # fmt: skip
    return {
        "notices": [as_json(n, found.cases) for n in found.notices],
        "next": next_of(found.next), "unread": found.unread, "count": found.wanted,
        "waiting": found.waiting, "released": found.released,
    }  # fmt: skip


@router.get("/notices/count")
def count(actor: Reader, hub: TheHub) -> dict[str, int]:
    """Return how many notices wait: what the bell shows."""
    with hub.db.reading() as connection:
        return {"unread": flow.unread(connection, actor, now=hub.clock())}


@router.post("/notices/read")
def read(body: ReadIn, actor: Reader, hub: TheHub) -> dict[str, int]:
    """Mark notices of one's own as read. Nobody else is shown whether they were."""
    if not body.ids and not body.all:
        raise BadField("ids", None, why="name notices, or say all")
    asked = NoticeFilter(kind=kind_of(body.kind), urgent=body.urgent)
    with hub.db.transaction() as tx:
        marked = flow.read(tx, actor, asked, ids=None if body.all else body.ids, now=hub.clock())
    return {"read": marked}


@router.get("/notices/kinds")
def kinds(actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """List the kinds of notice, which one has switched off, and which nobody can."""
    with hub.db.transaction() as tx:
        off = flow.muted(tx, actor)
    return [
        {"kind": kind, "mandatory": kind in MANDATORY, "on": kind not in off} for kind in NoticeKind
    ]


@router.put("/notices/kinds")
def mute(body: MutesIn, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Switch these kinds off for oneself, and all others on."""
    with hub.db.transaction() as tx:
        flow.mute(tx, actor, [NoticeKind(kind_of(kind)) for kind in body.kinds])
    return kinds(actor, hub)


@router.get("/cases/{number}/escalation")
def escalation(number: str, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return who would be told at each rung of the running clocks of a case, when and why.
    Nothing is sent.
    """
    city, now = hub.city(), hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        case = browse.case(tx, actor.sight, number)
        steps = flow.explained(tx, city, case, now=now)
    return {
        "case": case.number,
        "rungs": [
            {
                "clock": step.clock.kind, "rung": step.rung, "at": step.at, "passed": step.passed,
                "supervision": step.rule.level,
                "told": [
                    {"audience": audience, **_found(found, case, step, city)}
                    for audience, found in step.told
                ],
            }
            for step in steps
        ],
    }  # fmt: skip


def _found(found: Found, case: Case, step: flow.Step, city: City) -> dict[str, Any]:
    return {
        "posts": [
            {
                **_post(post, city),
                "quiet_until": flow.quiet_until(city, case, post, step.at),
            }
            for post in found.posts
        ],
        "vacant": [_post(post, city) for post in found.vacant], "instead": found.instead,
    }  # fmt: skip


def _post(post: Post, city: City) -> dict[str, Any]:
    area = city.tree.by_id.get(post.area) if post.area is not None else None
    return {
        "post": post.id, "duty": post.duty, "zh": post.name.zh, "en": post.name.en,
        "area": area.code if area else None, "unit": city.code_of(post.unit) or None,
        "held": len(post.holders),
    }  # fmt: skip


def as_json(notice: Kept, cases: Mapping[int, Case]) -> dict[str, Any]:
    case = cases.get(notice.case_id) if notice.case_id is not None else None
    return {
        "id": notice.id, "kind": notice.kind, "urgent": notice.urgent, "at": notice.at,
        "due_from": notice.due_from, "held": notice.held, "read_at": notice.read_at,
        "post": notice.post, "says": notice.says,
        "case": case and {"number": case.number, "stage": case.stage, "title": case.title},
    }  # fmt: skip


def notice_filter(query: Mapping[str, str]) -> NoticeFilter:
    """Return the filter a query means."""
    return NoticeFilter(
        kind=kind_of(query.get("kind", "")), urgent=wanted.yes(query.get("urgent", "")),
        unread=wanted.yes(query.get("unread", "")), waiting=wanted.yes(query.get("waiting", "")),
    )  # fmt: skip


def kind_of(text: str) -> str:
    if text and text not in list(NoticeKind):
        raise BadField("kind", text, why=f"one of: {', '.join(NoticeKind)}")
    return text


def after_of(query: Mapping[str, str]) -> tuple[bool, int] | None:
    """Read what `next_of` wrote."""
    text = query.get("after", "")
    if not text:
        return None
    state, _, number = text.partition("-")
    if state not in ("unread", "read") or not (number.isascii() and number.isdigit()):
        raise BadField("after", text, why="use the “next” of the page before")
    return state == "unread", int(number[:18])


def next_of(key: tuple[bool, int] | None) -> str | None:
    return None if key is None else f"{'unread' if key[0] else 'read'}-{key[1]}"
