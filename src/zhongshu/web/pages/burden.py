"""The burden meter as pages: the gauges with their definitions, and what is behind each number."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.burden import GAUGES, Load
from zhongshu.store import burden as store
from zhongshu.web.api import burden as api
from zhongshu.web.api import indicators
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
PAGE = 100


@router.get("/mirror/burden")
def meter(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show what the city's own rules cost for each case, of all and by unit."""
    query, city = dict(request.query_params), hub.city()
    ask = indicators.asked(query, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        whole, units = store.counts(tx, actor.sight, ask.period, ask.scope)

    def link(load: Load, **more: str) -> str:
        return f"/mirror/burden/cases?{urlencode({**ask.words, **more, 'load': load.value})}"

    named = [(city.units.get(one.unit) if one.unit is not None else None, one) for one in units]
    return page(
        request, "burden.html",
        {
            "whole": whole, "units": sorted(named, key=lambda pair: pair[0].name.zh if pair[0] else "￿"),
            "gauges": list(GAUGES.values()), "link": link, "period": ask.period,
            "asked": indicators.shown_days(query, ask.period, city), "words": urlencode(ask.words),
        },
    )  # fmt: skip


@router.get("/mirror/burden/cases")
def behind(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show what is behind one number, the latest first."""
    query, city = dict(request.query_params), hub.city()
    ask, load = indicators.asked(query, city, now=hub.clock()), api.load_of(query)
    with hub.db.seeing(actor.sight) as tx:
        found = store.behind(
            tx,
            actor.sight,
            ask.period,
            ask.scope,
            load,
            after=indicators.after(query),
            limit=PAGE + 1,
        )
    query.pop("after", None)
    return page(
        request, "burden_cases.html",
        {
            "shown": found[:PAGE], "load": load, "period": ask.period, "words": urlencode(ask.words),
            "next": urlencode({**query, "after": str(api.key_of(found[PAGE - 1]))})
            if len(found) > PAGE else "",
        },
    )  # fmt: skip
