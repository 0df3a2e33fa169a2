"""The city's own texts of messages: every version is kept, the newest of a place counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVersion:
    """One version of a text; without subject and body: the usual one again."""

    id: int
    event: str
    medium: str
    lang: str
    subject: str | None
    body: str | None
    account: AccountId | None
    at: datetime


_COLUMNS = "id, event, medium, lang, subject, body, account, at"


def in_force(tx: Tx) -> list[TextVersion]:
    """Return the newest version of every place that has one."""
    return (
        tx.cursor(row_factory=class_row(TextVersion))
        .execute(
            f"select distinct on (event, medium, lang) {_COLUMNS} from texts"
            " order by event, medium, lang, id desc"
        )
        .fetchall()
    )


def versions(
    tx: Tx, event: str, medium: str, lang: str, *, limit: int = 50
) -> list[TextVersion]:  # fmt: skip
    """Return the versions of one place, the newest first."""
    return (
        tx.cursor(row_factory=class_row(TextVersion))
        .execute(
            f"select {_COLUMNS} from texts where event = %s and medium = %s and lang = %s"
            " order by id desc limit %s",
            (event, medium, lang, limit),
        )
        .fetchall()
    )


def write(
    tx: Tx, *, event: str, medium: str, lang: str, subject: str | None, body: str | None,
    account: AccountId | None, at: datetime,
) -> int:  # fmt: skip
    """Write a version; return its identity."""
    row = tx.execute(
        "insert into texts (event, medium, lang, subject, body, account, at)"
        " values (%s, %s, %s, %s, %s, %s, %s) returning id",
        (event, medium, lang, subject, body, account, at),
    ).fetchone()
    assert row is not None
    return int(row[0])
