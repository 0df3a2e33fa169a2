"""Standard replies as pages: kept in the workshop, filled into the forms of a case."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter, Order
from zhongshu.core.replies import FOR, Blank, check
from zhongshu.core.values import Lang, Refused
from zhongshu.flow import browse, replies
from zhongshu.store import accounts, cases
from zhongshu.store import replies as store
from zhongshu.web.api.replies import ReplyIn, reply_of, text_of
from zhongshu.web.forms import Sent, text, texts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
_FIELDS = ("title_zh", "title_en", "text_zh", "text_en")


@router.get("/cases/{number}/reply")
def reply(
    request: Request, hub: TheHub, actor: Reader, number: str, act: str = "note", reply: str = ""
) -> Response:
    """Return the field of an act's form with a reply in it (fetched by htmx)."""
    if act not in FOR:
        raise BadField("act", act, why=f"one of: {', '.join(FOR)}")
    with hub.db.seeing(actor.sight) as tx:
        case = browse.case(tx, actor.sight, number)
        chosen = replies.latest(tx, reply) if reply else None
    filled = text_of(hub, case, chosen, language(request)) if chosen else ""
    return page(request, "reply_field.html", {"act": act, "text": filled, "FOR": FOR})


@router.get("/workshop/replies")
def listed(request: Request, hub: TheHub, _: Writer, code: str = "") -> Response:
    """Show the replies, and the form of one with all its versions."""
    said = {**dict.fromkeys(("code", *_FIELDS), ""), "acts": []}
    with hub.db.transaction() as tx:
        history = store.versions(tx, code) if code else ()
    if history:
        last = history[0]
        said = {
            "code": code, "title_zh": last.title.zh, "title_en": last.title.en,
            "text_zh": last.text.zh, "text_en": last.text.en, "acts": sorted(last.acts),
        }  # fmt: skip
    return page(request, "replies.html", {**_list(hub, code), "said": said, "problem": None, "shown": None})  # fmt: skip


@router.post("/workshop/replies")
def keep(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Keep a reply as a new version; with ``preview`` only show how it would read."""
    said: dict[str, Any] = {
        **{name: text(sent, name) for name in ("code", *_FIELDS)}, "acts": texts(sent, "acts"),
    }  # fmt: skip
    preview, lang = bool(text(sent, "preview")), language(request)
    try:
        shown = _keep(hub, actor, said, preview=preview, lang=lang)
    except Refused as refusal:
        view = {**_list(hub, said["code"]), "said": said, "problem": problem(refusal, lang), "shown": None}  # fmt: skip
        return page(request, "replies.html", view, status=refusal.status)
    if preview:
        view = {**_list(hub, said["code"]), "said": said, "problem": None, "shown": shown}
        return page(request, "replies.html", view)
    return RedirectResponse("/workshop/replies", 303)


@router.post("/workshop/replies/{code}/drop")
def drop(hub: TheHub, actor: Writer, code: str) -> Response:
    """Offer a reply no more."""
    with hub.db.transaction() as tx:
        replies.drop(tx, code, by=actor.account, at=hub.clock())
    return RedirectResponse("/workshop/replies", 303)


def _keep(hub: Hub, actor: Actor, said: dict[str, Any], *, preview: bool, lang: Lang) -> Any:
    """Keep a reply, or return how it would read for the newest case in sight."""
    fresh = reply_of(said["code"], ReplyIn(acts=said["acts"], **{n: said[n] for n in _FIELDS}))
    if not preview:
        with hub.db.transaction() as tx:
            return replies.keep(tx, fresh, by=actor.account, at=hub.clock())
    check(fresh)
    with hub.db.seeing(actor.sight) as tx:
        newest = cases.page(tx, actor.sight, Filter(), order=Order.NEWEST, after=None, limit=1)
    return [(case.number, text_of(hub, case, fresh, lang)) for case in newest]


def _list(hub: Hub, code: str) -> dict[str, Any]:
    with hub.db.transaction() as tx:
        history = store.versions(tx, code) if code else ()
        writers = sorted({r.account for r in history if r.account is not None})
        return {
            "replies": replies.offered(tx), "history": history, "FOR": FOR, "blanks": list(Blank),
            "names": accounts.names(tx, writers),
        }  # fmt: skip
