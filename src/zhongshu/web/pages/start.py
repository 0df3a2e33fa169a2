"""The set-up wizard: the steps as they stand; each can be left, and taken up again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.values import Refused
from zhongshu.flow import start as flow
from zhongshu.link import holidays, sheets
from zhongshu.web.forms import Sent, file, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, hand_of
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False, prefix="/workshop/start")
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
#: Countries whose holidays can be brought in by a press; China with its make-up workdays.
COUNTRIES = ("CN", "HK", "MO", "TW", "SG", "JP", "KR", "US", "GB", "DE", "FR", "AU", "CA")


@router.get("")
def start(request: Request, hub: TheHub, actor: Writer) -> Response:
    """Show what is there and what is missing."""
    return _start(request, hub, actor)


def _start(
    request: Request, hub: Hub, actor: Actor, *, refusal: Refused | None = None,
    units: tuple[int, int, list[tuple[int, str, str, str]]] | None = None,
) -> Response:  # fmt: skip
    decides(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        steps = flow.steps(tx, city, now=hub.clock())
    roots = [a for a in city.tree if a.parent is None and a.shape is not None]
    return page(
        request, "start.html",
        {
            "steps": {step.key: step for step in steps}, "units_told": units,
            "missing": [s for s in steps if not s.done and not s.optional],
            "centre": roots[0].shape.centroid if roots and roots[0].shape is not None else None,
            "findings": hub.checks(), "countries": COUNTRIES, "year": city.day.year,
            "counts": [(level, len(city.tree.of_kind(level.kind))) for level in city.levels],
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/name")
def name(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Name the city and its zone."""
    try:
        with hub.db.transaction() as tx:
            flow.name(
                tx, hand_of(hub, decides(actor)), zh=text(sent, "name_zh"), en=text(sent, "name_en"),
                zone=text(sent, "zone"),
            )  # fmt: skip
    except Refused as refusal:
        return _start(request, hub, actor, refusal=refusal)
    hub.look_again()
    return RedirectResponse("/workshop/start#levels", 303)


@router.post("/days")
def days(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Bring in the holidays of a year."""
    try:
        year, country = _year(text(sent, "year")), text(sent, "country")
        if country not in COUNTRIES:
            raise BadField("country", country, why=f"one of: {', '.join(COUNTRIES)}")
        found = holidays.china([year]) if country == "CN" else holidays.country(country, [year])
        with hub.db.transaction() as tx:
            flow.add_days(tx, hand_of(hub, decides(actor)), found, year=year)
    except Refused as refusal:
        return _start(request, hub, actor, refusal=refusal)
    hub.look_again()
    return RedirectResponse("/workshop/start#calendar", 303)


@router.post("/units")
async def units(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Bring in units from a table, and name every row that is refused."""
    try:
        told = await asyncio.to_thread(_units, hub, actor, *await file(sent))
    except Refused as refusal:
        return await asyncio.to_thread(_start, request, hub, actor, refusal=refusal)
    hub.look_again()
    return await asyncio.to_thread(_start, request, hub, actor, units=told)


def _units(hub: Hub, actor: Actor, name: str, data: bytes) -> Any:
    rows = sheets.read(name, data).rows
    with hub.db.transaction() as tx:
        return flow.add_units(tx, hand_of(hub, decides(actor)), rows)


def _year(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 2000 <= int(said[:5]) <= 2100):
        raise BadField("year", said, why="a year such as 2027")
    return int(said)
