"""Changes of the city's own data: who changed what, and when. Rows that are never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx

#: Families that say who has access, and by which keys: only for whoever may change that.
OF_ACCESS = ("access:", "key:")


@dataclass(frozen=True, slots=True, kw_only=True)
class CityFact:
    """One change. ``account`` is nobody's where it was made by a command."""

    id: int
    at: datetime
    account: AccountId | None
    kind: str
    says: Mapping[str, Any]


def add(
    tx: Tx, kind: str, says: Mapping[str, Any], *, account: AccountId | None, at: datetime
) -> int:
    """Write a change; return its identity."""
    row = tx.execute(
        "insert into city_facts (at, account, kind, says) values (%s, %s, %s, %s) returning id",
        (at, account, kind, json.dumps(says, ensure_ascii=False)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def one(tx: Tx, fact: int) -> CityFact | None:
    """Return one change."""
    return (
        tx.cursor(row_factory=class_row(CityFact))
        .execute("select id, at, account, kind, says from city_facts where id = %s", (fact,))
        .fetchone()
    )


def browse(
    tx: Tx, *, kind: str = "", account: int | None = None, nobody: bool = False,
    since: datetime | None = None, until: datetime | None = None, before: int | None = None,
    limit: int = 100, access: bool = False,
) -> list[CityFact]:  # fmt: skip
    """Return changes that are wanted, the newest first: of a kind (or its beginning), by an
    account (or by nobody: a command or a rule), in a period; without ``access``, none of the
    families that say who has it, whatever kind is asked for.
    """
    return (
        tx.cursor(row_factory=class_row(CityFact))
        .execute(
            "select id, at, account, kind, says from city_facts"
            " where starts_with(kind, %(kind)s) and (%(before)s::bigint is null or id < %(before)s)"
            " and (%(account)s::bigint is null or account = %(account)s)"
            " and (not %(nobody)s or account is null)"
            " and (%(access)s or not exists (select from unnest(%(of_access)s::text[]) f where starts_with(kind, f)))"
            " and (%(since)s::timestamptz is null or at >= %(since)s)"
            " and (%(until)s::timestamptz is null or at < %(until)s)"
            " order by id desc limit %(limit)s",
            {
                "kind": kind, "before": before, "account": account, "nobody": nobody,
                "since": since, "until": until, "limit": limit,
                "access": access, "of_access": list(OF_ACCESS),
            },
        )
        .fetchall()
    )  # fmt: skip


def authors(tx: Tx) -> list[int]:
    """Return the accounts that ever changed something."""
    rows = tx.execute("select distinct account from city_facts where account is not null")
    return [row[0] for row in rows.fetchall()]
