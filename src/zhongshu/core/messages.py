"""Messages: what leaves the hub, by which medium, to whom, and what becomes of each.

A notice, a step of a report or what a subscriber asked for becomes a message, the message a
parcel that somebody carries, and what comes of it a delivery. When it is tried again, and what
its text may name, stands here; nobody is reached from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from zhongshu.core.cases.clocks import Rung
from zhongshu.core.escalation import LADDER, USUAL_QUIET, Audience, among
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.notices import TELLINGS
from zhongshu.core.texts import CONFIRM, TEST, Hearer, Medium
from zhongshu.core.values import Refused


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"  # 待发: its time has not come, or it is tried again
    SENDING = "sending"  # 发送中: somebody carries it
    SENT = "sent"  # 已发: handed over to the channel
    DEAD = "dead"  # 未送达: given up; a person may send it again
    DROPPED = "dropped"  # 不再发送: nobody is to hear of it any more, with the reason


class Fault(StrEnum):
    """Whose fault it is that a message was not taken."""

    MESSAGE = "message"  # this one; the next may go
    ADDRESS = "address"  # there is no such address: it is marked, and not written to again
    CHANNEL = "channel"  # nobody is served: all its messages wait


class HookStyle(StrEnum):
    """What the receiver of a chat message understands."""

    JSON = "json"  # our own signed JSON
    WECOM = "wecom"  # 企业微信
    DINGTALK = "dingtalk"  # 钉钉
    FEISHU = "feishu"  # 飞书


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One thing to be carried: one message, or several to the same hearer put together.

    ``key`` stays the same however often it is tried, so that who receives it can tell a
    repetition. ``to`` is an address in the clear, for whoever carries it and nobody else.
    """

    key: str
    ids: tuple[int, ...]
    medium: Medium
    channel: str
    to: str
    subject: str
    body: str
    link: str = ""
    stop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came of carrying a parcel. No ``fault``: it was taken.

    ``permanent``: trying again is of no use. ``gone`` are those of several addresses (devices)
    that are there no longer.
    """

    ids: tuple[int, ...]
    channel: str
    error: str = ""
    fault: Fault | None = None
    permanent: bool = False
    gone: tuple[str, ...] = ()


def taken(parcel: Parcel, *, gone: tuple[str, ...] = ()) -> Delivery:
    """Return that a parcel was taken."""
    return Delivery(ids=parcel.ids, channel=parcel.channel, gone=gone)


def failed(
    parcel: Parcel, error: str, fault: Fault, *, permanent: bool = False, gone: tuple[str, ...] = ()
) -> Delivery:  # fmt: skip
    """Return that a parcel was not taken, and whose fault that is."""
    return Delivery(
        ids=parcel.ids, channel=parcel.channel, error=error, fault=fault, permanent=permanent,
        gone=gone,
    )  # fmt: skip


#: How long after each try that failed the next one follows; after the last it is given up.
WAITS: tuple[timedelta, ...] = tuple(
    timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60, 120, 240, 480, 720)
)
#: A parcel carried for longer than this was in hands that are gone.
LEASE = timedelta(minutes=5)


def next_try(tries: int, at: datetime) -> datetime | None:
    """Return when a message is tried again after so many tries; None: it is given up."""
    return at + WAITS[tries - 1] if 1 <= tries <= len(WAITS) else None


def rest(failures: int, at: datetime) -> datetime:
    """Return until when a channel that failed so many times in a row is left alone."""
    return at + WAITS[min(max(failures, 1), 6) - 1]


# ── by which medium whom ─────────────────────────────────────────────────────────────

_K = Kind
#: Steps of which those who reported a matter are told outside the page, and how.
TO_REPORTERS: Mapping[Kind, tuple[Medium, ...]] = MappingProxyType(
    {
        _K.REPORTED: (Medium.EMAIL, Medium.SMS), _K.JOINED: (Medium.EMAIL, Medium.SMS),
        _K.FILED: (Medium.EMAIL,), _K.REJECTED: (Medium.EMAIL, Medium.SMS),
        _K.DISPATCHED: (Medium.EMAIL,), _K.HANDLED: (Medium.EMAIL,),
        _K.FAILED: (Medium.EMAIL,), _K.CLOSED: (Medium.EMAIL, Medium.SMS),
        _K.REOPENED: (Medium.EMAIL, Medium.SMS), _K.MERGED: (Medium.EMAIL,),
        _K.UNMERGED: (Medium.EMAIL,),
    }
)  # fmt: skip
#: What subscribers of an area or a class hear of.
TO_SUBSCRIBERS: frozenset[Kind] = frozenset({_K.FILED, _K.CLOSED, _K.REOPENED})

_AT_ONCE = ("hazard", "call:called", "call:late")
_E, _S, _C, _P = Medium.EMAIL, Medium.SMS, Medium.CHAT, Medium.PUSH


def staff_events() -> tuple[str, ...]:
    """Return what staff is told of: clocks with their rungs, what else happens, idle rules."""
    return (*(f"clock:{kind}:{rung}" for kind, rung in LADDER), *TELLINGS, "rule")


def events(hearer: Hearer) -> tuple[str, ...]:
    """Return what a hearer is told of."""
    if hearer is Hearer.REPORTER:
        return tuple(kind.value for kind in TO_REPORTERS)
    if hearer is Hearer.SUBSCRIBER:
        return (*sorted(kind.value for kind in TO_SUBSCRIBERS), CONFIRM)
    return (*staff_events(), TEST)


def event_of(says: Mapping[str, Any]) -> str:
    """Return what a notice tells of, a clock with its rung."""
    if says.get("what") == "clock":
        return f"clock:{says.get('clock')}:{says.get('rung')}"
    return str(says.get("what", ""))


def usual_media(event: str) -> tuple[Medium, ...]:
    """Return by which media staff hears of something where the city says nothing else."""
    if event in _AT_ONCE:
        return (_E, _S, _C, _P)
    late = event.startswith("clock:") and event.rpartition(":")[2] in (
        Rung.OVERDUE, Rung.HIGHER, Rung.HIGHEST,
    )  # fmt: skip
    return (_E, _C, _P) if late or event.startswith("supervision:") else (_E, _P)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendings:
    """By which media a city tells whom of what; where it says nothing, what is usual."""

    staff: Mapping[tuple[str, Audience], tuple[Medium, ...]]
    reporters: Mapping[Kind, tuple[Medium, ...]]

    def media(self, event: str, audience: str) -> tuple[Medium, ...]:
        """Return by which media an audience hears of something."""
        chosen = self.staff.get((event, Audience(audience)))
        return usual_media(event) if chosen is None else chosen


def sendings(said: Mapping[str, Any]) -> Sendings:
    """Read what a city said of media, refusing a word that is none."""
    staff: dict[tuple[str, Audience], tuple[Medium, ...]] = {}
    for event, rows in said.get("staff", {}).items():
        among("event", event, staff_events())
        for audience, chosen in rows.items():
            who = Audience(among("audience", audience, list(Audience)))
            staff[event, who] = media(chosen)
    reporters = dict(TO_REPORTERS)
    for event, chosen in said.get("reporters", {}).items():
        kind = Kind(among("event", event, events(Hearer.REPORTER)))
        reporters[kind] = tuple(m for m in media(chosen) if m in (_E, _S))
    return Sendings(staff=MappingProxyType(staff), reporters=MappingProxyType(reporters))


def media(words: Iterable[str]) -> tuple[Medium, ...]:
    """Read media, each once, in the order of `Medium`."""
    said = {Medium(among("medium", word, list(Medium))) for word in words}
    return tuple(one for one in Medium if one in said)


def said_to_subscribers(fact: Fact) -> Kind | None:
    """Return what a fact is to subscribers: a case is new when it is filed, however that came."""
    if fact.sets.get("stage") == "filed" and fact.kind in (Kind.REPORTED, Kind.FILED, Kind.LOCATED, Kind.CLASSIFIED):  # fmt: skip
        return Kind.FILED
    return fact.kind if fact.kind in (Kind.CLOSED, Kind.REOPENED) else None


def by_day(at: datetime, zone: ZoneInfo) -> datetime:
    """Return when a resident may be written to: not in the usual quiet hours."""
    return USUAL_QUIET.until(at, zone) or at


def next_morning(at: datetime, zone: ZoneInfo, *, hour: int = 8) -> datetime:
    """Return the next eight o'clock in the city: when subscribers get the day as one mail."""
    local = at.astimezone(zone)
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (today if local < today else today + timedelta(days=1)).astimezone(at.tzinfo)


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: A path of printable ASCII without a fragment: what else it has is written as %E8%B7%AF.
_URL = re.compile(
    rf"https?://({_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?(?:[/?][!-\"$-~]*)?"
)


def host_of(url: str) -> str | None:
    """Return the host of an address something can be posted to; None where it is no such."""
    found = _URL.fullmatch(url) if len(url) <= 1000 else None
    if found is None or len(found[1]) > 253 or int(found[2] or 443) > 65_535:
        return None
    return found[1].strip("[]").lower()


class NoSuchEvent(Refused):
    message = "%(field)s: nobody is told of “%(value)s”."
    remedy = "Choose one of the events listed at /workshop/texts."


def place_of(hearer: Hearer, event: str = "") -> str:
    """Return where the text of an event stands; without one, that of all a hearer is told of."""
    return f"{hearer}/{event}" if event else hearer.value


def read_place(place: str) -> tuple[Hearer, str]:
    """Read what `place_of` wrote, or refuse it."""
    word, _, event = place.partition("/")
    if word not in list(Hearer) or (event and event not in events(Hearer(word))):
        raise NoSuchEvent("event", place)
    return Hearer(word), event
