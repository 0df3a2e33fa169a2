"""Addresses as ciphertext: of staff, of reporters who want to be told, of subscribers; hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from zhongshu.core.values import AccountId, AreaId, ReportId, UnitId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A work address of an account, as the database knows it."""

    id: int
    account: AccountId
    medium: str
    masked: str
    nonce: bytes
    ciphertext: bytes
    bounced_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A contact of a report, and whether it may be written to."""

    id: int
    report_id: ReportId
    kind: str
    masked: str
    nonce: bytes | None
    ciphertext: bytes | None
    tell: bool
    bounced_at: datetime | None
    lang: str
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What somebody subscribed to; the address is sealed."""

    id: int
    area: str
    category: str
    lang: str
    finger: bytes
    masked: str
    nonce: bytes
    ciphertext: bytes
    made_at: datetime
    confirmed_at: datetime | None
    bounced_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A chat group that is told; where it is reached is sealed but for the host."""

    id: int
    title: str
    style: str
    unit: UnitId | None
    area: AreaId | None
    lang: str
    host: str
    nonce: bytes
    sealed: bytes
    active: bool


# ── staff ────────────────────────────────────────────────────────────────────────────


def of_accounts(tx: Tx, accounts: Sequence[AccountId]) -> list[Address]:
    """Return the addresses of accounts that are at work."""
    return (
        tx.cursor(row_factory=class_row(Address))
        .execute(
            "select s.id, s.account, s.medium, s.masked, s.nonce, s.ciphertext, s.bounced_at"
            " from staff_addresses s join accounts a on a.id = s.account and a.disabled_at is null"
            " where s.account = any(%s) order by s.id",
            (list(accounts),),
        )
        .fetchall()
    )


def keep(
    tx: Tx, account: AccountId, medium: str, *, masked: str, nonce: bytes, ciphertext: bytes,
    at: datetime,
) -> None:  # fmt: skip
    """Keep an address of an account."""
    tx.execute(
        "insert into staff_addresses (account, medium, masked, nonce, ciphertext, made_at)"
        " values (%s, %s, %s, %s, %s, %s)",
        (account, medium, masked, nonce, ciphertext, at),
    )


def drop(tx: Tx, account: AccountId, medium: str) -> int:
    """Erase the addresses an account has for a medium; return how many."""
    return tx.execute(
        "delete from staff_addresses where account = %s and medium = %s", (account, medium)
    ).rowcount


def drop_one(tx: Tx, address: int) -> None:
    tx.execute("delete from staff_addresses where id = %s", (address,))


def langs(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, str]:
    """Return the language each account reads."""
    rows = tx.execute("select id, lang from accounts where id = any(%s)", (list(accounts),))
    return {AccountId(account): lang for account, lang in rows.fetchall()}


def mutes(tx: Tx, accounts: Sequence[AccountId]) -> frozenset[tuple[AccountId, str, str]]:
    """Return which kinds these accounts do not want by which medium."""
    rows = tx.execute(
        "select account, medium, kind from message_mutes where account = any(%s)", (list(accounts),)
    )
    return frozenset((AccountId(account), medium, kind) for account, medium, kind in rows)


def mute(tx: Tx, account: AccountId, off: Sequence[tuple[str, str]]) -> None:
    """Let these be all the pairs of medium and kind an account does not want."""
    tx.execute("delete from message_mutes where account = %s", (account,))
    tx.execute(
        "insert into message_mutes (account, medium, kind)"
        " select %s, unnest(%s::text[]), unnest(%s::text[])",
        (account, [medium for medium, _ in off], [kind for _, kind in off]),
    )


def bounced(tx: Tx, account: AccountId, medium: str, *, at: datetime) -> None:
    """Mark that there is no such address."""
    tx.execute(
        "update staff_addresses set bounced_at = %s where account = %s and medium = %s",
        (at, account, medium),
    )


# ── reporters ────────────────────────────────────────────────────────────────────────


def askers(tx: Tx, reports: Sequence[ReportId]) -> list[Asker]:
    """Return the contacts of reports that may be written to at all, not the words of a text."""
    return (
        tx.cursor(row_factory=class_row(Asker))
        .execute(
            "select k.id, k.report_id, k.kind, k.masked, k.nonce, k.ciphertext, k.tell, k.bounced_at,"
            " r.lang, r.code from contacts k join reports r on r.id = k.report_id"
            " where k.report_id = any(%s) and k.kind in ('phone', 'email') order by k.id",
            (list(reports),),
        )
        .fetchall()
    )


def tell_no_more(tx: Tx, report: ReportId) -> int:
    """Let a report not be written to any more; return how many contacts that concerned."""
    return tx.execute(
        "update contacts set tell = false where report_id = %s and tell", (report,)
    ).rowcount


def contact_bounced(tx: Tx, report: ReportId, *, at: datetime) -> None:
    """Mark that there is no such address."""
    tx.execute(
        "update contacts set bounced_at = %s where report_id = %s and kind <> 'words'", (at, report)
    )


# ── subscribers ──────────────────────────────────────────────────────────────────────

_SUBSCRIPTION = (
    "id, area, category, lang, finger, masked, nonce, ciphertext, made_at, confirmed_at, bounced_at"
)


def subscribe(
    tx: Tx, *, area: str, category: str, lang: str, finger: bytes, masked: str, nonce: bytes,
    ciphertext: bytes, at: datetime,
) -> int | None:  # fmt: skip
    """Keep what somebody asked for until it is confirmed; None where it is there already."""
    row = tx.execute(
        "insert into subscriptions (area, category, lang, finger, masked, nonce, ciphertext, made_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning id",
        (area, category, lang, finger, masked, nonce, ciphertext, at),
    ).fetchone()
    return row and int(row[0])


def subscription(tx: Tx, identity: int) -> Subscription | None:
    return (
        tx.cursor(row_factory=class_row(Subscription))
        .execute(f"select {_SUBSCRIPTION} from subscriptions where id = %s", (identity,))
        .fetchone()
    )


def subscriptions(tx: Tx, ids: Sequence[int]) -> list[Subscription]:
    """Return those of these subscriptions that are still there."""
    return (
        tx.cursor(row_factory=class_row(Subscription))
        .execute(f"select {_SUBSCRIPTION} from subscriptions where id = any(%s)", (list(ids),))
        .fetchall()
    )


def subscriptions_to(
    tx: Tx, areas: Sequence[str], categories: Sequence[str], *, limit: int = 20_000
) -> list[Subscription]:
    """Return the confirmed subscriptions that a case in these areas, of these classes, concerns."""
    return (
        tx.cursor(row_factory=class_row(Subscription))
        .execute(
            f"select {_SUBSCRIPTION} from subscriptions where confirmed_at is not null"
            " and bounced_at is null and (area = '' or area = any(%s))"
            " and (category = '' or category = any(%s)) order by id limit %s",
            (list(areas), list(categories), limit),
        )
        .fetchall()
    )


def any_subscription(tx: Tx) -> bool:
    """Say whether anybody is subscribed to anything."""
    row = tx.execute("select exists (select from subscriptions where confirmed_at is not null)")
    found = row.fetchone()
    return bool(found and found[0])


def unconfirmed(tx: Tx, finger: bytes, *, since: datetime) -> tuple[int, int]:
    """Return how many subscriptions of an address, and of all, wait since a moment."""
    row = tx.execute(
        "select count(*) filter (where finger = %s)::int, count(*)::int from subscriptions"
        " where confirmed_at is null and made_at >= %s",
        (finger, since),
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def confirm(tx: Tx, identity: int, *, at: datetime) -> int:
    """Let a subscription count from now on; return whether there was one."""
    return tx.execute(
        "update subscriptions set confirmed_at = coalesce(confirmed_at, %s) where id = %s",
        (at, identity),
    ).rowcount


def unsubscribe(tx: Tx, identity: int) -> int:
    """Erase a subscription with its address and all its messages; return whether there was one."""
    return tx.execute("delete from subscriptions where id = %s", (identity,)).rowcount


def subscription_bounced(tx: Tx, identity: int, *, at: datetime) -> None:
    tx.execute("update subscriptions set bounced_at = %s where id = %s", (at, identity))


def erase_unconfirmed(tx: Tx, *, before: datetime) -> int:
    """Erase what nobody confirmed, and what cannot be reached; return how many."""
    return tx.execute(
        "delete from subscriptions where (confirmed_at is null and made_at < %s) or bounced_at < %s",
        (before, before),
    ).rowcount


# ── chat groups ──────────────────────────────────────────────────────────────────────

_HOOK = "id, title, style, unit, area, lang, host, nonce, sealed, active"


def hooks(tx: Tx, *, active: bool = False) -> list[Hook]:
    """Return the chat groups, or only those that are told."""
    return (
        tx.cursor(row_factory=class_row(Hook))
        .execute(f"select {_HOOK} from hooks where active or not %s order by id limit 500", (active,))
        .fetchall()
    )  # fmt: skip


def hook_id(tx: Tx) -> int:
    """Return a new identity for a hook: what is sealed is bound to it."""
    row = tx.execute("select nextval(pg_get_serial_sequence('hooks', 'id'))").fetchone()
    assert row is not None
    return int(row[0])


def add_hook(tx: Tx, hook: Hook, *, by: AccountId | None, at: datetime) -> None:
    """Write a chat group."""
    tx.execute(
        "insert into hooks (id, title, style, unit, area, lang, host, nonce, sealed, active, made_at,"
        " made_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            hook.id, hook.title, hook.style, hook.unit, hook.area, hook.lang, hook.host, hook.nonce,
            hook.sealed, hook.active, at, by,
        ),
    )  # fmt: skip


def set_hook(tx: Tx, hook: int, *, active: bool) -> int:
    """Let a chat group be told, or not any more; return whether there was one."""
    return tx.execute("update hooks set active = %s where id = %s", (active, hook)).rowcount
