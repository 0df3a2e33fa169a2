"""Saved views: keep a filter under a title, share it, come back to it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.flow import views
from zhongshu.store import cases
from zhongshu.store import views as store
from zhongshu.store.db import Tx
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub

router = APIRouter(tags=["views"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class ViewIn(BaseModel):
    """A title, and the filter as the URL of a list writes it: `stage=filed&area=N-1`."""

    model_config = ConfigDict(extra="forbid")

    title: str
    query: str = "open=1"
    shared: bool = False


@router.get("/views")
def offered(actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Return the views one keeps and those that are shared, each with its count now."""
    with hub.db.transaction() as tx:
        found = store.offered(tx, actor.account)
        return [
            {
                "id": view.id, "title": view.title, "query": view.query, "shared": view.shared,
                "own": view.account == actor.account,
                "count": count(tx, actor, view.query, hub),
            }
            for view in found
        ]  # fmt: skip


def count(tx: Tx, actor: Actor, query: str, hub: Hub) -> int | None:
    """Return how many cases a kept query finds now; None where it names what is no more."""
    asked = wanted.of_text(query, hub.city(), now=hub.clock())
    return None if asked is None else cases.count(tx, actor.sight, asked)


@router.post("/views", status_code=201)
def keep(body: ViewIn, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Keep a view; one of the same title is replaced."""
    query = wanted.canonical(body.query, hub.city(), now=hub.clock())
    with hub.db.transaction() as tx:
        view = views.keep(
            tx, actor, title=body.title, query=query, shared=body.shared, at=hub.clock()
        )
    return {"id": view, "title": body.title, "query": query, "shared": body.shared}


@router.delete("/views/{view}", status_code=204)
def drop(view: int, actor: Reader, hub: TheHub) -> Response:
    """Drop a view of one's own."""
    with hub.db.transaction() as tx:
        views.drop(tx, actor, view)
    return Response(status_code=204)
