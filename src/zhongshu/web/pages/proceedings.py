"""All procedures in sight as a list: what waits, for whom, and what is late."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.procedures import LEVELS, ProcedureFilter, ProcedureKind
from zhongshu.flow import browse
from zhongshu.store import procedures as store
from zhongshu.web import wanted
from zhongshu.web.api.procedures import procedure_filter
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.get("/procedures")
def procedures(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List procedures; the filters are in the URL, and each kind shows how many are open."""
    query, city, now = dict(request.query_params), hub.city(), hub.clock()
    asked = procedure_filter(query, city, now=now)
    with hub.db.seeing(actor.sight) as tx:
        found = browse.listed(
            tx, actor.sight, asked, after=wanted.after(query), limit=wanted.limit(query)
        )
        here = store.count_by_kind(tx, actor.sight, asked)
        open_now = store.count_by_kind(tx, actor.sight, ProcedureFilter())
        late = store.count_by_kind(tx, actor.sight, ProcedureFilter(late=now))
        pressed = {
            level.number: store.count_by_kind(
                tx, actor.sight, replace(ProcedureFilter(), level=level.number)
            ).get(ProcedureKind.SUPERVISION, 0)
            for level in LEVELS
        }
    query.pop("after", None)
    return page(
        request, "proceedings.html",
        {
            "found": found, "count": sum(here.values()), "asked": query,
            "query_text": urlencode(query), "open_now": open_now, "late": late,
            "pressed": pressed, "levels": LEVELS, "kinds": list(ProcedureKind),
            "units": [u for u in city.units.values() if u.active],
        },
    )  # fmt: skip
