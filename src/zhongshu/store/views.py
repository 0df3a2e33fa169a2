"""Saved views: the lists somebody comes back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import kwargs_row

from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A named list: what its URL asks for, and whether everybody is offered it.

    Whoever opens it sees what his own posts let him see.
    """

    id: int
    account: AccountId
    title: str
    query: str
    shared: bool
    pinned: bool = False


def keep(tx: Tx, account: AccountId, *, title: str, query: str, shared: bool, at: datetime) -> int:
    """Keep a view; one of the same title is replaced."""
    row = tx.execute(
        "insert into views (account, title, query, shared, made_at) values (%s, %s, %s, %s, %s)"
        " on conflict (account, title) do update set query = excluded.query,"
        " shared = excluded.shared returning id",
        (account, title, query, shared, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def offered(tx: Tx, account: AccountId, *, limit: int = 200) -> Sequence[View]:
    """Return somebody's own views, then those that others share, by title; what he pinned first."""
    cursor = tx.cursor(row_factory=kwargs_row(View))
    return cursor.execute(
        "select id, account, title, query, shared, p.view is not null as pinned"
        " from views left join (select view from view_pins where account = %(me)s) p on p.view = id"
        " where account = %(me)s or shared"
        " order by p.view is null, account <> %(me)s, title, id limit %(limit)s",
        {"me": account, "limit": limit},
    ).fetchall()


def pin(tx: Tx, account: AccountId, view: int) -> bool:
    """Keep a view on top of an account's list; say whether it is one that is offered to it."""
    return (
        tx.execute(
            "insert into view_pins (account, view) select %(me)s, id from views"
            " where id = %(view)s and (account = %(me)s or shared)"
            " on conflict (account, view) do update set view = excluded.view",
            {"me": account, "view": view},
        ).rowcount
        == 1
    )


def unpin(tx: Tx, account: AccountId, view: int) -> None:
    """Let a view go back to its place."""
    tx.execute("delete from view_pins where account = %s and view = %s", (account, view))


def drop(tx: Tx, view: int, *, account: AccountId | None) -> bool:
    """Drop a view of an account (None: whoever's it is); say whether there was one."""
    return (
        tx.execute(
            "delete from views where id = %s and (%s::bigint is null or account = %s)",
            (view, account, account),
        ).rowcount
        == 1
    )
