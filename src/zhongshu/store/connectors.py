"""How other systems are doing: their keys, how often each was used, and what was imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of another system, named by the hash that is kept of it, and its counts since a moment."""

    hash: str
    account: AccountId
    login: str
    name: str
    duties: list[str]
    made_at: datetime
    disabled_at: datetime | None
    last_hour: datetime | None
    requests: int
    refused: int
    conflicts: int

    def works(self, now: datetime) -> bool:
        return self.disabled_at is None or self.disabled_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """The account of one import."""

    id: int
    source: str
    file: str
    began_at: datetime
    ended_at: datetime | None
    read: int
    made: int
    known: int
    refused: int


def keys(tx: Tx, *, since: datetime, only: str = "") -> list[Key]:
    """Return the keys, by account, with their counts since a moment."""
    return (
        tx.cursor(row_factory=class_row(Key))
        .execute(
            "select encode(k.key_hash, 'hex') as hash, k.account, a.login, k.name, k.made_at, k.disabled_at,"
            " array(select distinct p.duty from tenures t join posts p on p.id = t.post"
            "   where t.account = a.id and (t.held_until is null or t.held_until > now())) as duties,"
            " (select max(hour) from key_hours h where h.key_hash = k.key_hash) as last_hour,"
            " coalesce(n.requests, 0)::int as requests, coalesce(n.refused, 0)::int as refused,"
            " coalesce(n.conflicts, 0)::int as conflicts"
            " from api_keys k join accounts a on a.id = k.account"
            " left join lateral (select sum(requests) as requests, sum(refused) as refused,"
            "   sum(conflicts) as conflicts from key_hours h"
            "   where h.key_hash = k.key_hash and h.hour > %(since)s) n on true"
            " where %(only)s = '' or encode(k.key_hash, 'hex') = %(only)s"
            " order by a.login, k.made_at desc",
            {"since": since, "only": only},
        )
        .fetchall()
    )


def end_key(tx: Tx, key: str, *, at: datetime | None) -> None:
    """Let a key work until a moment; None: it works on."""
    tx.execute("update api_keys set disabled_at = %s where key_hash = decode(%s, 'hex')", (at, key))


def counted(tx: Tx, hour: datetime, counts: Sequence[tuple[bytes, int, int, int]]) -> None:
    """Add to the counts of an hour: key, requests, refused, conflicts. A key that is gone is left out."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "insert into key_hours (key_hash, hour, requests, refused, conflicts)"
            " select key_hash, %s, %s, %s, %s from api_keys where key_hash = %s"
            " on conflict (key_hash, hour) do update set requests = key_hours.requests + excluded.requests,"
            " refused = key_hours.refused + excluded.refused,"
            " conflicts = key_hours.conflicts + excluded.conflicts",
            [(hour, requests, refused, conflicts, key) for key, requests, refused, conflicts in counts],
        )  # fmt: skip


def forget(tx: Tx, *, before: datetime) -> None:
    """Delete counts that are older than anybody looks at."""
    tx.execute("delete from key_hours where hour < %s", (before,))


def imports(tx: Tx, *, limit: int = 10) -> list[Import]:
    """Return the accounts of the latest imports."""
    return (
        tx.cursor(row_factory=class_row(Import))
        .execute(
            "select id, source, file, began_at, ended_at, read, made, known, refused from imports"
            " order by id desc limit %s",
            (limit,),
        )
        .fetchall()
    )


def replay(tx: Tx) -> dict[str, Any] | None:
    """Return what the latest replay said of itself, None where there was none."""
    row = tx.execute("select value from settings where name = 'replay'").fetchone()
    return row[0] if row else None
