"""What was returned: by unit, class, rule and cause; the old way to the duty catalogue."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import returns
from zhongshu.web.api.responsibility import period
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
CityReader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]


@router.get("/duty-rules")
def duty_rules(request: Request, _: CityReader) -> Response:
    """Lead to the one place where the duty catalogue is: the workshop's rules."""
    wanted = {k: v for k in ("category", "unit") if (v := request.query_params.get(k))}
    return RedirectResponse(f"/workshop/rules?{urlencode(wanted)}" if wanted else "/workshop/rules", 303)  # fmt: skip


@router.get("/mirror/returns")
def returned(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the returns of a period, each number with the cases behind it."""
    city, query = hub.city(), dict(request.query_params)
    asked, since, until = period(query, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = returns.statistics(tx, city, actor.sight, asked, since=since, until=until)
    kinds = [level.kind for level in city.levels if not level.overlay]
    return page(
        request, "returns.html",
        {
            "found": found, "since": since, "until": until, "asked": query,
            "link": _linked(query), "may_export": actor.may(Permission.EXPORT),
            "query_text": urlencode(query),
            "districts": [a for kind in kinds[1:3] for a in city.tree.of_kind(kind)][:300],
            "categories": [c for c in city.catalogue.categories if c.active],
        },
    )  # fmt: skip


@router.get("/mirror/returns/cases")
def returned_cases(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List the cases behind one number of the page of returns."""
    city, query = hub.city(), dict(request.query_params)
    asked, since, until = period(query, city, now=hub.clock())
    kind, by, key = query.get("kind", "returned"), query.get("by", ""), query.get("key", "")
    with hub.db.seeing(actor.sight) as tx:
        found = returns.behind(
            tx, city, actor.sight, asked, kind=kind, by=by, key=key, since=since, until=until
        )
    back = {name: query[name] for name in ("since", "until", "area", "category") if query.get(name)}
    return page(
        request, "returns_cases.html",
        {"cases": found, "kind": kind, "by": by, "key": key, "since": since, "until": until, "back": urlencode(back)},
    )  # fmt: skip


def _linked(query: dict[str, Any]) -> Any:
    def link(kind: str, by: str, key: str) -> str:
        return f"/mirror/returns/cases?{urlencode({**query, 'kind': kind, 'by': by, 'key': key})}"

    return link
