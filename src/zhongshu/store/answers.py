"""Answers kept for a while, so that sending the same again is answered and not done twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from pydantic_core import to_json

from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a key was used for before, and what was answered."""

    body: bytes
    answer: dict[str, Any]


def claim(tx: Tx, key: bytes, body: bytes, *, at: datetime) -> bool:
    """Take a key for this transaction; False where it was used before.

    Waits for another transaction that holds it: the key is free again if that one fails.
    """
    row = tx.execute(
        "insert into answers (key, body, at) values (%s, %s, %s) on conflict do nothing returning 1",
        (key, body, at),
    ).fetchone()
    return row is not None


def keep(tx: Tx, key: bytes, answer: Mapping[str, Any]) -> None:
    """Keep the answer of a claimed key."""
    tx.execute(
        "update answers set answer = %s where key = %s",
        (to_json(answer).decode(), key),
    )


def get(tx: Tx, key: bytes) -> Answered | None:
    return (
        tx.cursor(row_factory=class_row(Answered))
        .execute("select body, answer from answers where key = %s", (key,))
        .fetchone()
    )


def forget(tx: Tx, *, before: datetime) -> int:
    """Delete answers older than a moment; return how many."""
    return tx.execute("delete from answers where at < %s", (before,)).rowcount
