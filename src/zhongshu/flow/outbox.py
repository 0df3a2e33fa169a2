"""The outbox as people see it: how each channel does, what was sent to whom (masked), by which
medium whom; and changing that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from zhongshu.core.access import NotFound
from zhongshu.core.cases import Case
from zhongshu.core.messages import sendings
from zhongshu.core.texts import Hearer, Medium
from zhongshu.core.values import AccountId
from zhongshu.flow.outward import Outlet
from zhongshu.store import accounts, addresses, cases, city_facts
from zhongshu.store import city as city_store
from zhongshu.store import messages as store
from zhongshu.store.addresses import Hook
from zhongshu.store.db import Tx
from zhongshu.store.messages import Channel, Message, MessageFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one channel does. ``known``: nothing was ever sent by it where None."""

    channel: str
    medium: Medium
    hook: Hook | None
    there: bool
    known: Channel | None
    waiting: int
    dead: int
    sent: int

    @property
    def failing(self) -> bool:
        return self.known is not None and self.known.failing_since is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One page of the log, with to whom each went as far as that may be shown."""

    messages: Sequence[Message]
    to: Mapping[int, str]
    cases: Mapping[int, Case]
    count: int
    next: int | None


def health(tx: Tx, out: Outlet | None, *, now: datetime) -> list[Health]:
    """Return how every channel does: the media, then each chat group."""
    media = out.media if out is not None else frozenset[Medium]()
    known = {c.channel: c for c in store.channels(tx)}
    counts = store.counts(tx, since=now - timedelta(days=1))
    hooks: dict[str, Hook | None] = {f"chat:{h.id}": h for h in addresses.hooks(tx)}
    plain: dict[str, Hook | None] = {m.value: None for m in Medium if m is not Medium.CHAT}
    return [
        Health(
            channel=name, medium=Medium(name.partition(":")[0]), hook=hook, known=known.get(name),
            there=name.partition(":")[0] in media and (hook is None or hook.active),
            waiting=sum(counts.get(name, {}).get(s, 0) for s in ("waiting", "sending")),
            dead=counts.get(name, {}).get("dead", 0), sent=counts.get(name, {}).get("sent", 0),
        )
        for name, hook in {**plain, **hooks}.items()
    ]  # fmt: skip


def log(tx: Tx, wanted: MessageFilter, *, before: int | None, limit: int) -> Log:
    """Return one page of the log, the newest first."""
    found = store.page(tx, wanted, before=before, limit=limit + 1)
    page = found[:limit]
    return Log(
        messages=page, to=_to(tx, page), cases=_cases(tx, page), count=store.count(tx, wanted),
        next=page[-1].id if len(found) > limit else None,
    )  # fmt: skip


def one(tx: Tx, message: int) -> Log:
    """Return one message as a log of one."""
    found = store.get(tx, message)
    if found is None:
        raise NotFound("message", message)
    return Log(messages=[found], to=_to(tx, [found]), cases=_cases(tx, [found]), count=1, next=None)


def _cases(tx: Tx, page: Sequence[Message]) -> dict[int, Case]:
    wanted = sorted({m.case_id for m in page if m.case_id is not None})
    return {case.id: case for case in cases.some(tx, wanted)}


def _to(tx: Tx, page: Sequence[Message]) -> dict[int, str]:
    """Return to whom each message goes: an account's name, a group's title, a masked address."""
    staff = sorted({m.account for m in page if m.account is not None})
    names = accounts.names(tx, staff)
    mine = {(a.account, a.medium): a.masked for a in addresses.of_accounts(tx, staff)}
    asked = addresses.askers(tx, sorted({m.report_id for m in page if m.report_id is not None}))
    masks = {a.report_id: a.masked for a in asked}
    subscribed = sorted({m.subscription for m in page if m.subscription is not None})
    subs = {s.id: s.masked for s in addresses.subscriptions(tx, subscribed)}
    hooks = {h.id: h.title for h in addresses.hooks(tx)}
    found: dict[int, str] = {}
    for m in page:
        if m.account is not None:
            masked = mine.get((m.account, m.medium), "")
            found[m.id] = f"{names.get(m.account, '')} {masked}".strip()
        elif m.hook is not None:
            found[m.id] = hooks.get(m.hook, "")
        elif m.report_id is not None:
            found[m.id] = masks.get(m.report_id, "")
        else:
            found[m.id] = subs.get(m.subscription or 0, "")
    return found


# ── by which medium whom ─────────────────────────────────────────────────────────────


def set_media(
    tx: Tx, event: str, audience: str, chosen: Sequence[str] | None, *, by: AccountId | None,
    at: datetime,
) -> None:  # fmt: skip
    """Let an audience, or with `reporter` those who reported a matter, hear of an event by these
    media; with None by what is usual.
    """
    whom = "reporters" if audience == Hearer.REPORTER else "staff"
    media = None if chosen is None else list(chosen)

    def change(said: dict[str, Any]) -> None:
        messages: dict[str, Any] = dict(said.get("messages", {}))
        rows: dict[str, Any] = dict(messages.get(whom, {}))
        value: Any = media
        if whom == "staff":
            row = {**rows.get(event, {}), audience: media}
            value = {a: chosen for a, chosen in row.items() if chosen is not None} or None
        rows[event] = value
        # Read as it will be read: a word that is none is refused now and not by the reader.
        sendings({whom: {event: value or ({} if whom == "staff" else [])}})
        messages[whom] = {name: row for name, row in rows.items() if row is not None}
        said["messages"] = messages
        city_facts.add(tx, "messages:media", {"event": event, "media": value}, account=by, at=at)

    city_store.change(tx, change)
