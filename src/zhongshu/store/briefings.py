"""Briefings: written on while they are drafts, then frozen."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row

from zhongshu.core.indicators import Period
from zhongshu.core.values import AccountId, AreaId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "b.id, b.since, b.until, b.area, b.title, b.made_at, b.version, b.snapshot, b.frozen_at,"
    " b.sha256, m.name as maker, f.name as freezer"
)
_FROM: LiteralString = "from briefings b left join accounts m on m.id = b.made_by left join accounts f on f.id = b.frozen_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A briefing as a list shows it. ``snapshot`` is the one a frozen one was counted with;
    None where its period had none.
    """

    id: int
    period: Period
    area: AreaId | None
    title: str
    maker: str
    made_at: datetime
    version: int
    snapshot: int | None
    frozen_at: datetime | None
    freezer: str
    sha256: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing(Entry):
    """A briefing. ``texts`` are its authors' own words by section: words, by (an account), at.
    ``document`` is there once it is frozen.
    """

    texts: Mapping[str, Mapping[str, Any]]
    document: str | None


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
        .execute(
            f"select {_COLUMNS}, b.texts, b.document {_FROM} where b.id = %s" + tail, (identity,)
        )
        .fetchone()
    )


def latest(
    tx: Tx, *, areas: Collection[AreaId] | None, limit: int = 200
) -> Sequence[Entry]:  # fmt: skip
    """Return briefings of some areas (None: of all, and of the whole city), the one of the
    latest period first.
    """
    return (
        tx.cursor(row_factory=kwargs_row(_entry))
        .execute(
            f"select {_COLUMNS} {_FROM} where %s or b.area = any(%s)"
            " order by b.until desc, b.id desc limit %s",
            (areas is None, list(areas or ()), limit),
        )
        .fetchall()
    )


def write(tx: Tx, identity: int, *, title: str, texts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the title and the texts of a draft."""
    tx.execute(
        "update briefings set title = %s, texts = %s, version = version + 1 where id = %s",
        (title, json.dumps(texts, ensure_ascii=False), identity),
    )


def freeze(
    tx: Tx, identity: int, *, by: AccountId, at: datetime, snapshot: int | None, document: str,
    sha256: bytes,
) -> None:  # fmt: skip
    """Write the document of a draft: from now on nothing of it changes."""
    tx.execute(
        "update briefings set frozen_by = %s, frozen_at = %s, snapshot = %s, document = %s, sha256 = %s,"
        " version = version + 1 where id = %s",
        (by, at, snapshot, document, sha256, identity),
    )


def _briefing(*, texts: Mapping[str, Any], document: str | None, **row: Any) -> Briefing:
    return Briefing(texts=texts, document=document, **_said(**row))


def _entry(**row: Any) -> Entry:
    return Entry(**_said(**row))


def _said(
    *, since: datetime, until: datetime, maker: str | None, freezer: str | None, **row: Any
) -> dict[str, Any]:
    return {
        **row, "period": Period(start=since, until=until), "maker": maker or "",
        "freezer": freezer or "",
    }  # fmt: skip
