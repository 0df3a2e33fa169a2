"""The ladder as a page: who is told of what in words, quiet hours, and “who would be told now”."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Duty, Permission
from zhongshu.core.cases.clocks import RUNGS, ClockKind
from zhongshu.core.escalation import LADDER, Audience, Quiet, among
from zhongshu.core.notices import TELLINGS
from zhongshu.core.procedures import LEVELS
from zhongshu.core.values import PostId
from zhongshu.flow import browse
from zhongshu.flow import ladder as flow
from zhongshu.flow import notices as telling
from zhongshu.store import notices as store
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import page

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
Told = Annotated[list[str] | None, Form()]


@router.get("/workshop/ladder")
def ladder(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show whom the city tells of what, the quiet hours, and for a case who would be told."""
    query, city, now = request.query_params, hub.city(), hub.clock()
    number, duty, text = (query.get(n, "").strip() for n in ("case", "duty", "text"))
    if duty:
        among("duty", duty, list(Duty))
    with hub.db.seeing(actor.sight) as tx:
        case = browse.case(tx, actor.sight, number) if number else None
        steps = telling.explained(tx, city, case, now=now) if case else []
    with hub.db.transaction() as tx:
        quiet = store.quiet_by_duty(tx)
        posts = store.posts_of(tx, duty, text=text, at=now) if duty else []
    return page(
        request, "ladder.html",
        {
            "rules": city.rules, "usual": LADDER, "usual_tellings": TELLINGS, "clocks": list(ClockKind),
            "rungs": RUNGS, "audiences": list(Audience), "levels": LEVELS, "case": case,
            "steps": steps, "number": number, "quiet": quiet, "posts": posts, "duty": duty,
            "text": text, "groups": _groups(), "may": actor.may(Permission.CITY_WRITE),
            "quiet_until": lambda post, at: telling.quiet_until(city, case, post, at) if case else None,
        },
    )  # fmt: skip


@router.post("/workshop/ladder/rungs/{clock}/{rung}")
def change_rung(
    hub: TheHub, _: Writer, clock: str, rung: str, told: Told = None,
    level: Annotated[int, Form()] = 0, usual: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Let a rung tell others, or do what is usual again."""
    with hub.db.transaction() as tx:
        flow.set_rung(tx, clock, rung, told=None if usual else told or [], level=level)
    return _back("ladder")


@router.post("/workshop/ladder/tellings/{happening}")
def change_telling(
    hub: TheHub, _: Writer, happening: str, told: Told = None, usual: Annotated[str, Form()] = ""
) -> Response:
    """Let something that happens be told to others, or to whom it usually is."""
    with hub.db.transaction() as tx:
        flow.set_telling(tx, happening, told=None if usual else told or [])
    return _back("tellings")


@router.post("/workshop/ladder/quiet")
def change_quiet(
    hub: TheHub, _: Writer, start: Annotated[str, Form()] = "", end: Annotated[str, Form()] = "",
    duty: Annotated[str, Form()] = "", post: Annotated[int | None, Form()] = None,
    back: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Give one post, or all of a duty, their quiet hours; empty ones: told at any hour."""
    quiet = _quiet(start, end)
    with hub.db.transaction() as tx:
        flow.set_quiet(
            tx, quiet, duty="" if post is not None else duty,
            post=None if post is None else PostId(post), at=hub.clock(),
        )  # fmt: skip
    return RedirectResponse(
        f"/workshop/ladder?{back}#quiet" if back else "/workshop/ladder#quiet", 303
    )


def _quiet(start: str, end: str) -> Quiet | None:
    if not start and not end:
        return None
    try:
        return Quiet(time.fromisoformat(start), time.fromisoformat(end))
    except ValueError:
        raise flow.HalfQuiet("quiet", f"{start}–{end}") from None


def _back(part: str) -> Response:
    return RedirectResponse(f"/workshop/ladder#{part}", 303)


def _groups() -> dict[str, list[str]]:
    """Return what can be told of besides clocks, under the word before the colon."""
    found: dict[str, list[str]] = {}
    for name in TELLINGS:
        found.setdefault(name.split(":")[0] if ":" in name else "case", []).append(name)
    return found
