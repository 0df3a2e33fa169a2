"""Accounts, the posts they hold, sessions, one-time links and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from zhongshu.core.access import ALLOWS, Permission
from zhongshu.core.values import AccountId, AreaId, PostId, UnitId
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
    viewing: bool = False  # the post is not held, only looked through


_HELD = (
    "select a.id as account, a.login, a.name, a.lang, p.id as post, p.duty, r.lo, r.hi, p.unit{}"
    " from {} join accounts a on a.id = k.account and a.disabled_at is null{}"
    " left join tenures t on t.account = a.id and t.held_from <= %(now)s"
    "  and (t.held_until is null or t.held_until > %(now)s){}"
    " left join posts p on p.id = {} and (p.ended_at is null or p.ended_at > %(now)s)"
    " left join areas r on r.id = p.area where {} order by p.id limit 200"
)
#: A session may look through a post instead, as long as its account holds one that allows it.
_BY_SESSION = _HELD.format(
    ", v.viewing", "sessions k",
    " cross join lateral (select coalesce(k.viewing_until > %(now)s and exists ("
    "  select from tenures m join posts q on q.id = m.post where m.account = a.id"
    "   and m.held_from <= %(now)s and (m.held_until is null or m.held_until > %(now)s)"
    "   and (q.ended_at is null or q.ended_at > %(now)s)"
    "   and q.area is null and q.unit is null and q.duty = any(%(masters)s)), false)"
    "  as viewing) v",
    " and not v.viewing", "case when v.viewing then k.viewing else t.post end",
    "k.token_hash = %(hash)s and k.ends_at > %(now)s",
)  # fmt: skip
#: A key may be called back from a day on.
_BY_KEY = _HELD.format(
    "", "api_keys k", "", "", "t.post",
    "k.key_hash = %(hash)s and (k.disabled_at is null or k.disabled_at > %(now)s)",
)  # fmt: skip
#: The duties whose posts over the whole city may look through another post.
_MASTERS = sorted(duty for duty, allowed in ALLOWS.items() if Permission.ACCOUNT_WRITE in allowed)


def by_login(tx: Tx, login: str) -> Login | None:
    return (
        tx.cursor(row_factory=class_row(Login))
        .execute(
            "select id, login, password_hash, disabled_at from accounts where login = %s", (login,)
        )
        .fetchone()
    )


def add(tx: Tx, *, login: str, name: str, password_hash: str | None, lang: str = "zh") -> AccountId:
    """Write an account with its password; there must be none of this login."""
    row = tx.execute(
        "insert into accounts (login, name, password_hash, lang) values (%s, %s, %s, %s) returning id",
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
    asked = {"hash": token_hash, "now": now, "masters": _MASTERS}
    return cursor.execute(_BY_SESSION, asked).fetchall()


def held_by_key(tx: Tx, key_hash: bytes, *, now: datetime) -> Sequence[Held]:
    """Return the account of an API key and its posts, a row for each."""
    cursor = tx.cursor(row_factory=class_row(Held))
    return cursor.execute(_BY_KEY, {"hash": key_hash, "now": now}).fetchall()


def set_lang(tx: Tx, account: AccountId, lang: str) -> None:
    tx.execute("update accounts set lang = %s where id = %s", (lang, account))


def names(tx: Tx, accounts: Sequence[int]) -> dict[int, str]:
    """Return the names of these accounts, for what says who did it."""
    rows = tx.execute("select id, name from accounts where id = any(%s)", (list(accounts),))
    return dict(rows.fetchall())


# ── people with access: the workshop's own reading of accounts, posts and tenures ────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the workshop lists it, with how it gets in: by keys (``machine``), a password,
    or a one-time link that works until a moment.
    """

    id: AccountId
    login: str
    name: str
    lang: str
    disabled_at: datetime | None
    machine: bool
    password: bool
    invited_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post, on an area, in a unit or (neither) for the whole city."""

    id: PostId
    duty: str
    name_zh: str
    name_en: str
    phone: str
    area: int | None
    unit: UnitId | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostHeld(Post):
    """A post, and how many accounts that may sign in hold it now: none, and it is vacant."""

    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """That an account holds a post from a moment until another."""

    post: PostId
    account: AccountId
    held_from: datetime
    held_until: datetime | None

    def holds(self, now: datetime) -> bool:
        return self.held_from <= now and not self.over(now)

    def over(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until <= now


def everybody(tx: Tx, *, now: datetime) -> list[Account]:
    """Return all accounts, by login."""
    return (
        tx.cursor(row_factory=class_row(Account))
        .execute(
            "select a.id, a.login, a.name, a.lang, a.disabled_at, a.password_hash is not null as password,"
            " exists (select from api_keys k where k.account = a.id) as machine,"
            " (select max(i.ends_at) from invitations i where i.account = a.id and i.used_at is null"
            "   and i.ends_at > %s) as invited_until from accounts a order by a.login",
            (now,),
        )
        .fetchall()
    )


def posts(tx: Tx, *, only: Sequence[PostId] | None = None) -> list[Post]:
    """Return all posts, or those of some identities."""
    return (
        tx.cursor(row_factory=class_row(Post))
        .execute(
            "select id, duty, name_zh, name_en, phone, area, unit, ended_at from posts"
            " where %(only)s::bigint[] is null or id = any(%(only)s) order by id",
            {"only": None if only is None else list(only)},
        )
        .fetchall()
    )


#: Posts that are, with how many hold each now.
_POSTS_HELD: LiteralString = (
    "select p.id, p.duty, p.name_zh, p.name_en, p.phone, p.area, p.unit, p.ended_at,"
    " (select count(*)::int from tenures t join accounts c on c.id = t.account"
    "   where t.post = p.id and c.disabled_at is null and t.held_from <= %(now)s"
    "   and (t.held_until is null or t.held_until > %(now)s)) as held"
    " from posts p left join areas a on a.id = p.area where (p.ended_at is null or p.ended_at > %(now)s)"
)


def posts_on(
    tx: Tx, areas: Sequence[AreaId], unit: UnitId | None, *, now: datetime
) -> list[PostHeld]:
    """Return the posts on these areas and in this unit."""
    return (
        tx.cursor(row_factory=class_row(PostHeld))
        .execute(
            _POSTS_HELD + " and (p.area = any(%(areas)s) or p.unit = %(unit)s) order by p.id limit 200",
            {"areas": list(areas), "unit": unit, "now": now},
        )
        .fetchall()
    )  # fmt: skip


def posts_with(tx: Tx, duties: Sequence[str], *, now: datetime, limit: int = 60) -> list[PostHeld]:
    """Return the posts of these duties that have a telephone, those of greater areas first."""
    return (
        tx.cursor(row_factory=class_row(PostHeld))
        .execute(
            _POSTS_HELD + " and p.duty = any(%(duties)s) and p.phone <> ''"
            " order by a.hi - a.lo desc nulls first, p.id limit %(limit)s",
            {"duties": list(duties), "limit": limit, "now": now},
        )
        .fetchall()
    )


def tenures(tx: Tx) -> list[Tenure]:
    """Return all tenures, the newest first."""
    return (
        tx.cursor(row_factory=class_row(Tenure))
        .execute("select post, account, held_from, held_until from tenures order by held_from desc, post, account")
        .fetchall()
    )  # fmt: skip


def lock_access(tx: Tx) -> None:
    """Let changes of access happen one after the other, so that the last administrator stays."""
    tx.execute("select pg_advisory_xact_lock(%s)", (0x5A53_0017,))


def new(tx: Tx, *, login: str, name: str, lang: str) -> AccountId | None:
    """Write an account without a password; None where the login is taken."""
    row = tx.execute(
        "insert into accounts (login, name, lang) values (%s, %s, %s)"
        " on conflict (login) do nothing returning id",
        (login, name, lang),
    ).fetchone()
    return AccountId(row[0]) if row else None


def rename(tx: Tx, account: AccountId, name: str) -> None:
    tx.execute("update accounts set name = %s where id = %s", (name, account))


def disable(tx: Tx, account: AccountId, *, at: datetime | None) -> None:
    """Block an account from a moment on; None lets it in again."""
    tx.execute("update accounts set disabled_at = %s where id = %s", (at, account))


def close_sessions(tx: Tx, account: AccountId) -> int:
    """End every session of an account; return how many there were."""
    return tx.execute("delete from sessions where account = %s", (account,)).rowcount


def set_password(tx: Tx, account: AccountId, password_hash: str | None) -> None:
    tx.execute("update accounts set password_hash = %s where id = %s", (password_hash, account))


def invite(tx: Tx, account: AccountId, token_hash: bytes, *, at: datetime, until: datetime) -> None:
    """Write a one-time link; those sent before it no longer work."""
    tx.execute(
        "with old as (update invitations set used_at = %(at)s where account = %(account)s and used_at is null)"
        " insert into invitations (token_hash, account, made_at, ends_at)"
        " values (%(hash)s, %(account)s, %(at)s, %(until)s)",
        {"account": account, "hash": token_hash, "at": at, "until": until},
    )


def invited(tx: Tx, token_hash: bytes, *, now: datetime) -> tuple[AccountId, str, str] | None:
    """Return account, login and name of a one-time link that still works."""
    row = tx.execute(
        "select a.id, a.login, a.name from invitations i join accounts a on a.id = i.account"
        " where i.token_hash = %s and i.used_at is null and i.ends_at > %s and a.disabled_at is null"
        " for update of i",
        (token_hash, now),
    ).fetchone()
    return (AccountId(row[0]), row[1], row[2]) if row else None


def use_invitation(tx: Tx, token_hash: bytes, *, at: datetime) -> None:
    tx.execute("update invitations set used_at = %s where token_hash = %s", (at, token_hash))


def change_post(tx: Tx, post: PostId, *, name_zh: str, name_en: str, phone: str) -> None:
    tx.execute(
        "update posts set name_zh = %s, name_en = %s, phone = %s where id = %s",
        (name_zh, name_en, phone, post),
    )


def end_post(tx: Tx, post: PostId, *, at: datetime | None) -> None:
    """Let a post be no more; None lets it be again."""
    tx.execute("update posts set ended_at = %s where id = %s", (at, post))


def add_tenure(tx: Tx, tenure: Tenure) -> None:
    tx.execute(
        "insert into tenures (post, account, held_from, held_until) values (%s, %s, %s, %s)",
        (tenure.post, tenure.account, tenure.held_from, tenure.held_until),
    )


def end_tenure(tx: Tx, tenure: Tenure, *, until: datetime | None) -> None:
    """Let a tenure end at a moment; None: it goes on."""
    tx.execute(
        "update tenures set held_until = %s where post = %s and account = %s and held_from = %s",
        (until, tenure.post, tenure.account, tenure.held_from),
    )


def drop_tenure(tx: Tx, tenure: Tenure) -> None:
    """Delete a tenure: what had not begun leaves nothing to be ended."""
    tx.execute(
        "delete from tenures where post = %s and account = %s and held_from = %s",
        (tenure.post, tenure.account, tenure.held_from),
    )


def look_through(tx: Tx, token_hash: bytes, post: PostId | None, *, until: datetime | None) -> None:
    """Let a session look at the hub as a post does, until a moment; None: as itself again."""
    tx.execute(
        "update sessions set viewing = %s, viewing_until = %s where token_hash = %s",
        (post, until, token_hash),
    )
