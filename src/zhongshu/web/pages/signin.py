"""Signing in and out, and choosing how pages speak: the language, large text and easy words."""

from __future__ import annotations

import base64
import threading
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor
from zhongshu.core.values import Refused
from zhongshu.flow import signin
from zhongshu.store import accounts
from zhongshu.web import appfiles
from zhongshu.web.guard import Anybody, TheHub, cookie_name, cookie_token
from zhongshu.web.hub import Hub
from zhongshu.web.look import EASY, language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]

FAILURES = 5
FORGOTTEN_AFTER_S = 60.0
_counting = threading.Lock()


@router.get("/login")
def login_page(request: Request, _: Public, next: str = "/desk") -> Response:
    return page(request, "login.html", {"next": _inside(next), "problem": None, "login": ""})


@router.post("/login")
def login(
    request: Request, hub: TheHub, _: Public, login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/desk",
) -> Response:  # fmt: skip
    """Open a session and set its cookie."""
    token = hub.random(signin.TOKEN_BYTES)
    try:
        _not_too_often(hub, login)
        with hub.db.transaction() as tx:
            signin.sign_in(
                tx, login=login[:100], password=password[:1000], token=token, now=hub.clock()
            )
    except Refused as refusal:
        if isinstance(refusal, signin.WrongPassword):
            with _counting:
                hub.failures.setdefault(login, []).append(hub.clock().timestamp())
        view = {
            "next": _inside(next),
            "login": login,
            "problem": problem(refusal, language(request)),
        }
        return page(request, "login.html", view, status=refusal.status)
    response = RedirectResponse(_inside(next), 303)
    response.set_cookie(
        cookie_name(https=hub.https), base64.urlsafe_b64encode(token).decode(),
        max_age=int(signin.SESSION.total_seconds()), httponly=True, samesite="lax",
        secure=hub.https, path="/",
    )  # fmt: skip
    return response


@router.post("/logout")
def logout(request: Request, hub: TheHub, _: Public) -> Response:
    """End the session."""
    name = cookie_name(https=hub.https)
    cookie = request.cookies.get(name)
    if cookie:
        with hub.db.transaction() as tx:
            accounts.close_session(tx, signin.token_hash(cookie_token(cookie)))
    # What the field app keeps on this device is cleared by a page of its own.
    response = RedirectResponse("/m/left" if appfiles.KEEPS in request.cookies else "/", 303)
    response.delete_cookie(name, path="/")
    return response


@router.post("/language")
def choose(_: Public, lang: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Keep the language a person chose."""
    response = RedirectResponse(_inside(back), 303)
    response.set_cookie("lang", "en" if lang == "en" else "zh", max_age=31_536_000, samesite="lax")
    return response


@router.post("/ease")
def ease(_: Public, easy: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Keep whether a person wants large text and easy words."""
    response = RedirectResponse(_inside(back), 303)
    if easy == "1":
        response.set_cookie(EASY, "1", max_age=31_536_000, samesite="lax")
    else:
        response.delete_cookie(EASY)
    return response


def _inside(target: str) -> str:
    """Return where to go on, if it is a place of ours."""
    parts = urlsplit(target)
    if (
        parts.scheme
        or parts.netloc
        or not target.startswith("/")
        or target.startswith(("//", "/\\"))
    ):
        return "/"
    return target


def _not_too_often(hub: Hub, login: str) -> None:
    now = hub.clock().timestamp()
    with _counting:
        recent = [at for at in hub.failures.get(login, []) if now - at < FORGOTTEN_AFTER_S]
        if recent:
            hub.failures[login] = recent
        else:
            hub.failures.pop(login, None)
    if len(recent) >= FAILURES:
        raise signin.TooOften("login", login)
