"""Messages on their way out: written once, claimed by one, settled; and how channels do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from zhongshu.core.values import AccountId, CaseId, ReportId
from zhongshu.store.db import Tx, Where

_COLUMNS: LiteralString = (
    "id, medium, channel, hearer, event, about, lang, account, report_id, subscription, hook, case_id,"
    " seq, says, urgent, at, made_at, due_at, state, tries, next_at, sent_at, ended_at, bundle,"
    " last_error, subject, body"
)
#: In which order messages leave.
_TURN: LiteralString = "urgent desc, next_at, bundle, account, report_id, subscription, hook, id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A row of the table `messages`. Whose address it goes to stands elsewhere, sealed."""

    id: int
    medium: str
    channel: str
    hearer: str
    event: str
    about: str
    lang: str
    account: AccountId | None
    report_id: ReportId | None
    subscription: int | None
    hook: int | None
    case_id: CaseId | None
    seq: int | None
    says: dict[str, Any]
    urgent: bool
    at: datetime
    made_at: datetime
    due_at: datetime
    state: str
    tries: int
    next_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    bundle: int | None
    last_error: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A row of the table `channels`: when one last took something, and since when it does not."""

    channel: str
    sent_at: datetime | None
    failures: int
    failing_since: datetime | None
    failed_at: datetime | None
    last_error: str
    rests_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What somebody looks for in the log."""

    state: str = ""
    medium: str = ""
    channel: str = ""
    hearer: str = ""
    event: str = ""
    case: CaseId | None = None
    since: datetime | None = None


def add(tx: Tx, made: Sequence[Mapping[str, Any]]) -> int:
    """Write messages, given as JSON-ready rows; one that was made before is not made again.
    Return how many are new.
    """
    if not made:
        return 0
    return tx.execute(
        "insert into messages (medium, channel, hearer, event, about, lang, account, report_id,"
        " subscription, hook, case_id, seq, says, urgent, at, made_at, due_at, next_at)"
        " select medium, channel, hearer, event, about, lang, account, report_id, subscription, hook,"
        " case_id, seq, coalesce(says, '{}'), coalesce(urgent, false), at, made_at, due_at, due_at"
        " from json_populate_recordset(null::messages, %s) on conflict do nothing",
        (json.dumps(made, ensure_ascii=False),),
    ).rowcount


def claim(tx: Tx, medium: str, *, at: datetime, limit: int) -> list[Message]:
    """Take the next messages of a medium in hand, those of resting channels left out; nobody
    else takes them meanwhile. The urgent first, then the longest due; what is due at the same
    moment hearer by hearer.
    """
    return (
        tx.cursor(row_factory=class_row(Message))
        .execute(
            "with mine as (update messages set state = 'sending', claimed_at = %(at)s,"
            "  tries = tries + 1"
            " where id in (select id from messages m where m.medium = %(medium)s"
            "  and m.state = 'waiting' and m.next_at <= %(at)s"
            "  and not exists (select from channels c where c.channel = m.channel"
            "   and c.rests_until > %(at)s)"
            f"  order by {_TURN} limit %(limit)s for update skip locked)"
            f" returning {_COLUMNS}) select {_COLUMNS} from mine order by {_TURN}",
            {"medium": medium, "at": at, "limit": limit},
        )
        .fetchall()
    )


def written(tx: Tx, ids: Sequence[int], *, bundle: int, subject: str, body: str) -> None:
    """Keep what is sent, and together with what: a second try carries the same."""
    tx.execute(
        "update messages set bundle = %s, subject = %s, body = %s where id = any(%s)",
        (bundle, subject, body, list(ids)),
    )


def sent(tx: Tx, ids: Sequence[int], *, at: datetime) -> int:
    """Mark messages in hand as handed over; return how many were in hand."""
    return tx.execute(
        "update messages set state = 'sent', sent_at = %s, ended_at = %s, claimed_at = null,"
        " last_error = '' where id = any(%s) and state = 'sending'",
        (at, at, list(ids)),
    ).rowcount


def failed(tx: Tx, ids: Sequence[int], error: str, *, again: datetime | None, at: datetime) -> int:
    """Let messages in hand be tried again at a moment, or with None give them up."""
    return tx.execute(
        "update messages set state = %s, next_at = coalesce(%s, next_at), claimed_at = null,"
        " last_error = %s, ended_at = %s where id = any(%s) and state = 'sending'",
        ("dead" if again is None else "waiting", again, error, at if again is None else None, list(ids)),
    ).rowcount  # fmt: skip


def dropped(tx: Tx, ids: Sequence[int], why: str, *, at: datetime) -> int:
    """End messages in hand that nobody is to hear any more."""
    return tx.execute(
        "update messages set state = 'dropped', claimed_at = null, last_error = %s, ended_at = %s"
        " where id = any(%s) and state = 'sending'",
        (why, at, list(ids)),
    ).rowcount


def laid_back(tx: Tx, ids: Sequence[int]) -> int:
    """Lay messages in hand back untried: their channel was broken."""
    return tx.execute(
        "update messages set state = 'waiting', claimed_at = null, tries = tries - 1"
        " where id = any(%s) and state = 'sending'",
        (list(ids),),
    ).rowcount


def reclaim(tx: Tx, medium: str, *, before: datetime, at: datetime) -> int:
    """Let messages whose carrier is gone be tried again; return how many."""
    return tx.execute(
        "update messages set state = 'waiting', claimed_at = null, next_at = %s"
        " where state = 'sending' and medium = %s and claimed_at < %s",
        (at, medium, before),
    ).rowcount


def again(tx: Tx, ids: Sequence[int], *, at: datetime) -> int:
    """Let messages that were given up be tried anew from the beginning, each apart from what it
    was sent with before; return how many.
    """
    return tx.execute(
        "update messages set state = 'waiting', tries = 0, next_at = %s, ended_at = null,"
        " bundle = null"
        " where id = any(%s) and state = 'dead'",
        (at, list(ids)),
    ).rowcount


def get(tx: Tx, message: int) -> Message | None:
    return (
        tx.cursor(row_factory=class_row(Message))
        .execute(f"select {_COLUMNS} from messages where id = %s", (message,))
        .fetchone()
    )


def page(tx: Tx, wanted: MessageFilter, *, before: int | None, limit: int) -> list[Message]:
    """Return one page of the log, the newest first."""
    where = _wanted(wanted)
    if before is not None:
        where.add("id < %s", before)
    query = sql.SQL("select {} from messages where {} order by id desc limit %s").format(
        sql.SQL(_COLUMNS), where.sql
    )
    return (
        tx.cursor(row_factory=class_row(Message)).execute(query, (*where.values, limit)).fetchall()
    )


def count(tx: Tx, wanted: MessageFilter) -> int:
    """Return exactly how many messages are wanted."""
    where = _wanted(wanted)
    query = sql.SQL("select count(*) from messages where {}").format(where.sql)
    row = tx.execute(query, where.values).fetchone()
    assert row is not None
    return int(row[0])


def _wanted(wanted: MessageFilter) -> Where:
    where = Where()
    if wanted.state:
        where.add("state = %s", wanted.state)
    if wanted.medium:
        where.add("medium = %s", wanted.medium)
    if wanted.channel:
        where.add("channel = %s", wanted.channel)
    if wanted.hearer:
        where.add("hearer = %s", wanted.hearer)
    if wanted.event:
        where.add("event = %s", wanted.event)
    if wanted.case is not None:
        where.add("case_id = %s", wanted.case)
    if wanted.since is not None:
        where.add("made_at >= %s", wanted.since)
    return where


def counts(tx: Tx, *, since: datetime) -> dict[str, dict[str, int]]:
    """Return for each channel how many messages wait, are given up, and were sent since."""
    found: dict[str, dict[str, int]] = {}
    for channel, state, n in tx.execute(
        "select channel, state, count(*)::int from messages"
        " where state in ('waiting', 'sending', 'dead') or ended_at >= %s group by 1, 2",
        (since,),
    ):
        found.setdefault(channel, {})[state] = n
    return found


def forget(tx: Tx, *, before: datetime, limit: int = 5000) -> int:
    """Delete messages that ended long ago; return how many."""
    return tx.execute(
        "delete from messages where id in (select id from messages where made_at < %s"
        " and state in ('sent', 'dead', 'dropped') order by made_at limit %s)",
        (before, limit),
    ).rowcount


def drop_of(tx: Tx, *, report: ReportId, at: datetime, why: str) -> int:
    """End what still waits for a report: it is not to hear any more."""
    return tx.execute(
        "update messages set state = 'dropped', last_error = %s, ended_at = %s"
        " where report_id = %s and state = 'waiting'",
        (why, at, report),
    ).rowcount


# ── how channels do ──────────────────────────────────────────────────────────────────


def channels(tx: Tx) -> list[Channel]:
    """Return how every channel does that was ever used."""
    return (
        tx.cursor(row_factory=class_row(Channel))
        .execute(
            "select channel, sent_at, failures, failing_since, failed_at, last_error, rests_until"
            " from channels order by channel"
        )
        .fetchall()
    )


def channel(tx: Tx, name: str) -> Channel | None:
    return (
        tx.cursor(row_factory=class_row(Channel))
        .execute(
            "select channel, sent_at, failures, failing_since, failed_at, last_error, rests_until"
            " from channels where channel = %s",
            (name,),
        )
        .fetchone()
    )


def channel_works(tx: Tx, name: str, *, at: datetime) -> None:
    """Remember that a channel took something."""
    tx.execute(
        "insert into channels (channel, sent_at) values (%s, %s) on conflict (channel) do update"
        " set sent_at = excluded.sent_at, failures = 0, failing_since = null, rests_until = null",
        (name, at),
    )


def channel_fails(tx: Tx, name: str, error: str, *, rests_until: datetime, at: datetime) -> None:
    """Remember that a channel is broken, and let it rest."""
    tx.execute(
        "insert into channels (channel, failures, failing_since, failed_at, last_error, rests_until)"
        " values (%(name)s, 1, %(at)s, %(at)s, %(error)s, %(until)s) on conflict (channel) do update"
        " set failures = channels.failures + 1, failed_at = %(at)s, last_error = %(error)s,"
        " failing_since = coalesce(channels.failing_since, %(at)s), rests_until = %(until)s",
        {"name": name, "at": at, "error": error, "until": rests_until},
    )


def wake(tx: Tx, name: str) -> None:
    """Let a resting channel be tried at once."""
    tx.execute("update channels set rests_until = null where channel = %s", (name,))
