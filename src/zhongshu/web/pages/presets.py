"""Switching the screen of the whole city to a preset and back, and ticking off its plan."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import presets
from zhongshu.web.guard import Needs, TheHub

router = APIRouter(include_in_schema=False)
Switcher = Annotated[Actor, Depends(Needs(Permission.CITY_SWITCH))]


@router.post("/wall/preset")
def switch(hub: TheHub, actor: Switcher, code: Annotated[str, Form()]) -> Response:
    """Switch every screen of the city to a preset; the everyday one switches back."""
    account = presets.covering(actor)
    with hub.db.transaction() as tx:
        presets.switch(tx, code, by=account, at=hub.clock())
    hub.look_again()
    return RedirectResponse("/wall", 303)


@router.post("/wall/step")
def step(
    hub: TheHub, actor: Switcher, preset: Annotated[str, Form()], step: Annotated[int, Form()],
    done: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Mark a step of the plan as done, or not."""
    account = presets.covering(actor)
    with hub.db.transaction() as tx:
        presets.tick(tx, preset, step, done=bool(done), by=account, at=hub.clock())
    hub.look_again()
    return RedirectResponse("/wall", 303)
