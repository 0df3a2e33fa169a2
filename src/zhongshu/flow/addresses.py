"""Addresses: one's own for notices, chat groups, and who does not want to be written to.

All of them are sealed; what is shown of one is enough to recognise it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from zhongshu.core.access import Actor, NotFound
from zhongshu.core.escalation import among
from zhongshu.core.messages import HookStyle, host_of
from zhongshu.core.notices import MANDATORY, NoticeKind
from zhongshu.core.privacy import NONCE_BYTES, ContactKind, masked, read_contact, sealed
from zhongshu.core.texts import TEST, Hearer, Medium
from zhongshu.core.values import AccountId, Lang, Refused
from zhongshu.flow.city import City
from zhongshu.flow.sending import hook_about, staff_about
from zhongshu.store import addresses as store
from zhongshu.store import messages, reports
from zhongshu.store.addresses import Address, Hook
from zhongshu.store.db import Tx

Random = Callable[[int], bytes]
#: What was asked for and never confirmed is erased after this, and what cannot be reached.
UNCONFIRMED = timedelta(days=2)
#: Browsers of one account that are told by push.
MOST_BROWSERS = 8


class NotThisKind(Refused):
    message = "%(field)s: %(value)s cannot be reached by %(medium)s."
    remedy = "Write an e-mail address for mail, a mobile number for short messages."


class NoBrowser(Refused):
    message = "%(field)s: this is no place a browser can be told at."
    remedy = "Switch the notices of this browser on again at /inbox."


class NoTitle(Refused):
    message = "%(field)s: a group needs a title of 1 to 60 characters."
    remedy = "Write how the group is called, such as “Street lighting, duty”."


class NoHook(Refused):
    message = "%(field)s: this is no address a group is told at."
    remedy = "Copy the whole address of the robot; it begins with https://."


class NoChannel(Refused):
    status: ClassVar[int] = 409
    message = "This hub has nothing to send by %(value)s with."
    remedy = "The operator names a server first: see docs/guides/messages.md."


class NothingToTry(Refused):
    status: ClassVar[int] = 409
    message = "You have no address of your own for %(value)s."
    remedy = "Keep one at /inbox first: the test goes to you and nobody else."


# ── one's own ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """By what an account is told, and which kinds it does not want by which medium."""

    addresses: tuple[Address, ...]
    off: frozenset[tuple[str, str]]

    def of(self, medium: str) -> Address | None:
        """Return the address for a medium, if there is one."""
        return next((a for a in self.addresses if a.medium == medium), None)


def own(tx: Tx, actor: Actor) -> Own:
    """Return an account's own addresses, and what it has switched off."""
    off = store.mutes(tx, [actor.account])
    return Own(
        addresses=tuple(store.of_accounts(tx, [actor.account])),
        off=frozenset((medium, kind) for _, medium, kind in off),
    )


def keep(
    tx: Tx, account: AccountId, medium: Medium, text: str, *, key: bytes, random: Random, at: datetime
) -> None:  # fmt: skip
    """Keep an account's address for mail or short messages in place of the one before; an empty
    text erases it.
    """
    contact = read_contact(text)
    wanted = ContactKind.EMAIL if medium is Medium.EMAIL else ContactKind.PHONE
    if contact is not None and contact.kind is not wanted:
        raise NotThisKind(medium.value, masked(text), medium=medium.value)
    store.drop(tx, account, medium)
    if contact is not None:
        _seal(tx, account, medium, contact.value, masked(contact.value), key, random, at)


def add_browser(
    tx: Tx, account: AccountId, *, url: str, p256dh: str, auth: str, key: bytes, random: Random,
    at: datetime,
) -> None:  # fmt: skip
    """Let one more browser of an account be told; the oldest goes where there are too many."""
    host = host_of(url)
    if not url.startswith("https://") or host is None or not (p256dh and auth):
        raise NoBrowser("url")
    there = [a for a in store.of_accounts(tx, [account]) if a.medium == Medium.PUSH]
    for old in there[: max(0, len(there) + 1 - MOST_BROWSERS)]:
        store.drop_one(tx, old.id)
    said = json.dumps({"url": url, "p256dh": p256dh, "auth": auth})
    _seal(tx, account, Medium.PUSH, said, host, key, random, at)


def drop_browsers(tx: Tx, account: AccountId) -> int:
    """Let no browser of an account be told any more; return how many there were."""
    return store.drop(tx, account, Medium.PUSH)


def _seal(
    tx: Tx, account: AccountId, medium: Medium, value: str, shown: str, key: bytes, random: Random,
    at: datetime,
) -> None:  # fmt: skip
    nonce = random(NONCE_BYTES)
    store.keep(
        tx, account, medium, masked=shown, nonce=nonce, at=at,
        ciphertext=sealed(value, key=key, nonce=nonce, about=staff_about(account, medium)),
    )  # fmt: skip


def mute(tx: Tx, actor: Actor, off: Iterable[tuple[str, str]]) -> None:
    """Let these pairs of medium and kind not be sent; work that waits stays."""
    pairs = sorted(
        (Medium(among("medium", m, list(Medium))).value, NoticeKind(among("kind", k, list(NoticeKind))).value)
        for m, k in off
    )  # fmt: skip
    store.mute(tx, actor.account, [(m, k) for m, k in pairs if k not in MANDATORY])


# ── residents who want no more ───────────────────────────────────────────────────────


def stop(tx: Tx, code: str, *, at: datetime) -> bool:
    """Let a report not be written to any more; say whether it was."""
    voice = reports.by_code(tx, code)
    if voice is None:
        raise NotFound("report", code)
    told = store.tell_no_more(tx, voice.id)
    messages.drop_of(tx, report=voice.id, at=at, why="stopped")
    return bool(told)


def forget(tx: Tx, *, now: datetime) -> int:
    """Erase subscriptions nobody confirmed, and those that cannot be reached."""
    return store.erase_unconfirmed(tx, before=now - UNCONFIRMED)


# ── chat groups ──────────────────────────────────────────────────────────────────────


def add_hook(
    tx: Tx, city: City, *, title: str, style: str, url: str, secret: str, place: str, lang: Lang,
    by: AccountId | None, key: bytes, random: Random, at: datetime,
) -> int:  # fmt: skip
    """Let a chat group be told: what the posts of a unit or an area are told, or the whole city."""
    name = " ".join(title.split())
    if not 1 <= len(name) <= 60:
        raise NoTitle("title", title)
    host = host_of(url.strip())
    if host is None:
        raise NoHook("url", "")  # what was written may be a key
    unit = city.unit_codes.get(place)
    area = city.tree.named(place) if place and unit is None else None
    if place and unit is None and area is None:
        raise NotFound("place", place)
    identity, nonce = store.hook_id(tx), random(NONCE_BYTES)
    said = json.dumps({"url": url.strip(), "secret": secret.strip()})
    hook = Hook(
        id=identity, title=name, style=HookStyle(among("style", style, list(HookStyle))).value,
        unit=unit.id if unit else None, area=area.id if area else None, lang=lang,
        host=host, nonce=nonce, active=True,
        sealed=sealed(said, key=key, nonce=nonce, about=hook_about(identity)),
    )  # fmt: skip
    store.add_hook(tx, hook, by=by, at=at)
    return identity


def set_hook(tx: Tx, hook: int, *, active: bool) -> None:
    """Let a group be told again, or not any more."""
    if not store.set_hook(tx, hook, active=active):
        raise NotFound("group", hook)


# ── trying, and trying again ─────────────────────────────────────────────────────────


def try_channel(
    tx: Tx, actor: Actor, channel: str, media: frozenset[Medium], *, random: Random, at: datetime
) -> None:
    """Write a message to try a channel: to a chat group, or to one's own address."""
    medium, _, hook = channel.partition(":")
    if medium not in media:
        raise NoChannel("channel", medium)
    to: Mapping[str, object]
    if hook:
        found = next((h for h in store.hooks(tx, active=True) if str(h.id) == hook), None)
        if found is None:
            raise NotFound("group", hook)
        to = {"hook": found.id, "lang": found.lang}
    elif not any(a.medium == medium for a in store.of_accounts(tx, [actor.account])):
        raise NothingToTry("channel", medium)
    else:
        to = {"account": actor.account, "lang": actor.lang}
    moment = at.isoformat()
    messages.wake(tx, channel)
    messages.add(
        tx, [
            {
                "medium": medium, "channel": channel, "hearer": Hearer.STAFF, "event": TEST,
                "about": f"test:{random(8).hex()}", "urgent": True, "at": moment,
                "made_at": moment, "due_at": moment, **to,
            },
        ],
    )  # fmt: skip


def again(tx: Tx, ids: Iterable[int], *, at: datetime) -> int:
    """Let messages that were given up be sent anew; return how many."""
    return messages.again(tx, sorted(set(ids)), at=at)
