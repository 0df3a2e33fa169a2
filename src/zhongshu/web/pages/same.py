"""Two cases side by side, and the rules for the same matter."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Act
from zhongshu.core.cases.matching import BOUNDS
from zhongshu.core.values import Refused
from zhongshu.flow import browse, same
from zhongshu.flow.browse import Sheet
from zhongshu.web.api.same import RuleIn, changed_rule
from zhongshu.web.forms import Sent, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


@router.get("/cases/{number}/beside/{other}")
def beside(request: Request, hub: TheHub, actor: Reader, number: str, other: str) -> Response:
    """Show two cases side by side, with what speaks for one matter, and both ways to merge."""
    city, now = hub.city(), hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        one, two = (browse.sheet(tx, city, actor, n, now=now) for n in (number, other))
        seen = same.beside(tx, city, one.case, two.case)
    return page(
        request, "beside.html",
        {
            "sides": (one, two), "seen": seen,
            "ways": [(a, b) for a, b in ((one, two), (two, one)) if _may_merge(a, b)],
            "earlier": min(one.case, two.case, key=lambda c: (c.reported_at, c.id)).id,
            "undo": next((s for s in (one, two) if s.restored is not None), None),
        },
    )  # fmt: skip


def _may_merge(one: Sheet, into: Sheet) -> bool:
    return (
        Act.MERGE in one.acts
        and one.case.id != into.case.id
        and into.case.is_open
        and not one.merged
    )


@router.get("/workshop/same")
def rules(request: Request, hub: TheHub, _: Writer) -> Response:
    """Show the rules for the same matter, and what came of each lately."""
    return _rules(request, hub)


@router.post("/workshop/same")
def set_rule(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Set a rule from a form, or take it back; a refusal shows the page with the reason."""
    try:
        _set(hub, actor, sent)
    except Refused as refusal:
        return _rules(request, hub, refusal)
    return RedirectResponse("/workshop/same", 303)


def _set(hub: Hub, actor: Actor, sent: FormData) -> None:
    category, by, at = text(sent, "category"), actor.account, hub.clock()
    with hub.db.transaction() as tx:
        if text(sent, "drop"):
            same.drop_rule(tx, category, by=by, at=at)
            return
        numbers = {name: _number(name, text(sent, name)) for name in BOUNDS if text(sent, name)}
        body = RuleIn(category=category, joins=text(sent, "joins") == "yes", **numbers)  # pyright: ignore[reportArgumentType] # names of BOUNDS
        same.set_rule(tx, hub.city(), category, changed_rule(tx, body), by=by, at=at)


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadField(field, text, why="a number") from None


def _rules(request: Request, hub: Hub, refusal: Refused | None = None) -> Response:
    city = hub.city()
    with hub.db.transaction() as tx:
        book = same.book(tx, city, now=hub.clock())
    here = {row.category for row in book}
    majors = {c.code[:4]: c.major for c in city.catalogue.categories}
    return page(
        request, "same.html",
        {
            "book": book, "problem": problem(refusal, language(request)) if refusal else None,
            "majors": [(code, name) for code, name in sorted(majors.items()) if code not in here],
            "minors": [c for c in city.catalogue.categories if c.code not in here],
            "days": same.COUNTED_DAYS,
            "since": f"{(hub.clock() - timedelta(days=same.COUNTED_DAYS)).astimezone(city.zone):%Y-%m-%d}",
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip
