"""Numbered SQL migrations, forward only, each in one transaction.

`schema.sql` beside them is what they add up to; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString, cast

import psycopg

from zhongshu.core.values import Refused
from zhongshu.store.db import Tx

_NAME = re.compile(r"(\d{4})_\w+\.sql")
_LOCK = 0x5A53_0001  # two processes starting at once migrate one after the other


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str


class TooOld(Refused):
    status = 500
    message = "PostgreSQL %(value)s is too old: the hub needs 18 or later."
    remedy = (
        "Point ZHONGSHU_DATABASE_URL at PostgreSQL 18, or leave it out to use the built-in one."
    )


class TooNew(Refused):
    status = 500
    message = "The database is at migration %(value)s, which this program does not know."
    remedy = "Start the newer program that made it."


def migrations() -> tuple[Migration, ...]:
    """Return all migrations in order; a gap in the numbers is a programmer's error."""
    found = sorted(_found(), key=lambda m: m.number)
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ValueError("migration numbers must run from 0001 without a gap")
    return tuple(found)


def migrate(connection: Tx) -> tuple[Migration, ...]:
    """Bring an autocommit connection's database up to date; return what was applied."""
    if connection.info.server_version < 180000:
        raise TooOld("database", f"{connection.info.server_version // 10000}")
    applied: list[Migration] = []
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("set local lock_timeout = '4s'")
        connection.execute(
            "create table if not exists migrations"
            " (number int primary key, name text not null, at timestamptz not null default now())"
        )
        done = version(connection)
        known = migrations()
        if done > len(known):
            raise TooNew("database", done)
        for migration in known[done:]:
            # The files of this package, not anybody's input.
            connection.execute(cast("LiteralString", migration.text))
            connection.execute(
                "insert into migrations (number, name) values (%s, %s)",
                (migration.number, migration.name),
            )
            applied.append(migration)
    return tuple(applied)


def version(tx: Tx) -> int:
    """Return the number of the last migration applied; 0 for an empty database."""
    try:
        with tx.transaction():
            row = tx.execute("select coalesce(max(number), 0) from migrations").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def _found() -> Iterator[Migration]:
    for entry in files("zhongshu.store").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(entry.name)
        if match:
            yield Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8"))
