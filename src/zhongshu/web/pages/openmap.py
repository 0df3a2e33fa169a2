"""Pages for everybody: the public map with its list and figures, help, and privacy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor
from zhongshu.core.coarse import FEWEST, SIDE_M, PublicState, Told
from zhongshu.core.grid import Area
from zhongshu.flow import openmap, places
from zhongshu.flow.city import City
from zhongshu.flow.contacts import KEPT_FOR
from zhongshu.flow.waiting import FOR
from zhongshu.web import heat, plan, sheets
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.look import language, page
from zhongshu.web.openly import COLUMNS, asked, openly, rows
from zhongshu.web.wanted import districts

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
#: Rows of the list twin on the page; the CSV has them all.
LISTED = 30


@router.get("/map")
@router.get("/en/map")
def public_map(request: Request, hub: TheHub, _: Public) -> Response:
    """Show open matters, coarsened: a plan, the same as a list, and figures of the areas."""
    city, kept = hub.city(), openly(request)
    wanted, found = asked(request, city), kept.open()
    told = openmap.told(found, city, wanted)
    below = places.parts(city, wanted.area) if wanted.area else places.rooted(city)
    drawn = plan.plan(below or ((wanted.area,) if wanted.area else ()))
    period, figures = kept.figures()

    def link(**more: str) -> str:
        """Return the query of this page with something else asked."""
        query = {k: v for k, v in request.query_params.items() if k in ("area", "class", "state")}
        return urlencode({k: v for k, v in {**query, **more}.items() if v})

    return page(
        request, "map.html",
        {
            "told": told, "listed": told[:LISTED], "found": found, "asked": wanted,
            "total": sum(t.count for t in told), "below": below, "drawn": drawn,
            "squares": _squares(found, told, drawn), "circles": _circles(told, drawn, city), "majors": openmap.majors(city),
            "states": list(PublicState), "NO_CLASS": openmap.NO_CLASS, "side": int(SIDE_M),
            "fewest": FEWEST, "steps": heat.SQUARES, "spans": heat.spans(heat.SQUARES, fewest=FEWEST), "link": link, "choices": _choices(hub.city()), "period": period,
            "figures": figures, "speaks": openmap.speaks, "chain": _chain(city, wanted.area),
            "wide": lambda area: bool(openmap.wide_above(city, area.id)[:1] == [area.id]),
        },
    )  # fmt: skip


@router.get("/map.csv")
def export(request: Request, hub: TheHub, _: Public) -> Response:
    """Return what the public map tells as a table."""
    city, found = hub.city(), openly(request).open()
    told = openmap.told(found, city, asked(request, city))
    return sheets.download("open.csv", rows(found, told, city, language(request)), COLUMNS)


@router.get("/help")
@router.get("/en/help")
def help_page(request: Request, hub: TheHub, _: Public) -> Response:
    """Say whom to call, what the city handles, and how long things took."""
    taken = openly(request).taken()
    names = openmap.majors(hub.city())
    view = {
        "taken": [(names[m], one) for m, one in taken.items() if m in names],
        "days": openmap.TAKEN_DAYS, "fewest": openmap.TAKEN_FEWEST, "majors": names,
    }  # fmt: skip
    return page(request, "help.html", view)


@router.get("/privacy")
@router.get("/en/privacy")
def privacy(request: Request, _: Public) -> Response:
    """Say in plain words what is kept, for how long, who sees it, and how it is erased."""
    view = {"days": KEPT_FOR.days, "hour": int(FOR.total_seconds() // 60), "side": int(SIDE_M), "fewest": FEWEST}  # fmt: skip
    return page(request, "privacy.html", view)


def _squares(
    found: openmap.Open, told: Sequence[Told], drawn: plan.Plan | None
) -> list[dict[str, Any]]:
    """Return the squares as they lie in the plan, with their class of colour."""
    if drawn is None:
        return []
    made: list[dict[str, Any]] = []
    for one in told:
        if one.square is not None:
            west, south, east, north = found.raster.box(*one.square)
            (x, y), (right, bottom) = drawn.frame.pixel(west, north), drawn.frame.pixel(east, south)
            made.append({"x": x, "y": y, "w": max(right - x, 5), "h": max(bottom - y, 5), "n": one.count, "heat": heat.heat(one.count, heat.SQUARES, first=2)})  # fmt: skip
    return made


def _circles(
    told: Sequence[Told], drawn: plan.Plan | None, city: City
) -> list[dict[str, Any]]:  # fmt: skip
    """Return what is scattered over areas as circles in the plan, larger where it is more."""
    made: list[dict[str, Any]] = []
    for one in told:
        area = city.tree.by_id.get(one.area) if one.area is not None else None
        spot = places.inside(area) if area is not None and one.square is None else None
        if drawn is not None and spot is not None:
            x, y = drawn.frame.pixel(spot.lon, spot.lat)
            made.append({"x": x, "y": y, "r": round(5 + one.count**0.5, 1), "n": one.count})
    return made


def _choices(city: City) -> list[Area]:
    """Return the areas a filter offers: the two levels below the city that can be named."""
    return [a for a in districts(city) if openmap.wide_above(city, a.id)[:1] == [a.id]]


def _chain(city: City, area: Area | None) -> list[Area]:
    return list(city.tree.chain(area.id)[1:]) if area is not None else []
