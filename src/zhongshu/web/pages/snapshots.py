"""Frozen snapshots as pages: the list, one with what came later, and why a figure moved."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.indicators import BY_CODE
from zhongshu.core.snapshots import read
from zhongshu.flow import mirror, snapshots
from zhongshu.store import snapshots as store
from zhongshu.web.api import snapshots as api
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Freezer = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]


@router.get("/mirror/snapshots")
def listed(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List what is frozen, and offer to freeze a period."""
    snapshots.only_whole(actor)
    with hub.db.seeing(actor.sight) as tx:
        found = store.latest(tx, before=api.before(request.query_params))
    month = mirror.last_month(hub.clock().astimezone(hub.city().zone))
    usual = (f"{month.start:%Y-%m-%d}", f"{month.until - timedelta(days=1):%Y-%m-%d}")
    return page(
        request, "snapshots.html",
        {
            "snapshots": found, "usual": usual, "may_freeze": snapshots.whole(actor.sight_for(Permission.CASE_SUPERVISE)),
            "more": found[-1].id if len(found) == 60 else None,
        },
    )  # fmt: skip


@router.post("/mirror/snapshots")
async def freeze(request: Request, hub: TheHub, actor: Freezer) -> Response:
    """Freeze the period of the form."""
    sent = await request.form()
    start, until = str(sent.get("from") or ""), str(sent.get("to") or "")
    made = await asyncio.to_thread(
        api.frozen_by_hand, hub, actor, start, until, fields=("from", "to")
    )
    return RedirectResponse(f"/mirror/snapshots/{made.id}", 303)


@router.get("/mirror/snapshots/{snapshot}")
def one(request: Request, hub: TheHub, actor: Reader, snapshot: int) -> Response:
    """Show a snapshot: its figures, whether they still come out, and what is other today."""
    snapshots.only_whole(actor)
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = snapshots.find(tx, snapshot)
        flaws, recount = snapshots.checked(tx, city, found)
        later = snapshots.since_then(tx, city, found, at=hub.clock())
    said = read(found.document)
    whole = next(row for row in said.rows if row.of == "whole")
    kinds = list(dict.fromkeys(row.of for row in said.rows if row.of != "whole"))
    asked = request.query_params.get("of", "")
    shown = asked if asked in kinds else next(iter(kinds), "")
    return page(
        request, "snapshot.html",
        {
            "snapshot": found, "said": said, "whole": whole, "flaws": flaws, "recount": recount,
            "later": [d for d in later if d.row.of == "whole"],
            "later_parts": [d for d in later if d.row.of != "whole"], "by_code": BY_CODE,
            "behind": lambda row, code, part, reason="": api.behind(said, row, code, part, reason),
            "parts": [row for row in said.rows if row.of == shown and row.figures],
            "order": [c for c in BY_CODE if c in said.formulas] + sorted(set(said.formulas) - set(BY_CODE)),
            "kinds": kinds, "kind": shown,
            "level": {level.kind: level.name for level in city.levels},
            "matrix": mirror.MATRIX,
        },
    )  # fmt: skip


@router.get("/mirror/snapshots/{snapshot}/why/{code}")
def why(request: Request, hub: TheHub, actor: Reader, snapshot: int, code: str) -> Response:
    """Show the cases that an indicator counts otherwise today, and what came since."""
    snapshots.only_whole(actor)
    indicator = api.indicator_of(code)
    with hub.db.seeing(actor.sight) as tx:
        frozen = snapshots.find(tx, snapshot)
        found: list[Any] = list(snapshots.why(tx, frozen, indicator))
    return page(
        request, "snapshot_why.html",
        {
            "snapshot": frozen, "indicator": indicator, "found": found,
            "cut": len(found) == snapshots.MOST_WHY,
        },
    )  # fmt: skip
