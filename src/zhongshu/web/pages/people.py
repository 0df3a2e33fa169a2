"""People with access: accounts, posts, the organisation chain; looking through a post."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.datastructures import FormData

from zhongshu.core.access import ALLOWS, Actor, Duty, NotFound, Permission
from zhongshu.core.grid import CHAIN
from zhongshu.core.values import Refused
from zhongshu.flow import people as flow
from zhongshu.flow import signin
from zhongshu.flow.people import Hand
from zhongshu.store.accounts import Post
from zhongshu.store.db import Tx
from zhongshu.web import sheets
from zhongshu.web.api.people import (
    STATES,
    accounts_wanted,
    new_token,
    post_said,
    posts_wanted,
    state_of,
    words_near,
)
from zhongshu.web.forms import Sent, day, number, text
from zhongshu.web.guard import Anybody, Needs, SignedOut, TheHub, cookie_name, cookie_token
from zhongshu.web.hands import governs, hand_of
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False)
Governor = Annotated[Actor, Depends(Needs(Permission.ACCOUNT_WRITE))]
Public = Annotated[Actor | None, Depends(Anybody())]
PAGE = 100


def read_token(text: str) -> bytes:
    return cookie_token(text + "=" * (-len(text) % 4))


# ── accounts ─────────────────────────────────────────────────────────────────────────


@router.get("/workshop/accounts")
def accounts(request: Request, hub: TheHub, actor: Governor) -> Response:
    """List who has access, narrowed by text, state and duty."""
    return _accounts(request, hub, actor)


def _accounts(
    request: Request, hub: Hub, actor: Actor, *, refusal: Refused | None = None,
    typed: Mapping[str, str] | None = None, link: tuple[str, str] | None = None,
) -> Response:  # fmt: skip
    governs(actor)
    query = dict(request.query_params)
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    return _listed(
        request, "accounts.html", accounts_wanted(found, query),
        {"access": found, "states": STATES[1:], "state_of": state_of, "link": link},
        refusal=refusal, typed=typed,
    )  # fmt: skip


def _listed(
    request: Request, template: str, wanted: Sequence[Any], more: Mapping[str, Any], *,
    refusal: Refused | None, typed: Mapping[str, str] | None,
) -> Response:  # fmt: skip
    """Show a page of a list with its filter, and what was typed where that was refused."""
    query = dict(request.query_params)
    start = _start(query)
    return page(
        request, template,
        {
            "listed": wanted[start : start + PAGE], "count": len(wanted), "start": start,
            "PAGE": PAGE, "asked": query, "duties": list(Duty), "typed": typed or {},
            "kept": {k: v for k, v in query.items() if k != "start" and v},
            "problem": problem(refusal, language(request)) if refusal else None, **more,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.get("/workshop/accounts/accounts.csv")
def accounts_csv(request: Request, hub: TheHub, actor: Governor) -> StreamingResponse:
    """Stream the accounts that are wanted, with the posts they hold."""
    governs(actor)
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    rows = [
        {
            "login": one.login, "name": one.name, "state": state_of(found, one),
            "posts": [found.posts[t.post].name_zh for t in found.of_account(one.id) if t.holds(found.now)],
        }
        for one in accounts_wanted(found, dict(request.query_params))
    ]  # fmt: skip
    return sheets.download("accounts.csv", rows, ("login", "name", "state", "posts"))


@router.post("/workshop/accounts")
def make(request: Request, hub: TheHub, actor: Governor, sent: Sent) -> Response:
    """Make an account; its one-time link is shown this once."""
    typed = {name: text(sent, name) for name in ("login", "name", "lang")}
    token, written = new_token(hub)
    try:
        with hub.db.transaction() as tx:
            hand = hand_of(hub, governs(actor))
            flow.make(tx, hand, login=typed["login"], name=typed["name"], lang=typed["lang"], token=token)  # fmt: skip
    except Refused as refusal:
        return _accounts(request, hub, actor, refusal=refusal, typed=typed)
    return _accounts(request, hub, actor, link=(typed["login"].lower(), _url(request, written)))


def _url(request: Request, written: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/key/{written}"


@router.get("/workshop/accounts/{account}")
def account(request: Request, hub: TheHub, actor: Governor, account: int) -> Response:
    """Show an account, what it holds and held, and what can be done."""
    return _account(request, hub, actor, account)


def _account(
    request: Request, hub: Hub, actor: Actor, account: int, *, refusal: Refused | None = None,
    link: str = "",
) -> Response:  # fmt: skip
    governs(actor)
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    one = found.account(account)
    wanted = request.query_params.get("post", "").strip().lower()
    city, hand = hub.city(), hand_of(hub, actor)
    open_ = [p for p in found.posts.values() if p.ended_at is None and (not wanted or wanted in words_near(p, city))]  # fmt: skip
    return page(
        request, "account.html",
        {
            "access": found, "one": one, "state": state_of(found, one), "link": link,
            "tenures": found.of_account(one.id), "today": hand.today.isoformat(),
            "posts": open_[:200], "count": len(open_), "wanted": wanted,
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/workshop/accounts/{account}/rekey")
def rekey(request: Request, hub: TheHub, actor: Governor, account: int) -> Response:
    """Take the password away and show a link to choose a new one, this once."""
    token, written = new_token(hub)
    with hub.db.transaction() as tx:
        flow.rekey(tx, hand_of(hub, governs(actor)), account, token=token)
    return _account(request, hub, actor, account, link=_url(request, written))


@router.post("/workshop/accounts/{account}/{what}")
def account_act(
    request: Request, hub: TheHub, actor: Governor, account: int, what: str, sent: Sent
) -> Response:
    """Rename, block, let in again, appoint or relieve; what is refused is said on the page."""
    acts: dict[str, Callable[[Tx, Hand], Any]] = {
        "rename": lambda tx, hand: flow.rename(tx, hand, account, text(sent, "name")),
        "block": lambda tx, hand: flow.block(tx, hand, account),
        "unblock": lambda tx, hand: flow.unblock(tx, hand, account),
        "appoint": lambda tx, hand: flow.appoint(
            tx, hand, number(text(sent, "post")), account, since=day("since", text(sent, "since")),
            until=day("until", text(sent, "until")) if text(sent, "until") else None,
        ),
        "relieve": lambda tx, hand: flow.relieve(
            tx, hand, number(text(sent, "post")), account, on=day("on", text(sent, "on")),
            held_from=_moment(sent, "held_from"),
        ),
    }  # fmt: skip
    if what not in acts:
        raise NotFound("act", what)
    try:
        with hub.db.transaction() as tx:
            acts[what](tx, hand_of(hub, governs(actor)))
    except Refused as refusal:
        return _account(request, hub, actor, account, refusal=refusal)
    return RedirectResponse(f"/workshop/accounts/{account}", 303)


# ── posts ────────────────────────────────────────────────────────────────────────────


@router.get("/workshop/posts")
def posts(request: Request, hub: TheHub, actor: Governor) -> Response:
    """List the posts, narrowed by text and duty, or only those nobody holds."""
    return _posts(request, hub, actor)


def _posts(
    request: Request, hub: Hub, actor: Actor, *, refusal: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    governs(actor)
    query, city = dict(request.query_params), hub.city()
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    return _listed(
        request, "posts.html", posts_wanted(found, city, query),
        {
            "access": found, "vacant": sum(found.vacant(p) for p in found.posts.values()),
            "units": [u for u in city.units.values() if u.active],
        },
        refusal=refusal, typed=typed,
    )  # fmt: skip


@router.get("/workshop/posts/posts.csv")
def posts_csv(request: Request, hub: TheHub, actor: Governor) -> StreamingResponse:
    """Stream the posts that are wanted, with who holds each."""
    governs(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    return sheets.download(
        "posts.csv",
        [post_said(found, city, p) for p in posts_wanted(found, city, dict(request.query_params))],
        ("id", "duty", "name_zh", "name_en", "area", "unit", "phone", "held_by", "vacant"),
    )


@router.post("/workshop/posts")
def make_post(request: Request, hub: TheHub, actor: Governor, sent: Sent) -> Response:
    """Make a post."""
    names = ("duty", "name_zh", "name_en", "phone", "area", "unit")
    typed = {name: text(sent, name) for name in names}
    try:
        with hub.db.transaction() as tx:
            post = flow.make_post(
                tx, hand_of(hub, governs(actor)), duty=typed["duty"], name_zh=typed["name_zh"],
                name_en=typed["name_en"], phone=typed["phone"],
                **flow.placed(hub.city(), typed["area"], typed["unit"]),
            )  # fmt: skip
    except Refused as refusal:
        return _posts(request, hub, actor, refusal=refusal, typed=typed)
    return RedirectResponse(f"/workshop/posts/{post}", 303)


@router.get("/workshop/posts/{post}")
def post(request: Request, hub: TheHub, actor: Governor, post: int) -> Response:
    """Show a post: who held it from when till when, what it allows, and looking through it."""
    return _post(request, hub, actor, post)


def _post(
    request: Request, hub: Hub, actor: Actor, post: int, refusal: Refused | None = None
) -> Response:
    governs(actor)
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    one = found.post(post)
    people = [a for a in found.accounts.values() if a.disabled_at is None]
    return page(
        request, "post.html",
        {
            "access": found, "one": one, "tenures": found.of_post(one.id), "people": people,
            "today": hand_of(hub, actor).today.isoformat(), "vacant": found.vacant(one),
            "allows": sorted(ALLOWS[Duty(one.duty)]),
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/workshop/posts/{post}/view")
def view(request: Request, hub: TheHub, actor: Governor, post: int) -> Response:
    """Look at the hub as this post does."""
    with hub.db.transaction() as tx:
        flow.view(tx, hand_of(hub, governs(actor)), _session(request, hub), post)
    return RedirectResponse("/desk", 303)


@router.post("/viewing/end")
def end_view(request: Request, hub: TheHub, actor: Public) -> Response:
    """Be oneself again."""
    if actor is None:
        raise SignedOut("session")
    with hub.db.transaction() as tx:
        flow.end_view(tx, hand_of(hub, actor), _session(request, hub), actor.viewing)
    back = f"/workshop/posts/{actor.viewing}" if actor.viewing is not None else "/workshop"
    return RedirectResponse(back, 303)


def _session(request: Request, hub: Hub) -> bytes:
    """Return the token of the session, which looking through a post belongs to."""
    cookie = request.cookies.get(cookie_name(https=hub.https))
    if not cookie or "authorization" in request.headers:
        raise SignedOut("session")
    return cookie_token(cookie)


@router.post("/workshop/posts/{post}/{what}")
def post_act(
    request: Request, hub: TheHub, actor: Governor, post: int, what: str, sent: Sent
) -> Response:
    """Change, end, appoint or relieve; what is refused is said on the page."""
    acts: dict[str, Callable[[Tx, Hand], Any]] = {
        "change": lambda tx, hand: flow.change_post(
            tx, hand, post, name_zh=text(sent, "name_zh"), name_en=text(sent, "name_en"),
            phone=text(sent, "phone"),
        ),
        "end": lambda tx, hand: flow.end_post(tx, hand, post),
        "again": lambda tx, hand: flow.post_again(tx, hand, post),
        "appoint": lambda tx, hand: flow.appoint(
            tx, hand, post, number(text(sent, "account")), since=day("since", text(sent, "since")),
            until=day("until", text(sent, "until")) if text(sent, "until") else None,
        ),
        "relieve": lambda tx, hand: flow.relieve(
            tx, hand, post, number(text(sent, "account")), on=day("on", text(sent, "on")),
            held_from=_moment(sent, "held_from"),
        ),
    }  # fmt: skip
    if what not in acts:
        raise NotFound("act", what)
    try:
        with hub.db.transaction() as tx:
            acts[what](tx, hand_of(hub, governs(actor)))
    except Refused as refusal:
        return _post(request, hub, actor, post, refusal)
    return RedirectResponse(f"/workshop/posts/{post}", 303)


# ── the organisation chain ───────────────────────────────────────────────────────────


@router.get("/workshop/chain")
def chain(request: Request, hub: TheHub, actor: Governor) -> Response:
    """Show the four steps of the organisation chain below a community, with what is vacant."""
    governs(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        found = flow.access(tx, now=hub.clock())
    standing = [p for p in found.posts.values() if p.ended_at is None]
    steps = [(kind, [p for p in standing if p.duty == kind.code]) for kind in CHAIN]
    heads = [city.tree.by_id[p.area] for p in steps[0][1] if p.area in city.tree.by_id]  # type: ignore[index]
    chosen = city.tree.named(request.query_params.get("area", "")) or (heads[0] if heads else None)
    below: Sequence[tuple[Any, Sequence[Post]]] = [
        (
            kind,
            [
                p
                for p in some
                if chosen is not None and p.area in city.tree.by_id
                and chosen.span.holds(city.tree.by_id[p.area].span)  # type: ignore[index]
            ],
        )
        for kind, some in steps
    ]  # fmt: skip
    return page(
        request, "chain.html",
        {
            "access": found, "steps": steps, "below": below, "chosen": chosen,
            "gaps": {kind.code: sum(map(found.vacant, some)) for kind, some in steps},
            "heads": sorted({h.id: h for h in heads}.values(), key=lambda a: a.code),
        },
    )  # fmt: skip


# ── the one-time link ────────────────────────────────────────────────────────────────


@router.get("/key/{token}")
def key_page(request: Request, hub: TheHub, _: Public, token: str) -> Response:
    """Ask for the password of the account that a one-time link was made for."""
    with hub.db.transaction() as tx:
        _account_id, login, name = flow.choosing(tx, read_token(token), now=hub.clock())
    return page(request, "key.html", {"login": login, "name": name, "problem": None})


@router.post("/key/{token}")
def key(
    request: Request, hub: TheHub, _: Public, token: str,
    password: Annotated[str, Form()] = "", again: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Set the password; the link works no more."""
    try:
        if password != again:
            raise Differ("again")
        with hub.db.transaction() as tx:
            flow.choose(tx, read_token(token), password[:1000], now=hub.clock())
    except (Differ, signin.WeakPassword) as refusal:
        with hub.db.transaction() as tx:
            _account_id, login, name = flow.choosing(tx, read_token(token), now=hub.clock())
        view_ = {"login": login, "name": name, "problem": problem(refusal, language(request))}
        return page(request, "key.html", view_, status=422)
    return RedirectResponse("/login", 303)


class Differ(Refused):
    message = "The two passwords are not the same."
    remedy = "Write the same one twice."


def _moment(sent: FormData, name: str) -> datetime | None:
    said = text(sent, name)
    try:
        return datetime.fromisoformat(said) if said else None
    except ValueError:
        raise BadField(name, said, why="a moment such as 2027-01-01T00:00:00+08:00") from None


def _start(query: Mapping[str, str]) -> int:
    said = query.get("start", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0
