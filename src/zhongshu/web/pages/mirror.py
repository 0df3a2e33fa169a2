"""The mirror 监督: figures with what is behind each of them; and the lotteries, for anybody."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.briefing import before
from zhongshu.core.formulas import VECTORS, worked
from zhongshu.core.indicators import BY_CODE, INDICATORS, Group, Measured, Part, Period
from zhongshu.core.lottery import ROUNDS
from zhongshu.core.procedures import ProcedureFilter
from zhongshu.flow import lottery, mirror
from zhongshu.flow.acts import Cause
from zhongshu.flow.city import City
from zhongshu.store import lotteries as lottery_store
from zhongshu.store import procedures
from zhongshu.web.api import indicators as api
from zhongshu.web.api.lotteries import day_of, round_of
from zhongshu.web.api.snapshots import indicator_of
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Public = Annotated[Actor | None, Depends(Anybody())]
PAGE = 100
#: How many of the latest reopenings and repeats the page itself shows.
LATEST = 8


@router.get("/mirror")
def figures(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the indicators of a period: whole, by unit and by area, never ranked."""
    query, city, now = dict(request.query_params), hub.city(), hub.clock()
    ask = api.asked(query, city, now=now)
    with hub.db.seeing(actor.sight) as tx:
        found = mirror.look(tx, city, actor.sight, ask.period, ask.scope, within=ask.within)
        latest = {
            code: mirror.behind(
                tx, actor.sight, ask.period, ask.scope, BY_CODE[code], Part.NUMERATOR, limit=LATEST
            )
            for code in ("reopened", "repeat")
        }
        lots = lottery_store.latest(tx, limit=120)
        past = before(local(ask.period, city))
        then = mirror.whole(tx, actor.sight, past, ask.scope)
        pending = procedures.count_by_kind(tx, actor.sight, ProcedureFilter())
    return page(
        request, "mirror.html",
        {
            "found": found, "asked": api.shown_days(query, ask.period, city), "link": ask.link,
            "words": urlencode(ask.words), "latest": latest, "by_code": BY_CODE,
            "groups": [(g, [m for m in found.whole if m.indicator.group is g]) for g in Group],
            "then": {m.indicator.code: m for m in then}, "past": past, "pending": pending,
            "then_words": urlencode({**ask.words, "from": past.start.isoformat(), "to": past.until.isoformat()}),
            "change": _change, "only": api.only, "place": api.place,
            "causes": [c for c in Cause if any(c in each for each in found.causes.values())],
            "level": next((x.name for x in city.levels if x.kind == found.level), None),
            "quick": _quick(ask, now.astimezone(city.zone)), "coming": _coming(lots),
            "lots": [one for one in lots if one.drawn_at is not None or one.lost_at is not None][:10],
            **_lists(city),
        },
    )  # fmt: skip


@router.get("/mirror/cases")
def behind(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show exactly the cases behind one number, the latest first."""
    query, city = dict(request.query_params), hub.city()
    ask, what = api.asked(query, city, now=hub.clock()), api.opened(query)
    with hub.db.seeing(actor.sight) as tx:
        found = mirror.behind(
            tx, actor.sight, ask.period, ask.scope, what.indicator, what.part,
            reason=what.reason, also=what.also, after=api.after(query), limit=PAGE + 1,
        )  # fmt: skip
    query.pop("after", None)
    code = query.pop("code")
    return page(
        request, "mirror_cases.html",
        {
            "shown": found[:PAGE], "what": what, "period": ask.period, "words": urlencode(ask.words),
            "export": f"/api/v1/indicators/{code}/cases.csv?{urlencode(query)}",
            "next": urlencode({**query, "code": code, "after": str(api.key_of(found[PAGE - 1]))})
            if len(found) > PAGE else "",
        },
    )  # fmt: skip


@router.get("/mirror/areas")
def by_area(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show one indicator of each area over twelve months, all on one scale, by code."""
    query = {"code": "closing_in_time", **request.query_params}
    city, what = hub.city(), api.opened(query)
    found, periods, level = api.twelve(hub, actor, query)
    rates = [p.rate for row in found for p in row.points if p.rate is not None]
    top = min(1.0, math.ceil(10 * max(rates, default=0.1)) / 10) or 0.1
    kept = {k: query[k] for k in api.WORDS if k not in ("from", "to") and query.get(k)}

    def link(row: mirror.Series, n: int, part: str = "numerator") -> str:
        of = {"area": row.area.code} if row.area else {"outside": level}
        return urlencode(
            {
                **kept, **of, "from": periods[n].start.isoformat(), "to": periods[n].until.isoformat(),
                "code": what.indicator.code, "part": part,
            }
        )  # fmt: skip

    return page(
        request, "mirror_areas.html",
        {
            "rows": found, "periods": periods, "one": what.indicator, "top": max(top, *rates) if rates else top,
            "level": next((x.name for x in city.levels if x.kind == level), None), "link": link,
            "indicators": INDICATORS, "asked": kept, "words": urlencode({**kept, "code": what.indicator.code}),
            **_lists(city),
        },
    )  # fmt: skip


@router.get("/mirror/formula")
def formulas(request: Request, _: Public) -> Response:
    """Show the formula library, for anybody."""
    groups = [(group, [one for one in INDICATORS if one.group is group]) for group in Group]
    return page(request, "formulas.html", {"groups": groups})


@router.get("/mirror/formula/{code}")
def formula(request: Request, _: Public, code: str) -> Response:
    """Show one formula in words, with its version and its test vector worked out."""
    indicator = indicator_of(code)
    found, rows = worked(indicator)
    return page(
        request, "formula.html",
        {"one": indicator, "found": found, "rows": rows, "vector": VECTORS[code]},
    )  # fmt: skip


@router.get("/lotteries")
def lotteries(request: Request, hub: TheHub, _: Public) -> Response:
    """Show what was promised, and what was drawn."""
    text = request.query_params.get("before", "")
    with hub.db.transaction() as tx:
        found = lottery_store.latest(tx, before=day_of(text) if text else None)
    more = found[-1].day.isoformat() if len(found) == 60 else ""
    return page(request, "lotteries.html", {"lots": found, "more": more, "rounds": list(ROUNDS)})


@router.get("/lotteries/{day}/{after_days}")
def one_lottery(request: Request, hub: TheHub, _: Public, day: str, after_days: int) -> Response:
    """Show one lottery with all that is needed to work it out again."""
    with hub.db.transaction() as tx:
        found = lottery.proof(tx, day_of(day), round_of(after_days))
    return page(request, "lottery.html", {"proof": found, "lot": found.lottery})


def local(period: Period, city: City) -> Period:
    """Return a period with its ends in the city's own time."""
    return Period(
        start=period.start.astimezone(city.zone), until=period.until.astimezone(city.zone)
    )


def _change(now: Measured, then: Measured) -> str:
    """Return by how many points a rate differs from the period before; empty: not to be said."""
    if now.rate is None or then.rate is None:
        return ""
    return f"{100 * (now.rate - then.rate):+.2f}"


def _quick(ask: api.Asked, now: datetime) -> list[tuple[str, str]]:
    """Return the periods one asks for most, as name and query."""
    month, before = mirror.this_month(now), mirror.last_month(now)
    spans = (
        ("week", now - timedelta(days=6), now), ("month", month.start, now),
        ("last", before.start, before.until - timedelta(days=1)),
    )  # fmt: skip
    return [
        (name, urlencode({**ask.words, "from": f"{a:%Y-%m-%d}", "to": f"{b:%Y-%m-%d}"}))
        for name, a, b in spans
    ]


def _coming(lots: Any) -> dict[str, Any]:
    waiting = [one for one in lots if one.drawn_at is None and one.lost_at is None]
    return {"count": len(waiting), "next": min((one.due for one in waiting), default=None)}


def _lists(city: City) -> dict[str, Any]:
    kinds = [level.kind for level in city.levels if not level.overlay]
    return {
        "categories": [c for c in city.catalogue.categories if c.active],
        "units": [u for u in city.units.values() if u.active],
        "districts": [a for kind in kinds[1:3] for a in city.tree.of_kind(kind)][:300],
    }
