"""The changes of the city's own data: who changed what when, filtered, as a file, undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from zhongshu.core.access import Actor, Permission
from zhongshu.core.proposals import Change
from zhongshu.core.values import Lang
from zhongshu.flow.changes import UNDOABLE
from zhongshu.flow.city import City
from zhongshu.store import accounts, city_facts
from zhongshu.store.city_facts import CityFact
from zhongshu.store.db import Tx
from zhongshu.web import rulewords, sheets
from zhongshu.web.api.changes import changes_wanted, undone
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import knows_access, writes
from zhongshu.web.look import language, page
from zhongshu.web.wordbook import WORDS

router = APIRouter(include_in_schema=False, prefix="/workshop/history")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
PAGE = 60
#: So many changes are written to a file at most.
MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change as the page tells it: by whom, about what, where that stands, and the changes of
    rules it holds, in words.
    """

    fact: CityFact
    by: str
    about: str
    href: str
    undo: bool
    rules: Sequence[rulewords.Told] = ()


@router.get("")
def history(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the changes that are wanted, the newest first."""
    query, may = dict(request.query_params), writes(actor)
    with hub.db.transaction() as tx:
        found = changes_wanted(tx, hub, actor, query, limit=PAGE + 1)
        told = tell(tx, hub.city(), found[:PAGE], language(request), may=may)
        people_ = _authors(tx, actor)
    return page(
        request, "changes.html",
        {
            "told": told, "asked": query, "kinds": _kinds(actor, "city_fact"),
            "families": _kinds(actor, "fact_family"), "people": people_, "writes": may,
            "kept": {k: v for k, v in query.items() if k != "after" and v},
            "next": found[PAGE - 1].id if len(found) > PAGE else None,
        },
    )  # fmt: skip


def _kinds(actor: Actor, family: str) -> list[str]:
    """Return the kinds to choose from: of access only for whoever is told of it."""
    return [k for k in sorted(WORDS[family]) if knows_access(actor) or not k.startswith(city_facts.OF_ACCESS)]  # fmt: skip


def _authors(tx: Tx, actor: Actor) -> dict[int, str]:
    if not knows_access(actor):
        return {}
    return accounts.names(tx, city_facts.authors(tx))


@router.get("/history.csv")
def history_csv(request: Request, hub: TheHub, actor: Writer) -> StreamingResponse:
    """Stream the changes that are wanted as a file."""
    with hub.db.transaction() as tx:
        found = changes_wanted(tx, hub, actor, dict(request.query_params), limit=MOST)
        told = tell(tx, hub.city(), found, language(request), may=False)
    rows = [
        {
            "id": one.fact.id, "at": one.fact.at.isoformat(), "by": one.by, "kind": one.fact.kind,
            "about": one.about, "reason": str(one.fact.says.get("reason", "")),
        }
        for one in told
    ]  # fmt: skip
    return sheets.download("history.csv", rows, ("id", "at", "by", "kind", "about", "reason"))


@router.post("/{fact}/undo")
def undo(hub: TheHub, actor: Writer, fact: int) -> Response:
    """Put back what a change changed, by one more change."""
    found = undone(hub, actor, fact)
    return RedirectResponse(f"/workshop/history?kind={found.kind.partition(':')[0]}:", 303)


def tell(tx: Tx, city: City, facts: Sequence[CityFact], lang: Lang, *, may: bool) -> list[Told]:
    """Return changes with the names of whom and what they are about, as those are today."""
    ids = {f.account for f in facts if f.account} | {int(f.says["subject"]) for f in facts if isinstance(f.says.get("subject"), int)}  # fmt: skip
    names = accounts.names(tx, sorted(ids))
    about = {int(f.says["post"]) for f in facts if isinstance(f.says.get("post"), int)}
    posts = {p.id: p for p in accounts.posts(tx, only=[*about])} if about else {}  # type: ignore[list-item]
    return [
        Told(
            fact=fact, by=names.get(fact.account or 0, ""), undo=may and fact.kind in UNDOABLE,
            about=" · ".join(filter(None, _about(fact.says, names, posts, lang))), href=_href(fact),
            rules=[
                rulewords.told(Change.read(change), city, lang)
                for change in fact.says.get("changes", ())
                if isinstance(change, dict) and "subject" in change
            ],
        )
        for fact in facts
    ]  # fmt: skip


def _about(
    says: Mapping[str, Any], names: Mapping[int, str], posts: Mapping[Any, accounts.Post], lang: Lang
) -> list[str]:  # fmt: skip
    post = posts.get(says.get("post"))
    called = "" if post is None else post.name_en or post.name_zh if lang == "en" else post.name_zh
    return [
        str(says.get("title", "")), names.get(says.get("subject", 0), ""), called,
        str(says.get("code") or says.get("category") or says.get("about") or ""),
        str(says.get("name", "")),
        str(says.get("from") or says.get("on") or "")[:10],
    ]  # fmt: skip


def _href(fact: CityFact) -> str:
    says, family = fact.says, fact.kind.partition(":")[0]
    if says.get("proposal"):
        return f"/workshop/rules/proposals/{says['proposal']}"
    if family == "access":
        return f"/workshop/accounts/{says['subject']}" if says.get("subject") else f"/workshop/posts/{says['post']}"  # fmt: skip
    if says.get("version"):
        return f"/workshop/grid/{says['version']}" if family == "grid" else f"/workshop/catalogue?version={says['version']}"  # fmt: skip
    return {"same": "/workshop/same", "words": "/workshop/words", "key": "/workshop/connectors"}.get(family, "")  # fmt: skip
