"""Working together as pages: the cases of one cause, and what an act on many did to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter, Outcome
from zhongshu.flow import browse, bulk, links
from zhongshu.store import cases as store
from zhongshu.web.api.joint import handling, linking
from zhongshu.web.forms import Sent, text, texts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import language, page
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
SHOWN = 200


@router.get("/cases/{number}/together")
def together(request: Request, hub: TheHub, actor: Reader, number: str) -> Response:
    """Show a leading case, those linked to it, and those that may have the same cause."""
    city, same = hub.city(), request.query_params.get("same", "") == "1"
    with hub.db.seeing(actor.sight) as tx:
        lead = browse.case(tx, actor.sight, number)
        found = links.linked(tx, lead, actor.sight, limit=SHOWN)
        count = store.count(tx, actor.sight, Filter(linked_to=lead.id))
        at_work = store.count(
            tx, actor.sight, Filter(linked_to=lead.id, stages=frozenset(links.AT_WORK))
        )
        offered = links.offered(tx, lead, actor.sight, category=lead.category if same else None)
    return page(
        request, "together.html",
        {
            "lead": lead, "linked": found, "count": count, "at_work": at_work, "same": same,
            "offered": offered, "Outcome": Outcome, "within": int(links.WITHIN_M),
            "may_link": actor.may(Permission.CASE_DISPATCH) and lead.stage in links.AT_WORK and lead.linked_to is None,
            "may_handle": actor.may(Permission.CASE_WORK), "unit": city.units.get(lead.unit) if lead.unit else None,
        },
    )  # fmt: skip


@router.post("/cases/{number}/link-all")
def link_all(request: Request, hub: TheHub, actor: Reader, number: str, sent: Sent) -> Response:
    """Link the chosen cases, and those whose numbers were typed."""
    numbers = texts(sent, "case") + text(sent, "more").split()
    return told(request, f"/cases/{number}/together", linking(hub, actor, number, numbers))


@router.post("/cases/{number}/handle-all")
def handle_all(request: Request, hub: TheHub, actor: Reader, number: str, sent: Sent) -> Response:
    """Handle all linked cases and the leading one."""
    outcome, note = text(sent, "outcome"), text(sent, "note")
    lines = handling(hub, actor, number, None, outcome=outcome, note=note)
    return told(request, f"/cases/{number}/together", lines)


def told(request: Request, back: str, lines: Sequence[bulk.Line], **view: Any) -> Response:
    """Show what became of each of many cases."""
    lang = language(request)
    return page(
        request, "lines.html",
        {
            "back": back, "preview": None, **view,
            "done": [line for line in lines if line.case is not None],
            "refused": [
                (line.number, problem(line.refusal, lang))
                for line in lines
                if line.refusal is not None
            ],
        },
    )  # fmt: skip
