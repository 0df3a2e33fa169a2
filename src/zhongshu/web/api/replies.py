"""Standard replies: the ones offered, one filled for a case, a new version."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Case
from zhongshu.core.replies import FOR, Reply
from zhongshu.core.values import Lang, Name
from zhongshu.flow import browse, replies
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, said
from zhongshu.web.vocabulary import OUTCOMES

router = APIRouter(tags=["replies"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


class ReplyIn(BaseModel):
    """A reply in both languages, and the forms it is offered in: `reject`, `return`, `close`,
    `note`. Blanks such as `{number}` are filled from the case.
    """

    model_config = ConfigDict(extra="forbid")

    title_zh: str
    title_en: str = ""
    text_zh: str
    text_en: str = ""
    acts: list[str]


@router.get("/replies")
def offered(actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Return the replies that can be chosen, each in its latest version."""
    with hub.db.seeing(actor.sight) as tx:
        return [as_json(one) for one in replies.offered(tx)]


@router.put("/replies/{code}")
def keep(code: str, body: ReplyIn, actor: Writer, hub: TheHub) -> dict[str, Any]:
    """Keep a reply as the next version of its code."""
    with hub.db.transaction() as tx:
        kept = replies.keep(tx, reply_of(code, body), by=actor.account, at=hub.clock())
    return as_json(kept)


@router.delete("/replies/{code}", status_code=204)
def drop(code: str, actor: Writer, hub: TheHub) -> None:
    """Offer a reply no more."""
    with hub.db.transaction() as tx:
        replies.drop(tx, code, by=actor.account, at=hub.clock())


@router.get("/cases/{number}/replies/{code}")
def filled(
    request: Request, number: str, code: str, actor: Reader, hub: TheHub
) -> dict[str, str]:  # fmt: skip
    """Return a reply with its blanks filled from a case. Nothing is sent."""
    return {"text": text_for(hub, actor, number, code, language(request))}


def text_for(hub: Hub, actor: Actor, number: str, code: str, lang: Lang) -> str:
    """Return a reply filled for a case in sight."""
    with hub.db.seeing(actor.sight) as tx:
        case = browse.case(tx, actor.sight, number)
        reply = replies.latest(tx, code)
    return text_of(hub, case, reply, lang)


def text_of(hub: Hub, case: Case, reply: Reply, lang: Lang) -> str:
    """Return a reply filled for a case."""
    outcome = said(OUTCOMES[case.outcome], lang) if case.outcome else ""
    return replies.said(hub.city(), case, reply, lang, outcome=outcome, now=hub.clock())


def reply_of(code: str, body: ReplyIn) -> Reply:
    return Reply(
        code=code.strip(), version=0, title=Name(body.title_zh.strip(), body.title_en.strip()),
        text=Name(body.text_zh, body.text_en), acts=frozenset(body.acts),
    )  # fmt: skip


def as_json(reply: Reply) -> dict[str, Any]:
    return {
        "code": reply.code, "version": reply.version, "acts": [a for a in FOR if a in reply.acts],
        "title": {"zh": reply.title.zh, "en": reply.title.en},
        "text": {"zh": reply.text.zh, "en": reply.text.en}, "made_at": reply.made_at,
    }  # fmt: skip
