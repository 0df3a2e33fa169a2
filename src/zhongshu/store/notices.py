"""Notices: the posts that can be told, what they were told, and each account's own list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from zhongshu.core.access import Duty
from zhongshu.core.escalation import Post, Quiet
from zhongshu.core.notices import Notice
from zhongshu.core.values import AccountId, AreaId, CaseId, Name, PostId, UnitId
from zhongshu.store.db import Tx, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row of the table `notices`, as its own reader sees it."""

    id: int
    post: PostId
    case_id: CaseId | None
    kind: str
    urgent: bool
    at: datetime
    made_at: datetime
    due_from: datetime
    read_at: datetime | None
    says: dict[str, Any]

    @property
    def held(self) -> bool:
        """Say whether it waited for the end of the quiet hours."""
        return self.due_from > self.made_at


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """What somebody looks for among the own notices."""

    kind: str = ""
    urgent: bool = False
    unread: bool = False
    waiting: bool = False  # those still held back by quiet hours


def posts_around(
    tx: Tx, *, areas: Sequence[AreaId], units: Sequence[UnitId], at: datetime
) -> list[Post]:
    """Return the posts on these areas, in these units and of the whole city, with the accounts
    that hold each at a moment.
    """
    return _posts(
        tx,
        "where (p.area = any(%s) or p.unit = any(%s) or (p.area is null and p.unit is null))",
        (at, at, list(areas), list(units)),
    )


def post(tx: Tx, post_id: PostId, *, at: datetime) -> Post | None:
    """Return one post with its holders at a moment."""
    found = _posts(tx, "where p.id = %s", (at, at, post_id))
    return found[0] if found else None


def _posts(
    tx: Tx, where: LiteralString, values: Sequence[Any], *, limit: int = 20_000
) -> list[Post]:
    return (
        tx.cursor(row_factory=kwargs_row(_post))
        .execute(
            "select p.id, p.duty, p.name_zh, p.name_en, p.area, p.unit, p.quiet_from, p.quiet_until,"
            " coalesce(array_agg(a.id order by a.id) filter (where a.id is not null), '{}') as holders"
            " from posts p left join tenures t on t.post = p.id and t.held_from <= %s"
            "  and (t.held_until is null or t.held_until > %s)"
            " left join accounts a on a.id = t.account and a.disabled_at is null"
            f" {where} and p.ended_at is null group by p.id order by p.id limit %s",
            (*values, limit),
        )
        .fetchall()
    )


def _post(
    *, id: int, duty: str, name_zh: str, name_en: str, area: int | None, unit: int | None,
    quiet_from: time | None, quiet_until: time | None, holders: list[int],
) -> Post:  # fmt: skip
    return Post(
        id=PostId(id), duty=Duty(duty), name=Name(name_zh, name_en),
        area=None if area is None else AreaId(area), unit=None if unit is None else UnitId(unit),
        quiet=_quiet(quiet_from, quiet_until),
        holders=tuple(AccountId(h) for h in holders),
    )  # fmt: skip


def add(
    tx: Tx, made: Sequence[tuple[Notice, datetime]], *, at: datetime
) -> list[tuple[Notice, datetime]]:
    """Write notices, each with the moment from which it disturbs; one that was made before
    is not made again. Return those that are new.
    """
    rows = [
        {
            "account": n.account, "post": n.post.id, "case_id": n.case, "kind": n.kind.value,
            "about": n.about, "urgent": n.urgent, "at": n.at.isoformat(), "made_at": at.isoformat(),
            "due_from": due_from.isoformat(), "says": dict(n.says),
        }
        for n, due_from in made
    ]  # fmt: skip
    written = tx.execute(
        "insert into notices (account, post, case_id, kind, about, urgent, at, made_at, due_from, says)"
        " select account, post, case_id, kind, about, urgent, at, made_at, due_from, says"
        " from json_to_recordset(%s) as n(account bigint, post bigint, case_id bigint, kind text,"
        " about text, urgent boolean, at timestamptz, made_at timestamptz, due_from timestamptz,"
        " says jsonb) on conflict do nothing returning account, post, about",
        (json.dumps(rows, ensure_ascii=False),),
    )
    new = {(account, post, about) for account, post, about in written.fetchall()}
    return [one for one in made if (one[0].account, one[0].post.id, one[0].about) in new]


def page(
    tx: Tx, account: AccountId, posts: Sequence[PostId], wanted: NoticeFilter, *,
    now: datetime, after: tuple[bool, int] | None, limit: int,
) -> list[Kept]:  # fmt: skip
    """Return one page of an account's notices, unread first, then the newest."""
    where = _wanted(account, posts, wanted, now=now)
    if after is not None:
        where.add("(read_at is null, id) < (%s, %s)", *after)
    query = sql.SQL(
        "select id, post, case_id, kind, urgent, at, made_at, due_from, read_at, says from notices"
        " where {} order by (read_at is null) desc, id desc limit %s"
    ).format(where.sql)
    cursor = tx.cursor(row_factory=class_row(Kept))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def count(
    tx: Tx, account: AccountId, posts: Sequence[PostId], wanted: NoticeFilter, *, now: datetime
) -> int:
    """Return exactly how many notices of an account are wanted."""
    where = _wanted(account, posts, wanted, now=now)
    query = sql.SQL("select count(*) from notices where {}").format(where.sql)
    row = tx.execute(query, where.values).fetchone()
    assert row is not None
    return int(row[0])


def next_release(
    tx: Tx, account: AccountId, posts: Sequence[PostId], *, now: datetime
) -> datetime | None:
    """Return when the first of the notices held back for an account will be there."""
    where = _wanted(account, posts, NoticeFilter(unread=True, waiting=True), now=now)
    query = sql.SQL("select min(due_from) from notices where {}").format(where.sql)
    row = tx.execute(query, where.values).fetchone()
    return row[0] if row else None


def read(
    tx: Tx, account: AccountId, posts: Sequence[PostId], wanted: NoticeFilter, *,
    ids: Sequence[int] | None, at: datetime,
) -> int:  # fmt: skip
    """Mark as read the wanted notices of an account (of these, where ``ids`` are given), and
    make those its own that waited for a holder of its post; return how many were unread.
    """
    where = _wanted(account, posts, replace(wanted, unread=True), now=at)
    if ids is not None:
        where.add("id = any(%s)", list(ids))
    query = sql.SQL(
        "update notices set read_at = %s, account = coalesce(account, %s) where {}"
    ).format(where.sql)
    return tx.execute(query, (at, account, *where.values)).rowcount


def _wanted(
    account: AccountId, posts: Sequence[PostId], wanted: NoticeFilter, *, now: datetime
) -> Where:
    """Turn whose notices, and which, into conditions. What nobody held the post for is whose
    post it is now.
    """
    where = Where()
    where.add("(account = %s or (account is null and post = any(%s)))", account, list(posts))
    if wanted.waiting:
        where.add("due_from > %s", now)
    else:
        where.add("due_from <= %s", now)
    if wanted.unread:
        where.add("read_at is null")
    if wanted.kind:
        where.add("kind = %s", wanted.kind)
    if wanted.urgent:
        where.add("urgent")
    return where


def muted(tx: Tx, accounts: Sequence[AccountId]) -> frozenset[tuple[AccountId, str]]:
    """Return the kinds that these accounts have switched off for themselves."""
    rows = tx.execute(
        "select account, kind from notice_mutes where account = any(%s)", (list(accounts),)
    )
    return frozenset((AccountId(account), kind) for account, kind in rows.fetchall())


def mute(tx: Tx, account: AccountId, kinds: Sequence[str]) -> None:
    """Let these be all the kinds an account has switched off."""
    tx.execute("delete from notice_mutes where account = %s", (account,))
    tx.execute(
        "insert into notice_mutes (account, kind) select %s, unnest(%s::text[])",
        (account, list(kinds)),
    )


def withdraw(tx: Tx, kind: str, *, but: Sequence[str]) -> None:
    """Remove the notices of a kind about what is no longer so: all but these things."""
    tx.execute("delete from notices where kind = %s and about <> all(%s)", (kind, list(but)))


def forget(tx: Tx, *, read_before: datetime, made_before: datetime, limit: int = 5000) -> int:
    """Delete notices read long ago, and unread ones much older; return how many."""
    return tx.execute(
        "delete from notices where id in (select id from notices"
        " where made_at < %(read)s and (read_at < %(read)s or made_at < %(made)s)"
        " order by made_at limit %(limit)s)",
        {"read": read_before, "made": made_before, "limit": limit},
    ).rowcount


# ── the quiet hours of posts ─────────────────────────────────────────────────────────


def posts_of(tx: Tx, duty: str, *, text: str = "", at: datetime, limit: int = 60) -> list[Post]:
    """Return the posts of a duty whose name, area or unit contains a text, with their holders."""
    return _posts(
        tx,
        "left join areas r on r.id = p.area left join units u on u.id = p.unit"
        " where p.duty = %s and (%s = '' or concat_ws(' ', p.name_zh, p.name_en, r.code, r.name_zh,"
        " r.name_en, u.code, u.name_zh, u.name_en) ilike %s)",
        (at, at, duty, text, f"%{_literal(text)}%"), limit=limit,
    )  # fmt: skip


def quiet_by_duty(tx: Tx) -> list[tuple[str, Quiet | None, int]]:
    """Return how many posts of each duty keep which quiet hours."""
    rows = tx.execute(
        "select duty, quiet_from, quiet_until, count(*)::int from posts where ended_at is null"
        " group by 1, 2, 3 order by 1, 4 desc, 2"
    ).fetchall()
    return [(duty, _quiet(start, end), n) for duty, start, end, n in rows]


def set_quiet(tx: Tx, quiet: Quiet | None, *, duty: str = "", post: PostId | None = None) -> int:
    """Give one post its quiet hours, or all of a duty; return how many posts."""
    return tx.execute(
        "update posts set quiet_from = %s, quiet_until = %s where id = %s or duty = %s",
        (quiet.start if quiet else None, quiet.end if quiet else None, post, duty),
    ).rowcount


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _quiet(start: time | None, end: time | None) -> Quiet | None:
    return None if start is None or end is None else Quiet(start, end)
