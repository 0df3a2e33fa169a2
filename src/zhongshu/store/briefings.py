"""Briefings: written on while they are drafts, then frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row

from zhongshu.core.indicators import Period
from zhongshu.core.values import AccountId, AreaId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "b.id, b.since, b.until, b.area, b.title, b.texts, b.made_by, b.made_at, b.version, b.snapshot,"
    " b.frozen_at, b.document, b.sha256, m.name as maker, f.name as freezer"
)
_FROM: LiteralString = "from briefings b left join accounts m on m.id = b.made_by left join accounts f on f.id = b.frozen_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """A briefing. ``texts`` are its authors' own words by section: words, by (an account), at.
    ``document`` is there once it is frozen.
    """

    id: int
    period: Period
    area: AreaId | None
    title: str
    texts: Mapping[str, Mapping[str, Any]]
    maker: str
    made_at: datetime
    version: int
    snapshot: int | None
    frozen_at: datetime | None
    freezer: str
    document: str | None
    sha256: bytes | None


def add(
    tx: Tx, period: Period, *, area: AreaId | None, title: str, by: AccountId, at: datetime
) -> int:
    """Write a draft and return its number."""
    row = tx.execute(
        "insert into briefings (since, until, area, title, made_by, made_at) values (%s, %s, %s, %s, %s, %s)"
        " returning id",
        (period.start, period.until, area, title, by, at),
    ).fetchone()
    assert row is not None
    return int(row[0])


def get(tx: Tx, identity: int, *, lock: bool = False) -> Briefing | None:
    """Return a briefing; with ``lock`` other writers are kept out until the transaction ends."""
    tail: LiteralString = " for update of b" if lock else ""
    return (
        tx.cursor(row_factory=kwargs_row(_briefing))
        .execute(f"select {_COLUMNS} {_FROM} where b.id = %s" + tail, (identity,))
        .fetchone()
    )


def latest(tx: Tx, *, limit: int = 200) -> Sequence[Briefing]:
    """Return briefings, the one of the latest period first."""
    return (
        tx.cursor(row_factory=kwargs_row(_briefing))
        .execute(f"select {_COLUMNS} {_FROM} order by b.until desc, b.id desc limit %s", (limit,))
        .fetchall()
    )


def write(tx: Tx, identity: int, *, title: str, texts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the title and the texts of a draft."""
    tx.execute(
        "update briefings set title = %s, texts = %s, version = version + 1 where id = %s",
        (title, json.dumps(texts, ensure_ascii=False), identity),
    )


def freeze(
    tx: Tx, identity: int, *, by: AccountId, at: datetime, snapshot: int, document: str, sha256: bytes
) -> None:  # fmt: skip
    """Write the document of a draft: from now on nothing of it changes."""
    tx.execute(
        "update briefings set frozen_by = %s, frozen_at = %s, snapshot = %s, document = %s, sha256 = %s,"
        " version = version + 1 where id = %s",
        (by, at, snapshot, document, sha256, identity),
    )


def names(tx: Tx, accounts: Sequence[int]) -> dict[int, str]:
    """Return the names that some authors sign with."""
    rows = tx.execute(
        "select id, name from accounts where id = any(%s) order by id", (list(accounts),)
    )
    return {int(identity): str(name) for identity, name in rows}


def _briefing(
    *, since: datetime, until: datetime, maker: str | None, freezer: str | None, area: int | None,
    made_by: int | None, **row: Any,
) -> Briefing:  # fmt: skip
    del made_by
    return Briefing(
        period=Period(start=since, until=until), maker=maker or "", freezer=freezer or "",
        area=None if area is None else AreaId(area), **row,
    )  # fmt: skip
