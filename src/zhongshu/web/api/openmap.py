"""Open matters as anybody may know them: coarsened, by class and state, without a word."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from zhongshu.core.access import Actor
from zhongshu.core.coarse import FEWEST, SIDE_M
from zhongshu.flow import openmap
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.look import language
from zhongshu.web.openly import asked, features, openly, rows

router = APIRouter(prefix="/open", tags=["open"])
Public = Annotated[Actor | None, Depends(Anybody())]


@router.get("/matters")
def matters(request: Request, hub: TheHub, _: Public) -> dict[str, Any]:
    """Return open matters by squares of at least 150 m, and those of squares with fewer than
    three by the smallest area that has three; `area`, `class` (such as E-01) and `state` (`new`,
    `in_work`, `checking`) narrow. Classes and states with fewer than three stand under `*`.
    """
    city, found = hub.city(), openly(request).open()
    told = openmap.told(found, city, asked(request, city))
    return {
        "as_of": found.at, "square_m": SIDE_M, "fewest": FEWEST, "placeless": found.placeless,
        "total": sum(t.count for t in told),
        "matters": [
            {**row, "classes": dict(one.classes), "states": dict(one.states)}
            for one, row in zip(told, rows(found, told, city, language(request)), strict=True)
        ],
    }  # fmt: skip


@router.get("/matters.geojson")
def drawn(request: Request, hub: TheHub, _: Public) -> Response:
    """Return the same to be drawn: squares as polygons, the rest as a point in its area."""
    city, found = hub.city(), openly(request).open()
    told = openmap.told(found, city, asked(request, city))
    return JSONResponse(
        {"type": "FeatureCollection", "features": features(found, told, city)},
        headers={"Cache-Control": "public, max-age=60"}, media_type="application/geo+json",
    )  # fmt: skip


@router.get("/figures")
def figures(request: Request, _: Public) -> dict[str, Any]:
    """Return public indicators of the areas below the city with numerator, denominator and what
    is left out, over the last thirty whole days. A rate of fewer than three is not told.
    """
    period, found = openly(request).figures()
    return {
        "from": period.start, "until": period.until, "fewest": FEWEST,
        "areas": [
            {
                "area": row.area.code, "zh": row.area.name.zh, "en": row.area.name.en,
                "figures": [
                    {"code": m.indicator.code, "zh": m.indicator.name.zh, "en": m.indicator.name.en,
                     "numerator": m.numerator, "denominator": m.denominator,
                     "excluded": dict(m.excluded), "percent": m.percent}
                    if openmap.speaks(m) else {"code": m.indicator.code, "fewer_than": FEWEST}
                    for m in row.figures
                ],
            }
            for row in found
        ],
    }  # fmt: skip
