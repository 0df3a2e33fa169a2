"""Briefings as pages: the list, one to be written on, and the paper it is printed on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.briefing import pieces
from zhongshu.flow import briefings, mirror, snapshots
from zhongshu.flow.city import City
from zhongshu.link import paper
from zhongshu.store.briefings import Briefing
from zhongshu.web import wanted
from zhongshu.web.api import briefings as api
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.plan import plan

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Author = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]


@router.get("/brief")
def listed(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List briefings, and offer to make one."""
    city, now = hub.city(), hub.clock().astimezone(hub.city().zone)
    month = mirror.last_month(now)
    quick = [
        ("yesterday", now - timedelta(days=1), now - timedelta(days=1)),
        ("week", now - timedelta(days=7), now - timedelta(days=1)),
        ("last", month.start, month.until - timedelta(days=1)),
    ]
    with hub.db.seeing(actor.sight) as tx:
        found = briefings.latest(tx, city, actor.sight)
    writes = actor.sight_for(Permission.CASE_SUPERVISE)
    return page(
        request, "briefs.html",
        {
            "found": [(one, briefings.area_of(city, one)) for one in found],
            "quick": [(name, f"{a:%Y-%m-%d}", f"{b:%Y-%m-%d}") for name, a, b in quick],
            "districts": [a for a in wanted.districts(city) if snapshots.whole(writes, a.span)],
            "may_write": snapshots.whole(writes),
        },
    )  # fmt: skip


@router.post("/brief")
async def make(request: Request, hub: TheHub, actor: Author) -> Response:
    """Make a draft from its form."""
    sent = await request.form()
    said = {name: str(sent.get(name) or "") for name in ("area", "title")}
    body = api.BriefingIn(
        start=str(sent.get("from") or ""), until=str(sent.get("to") or ""), **said
    )

    def made() -> int:
        with hub.db.transaction() as tx:
            return api.made_of(tx, hub, actor, body, fields=("from", "to"))

    return RedirectResponse(f"/brief/{await asyncio.to_thread(made)}", 303)


@router.get("/brief/{briefing}")
def one(request: Request, hub: TheHub, actor: Reader, briefing: int) -> Response:
    """Show a briefing; a draft with the forms to write on it."""
    found, view = _view(request, hub, actor, briefing)
    may = briefings.may(actor, hub.city(), found) and found.frozen_at is None
    return page(request, "brief.html", {**view, "may_write": may})


@router.get("/brief/{briefing}/paper")
def on_paper(request: Request, hub: TheHub, actor: Reader, briefing: int) -> Response:
    """Show the briefing as it is printed."""
    return page(
        request, "brief_paper.html", {**_view(request, hub, actor, briefing)[1], "base": ""}
    )


@router.get("/brief/{briefing}/pdf")
def as_pdf(request: Request, hub: TheHub, actor: Reader, briefing: int) -> Response:
    """Return the same as PDF."""
    view = _view(request, hub, actor, briefing)[1]
    html = page(request, "brief_paper.html", {**view, "base": str(request.base_url).rstrip("/")})
    made = paper.pdf(bytes(html.body).decode(), _css())
    return Response(
        made, media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="briefing-{briefing}.pdf"'},
    )  # fmt: skip


@router.post("/brief/{briefing}/texts")
async def write(request: Request, hub: TheHub, actor: Author, briefing: int) -> Response:
    """Write what the forms say."""
    sent = await request.form()
    texts = {n.removeprefix("text-"): str(v) for n, v in sent.items() if n.startswith("text-")}
    version = str(sent.get("version") or "")
    body = api.TextsIn(
        texts=texts, title=str(sent["title"]) if "title" in sent else None,
        version=int(version) if version.isdigit() else None,
    )  # fmt: skip
    await asyncio.to_thread(api.write, briefing, body, hub, actor)
    return RedirectResponse(f"/brief/{briefing}", 303)


@router.post("/brief/{briefing}/freeze")
async def freeze(request: Request, hub: TheHub, actor: Author, briefing: int) -> Response:
    """Freeze a draft as it was seen."""
    version = str((await request.form()).get("version") or "")
    body = api.FrozenIn(version=int(version) if version.isdigit() else None)
    await asyncio.to_thread(api.freeze, briefing, body, hub, actor)
    return RedirectResponse(f"/brief/{briefing}", 303)


def _view(
    request: Request, hub: Hub, actor: Actor, briefing: int
) -> tuple[Briefing, dict[str, Any]]:  # fmt: skip
    city, lang = hub.city(), language(request)
    with hub.db.seeing(actor.sight) as tx:
        found = api.seen(tx, city, actor, briefing)
        said = briefings.document(tx, city, found, now=hub.clock())
    for section in said["sections"]:
        section["lines"] = [list(pieces(line, lang)) for line in section["sentences"]]
    return found, {
        "briefing": found, "said": said, "checked": briefings.checked(found),
        "map": _map(city, said), "whole_days": _whole_days(city, said),
    }  # fmt: skip


def _whole_days(city: City, said: Mapping[str, Any]) -> tuple[str, str]:
    """Return the first and the last day of a briefing's period."""
    start = datetime.fromisoformat(said["from"]).astimezone(city.zone)
    last = datetime.fromisoformat(said["until"]).astimezone(city.zone) - timedelta(seconds=1)
    return f"{start:%Y-%m-%d}", f"{last:%Y-%m-%d}"


def _map(city: City, said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the areas of a briefing as outlines, each with how dark it is: five steps up to
    the largest number.
    """
    table = next((s["table"] for s in said["sections"] if s["code"] == "areas"), None)
    rows = {row["code"]: row for row in (table["rows"] if table else ())}
    areas = [a for a in (city.tree.named(code) for code in rows) if a is not None]
    drawn = plan(areas, width=640)
    if drawn is None:
        return None
    most = max((row["count"] for row in rows.values()), default=0) or 1
    return {
        "width": drawn.width, "height": drawn.height, "most": most,
        "areas": [
            {
                "path": drawn.paths[a.id], "spot": drawn.spots[a.id], "row": rows[a.code],
                "step": min(5, 1 + 5 * rows[a.code]["count"] // (most + 1)),
            }
            for a in areas if a.id in drawn.paths
        ],
    }  # fmt: skip


def _css() -> str:
    return files("zhongshu.web").joinpath("static/css/paper.css").read_text(encoding="utf-8")
