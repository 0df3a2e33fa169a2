"""Connectors' health: keys, how they were used in the last day, and what was imported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.values import Refused
from zhongshu.flow import connectors as flow
from zhongshu.flow import terms
from zhongshu.flow.people import Hand
from zhongshu.store import connectors as store
from zhongshu.store.db import Tx
from zhongshu.web.api.workshop import new_key, words_said
from zhongshu.web.forms import Sent, day, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, governs, hand_of, writes
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False, prefix="/workshop")
Governor = Annotated[Actor, Depends(Needs(Permission.ACCOUNT_WRITE))]
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


@router.get("/connectors")
def connectors(request: Request, hub: TheHub, actor: Governor) -> Response:
    """Show the keys with the counts of the last day, and the latest imports."""
    return _connectors(request, hub, actor)


def _connectors(
    request: Request, hub: Hub, actor: Actor, *, refusal: Refused | None = None, key: str = ""
) -> Response:
    governs(actor)
    with hub.db.transaction() as tx:
        found = store.keys(tx, since=hub.clock() - timedelta(days=1))
        imports, replay = store.imports(tx), store.replay(tx)
    return page(
        request, "connectors.html",
        {
            "keys": found, "imports": imports, "replay": replay, "key": key,
            "today": hub.city().day.isoformat(), "rejects": _rejects,
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


def _rejects(one: store.Import) -> str:
    """Return where the command wrote the rows it refused, below the folder it ran in."""
    return f"rejects/{PurePath(one.file).stem}-{one.source}.csv"


@router.post("/connectors")
def make(request: Request, hub: TheHub, actor: Governor, sent: Sent) -> Response:
    """Make an account with a key for another system; the key is shown this once."""
    key = new_key(hub)
    return _done(
        request, hub, actor, key,
        lambda tx, hand: flow.make(tx, hand, login=text(sent, "login"), name=text(sent, "name"), key=key),
    )  # fmt: skip


@router.post("/connectors/{key}/rotate")
def rotate(request: Request, hub: TheHub, actor: Governor, key: str, sent: Sent) -> Response:
    """Make a second key, shown this once; the first works until a day."""
    new, until = new_key(hub), day("on", text(sent, "on"))
    return _done(
        request, hub, actor, new, lambda tx, hand: flow.rotate(tx, hand, key, new=new, until=until)
    )


@router.post("/connectors/{key}/revoke")
def revoke(request: Request, hub: TheHub, actor: Governor, key: str, sent: Sent) -> Response:
    """Let a key work no more from a day on."""
    on = day("on", text(sent, "on"))
    return _done(request, hub, actor, "", lambda tx, hand: flow.revoke(tx, hand, key, on=on))


@router.post("/connectors/{key}/again")
def again(request: Request, hub: TheHub, actor: Governor, key: str) -> Response:
    """Let a key work on whose day has not come."""
    return _done(request, hub, actor, "", lambda tx, hand: flow.again(tx, hand, key))


def _done(
    request: Request, hub: Hub, actor: Actor, key: str, do: Callable[[Tx, Hand], Any]
) -> Response:
    try:
        with hub.db.transaction() as tx:
            do(tx, hand_of(hub, governs(actor)))
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        return _connectors(request, hub, actor, refusal=refusal)
    hub.machines.clear()
    return _connectors(request, hub, actor, key=key) if key else RedirectResponse("/workshop/connectors", 303)  # fmt: skip


# ── what things are called ───────────────────────────────────────────────────────────


@router.get("/words")
def words(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show what the city calls its levels and duties."""
    return _words(request, hub, actor)


def _words(request: Request, hub: Hub, actor: Actor, refusal: Refused | None = None) -> Response:
    return page(
        request, "words.html",
        {
            "words": words_said(hub.city()), "writes": writes(actor),
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/words")
def name(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Call levels and duties something else: whatever of the form is not as it was."""
    about = [str(key) for key in sent.getlist("about")]
    pairs = zip(sent.getlist("zh"), sent.getlist("en"), strict=False)
    try:
        with hub.db.transaction() as tx:
            hand = hand_of(hub, decides(actor))
            for key, (zh, en) in zip(about, pairs, strict=False):
                if isinstance(zh, str) and isinstance(en, str):
                    terms.change(tx, hand, key, zh=zh, en=en)
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        return _words(request, hub, actor, refusal)
    hub.look_again()
    return RedirectResponse("/workshop/words", 303)
