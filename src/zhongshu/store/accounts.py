"""Accounts, the posts they hold, sessions and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from zhongshu.core.values import AccountId, PostId, UnitId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What signing in needs to know of an account."""

    id: AccountId
    login: str
    password_hash: str | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An account and one post it holds now (all post fields None when it holds none)."""

    account: AccountId
    login: str
    name: str
    lang: str
    post: PostId | None
    duty: str | None
    lo: int | None
    hi: int | None
    unit: UnitId | None


_HELD = (
    "select a.id as account, a.login, a.name, a.lang, p.id as post, p.duty, r.lo, r.hi, p.unit"
    " from {} join accounts a on a.id = k.account and a.disabled_at is null"
    " left join tenures t on t.account = a.id and t.held_from <= %(now)s"
    "  and (t.held_until is null or t.held_until > %(now)s)"
    " left join posts p on p.id = t.post left join areas r on r.id = p.area"
    " where {} order by p.id limit 200"
)
_BY_SESSION = _HELD.format("sessions k", "k.token_hash = %(hash)s and k.ends_at > %(now)s")
_BY_KEY = _HELD.format("api_keys k", "k.key_hash = %(hash)s and k.disabled_at is null")


def by_login(tx: Tx, login: str) -> Login | None:
    return (
        tx.cursor(row_factory=class_row(Login))
        .execute(
            "select id, login, password_hash, disabled_at from accounts where login = %s", (login,)
        )
        .fetchone()
    )


def add(tx: Tx, *, login: str, name: str, password_hash: str | None, lang: str = "zh") -> AccountId:
    """Write an account; a login that is there keeps its identity and gets the new password."""
    row = tx.execute(
        "insert into accounts (login, name, password_hash, lang) values (%s, %s, %s, %s)"
        " on conflict (login) do update set password_hash = excluded.password_hash returning id",
        (login.lower(), name, password_hash, lang),
    ).fetchone()
    assert row is not None
    return AccountId(row[0])


def add_post(
    tx: Tx, *, duty: str, name_zh: str, name_en: str = "", area: int | None = None,
    unit: int | None = None, phone: str = "",
) -> PostId:  # fmt: skip
    row = tx.execute(
        "insert into posts (duty, name_zh, name_en, area, unit, phone) values (%s, %s, %s, %s, %s, %s)"
        " returning id",
        (duty, name_zh, name_en, area, unit, phone),
    ).fetchone()
    assert row is not None
    return PostId(row[0])


def appoint(tx: Tx, account: AccountId, post: PostId, *, at: datetime) -> None:
    """Let an account hold a post from now on."""
    tx.execute(
        "insert into tenures (post, account, held_from) values (%s, %s, %s)", (post, account, at)
    )


def open_session(
    tx: Tx, account: AccountId, token_hash: bytes, *, at: datetime, until: datetime
) -> None:
    tx.execute(
        "insert into sessions (token_hash, account, made_at, seen_at, ends_at)"
        " values (%s, %s, %s, %s, %s)",
        (token_hash, account, at, at, until),
    )


def close_session(tx: Tx, token_hash: bytes) -> None:
    tx.execute("delete from sessions where token_hash = %s", (token_hash,))


def add_key(tx: Tx, account: AccountId, key_hash: bytes, *, name: str) -> None:
    tx.execute(
        "insert into api_keys (key_hash, account, name) values (%s, %s, %s)",
        (key_hash, account, name),
    )


def held_by_session(tx: Tx, token_hash: bytes, *, now: datetime) -> Sequence[Held]:
    """Return the account of a session and its posts, a row for each; none when it ended."""
    cursor = tx.cursor(row_factory=class_row(Held))
    return cursor.execute(_BY_SESSION, {"hash": token_hash, "now": now}).fetchall()


def held_by_key(tx: Tx, key_hash: bytes, *, now: datetime) -> Sequence[Held]:
    """Return the account of an API key and its posts, a row for each."""
    cursor = tx.cursor(row_factory=class_row(Held))
    return cursor.execute(_BY_KEY, {"hash": key_hash, "now": now}).fetchall()


def set_lang(tx: Tx, account: AccountId, lang: str) -> None:
    tx.execute("update accounts set lang = %s where id = %s", (lang, account))


def names(tx: Tx, accounts: Sequence[int]) -> dict[int, str]:
    """Return the names of these accounts, for the history of a case."""
    rows = tx.execute("select id, name from accounts where id = any(%s)", (list(accounts),))
    return dict(rows.fetchall())
