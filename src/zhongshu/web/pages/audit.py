"""The changes of the city's own data: who changed what when, filtered, as a file, undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.values import Lang
from zhongshu.flow import connectors, grid, people, terms
from zhongshu.flow.people import CannotUndo, Hand
from zhongshu.store import accounts, city_facts
from zhongshu.store.city_facts import CityFact
from zhongshu.store.db import Tx
from zhongshu.web import sheets
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import governs, hand_of, writes
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField
from zhongshu.web.wordbook import WORDS

router = APIRouter(include_in_schema=False, prefix="/workshop/history")
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
PAGE = 60
#: So many changes are written to a file at most.
MOST = 20_000

#: Beginning of a kind → how such a change is undone.
UNDOING: Mapping[str, Callable[[Tx, Hand, int], None]] = {
    "access:": people.undo, "grid:": grid.undo, "key:": connectors.undo, "words:": terms.undo,
}  # fmt: skip
UNDOABLE = frozenset({*people.UNDO, *grid.UNDO, *connectors.UNDO, *terms.UNDO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change as the page tells it: by whom, about what, and where that stands."""

    fact: CityFact
    by: str
    about: str
    href: str
    undo: bool


@router.get("")
def history(request: Request, hub: TheHub, actor: Writer) -> Response:
    """Show the changes that are wanted, the newest first."""
    query = dict(request.query_params)
    with hub.db.transaction() as tx:
        found = wanted(tx, hub, actor, query, limit=PAGE + 1)
        told = tell(tx, found[:PAGE], language(request), may=writes(actor))
        people_ = _authors(tx, actor)
    return page(
        request, "history.html",
        {
            "told": told, "asked": query, "kinds": sorted(WORDS["city_fact"]), "families": sorted(WORDS["fact_family"]), "people": people_,
            "kept": {k: v for k, v in query.items() if k != "after" and v},
            "next": found[PAGE - 1].id if len(found) > PAGE else None,
        },
    )  # fmt: skip


def _authors(tx: Tx, actor: Actor) -> dict[int, str]:
    if not actor.may(Permission.ACCOUNT_WRITE):
        return {}
    return accounts.names(tx, city_facts.authors(tx))


@router.get("/history.csv")
def history_csv(request: Request, hub: TheHub, actor: Writer) -> StreamingResponse:
    """Stream the changes that are wanted as a file."""
    with hub.db.transaction() as tx:
        found = wanted(tx, hub, actor, dict(request.query_params), limit=MOST)
        told = tell(tx, found, language(request), may=False)
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
    with hub.db.transaction() as tx:
        found = city_facts.one(tx, fact)
        if found is None:
            raise NotFound("change", fact)
        _undoing(found, actor)(tx, hand_of(hub, actor), fact)
    hub.look_again()
    return RedirectResponse(f"/workshop/history?kind={found.kind.partition(':')[0]}:", 303)


def _undoing(fact: CityFact, actor: Actor) -> Callable[[Tx, Hand, int], None]:
    if fact.kind.startswith(("access:", "key:")):
        governs(actor)
    if not writes(actor) or fact.kind not in UNDOABLE:
        raise CannotUndo("change", fact.id)
    return next(do for kind, do in UNDOING.items() if fact.kind.startswith(kind))


def wanted(
    tx: Tx, hub: Hub, actor: Actor, query: Mapping[str, str], *, limit: int
) -> Sequence[CityFact]:
    """Return the changes that are wanted; who has access only to whoever may change it."""
    kind, by, after = (query.get(name, "").strip() for name in ("kind", "by", "after"))
    since, until = _day(query, "since"), _day(query, "until")
    zone = hub.city().zone
    begins = None if since is None else datetime.combine(since, time(), zone)
    ends = None if until is None else datetime.combine(until + timedelta(days=1), time(), zone)
    return city_facts.browse(
        tx, kind=kind[:60], account=int(by) if by.isascii() and by.isdigit() and len(by) < 16 else None,
        nobody=by == "nobody", since=begins, until=ends,
        before=int(after) if after.isascii() and after.isdigit() and len(after) < 16 else None,
        limit=limit, access=actor.acting(Permission.ACCOUNT_WRITE, area_code=None, unit=None) is not None,
    )  # fmt: skip


def tell(tx: Tx, facts: Sequence[CityFact], lang: Lang, *, may: bool) -> list[Told]:
    """Return changes with the names of whom and what they are about, as those are today."""
    ids = {f.account for f in facts if f.account} | {int(f.says["subject"]) for f in facts if isinstance(f.says.get("subject"), int)}  # fmt: skip
    names = accounts.names(tx, sorted(ids))
    about = {int(f.says["post"]) for f in facts if isinstance(f.says.get("post"), int)}
    posts = {p.id: p for p in accounts.posts(tx, only=[*about])} if about else {}  # type: ignore[list-item]
    return [
        Told(
            fact=fact, by=names.get(fact.account or 0, ""), undo=may and fact.kind in UNDOABLE,
            about=" · ".join(filter(None, _about(fact.says, names, posts, lang))), href=_href(fact),
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


def _day(query: Mapping[str, str], name: str) -> date | None:
    said = query.get(name, "").strip()
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise BadField(name, said, why="write a day such as 2027-01-01") from None
