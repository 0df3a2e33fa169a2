"""Keeping and dropping the lists somebody comes back to."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.values import Refused
from zhongshu.store import views
from zhongshu.store.db import Tx

LONGEST = 40
MOST = 40


class NoTitle(Refused):
    message = "%(field)s: “%(value)s” is no title."
    remedy = "Write 1 to 40 characters, such as “Overdue in the old town”."


class TooManyViews(Refused):
    status: ClassVar[int] = 409
    message = "You keep %(value)s views already."
    remedy = "Drop one you no longer use."


def keep(tx: Tx, actor: Actor, *, title: str, query: str, shared: bool, at: datetime) -> int:
    """Keep a view for an account; one of the same title is replaced."""
    name = " ".join(title.split())
    if not 1 <= len(name) <= LONGEST:
        raise NoTitle("title", title)
    own = [view.title for view in views.offered(tx, actor.account) if view.account == actor.account]
    if name not in own and len(own) >= MOST:
        raise TooManyViews("views", len(own))
    return views.keep(tx, actor.account, title=name, query=query, shared=shared, at=at)


def pin(tx: Tx, actor: Actor, view: int, *, on: bool) -> None:
    """Keep a view that is offered to the actor on top of his own list, or no longer."""
    if not on:
        views.unpin(tx, actor.account, view)
    elif not views.pin(tx, actor.account, view):
        raise NotFound("view", view)


def drop(tx: Tx, actor: Actor, view: int) -> None:
    """Drop a view of one's own; who keeps the city's data may drop what others share."""
    anybody = actor.may(Permission.CITY_WRITE)
    if not views.drop(tx, view, account=None if anybody else actor.account):
        raise NotFound("view", view)
