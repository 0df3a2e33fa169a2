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


def listing(
    tx: Tx, *, kind: str = "", before: int | None = None, limit: int = 100
) -> list[CityFact]:
    """Return changes whose kind begins with ``kind``, the newest first."""
    return (
        tx.cursor(row_factory=class_row(CityFact))
        .execute(
            "select id, at, account, kind, says from city_facts"
            " where kind like %(kind)s || '%%' and (%(before)s::bigint is null or id < %(before)s)"
            " order by id desc limit %(limit)s",
            {"kind": kind, "before": before, "limit": limit},
        )
        .fetchall()
    )
