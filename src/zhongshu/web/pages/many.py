"""One act on the chosen rows of the desk: first what it would do to each, then done."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import NEEDS, Actor, Permission
from zhongshu.core.cases import Act
from zhongshu.core.values import Refused
from zhongshu.web import wanted
from zhongshu.web.api.acts import ActIn
from zhongshu.web.api.joint import acting, undoing
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.pages.joint import told

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
#: What can be done to many rows at once, and what each then asks for.
ACTS: dict[Act, tuple[str, ...]] = {
    Act.DISPATCH: ("unit", "note"), Act.FILE: ("category",), Act.MERGE: ("into",),
    Act.REJECT: ("reason",), Act.ACCEPT: (), Act.CLOSE: (), Act.NOTE: ("note",),
}  # fmt: skip
#: The word of the button that takes all of it back.
UNDO = "undo"


class NoneChosen(Refused):
    message = "No case was chosen."
    remedy = "Tick the rows it is about, then press the button again."


def offered(actor: Actor) -> list[Act]:
    """Return what an actor may do to many rows."""
    return [act for act in ACTS if actor.may(NEEDS[act])]


@router.post("/desk/many")
async def many(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show what an act would do to each of the chosen cases; with ``sure``, do it."""
    sent = await request.form()
    chosen = [str(value) for value in sent.getlist("case")]
    back = wanted.inside(str(sent.get("back") or ""), "/desk")
    if not chosen:
        raise NoneChosen("case")
    word, sure = str(sent.get("act") or ""), bool(sent.get("sure"))
    if word == UNDO:
        return await told(request, back, lambda: undoing(hub, actor, chosen), **_plain())
    fields = {k: str(v) for k, v in sent.items() if k in ActIn.model_fields and str(v) != ""}
    body = ActIn.model_validate(fields)
    act = Act(word) if word in list(ACTS) else Act.NOTE
    versions = dict(one.split("@", 1) for one in chosen if "@" in one)
    preview = None if sure else {"action": "/desk/many", "fields": {**fields, "act": act.value, "back": back}, "versions": versions}  # fmt: skip
    city = hub.city()
    return await told(
        request, back, lambda: acting(hub, actor, word, chosen, body, pretend=not sure),
        preview=preview, act=act.value, said=fields, chosen=chosen,
        asks=() if sure else ACTS.get(act, ()),
        units=[u for u in city.units.values() if u.active],
        categories=[c for c in city.catalogue.categories if c.active],
        undo=sure and act in (Act.DISPATCH, Act.MERGE),
        seconds=city.undo_window.total_seconds(),
    )  # fmt: skip


def _plain() -> dict[str, Any]:
    return {"act": UNDO, "asks": (), "undo": False}
