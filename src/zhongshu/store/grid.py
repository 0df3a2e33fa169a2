"""Versions of the grid: drafts of how one level shall be, and the areas that come of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import shapely
from psycopg.rows import class_row
from shapely.geometry.base import BaseGeometry

from zhongshu.core.values import AccountId, AreaId, Name
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A draft of one level of the grid, or what became of it."""

    id: int
    title: str
    kind: str
    state: str
    starts_on: date | None
    made_at: datetime
    made_by: AccountId | None
    version: int
    account: Mapping[str, Any]
    areas: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """How one area shall be, or that it ends."""

    code: str
    name: Name
    parent: str | None
    shape: BaseGeometry | None
    households: int | None = None
    gone: bool = False


def make(
    tx: Tx, *, title: str, kind: str, at: datetime, by: AccountId | None,
    account: Mapping[str, Any] | None = None,
) -> int:  # fmt: skip
    """Write an empty draft; return its number."""
    row = tx.execute(
        "insert into grid_versions (title, kind, made_at, made_by, account) values (%s, %s, %s, %s, %s)"
        " returning id",
        (title, kind, at, by, json.dumps(account or {}, ensure_ascii=False)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def listing(tx: Tx) -> list[Version]:
    """Return all versions, the newest first, each with the number of areas it changes."""
    return (
        tx.cursor(row_factory=class_row(Version))
        .execute(
            "select v.*, (select count(*)::int from grid_changes c where c.version = v.id) as areas"
            " from grid_versions v order by id desc limit 500"
        )
        .fetchall()
    )


def get(tx: Tx, version: int, *, lock: bool = False) -> Version | None:
    """Return one version; locked, nobody else changes it meanwhile."""
    return (
        tx.cursor(row_factory=class_row(Version))
        .execute(
            "select v.*, (select count(*)::int from grid_changes c where c.version = v.id) as areas"
            " from grid_versions v where id = %s" + (" for update of v" if lock else ""),
            (version,),
        )
        .fetchone()
    )


def changes(tx: Tx, version: int) -> list[Change]:
    """Return what a version says, by code."""
    rows = tx.execute(
        "select code, name_zh, name_en, parent, shape, households, gone from grid_changes"
        " where version = %s order by code",
        (version,),
    ).fetchall()
    shapes = shapely.from_wkb([row[4] for row in rows])
    return [
        Change(
            code=code, name=Name(zh, en), parent=parent, shape=shape, households=households, gone=gone
        )
        for (code, zh, en, parent, _, households, gone), shape in zip(rows, shapes, strict=True)
    ]  # fmt: skip


def put(tx: Tx, version: int, made: Sequence[Change]) -> None:
    """Write what a version says of some areas, in place of what it said of them."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "insert into grid_changes (version, code, name_zh, name_en, parent, shape, households, gone)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (version, code) do update set"
            " (name_zh, name_en, parent, shape, households, gone) ="
            " (excluded.name_zh, excluded.name_en, excluded.parent, excluded.shape, excluded.households,"
            " excluded.gone)",
            [
                (
                    version, c.code, c.name.zh, c.name.en, c.parent,
                    None if c.shape is None else shapely.to_wkb(c.shape), c.households, c.gone,
                )
                for c in made
            ],
        )  # fmt: skip
    tx.execute("update grid_versions set version = version + 1 where id = %s", (version,))


def take_out(tx: Tx, version: int, codes: Sequence[str]) -> None:
    """Let a version say nothing of some areas."""
    tx.execute(
        "delete from grid_changes where version = %s and code = any(%s)", (version, list(codes))
    )
    tx.execute("update grid_versions set version = version + 1 where id = %s", (version,))


def stand(tx: Tx, version: int, state: str, *, starts_on: date | None) -> None:
    """Write how a version stands, and from which day."""
    tx.execute(
        "update grid_versions set state = %s, starts_on = %s where id = %s",
        (state, starts_on, version),
    )


def lock_areas(tx: Tx) -> None:
    """Let versions come into force one after the other."""
    tx.execute("select pg_advisory_xact_lock(%s)", (0x5A53_0018,))


def begun_from(tx: Tx, kind: str, codes: Sequence[str], *, day: date) -> dict[str, date]:
    """Return the codes of which a version begins on that day or later, and the last such day."""
    rows = tx.execute(
        "select code, max(valid_from) from areas"
        " where kind = %s and code = any(%s) and valid_from >= %s group by code order by code",
        (kind, list(codes), day),
    )
    return dict(rows.fetchall())


def take_back(tx: Tx, kind: str, codes: Sequence[str], day: date) -> list[AreaId]:
    """Delete versions that would begin on a day, and let those they would end go on."""
    gone = tx.execute(
        "delete from areas where kind = %s and code = any(%s) and valid_from = %s returning id",
        (kind, list(codes), day),
    ).fetchall()
    tx.execute(
        "update areas set valid_until = null where kind = %s and code = any(%s) and valid_until = %s",
        (kind, list(codes), day),
    )
    return [AreaId(row[0]) for row in gone]
