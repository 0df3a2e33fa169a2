"""Working together: cases that share a leading case's clock, and one act on many cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Act, Case, Outcome
from zhongshu.core.values import Lang
from zhongshu.flow import acts, browse, bulk, links, undo
from zhongshu.flow.city import City
from zhongshu.web.answer import answer
from zhongshu.web.api.acts import ActIn, form_of, with_acts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language
from zhongshu.web.problems import BadField, problem

router = APIRouter(tags=["joint"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class ManyIn(BaseModel):
    """Which cases, and what is said; a number may carry the version that was seen, as in
    `261124-1024@5`. `preview` tries everything and keeps nothing.
    """

    model_config = ConfigDict(extra="forbid")

    cases: list[str] | None = None
    outcome: str | None = None
    note: str = ""
    preview: bool = False


class ManyActIn(ActIn):
    """One act on these cases, with what the act reads."""

    cases: list[str]
    preview: bool = False


@router.get("/cases/{number}/linked")
def linked(number: str, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return the cases linked to a leading one that are still at work, and those that may have
    the same cause: not yet handled, within 500 m and three days of it.
    """
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        lead = browse.case(tx, actor.sight, number)
        found = links.linked(tx, lead, actor.sight, limit=bulk.MOST)
        offered = links.offered(tx, lead, actor.sight)
    return {
        "lead": browse.as_json(lead, city), "linked": [browse.as_json(c, city) for c in found],
        "offered": [
            {"case": c.number, "stage": c.stage, "title": c.title, "metres": round(far, 1)}
            for c, far in offered
        ],
    }  # fmt: skip


@router.post("/cases/{number}/link-all")
def link_all(
    request: Request, number: str, body: ManyIn, actor: Reader, hub: TheHub
) -> dict[str, Any]:
    """Link cases to a leading one, each on its own; the answer has a line for each."""
    done = linking(hub, actor, number, body.cases or [], pretend=body.preview)
    return {"lines": lines_json(done, hub.city(), language(request))}


@router.post("/cases/{number}/handle-all")
def handle_all(
    request: Request, number: str, body: ManyIn, actor: Reader, hub: TheHub
) -> dict[str, Any]:
    """Report all cases linked to a leading one, and at last itself, as handled; with `cases` only
    these. Each keeps its own check and outcome; the answer has a line for each.
    """
    done = handling(hub, actor, number, body.cases, outcome=body.outcome, note=body.note, pretend=body.preview)  # fmt: skip
    return {"lines": lines_json(done, hub.city(), language(request))}


@router.post("/acts/{act}")
def act_on_many(
    request: Request, act: str, body: ManyActIn, actor: Reader, hub: TheHub
) -> dict[str, Any]:
    """Do one act to many cases, each on its own; the answer has a line for each. With `preview`
    it says what would become of each, and nothing is done.
    """
    lines = acting(hub, actor, act, body.cases, body, pretend=body.preview)
    return {"lines": lines_json(lines, hub.city(), language(request))}


@router.post("/cases/{number}/undo", response_model=dict[str, Any])
def undo_one(number: str, actor: Reader, hub: TheHub) -> Response:
    """Take back one's own last act on a case (a dispatch, a merge), within the city's
    `undo_seconds` and while nobody has acted since.
    """
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        after = undo.undo(tx, city, actor, number, at=hub.clock())
    return answer(with_acts(after, actor, city))


def acting(
    hub: Hub, actor: Actor, act: str, numbers: Sequence[str], said: ActIn, *, pretend: bool = False
) -> list[bulk.Line]:
    """Do one act to these cases, or try what it would do."""
    try:
        what = Act(act)
    except ValueError:
        raise BadField("act", act, why=f"one of: {', '.join(Act)}") from None
    city = hub.city()
    deed = bulk.acting(city, actor, what, form_of(said, city), at=hub.clock())
    return bulk.each(hub.db, actor.sight, numbers, deed, pretend=pretend)


def undoing(hub: Hub, actor: Actor, numbers: Sequence[str]) -> list[bulk.Line]:
    """Take back one's own last act on each of these cases."""
    city, at = hub.city(), hub.clock()
    return bulk.each(
        hub.db, actor.sight, numbers,
        lambda tx, number, _: undo.undo(tx, city, actor, number, at=at),
    )  # fmt: skip


def linking(
    hub: Hub, actor: Actor, number: str, numbers: Sequence[str], *, pretend: bool = False
) -> list[bulk.Line]:
    """Link these cases to a leading one in sight."""
    with hub.db.seeing(actor.sight) as tx:
        lead = browse.case(tx, actor.sight, number)
    deed = bulk.acting(hub.city(), actor, Act.LINK, acts.Form(into=lead.id), at=hub.clock())
    return bulk.each(hub.db, actor.sight, numbers, deed, pretend=pretend)


def handling(
    hub: Hub, actor: Actor, number: str, numbers: Sequence[str] | None, *, outcome: str | None,
    note: str, pretend: bool = False,
) -> list[bulk.Line]:  # fmt: skip
    """Handle the cases linked to a leading one, itself last: until then its clock is theirs."""
    try:
        form = acts.Form(outcome=Outcome(outcome or ""), note=note[:2000])
    except ValueError:
        raise BadField("outcome", outcome, why=f"one of: {', '.join(Outcome)}") from None
    with hub.db.seeing(actor.sight) as tx:
        lead = browse.case(tx, actor.sight, number)
        found = links.linked(tx, lead, actor.sight, limit=bulk.MOST - 1)
    if numbers is None:
        numbers = [*(c.number for c in reversed(found)), *_itself(lead)]
    deed = bulk.finishing(hub.city(), actor, form, at=hub.clock())
    return bulk.each(hub.db, actor.sight, numbers, deed, pretend=pretend)


def _itself(lead: Case) -> list[str]:
    return [lead.number] if lead.stage in links.AT_WORK else []


def lines_json(lines: Sequence[bulk.Line], city: City, lang: Lang) -> list[dict[str, Any]]:
    """Return result lines as the interface shows them."""
    return [
        {
            "case": line.number,
            **({"stage": line.case.stage, "version": line.case.version, "unit": city.code_of(line.case.unit) or None} if line.case else {}),
            **({"problem": problem(line.refusal, lang)} if line.refusal else {}),
        }
        for line in lines
    ]  # fmt: skip
