"""From what somebody sent to a report that can be kept, and where it starts.

`read` checks and cleans one report; `start` says at which stage its case begins. A
report that breaks a rule is refused with the field, the value and the remedy; one that
is merely incomplete (no place, outside the city, class unknown) is taken in and waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from zhongshu.core.cases.lifecycle import Stage
from zhongshu.core.place import Datum, Point, to_wgs84
from zhongshu.core.privacy import Contact, read_contact, stripped
from zhongshu.core.values import Lang, Refused, aware

MAX_TEXT = 5_000
MAX_ADDRESS = 300
MAX_KEY = 200
TITLE = 80
#: How far a sender's clock may run ahead before its report is impossible.
CLOCK_SKEW = timedelta(minutes=10)
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
#: How long something may wait on a device without net before its clock is not believed.
WAITED = timedelta(days=30)


#: What stands for the number of a case where the reporter says: mine is another matter.
OWN = "own"


class Channel(StrEnum):
    """Through which door a report came."""

    WEB = "web"  # 网页
    HOTLINE = "hotline"  # 热线
    FIELD = "field"  # 网格员巡查
    SENSOR = "sensor"  # 感知设备
    PARTNER = "partner"  # 其他系统
    API = "api"  # 接口
    IMPORT = "import"  # 历史导入
    REPLAY = "replay"  # 历史回放


class Empty(Refused):
    message = "%(field)s is empty."
    remedy = "Say in a few words what is wrong."


class TooLong(Refused):
    message = "%(field)s has %(length)d characters; at most %(most)d are taken."
    remedy = "Shorten it, and send documents as files to the unit that asks for them."


class ImpossibleTime(Refused):
    message = "%(field)s: %(value)s cannot be when it was seen."
    remedy = "Write a moment between 1990 and now, with its offset."


class HalfAPlace(Refused):
    message = "%(field)s is missing: a place needs both lon and lat."
    remedy = "Send both coordinates with their datum, or neither and an address."


class UnknownWord(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Use one of the words listed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody sent, as it came. Coordinates are in ``datum`` (wgs84 if not said).

    ``joins`` is what the reporter chose: the number of a case that is the same matter, `OWN`
    for a matter of its own, or nothing, which leaves it to the rule. ``asset`` is the code on
    the thing it is about, where they read or scanned one. ``tell``: the contact may be used to
    say how it goes on.
    """

    text: str
    channel: str = Channel.WEB
    at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    datum: str = Datum.WGS84
    address: str = ""
    category: str | None = None
    contact: str = ""
    lang: Lang = "zh"
    source: str = ""
    key: str | None = None
    joins: str = ""
    extra: Mapping[str, Any] | None = None
    asset: str | None = None
    tell: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One voice through one channel, checked and cleaned. Immutable from here on."""

    text: str
    channel: Channel
    at: datetime
    received_at: datetime
    place: Point | None
    raw_place: Mapping[str, Any] | None
    address: str
    category: str | None
    contact: Contact | None
    had_marks: str | None
    lang: Lang
    source: str
    key: str | None
    body_hash: bytes
    joins: str
    extra: Mapping[str, Any] | None
    asset: str | None = None
    tell: bool = False

    @property
    def title(self) -> str:
        """The first words, for lists."""
        return titled(self.text)


def titled(text: str) -> str:
    """Return what of a text stands as the title of its case, and is compared with others."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE else f"{line[: TITLE - 1]}…"


def read(draft: Draft, *, now: datetime) -> Report:
    """Check and clean a draft, or refuse it naming field, value and remedy."""
    text = _text("text", draft.text, MAX_TEXT)
    if not text:
        raise Empty("text", "")
    clean = stripped(text)
    return Report(
        text=clean,
        channel=_word("channel", draft.channel, Channel),
        at=_time(draft.at, now),
        received_at=now,
        place=_place(draft),
        raw_place=None if draft.lon is None
        else {"lon": draft.lon, "lat": draft.lat, "datum": draft.datum},
        address=stripped(_text("address", draft.address, MAX_ADDRESS)),
        category=draft.category or None,
        contact=read_contact(draft.contact),
        had_marks=text if clean != text else None,
        lang=draft.lang,
        source=_text("source", draft.source, MAX_KEY) or str(draft.channel),
        key=_text("key", draft.key, MAX_KEY) if draft.key else None,
        body_hash=body_hash(draft),
        joins=_text("joins", draft.joins, MAX_KEY),
        extra=draft.extra,
        asset=_text("asset", draft.asset, MAX_KEY) or None if draft.asset else None,
        tell=draft.tell,
    )  # fmt: skip


def start(*, place: Point | None, inside: bool, classified: bool) -> Stage:
    """Return the stage a new case begins at. The explicit rule that files by itself."""
    if place is None:
        return Stage.WAITING_PLACE
    if not inside:
        return Stage.NOT_OURS
    return Stage.FILED if classified else Stage.RECEIVED


def body_hash(draft: Draft) -> bytes:
    """Return what tells a retried request from another one under the same key."""
    said = (draft.text, draft.lon, draft.lat, draft.datum, draft.address, draft.category, draft.at)
    # Only where it is said: reports sent before there was a choice keep their digest.
    if draft.joins:
        said = (*said, draft.joins)
    said += (draft.asset,) if draft.asset else ()
    return hashlib.sha256(repr(said).encode()).digest()[:16]


#: Letters and digits that are not mistaken for one another (Crockford's base 32).
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RECEIPT_BYTES = 7


def receipt_code(random: bytes) -> str:
    """Return a tracking code of 10 letters (50 bits) from `RECEIPT_BYTES` random bytes."""
    number = int.from_bytes(random[:RECEIPT_BYTES], "big")
    return "".join(_LETTERS[(number >> 5 * i) & 31] for i in range(10))


def shown_code(code: str) -> str:
    """Return the code as a person reads it: 7K3M-92Q-X4T."""
    return f"{code[:4]}-{code[4:7]}-{code[7:]}"


def typed_code(text: str) -> str:
    """Return what a person typed as a code is kept: no dashes, look-alikes put right."""
    letters = "".join(c for c in text.upper() if c.isalnum())
    return letters.translate(str.maketrans("OIL", "011")).replace("U", "V")


def _text(field: str, value: str, most: int) -> str:
    if len(value) > most:
        raise TooLong(field, value, length=len(value), most=most)
    # PostgreSQL cannot keep NUL, and no reader wants other control characters.
    return "".join(c for c in value if c >= " " or c in "\n\t").strip()


def _word(field: str, value: str, words: type[Channel]) -> Channel:
    try:
        return words(value)
    except ValueError:
        raise UnknownWord(field, value, choices=", ".join(words)) from None


def _time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if not OLDEST <= aware("at", at) <= now + CLOCK_SKEW:
        raise ImpossibleTime("at", at.isoformat())
    return min(at, now)


def by_device(said: datetime | None, *, now: datetime) -> datetime:
    """Return when something was done by the clock of the device it was done on; ``now`` where
    it says nothing, runs ahead, or is further back than anything waits to be sent.
    """
    return said if said is not None and now - WAITED <= said <= now else now


def _place(draft: Draft) -> Point | None:
    if draft.lon is None and draft.lat is None:
        return None
    if draft.lon is None or draft.lat is None:
        raise HalfAPlace("lon" if draft.lon is None else "lat")
    try:
        datum = Datum(draft.datum)
    except ValueError:
        raise UnknownWord("datum", draft.datum, choices=", ".join(Datum)) from None
    return to_wgs84(Point(draft.lon, draft.lat), datum)
