"""Campaigns as pages: the list, one campaign with its comparison and cases, and its report."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from zhongshu.core.access import Actor, Permission
from zhongshu.core.campaigns import CHANGEABLE, CampaignState, steps_of
from zhongshu.core.cases import Measure
from zhongshu.core.catalogue import MAJORS
from zhongshu.flow import bulk, campaigns
from zhongshu.store import campaigns as store
from zhongshu.store import cases as case_store
from zhongshu.web.api.campaigns import (
    BULK,
    NUMBERS,
    BulkIn,
    CampaignIn,
    MembersIn,
    acted,
    campaign_of,
    number_of_cases,
    put,
    said,
    state_of,
    stepped,
)
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import page
from zhongshu.web.pages.joint import told

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Maker = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]
SHOWN = 30


@router.get("/campaigns")
def listed(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List campaigns, and offer to make one."""
    state = request.query_params.get("state", "")
    with hub.db.transaction() as tx:
        found = store.page(tx, state=state_of(state))
        counts = number_of_cases(tx, actor, found[:SHOWN], hub.clock())
    return page(
        request, "campaigns.html",
        {
            "campaigns": found, "counts": counts, "state": state, "states": list(CampaignState),
            "may_make": actor.may(Permission.CASE_SUPERVISE), "campaign": None,
            "changeable": CHANGEABLE[CampaignState.DRAFT], **_lists(hub),
        },
    )  # fmt: skip


@router.post("/campaigns")
async def make(request: Request, hub: TheHub, _: Maker) -> Response:
    """Make a campaign from its form."""
    body = _body(await request.form(), CHANGEABLE[CampaignState.DRAFT])

    def made() -> int:
        with hub.db.transaction() as tx:
            return campaigns.make(tx, campaign_of(body, hub.city())).id

    return RedirectResponse(f"/campaigns/{await asyncio.to_thread(made)}", 303)


@router.get("/campaigns/{identity}")
def one(request: Request, hub: TheHub, actor: Reader, identity: int) -> Response:
    """Show a campaign, its numbers before, during and after, and its cases."""
    return _shown(request, hub, actor, identity, "campaign.html")


@router.get("/campaigns/{identity}/report")
def report(request: Request, hub: TheHub, actor: Reader, identity: int) -> Response:
    """Show a campaign as a report to be printed."""
    return _shown(request, hub, actor, identity, "campaign_report.html")


def _shown(request: Request, hub: Hub, actor: Actor, identity: int, template: str) -> Response:
    city, now = hub.city(), hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        found = campaigns.find(tx, identity)
        comparison = campaigns.compared(tx, city, actor.sight, found, now=now)
        members = campaigns.members(tx, actor.sight, found, now=now, limit=SHOWN)
        count = case_store.count(tx, actor.sight, campaigns.belonging(found, now=now))
        by_hand = store.by_hand(tx, actor.sight, identity)
        waiting = {
            act: case_store.count(tx, actor.sight, campaigns.belonging(found, now=now, stages=stages))
            for act, stages in BULK.items()
        }  # fmt: skip
    return page(
        request, template,
        {
            "campaign": found, "comparison": comparison, "members": members, "count": count,
            "by_hand": by_hand, "waiting": waiting, "steps": steps_of(found),
            "measures": [m for m in NUMBERS if m != Measure.LEFT_OUT], "most": campaigns.MOST_CASES,
            "may_make": actor.may(Permission.CASE_SUPERVISE),
            "may_export": actor.may(Permission.EXPORT), "may": _may(actor),
            "changeable": CHANGEABLE[found.state], "whole_sight": actor.sight.everything, **_lists(hub),
        },
    )  # fmt: skip


@router.post("/campaigns/{identity}")
async def change(request: Request, hub: TheHub, _: Maker, identity: int) -> Response:
    """Change what may still be changed."""
    sent = await request.form()

    def changed() -> None:
        with hub.db.transaction() as tx:
            before = campaigns.find(tx, identity)
            body = _body(sent, CHANGEABLE[before.state])
            campaigns.change(tx, identity, said(body, hub.city(), before), version=body.version)

    await asyncio.to_thread(changed)
    return RedirectResponse(f"/campaigns/{identity}", 303)


@router.post("/campaigns/{identity}/steps/{move}")
async def step(
    request: Request, hub: TheHub, actor: Maker, identity: int, move: str
) -> Response:  # fmt: skip
    """Start, end or report a campaign."""
    summary = str((await request.form()).get("summary") or "")

    def taken() -> None:
        with hub.db.transaction() as tx:
            stepped(tx, hub, actor, identity, move, summary)

    await asyncio.to_thread(taken)
    return RedirectResponse(f"/campaigns/{identity}", 303)


@router.post("/campaigns/{identity}/cases")
async def members(request: Request, hub: TheHub, actor: Maker, identity: int) -> Response:
    """Let cases in by hand, or keep them out."""
    sent = await request.form()
    body = MembersIn(
        cases=str(sent.get("cases") or "").split(), joined=sent.get("joined") != "0",
        reason=str(sent.get("reason") or ""),
    )  # fmt: skip

    def done() -> None:
        with hub.db.transaction() as tx:
            put(tx, hub, actor, identity, body)

    await asyncio.to_thread(done)
    return RedirectResponse(f"/campaigns/{identity}#by-hand", 303)


@router.post("/campaigns/{identity}/bulk")
async def many(request: Request, hub: TheHub, actor: Reader, identity: int) -> Response:
    """Show what an act would do to each case; sent again from there, do it."""
    sent = await request.form()
    fields = {n: str(sent.get(n) or "") for n in ("act", "unit", "limit", "note")}
    sure = bool(sent.get("sure"))
    body = BulkIn(
        **fields, preview=not sure, cases=[str(v) for v in sent.getlist("case")] if sure else None
    )
    kept: dict[str, Any] = {"versions": {}}

    def work() -> list[bulk.Line]:
        lines, kept["versions"] = acted(hub, actor, identity, body)
        return lines

    again = {"action": f"/campaigns/{identity}/bulk", "fields": fields}
    lines = await asyncio.to_thread(work)
    preview = None if sure else {**again, **kept}
    return await told(request, f"/campaigns/{identity}", lambda: lines, preview=preview)


def _body(sent: FormData, changeable: frozenset[str]) -> CampaignIn:
    """Read a form. What it may change but leaves empty is empty; the rest is left alone."""
    texts = ("name_zh", "name_en", "purpose", "since", "until", "lead")
    made: dict[str, Any] = {
        name: str(sent.get(name) or "")
        for name in texts
        if name.removesuffix("_zh").removesuffix("_en") in changeable
    }
    for name in ("areas", "categories", "units"):
        if name in changeable:
            made[name] = [str(value) for value in sent.getlist(name)]
    version = str(sent.get("version") or "")
    return CampaignIn(**made, version=int(version) if version.isdigit() else None)


def _may(actor: Actor) -> dict[str, bool]:
    return {
        "dispatch": actor.may(Permission.CASE_DISPATCH),
        "assist": actor.may(Permission.CASE_DISPATCH), "note": actor.may(Permission.CASE_NOTE),
    }  # fmt: skip


def _lists(hub: Hub) -> dict[str, Any]:
    city = hub.city()
    kinds = [level.kind for level in city.levels if not level.overlay]
    across = [level.kind for level in city.levels if level.overlay]
    return {
        "categories": [c for c in city.catalogue.categories if c.active],
        "majors": MAJORS,
        "units": [u for u in city.units.values() if u.active],
        "districts": [a for kind in (*kinds[1:3], *across) for a in city.tree.of_kind(kind)][:300],
    }
