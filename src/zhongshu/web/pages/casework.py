"""Procedures from forms: what is asked for on a case page, and decided there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.store.db import Tx
from zhongshu.web.api.casework import SaidIn, begun, taken
from zhongshu.web.guard import Needs, TheHub

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.post("/cases/{number}/procedures/{kind}")
async def begin(request: Request, hub: TheHub, actor: Reader, number: str, kind: str) -> Response:
    """Begin a procedure, then show the case again."""
    body, back = await _form(request, number)
    return await _done(back, hub, actor, lambda tx: begun(tx, hub, actor, number, kind, body))


@router.post("/cases/{number}/procedures/{identity}/{move}")
async def take(
    request: Request, hub: TheHub, actor: Reader, number: str, identity: int, move: str
) -> Response:
    """Take a step of a procedure, then show the case again."""
    body, back = await _form(request, number)
    return await _done(
        back, hub, actor, lambda tx: taken(tx, hub, actor, number, identity, move, body)
    )


async def _form(request: Request, number: str) -> tuple[SaidIn, str]:
    sent = await request.form()
    back = str(sent.get("back") or f"/cases/{number}")
    fields = {k: str(v) for k, v in sent.items() if k in SaidIn.model_fields and str(v) != ""}
    return SaidIn.model_validate(fields), back


async def _done(back: str, hub: TheHub, actor: Actor, work: Callable[[Tx], object]) -> Response:
    def within() -> None:
        with hub.db.seeing(actor.sight) as tx:
            work(tx)

    await asyncio.to_thread(within)
    return RedirectResponse(
        back if back.startswith("/") and not back.startswith("//") else "/desk", 303
    )
