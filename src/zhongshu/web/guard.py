"""Who is asking, and may they: every route names its permission through `Needs`."""

from __future__ import annotations

import base64
import time
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import Depends, Request

from zhongshu.core.access import Actor, Forbidden, Permission
from zhongshu.core.values import Refused
from zhongshu.flow import notices, signin
from zhongshu.store import accounts
from zhongshu.store.db import LOOKING
from zhongshu.web.hub import Hub

#: How long a machine's rights may be remembered, in seconds.
MACHINE_KNOWN_S = 1.0
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: What somebody who only looks may send: to stop looking, to sign out, to read in another language.
STILL = frozenset({"/viewing/end", "/logout", "/language"})
#: The account something was done under, where a device says it.
DONE_BY = "hub-account"


class SignedOut(Refused):
    status: ClassVar[int] = 401
    message = "This needs somebody who is signed in."
    remedy = "Sign in, or send an API key as “Authorization: Bearer …”."


class FromElsewhere(Refused):
    status: ClassVar[int] = 403
    message = "This request came from another site (%(value)s)."
    remedy = "Open the hub itself and try again there."


class SomebodyElse(Refused):
    status: ClassVar[int] = 401
    message = "This was done under another account than the one that is signed in now."
    remedy = "It waits on the device: sign in with the account it was done under."


class OnlyLooking(Refused):
    status: ClassVar[int] = 403
    message = "You look at the hub as a post does: nothing can be done while you do."
    remedy = "Press “Stop looking” at the top of the page, then do it as yourself."


class NoPost(Refused):
    status: ClassVar[int] = 403
    message = "Your account holds no post at the moment, so there is nothing it may see or do."
    remedy = "Ask an administrator to appoint you to a post."


async def hub_of(request: Request) -> Hub:  # async: another kind is called in a thread
    return _hub(request)


def _hub(request: Request) -> Hub:
    return request.app.state.hub


TheHub = Annotated[Hub, Depends(hub_of)]


def cookie_name(*, https: bool) -> str:
    """Return the session cookie's name; the prefix binds it to this host over TLS."""
    return "__Host-zhongshu" if https else "zhongshu"


async def actor_of(request: Request) -> Actor | None:
    """Return who is asking, by API key or session; None when nobody says."""
    header = request.headers.get("authorization", "")
    cookie = request.cookies.get(cookie_name(https=_hub(request).https))
    actor: Actor | None = None
    unread = 0
    if header.lower().startswith("bearer "):
        key = header[7:].strip().encode()
        actor = await _machine(_hub(request), key)
        # For the counts of how connectors are doing (web/tally.py).
        request.state.key = signin.token_hash(key) if actor is not None else None
    elif cookie:
        _same_origin(request)
        bell = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        actor, unread, viewed = await to_thread.run_sync(_person, _hub(request), cookie, bell)
        request.state.viewed = viewed
    request.state.actor, request.state.unread = actor, unread
    looking = actor is not None and actor.viewing is not None
    still = request.url.path in STILL
    # The second wall of looking: until this request ends, the database writes nothing for it.
    LOOKING.set(looking and not still)
    if looking and not still and request.method not in SAFE:
        raise OnlyLooking("method", request.method)
    return actor


def _person(hub: Hub, cookie: str, bell: bool) -> tuple[Actor | None, int, accounts.Post | None]:
    """Read a person's rights anew for each request: a session ended or a post taken away
    counts at once. With a ``bell`` on the page, also how many notices wait.
    """
    token, now = signin.token_hash(cookie_token(cookie)), hub.clock()
    with hub.db.reading() as connection:
        rows = accounts.held_by_session(connection, token, now=now)
        actor = signin.actor_of(rows, hub.city())
        waiting = notices.unread(connection, actor, now=now) if bell and actor else 0
        through = actor.viewing if actor else None
        viewed = accounts.posts(connection, only=[through])[0] if through else None
    return actor, waiting, viewed


async def _machine(hub: Hub, key: bytes) -> Actor | None:
    """Return another system by its key. It sends hundreds of requests a second, so its
    rights are read anew once a second: a key withdrawn counts within that time.
    """
    token = signin.token_hash(key)
    known = hub.machines.get(token)
    if known is not None and time.monotonic() - known[1] < MACHINE_KNOWN_S:
        return known[0]
    actor = await to_thread.run_sync(_machine_now, hub, token)
    if actor is not None:
        hub.machines[token] = (actor, time.monotonic())
    return actor


def _machine_now(hub: Hub, token: bytes) -> Actor | None:
    with hub.db.reading() as connection:
        rows = accounts.held_by_key(connection, token, now=hub.clock())
    return signin.actor_of(rows, hub.city())


def cookie_token(cookie: str) -> bytes:
    """Return the token a cookie carries; nonsense is a token nobody has."""
    try:
        return base64.urlsafe_b64decode(cookie.encode())
    except ValueError:
        return b""


class Needs:
    """A dependency: the actor, who holds a post with this permission (or `Refused`)."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        actor = await actor_of(request)
        if actor is None:
            raise SignedOut("session")
        # What waited on a device is sent as whoever did it, or not at all.
        if request.headers.get(DONE_BY, str(actor.account)) != str(actor.account):
            raise SomebodyElse("account")
        if not actor.holdings:
            raise NoPost("post")
        if not actor.may(self.permission):
            raise Forbidden("permission", self.permission.value)
        return actor


class Anybody:
    """A dependency of public routes: the actor where there is one."""

    permission = Permission.PUBLIC

    async def __call__(self, request: Request) -> Actor | None:
        return await actor_of(request)


def _same_origin(request: Request) -> None:
    """Refuse an unsafe request that another site made a browser send with our cookie."""
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise FromElsewhere("origin", site)
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FromElsewhere("origin", origin)
