"""The texts of messages in the workshop: chosen, changed, tried on a real case, taken back."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter, Order, Stage
from zhongshu.core.messages import events, place_of
from zhongshu.core.texts import VARIABLES, Hearer, Text, usual
from zhongshu.core.values import Refused
from zhongshu.flow import sending, texts
from zhongshu.flow.outward import Outlet
from zhongshu.store import accounts, cases
from zhongshu.web.api.messages import outlet_of, previewed
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Keeper = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


@router.get("/workshop/texts")
def text(
    request: Request, hub: TheHub, actor: Keeper, place: str = "reporter", medium: str = "email",
    lang: str = "", case: str = "",
) -> Response:  # fmt: skip
    """Show the text that counts in a place, and how it reads of a case."""
    said = lang or language(request)
    hearer, event, by, language_ = texts.placed(place, medium, said)
    with hub.db.transaction() as tx:
        now = texts.now(tx, hearer, event, by, language_)
    return _page(request, hub, actor, place, medium, said, now, case)


@router.post("/workshop/texts")
def write(
    request: Request, hub: TheHub, actor: Keeper, place: Annotated[str, Form()],
    medium: Annotated[str, Form()], lang: Annotated[str, Form()],
    subject: Annotated[str, Form()] = "", body: Annotated[str, Form()] = "",
    case: Annotated[str, Form()] = "", look: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep a text, or only look how it would read; a refusal comes back with what was written."""
    said = Text(subject, body.replace("\r\n", "\n"))
    if look:
        return _page(request, hub, actor, place, medium, lang, said, case)
    try:
        with hub.db.transaction() as tx:
            texts.write(tx, place, medium, lang, said, by=actor.account, at=hub.clock())
    except Refused as refusal:
        return _page(request, hub, actor, place, medium, lang, said, case, refusal)
    return _back(place, medium, lang, case)


@router.post("/workshop/texts/undo")
def undo(
    hub: TheHub, actor: Keeper, place: Annotated[str, Form()], medium: Annotated[str, Form()],
    lang: Annotated[str, Form()], case: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Let the version before stand again."""
    with hub.db.transaction() as tx:
        texts.undo(tx, place, medium, lang, by=actor.account, at=hub.clock())
    return _back(place, medium, lang, case)


def _back(place: str, medium: str, lang: str, case: str) -> Response:
    asked = urlencode({"place": place, "medium": medium, "lang": lang, "case": case})
    return RedirectResponse(f"/workshop/texts?{asked}", 303)


def _page(
    request: Request, hub: Hub, actor: Actor, place: str, medium: str, lang: str, text: Text,
    number: str, refusal: Refused | None = None,
) -> Response:  # fmt: skip
    hearer, event, by, language_ = texts.placed(place, medium, lang)
    with hub.db.transaction() as tx:
        kept = texts.versions(tx, place, medium, lang)
        names = accounts.names(tx, sorted({v.account for v in kept if v.account is not None}))
    number = number.strip() or _some_case(hub, actor)
    shown: Text | None = None
    try:
        shown = previewed(hub, actor, place, medium, lang, text, number) if number else None
    except Refused as bad:
        refusal = refusal or bad
    out = outlet_of(hub)
    return page(
        request, "texts.html",
        {
            "place": place, "event": event, "hearer": hearer, "medium": by, "text_lang": language_,
            "text": text, "shown": shown, "number": number, "versions": kept, "names": names,
            "variables": VARIABLES[hearer, by], "usual": usual(hearer, event, by, language_),
            "places": _places(out, language(request)), "media": [m for h, m in VARIABLES if h is hearer],
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


def _some_case(hub: Hub, actor: Actor) -> str:
    """Return a case to try a text on where nobody says one: the newest in sight."""
    wanted = Filter(stages=frozenset({Stage.DISPATCHED, Stage.IN_HAND, Stage.CLOSED}))
    with hub.db.seeing(actor.sight) as tx:
        found = cases.page(tx, actor.sight, wanted, order=Order.NEWEST, after=None, limit=1)
    return found[0].number if found else ""


def _places(out: Outlet, lang: str) -> dict[Hearer, list[tuple[str, str]]]:
    """Return every place a text can stand in, with what happens there in words."""
    said = "en" if lang == "en" else "zh"
    return {
        hearer: [
            (place_of(hearer, event), sending.said_of(out, hearer, event, said))
            for event in events(hearer)
        ]
        for hearer in Hearer
    }
