"""People with access: accounts, posts and tenures, read and changed; the changes and their undoing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import people as flow
from zhongshu.flow import signin
from zhongshu.flow.city import City
from zhongshu.flow.people import Access
from zhongshu.store.accounts import Account, Post
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import governs, hand_of
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["people with access"])
STATES = ("", "open", "waiting", "blocked", "machine", "without")
Governor = Annotated[Actor, Depends(Needs(Permission.ACCOUNT_WRITE))]


class AccountIn(BaseModel):
    login: str = Field(examples=["li.ming"])
    name: str
    lang: Literal["zh", "en"] = "zh"


class NameIn(BaseModel):
    name: str


class PostIn(BaseModel):
    """A post on an area, in a unit, or (neither) for the whole city; both by code."""

    duty: str
    name_zh: str
    name_en: str = ""
    phone: str = Field("", description="a duty phone, never a person's")
    area: str = ""
    unit: str = ""


class AppointIn(BaseModel):
    account: int
    since: date
    until: date | None = Field(None, description="the first day on which it is no longer held")


class RelieveIn(BaseModel):
    account: int
    on: date
    held_from: datetime | None = Field(
        None, description="which tenure, where there are several; otherwise the first not over"
    )


@router.get("/accounts")
def accounts(request: Request, hub: TheHub, actor: Governor) -> list[dict[str, Any]]:
    """List accounts, narrowed by `text`, `state` and `duty` like the page."""
    governs(actor)
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    return [
        {
            "id": one.id, "login": one.login, "name": one.name, "state": state_of(found, one),
            "tenures": [
                {"post": t.post, "held_from": t.held_from, "held_until": t.held_until}
                for t in found.of_account(one.id)
            ],
        }
        for one in accounts_wanted(found, dict(request.query_params))
    ]  # fmt: skip


@router.post("/accounts", status_code=201)
def make(hub: TheHub, actor: Governor, sent: AccountIn) -> dict[str, Any]:
    """Make an account. `link` is the path of the one-time link; it is said this once."""
    token, written = new_token(hub)
    with hub.db.transaction() as tx:
        hand = hand_of(hub, governs(actor))
        made = flow.make(tx, hand, login=sent.login, name=sent.name, lang=sent.lang, token=token)
    return {"id": made, "link": f"/key/{written}"}


@router.post("/accounts/{account}/rekey")
def rekey(hub: TheHub, actor: Governor, account: int) -> dict[str, Any]:
    """Take password and sessions away; return the path of a new one-time link."""
    token, written = new_token(hub)
    with hub.db.transaction() as tx:
        flow.rekey(tx, hand_of(hub, governs(actor)), account, token=token)
    return {"id": account, "link": f"/key/{written}"}


@router.post("/accounts/{account}/block")
def block(hub: TheHub, actor: Governor, account: int) -> dict[str, Any]:
    """Let an account in no more."""
    with hub.db.transaction() as tx:
        flow.block(tx, hand_of(hub, governs(actor)), account)
    return {"id": account, "state": "blocked"}


@router.post("/accounts/{account}/unblock")
def unblock(hub: TheHub, actor: Governor, account: int) -> dict[str, Any]:
    """Let a blocked account in again."""
    with hub.db.transaction() as tx:
        flow.unblock(tx, hand_of(hub, governs(actor)), account)
    return {"id": account}


@router.post("/accounts/{account}/name")
def rename(hub: TheHub, actor: Governor, account: int, sent: NameIn) -> dict[str, Any]:
    """Give an account another name."""
    with hub.db.transaction() as tx:
        flow.rename(tx, hand_of(hub, governs(actor)), account, sent.name)
    return {"id": account}


@router.get("/posts")
def posts(request: Request, hub: TheHub, actor: Governor) -> list[dict[str, Any]]:
    """List posts, narrowed by `text`, `duty` and `which` (vacant, held, ended) like the page."""
    governs(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    return [post_said(found, city, p) for p in posts_wanted(found, city, dict(request.query_params))]  # fmt: skip


@router.post("/posts", status_code=201)
def make_post(hub: TheHub, actor: Governor, sent: PostIn) -> dict[str, Any]:
    """Make a post."""
    with hub.db.transaction() as tx:
        post = flow.make_post(
            tx, hand_of(hub, governs(actor)), duty=sent.duty, name_zh=sent.name_zh,
            name_en=sent.name_en, phone=sent.phone, **flow.placed(hub.city(), sent.area, sent.unit),
        )  # fmt: skip
    return {"id": post}


@router.post("/posts/{post}/appoint", status_code=201)
def appoint(hub: TheHub, actor: Governor, post: int, sent: AppointIn) -> dict[str, Any]:
    """Let an account hold a post from a day on."""
    with hub.db.transaction() as tx:
        held = flow.appoint(
            tx, hand_of(hub, governs(actor)), post, sent.account, since=sent.since, until=sent.until
        )
    return {"post": post, "held_from": held.held_from, "held_until": held.held_until}


@router.post("/posts/{post}/relieve")
def relieve(hub: TheHub, actor: Governor, post: int, sent: RelieveIn) -> dict[str, Any]:
    """Let an account hold a post no more from a day on."""
    with hub.db.transaction() as tx:
        flow.relieve(
            tx, hand_of(hub, governs(actor)), post, sent.account, on=sent.on,
            held_from=sent.held_from,
        )  # fmt: skip
    return {"post": post}


@router.post("/posts/{post}/end")
def end(hub: TheHub, actor: Governor, post: int) -> dict[str, Any]:
    """Let a post be no more."""
    with hub.db.transaction() as tx:
        flow.end_post(tx, hand_of(hub, governs(actor)), post)
    return {"post": post}


# ── read alike by page and API ───────────────────────────────────────────────────────


def new_token(hub: Hub) -> tuple[bytes, str]:
    """Return what a one-time link carries, and how it is written in one."""
    token = hub.random(signin.TOKEN_BYTES)
    return token, base64.urlsafe_b64encode(token).decode().rstrip("=")


def accounts_wanted(access: Access, query: Mapping[str, str]) -> list[Account]:
    """Return the accounts that are wanted, by sign-in name."""
    text, state, duty = (query.get(n, "").strip().lower() for n in ("text", "state", "duty"))
    if state not in STATES:
        raise BadField("state", state, why=f"one of: {', '.join(STATES[1:])}")
    return [
        one
        for one in access.accounts.values()
        if (not text or text in f"{one.login} {one.name}".lower())
        and (not state or state == state_of(access, one))
        and (
            not duty
            or any(access.posts[t.post].duty == duty for t in access.of_account(one.id) if t.holds(access.now))
        )
    ]  # fmt: skip


def state_of(access: Access, one: Account) -> str:
    """Return how an account stands, in a word."""
    if one.disabled_at is not None:
        return "blocked"
    if one.machine:
        return "machine"
    if not one.password:
        return "waiting"
    return "open" if any(t.holds(access.now) for t in access.of_account(one.id)) else "without"


def posts_wanted(access: Access, city: City, query: Mapping[str, str]) -> list[Post]:
    """Return the posts that are wanted, in the order they were made."""
    sought, duty, which = (query.get(n, "").strip().lower() for n in ("text", "duty", "which"))
    if which not in ("", "vacant", "held", "ended"):
        raise BadField("which", which, why="one of: vacant, held, ended")
    return [
        post
        for post in access.posts.values()
        if (not duty or post.duty == duty)
        and (not sought or sought in words_near(post, city))
        and (post.ended_at is not None) == (which == "ended")
        and (which != "vacant" or access.vacant(post))
        and (which != "held" or not access.vacant(post))
    ]


def words_near(post: Post, city: City) -> str:
    area = city.tree.by_id.get(post.area) if post.area is not None else None  # type: ignore[call-overload]
    unit = city.units.get(post.unit) if post.unit is not None else None
    near = [x for x in (area, unit) if x is not None]
    named = [f"{x.code} {x.name.zh} {x.name.en}" for x in near]
    return " ".join((post.name_zh, post.name_en, *named)).lower()


def post_said(access: Access, city: City, post: Post) -> dict[str, Any]:
    """Return a post as tables and the API say it."""
    area = city.tree.by_id.get(post.area) if post.area is not None else None  # type: ignore[call-overload]
    return {
        "id": post.id, "duty": post.duty, "name_zh": post.name_zh, "name_en": post.name_en,
        "area": area.code if area else "", "unit": city.code_of(post.unit), "phone": post.phone,
        "held_by": [access.accounts[t.account].login for t in access.held(post.id)],
        "vacant": access.vacant(post), "ended": post.ended_at is not None,
    }  # fmt: skip
