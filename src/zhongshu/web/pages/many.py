"""One act on the chosen rows of the desk: first what it would do to each, then done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import NEEDS, Actor, Permission
from zhongshu.core.cases import Act
from zhongshu.core.values import Refused
from zhongshu.web import wanted
from zhongshu.web.api.acts import ActIn, act_of
from zhongshu.web.api.joint import acting, undoing
from zhongshu.web.forms import Sent, text, texts
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
def many(request: Request, hub: TheHub, actor: Reader, sent: Sent) -> Response:
    """Show what an act would do to each of the chosen cases; with ``sure``, do it."""
    chosen, back = texts(sent, "case"), wanted.inside(text(sent, "back"), "/desk")
    if not chosen:
        raise NoneChosen("case")
    word, sure = text(sent, "act"), bool(text(sent, "sure"))
    if word == UNDO:
        return told(request, back, undoing(hub, actor, chosen), act=UNDO, asks=(), undo=False)
    fields = {name: said for name in ActIn.model_fields if (said := text(sent, name))}
    body = ActIn.model_validate(fields)
    act = act_of(word, ACTS)
    versions = dict(one.split("@", 1) for one in chosen if "@" in one)
    preview = None if sure else {"action": "/desk/many", "fields": {**fields, "act": act.value, "back": back}, "versions": versions}  # fmt: skip
    city = hub.city()
    return told(
        request, back, acting(hub, actor, act, chosen, body, pretend=not sure),
        preview=preview, act=act.value, said=fields, chosen=chosen,
        asks=() if sure else ACTS[act],
        units=[u for u in city.units.values() if u.active],
        categories=[c for c in city.catalogue.categories if c.active],
        undo=sure and act in (Act.DISPATCH, Act.MERGE),
        seconds=city.undo_window.total_seconds(),
    )  # fmt: skip
