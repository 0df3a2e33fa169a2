"""How cases really travel: the directly-follows picture of any list."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from zhongshu.core.access import Actor, Permission
from zhongshu.store import mining
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub

router = APIRouter(tags=["process"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.get("/process")
def process(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return steps, edges with counts and times (seconds), and the commonest ways. Takes the
    filters of `/cases`; every share is of `cases`, the number of cases looked at.
    """
    asked = wanted.wanted(request.query_params, hub.city(), now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = mining.picture(tx, actor.sight, asked)
    return {
        "cases": found.cases,
        "edges": [
            {"from": e.source, "to": e.target, "count": e.count, "cases": e.cases,
             "median_s": e.median_s, "p90_s": e.p90_s}
            for e in found.edges
        ],
        "variants": [
            {"steps": v.steps, "cases": v.cases, "median_s": v.median_s, "loops": v.loops}
            for v in found.variants
        ],
    }  # fmt: skip


@router.get("/process/cases")
def cases(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return the numbers of the cases behind one edge (`from`, `to`), at most 200."""
    query = request.query_params
    asked = wanted.wanted(query, hub.city(), now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        numbers = mining.travelled(tx, actor.sight, asked, query.get("from", ""), query.get("to", ""))  # fmt: skip
    return {"cases": numbers}
