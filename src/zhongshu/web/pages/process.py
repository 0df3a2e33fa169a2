"""The process picture as a page: drawn by the server, every number opens its cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from markupsafe import Markup

from zhongshu.core.access import Actor, Permission
from zhongshu.core.mining import BEGIN, END, drawn
from zhongshu.store import mining
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import language, page, said
from zhongshu.web.problems import BadField
from zhongshu.web.vocabulary import KINDS, N_

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
_ENDS = {BEGIN: N_("Begins"), END: N_("Ends or stands here")}
#: What goes round: an edge back to an earlier step, and what a city calls it.
_ROUND = (
    ("case:returned", "case:dispatched", N_("Returned and dispatched again")),
    ("case:failed", "case:handled", N_("Rework: failed the check, handled again")),
    ("case:closed", "case:reopened", N_("Reopened after closing")),
)


@router.get("/process")
def process(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show how the cases of a filter travelled; without one, those of the last thirty days."""
    query, city, now = dict(request.query_params), hub.city(), hub.clock()
    if not query.get("since"):
        query["since"] = f"{(now - timedelta(days=30)).astimezone(city.zone):%Y-%m-%d}"
    least = _percent(query.pop("least", "1"))
    asked = wanted.wanted(query, city, now=now)
    with hub.db.seeing(actor.sight) as tx:
        whole = mining.picture(tx, actor.sight, asked)
    shown = whole.simplified(least / 100)
    lang = language(request)
    words = {kind: said(text, lang) for kind, text in (*KINDS.items(), *_ENDS.items())}
    links = {
        (e.source, e.target): _behind(query, {"from": e.source, "to": e.target})
        for e in whole.edges
    }
    return page(
        request, "process.html",
        {
            "svg": Markup(drawn(shown, words=words, links=links)),  # noqa: S704 — its texts are escaped where it is drawn
            "whole": whole, "hidden": len(whole.edges) - len(shown.edges), "least": least,
            "asked": query, "edges": links, "step": words,
            "ways": {v.steps: _behind(query, {"way": ",".join(v.steps)}) for v in whole.variants},
            "districts": wanted.districts(city),
            "rounds": _loops(whole, links),
            "units": [u for u in city.units.values() if u.active],
            "categories": [c for c in city.catalogue.categories if c.active],
        },
    )  # fmt: skip


@router.get("/process/cases")
def cases(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List the cases behind one edge, or behind one whole way."""
    query = dict(request.query_params)
    source, target, way = (query.pop(name, "") for name in ("from", "to", "way"))
    steps = way.split(",") if way else [source, target]
    asked = wanted.wanted(query, hub.city(), now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        numbers = (
            mining.went(tx, actor.sight, asked, steps)
            if way
            else mining.travelled(tx, actor.sight, asked, source, target)
        )
    lang = language(request)
    words = {kind: said(text, lang) for kind, text in (*KINDS.items(), *_ENDS.items())}
    return page(
        request, "process_cases.html",
        {
            "numbers": numbers, "steps": [words.get(step, step) for step in steps],
            "query_text": urlencode(query),
        },
    )  # fmt: skip


def _behind(query: dict[str, str], which: dict[str, str]) -> str:
    """Return where the cases behind a number are listed."""
    return f"/process/cases?{urlencode({**query, **which})}"


def _loops(whole: Any, links: Any) -> list[dict[str, Any]]:
    found = {(e.source, e.target): e for e in whole.edges}
    return [
        {"name": name, "edge": found[a, b], "link": links[a, b]}
        for a, b, name in _ROUND
        if (a, b) in found
    ]


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise BadField("least", text, why="a percentage from 0 to 100")
    return value
