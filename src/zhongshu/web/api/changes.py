"""The changes of the city's own data: who changed what when, filtered, and undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import changes as flow
from zhongshu.store import city_facts
from zhongshu.store.city_facts import CityFact
from zhongshu.store.db import Tx
from zhongshu.web import wanted
from zhongshu.web.api.proposals import after
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, governs, hand_of, knows_access
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["changes"])
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


@router.get("/city-facts")
def changes(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """List what was changed of the city's own data, by whom and why, the newest first; narrowed by
    `kind` (or its beginning), `by`, `since` and `until` like the page. Who has access and which
    keys there are is told only to whoever may change it.
    """
    query, size = dict(request.query_params), wanted.limit(request.query_params)
    with hub.db.transaction() as tx:
        found = changes_wanted(tx, hub, actor, query, limit=size + 1)
    return {
        "facts": [
            {"id": f.id, "at": f.at, "account": f.account, "kind": f.kind, "says": f.says}
            for f in found[:size]
        ],
        "next": str(found[size - 1].id) if len(found) > size else None,
    }


@router.post("/city-facts/{fact}/undo")
def undo(hub: TheHub, actor: Writer, fact: int) -> dict[str, Any]:
    """Put back what a change changed, by one more change."""
    return {"undone": undone(hub, actor, fact).id}


# ── read and done alike by page and API ──────────────────────────────────────────────


def undone(hub: Hub, actor: Actor, fact: int) -> CityFact:
    """Undo a change; return it. Changes of access only by who may change access."""
    with hub.db.transaction() as tx:
        found = flow.one(tx, fact)
        if found.kind.startswith(city_facts.OF_ACCESS):
            governs(actor)
        flow.undo(tx, hand_of(hub, decides(actor)), found)
    hub.look_again()
    hub.machines.clear()
    return found


def changes_wanted(
    tx: Tx, hub: Hub, actor: Actor, query: Mapping[str, str], *, limit: int
) -> Sequence[CityFact]:
    """Return the changes that are wanted; who has access only to whoever may change it."""
    kind, by = (query.get(name, "").strip() for name in ("kind", "by"))
    since, until, zone = _day(query, "since"), _day(query, "until"), hub.city().zone
    begins = None if since is None else datetime.combine(since, time(), zone)
    ends = None if until is None else datetime.combine(until + timedelta(days=1), time(), zone)
    return city_facts.browse(
        tx, kind=kind[:60], account=int(by) if by.isascii() and by.isdigit() and len(by) < 16 else None,
        nobody=by == "nobody", since=begins, until=ends, before=after(query) or None, limit=limit,
        access=knows_access(actor),
    )  # fmt: skip


def _day(query: Mapping[str, str], name: str) -> date | None:
    said = query.get(name, "").strip()
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise BadField(name, said, why="write a day such as 2027-01-01") from None
