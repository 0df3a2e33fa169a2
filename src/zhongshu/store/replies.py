"""Standard replies: every change is a new version; the latest one counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import kwargs_row

from zhongshu.core.replies import Reply
from zhongshu.core.values import Name
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "code, version, title_zh, title_en, text_zh, text_en, acts, dropped, account, made_at"
)


def add(tx: Tx, reply: Reply) -> None:
    """Write a version; the database refuses one that is there already."""
    tx.execute(
        f"insert into replies ({_COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            reply.code, reply.version, reply.title.zh, reply.title.en, reply.text.zh,
            reply.text.en, sorted(reply.acts), reply.dropped, reply.account, reply.made_at,
        ),
    )  # fmt: skip


def current(tx: Tx) -> Sequence[Reply]:
    """Return the latest version of each reply that is still offered, by title."""
    cursor = tx.cursor(row_factory=kwargs_row(_reply))
    return cursor.execute(
        f"select {_COLUMNS} from (select distinct on (code) {_COLUMNS} from replies"
        " order by code, version desc) latest where not dropped order by title_zh, code"
    ).fetchall()


def versions(tx: Tx, code: str) -> Sequence[Reply]:
    """Return all versions of a reply, the latest first."""
    cursor = tx.cursor(row_factory=kwargs_row(_reply))
    return cursor.execute(
        f"select {_COLUMNS} from replies where code = %s order by version desc", (code,)
    ).fetchall()


def lock(tx: Tx) -> None:
    """Keep other writers of replies out until the transaction ends."""
    tx.execute("lock table replies in share row exclusive mode")


def _reply(
    *, title_zh: str, title_en: str, text_zh: str, text_en: str, acts: list[str], **row: object
) -> Reply:
    return Reply(
        title=Name(title_zh, title_en), text=Name(text_zh, text_en), acts=frozenset(acts),
        **row,  # type: ignore[arg-type]
    )  # fmt: skip
