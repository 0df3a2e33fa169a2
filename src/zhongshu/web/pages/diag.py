"""The page that tests the viewer's own machine, and says in words what to do about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
#: What is tested, in the order it is shown; the page has the words, the script measures.
CHECKS = ("script", "clock", "font", "webgl", "frames", "size", "storage", "worker", "notice")


@router.get("/diag")
def diag(request: Request, _: Public) -> Response:
    """Show what this machine can do: nothing of it is sent anywhere."""
    return page(request, "diag.html", {"checks": CHECKS})


@router.get("/diag/clock")
def clock(hub: TheHub, _: Public) -> dict[str, float]:
    """Return the hub's own time, in seconds: what the viewer's clock is compared with."""
    return {"now": hub.clock().timestamp()}
