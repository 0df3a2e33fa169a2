"""Subscriptions of residents: an address, an area or a class; confirmed by a link, ended by one.

Nobody learns from an answer whether an address is subscribed already. What ends is erased.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from zhongshu.core.access import NotFound
from zhongshu.core.catalogue import DOOR_GROUPS
from zhongshu.core.privacy import NONCE_BYTES, ContactKind, masked, read_contact, sealed
from zhongshu.core.texts import CONFIRM, Hearer, Medium
from zhongshu.core.values import CategoryId, Lang, Refused, Span
from zhongshu.flow.addresses import Random
from zhongshu.flow.city import City
from zhongshu.flow.outward import Outlet, classes
from zhongshu.flow.sending import subscription_about, token
from zhongshu.store import addresses as store
from zhongshu.store import feeds, messages
from zhongshu.store.addresses import Subscription
from zhongshu.store.db import Tx
from zhongshu.store.feeds import News

#: Levels a resident may follow: below a community it would be about a handful of doors.
COARSE = ("city", "district", "subdistrict", "community")
#: How far back a feed goes, and how long it is.
FEED_DAYS, FEED_MOST = 30, 60
#: How many unconfirmed subscriptions an hour are taken, and of one address: this door sends mail
#: to whoever is named at it.
MOST_WAITING, MOST_OF_ONE = 200, 4


class NoMailHere(Refused):
    status: ClassVar[int] = 409
    message = "This hub sends no mail."
    remedy = "Follow the feed instead: it needs no address."


class NoAddress(Refused):
    message = "%(field)s: %(value)s is no e-mail address."
    remedy = "Write an address such as name@example.org."


class NothingChosen(Refused):
    message = "%(field)s: choose an area, a kind of matter, or both."
    remedy = "Choose at least one of the two lists."


class TooFine(Refused):
    status: ClassVar[int] = 404
    message = "%(field)s: nothing is told of “%(value)s” by itself."
    remedy = "Follow its community, or a larger area: nobody’s own door is to be recognised."


class TooManyAsk(Refused):
    status: ClassVar[int] = 429
    message = "Too many people are subscribing at this moment."
    remedy = "Try again in an hour, or follow the feed: it needs no address."


class OldLink(Refused):
    status: ClassVar[int] = 404
    message = "This link leads nowhere any more."
    remedy = "If you unsubscribed, your address is erased already. Otherwise subscribe again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What a feed or a subscription is about, checked."""

    area: str = ""
    category: str = ""


def followed(city: City, *, area: str, category: str) -> Followed:
    """Return what somebody wants to follow, or refuse it."""
    if not area and not category:
        raise NothingChosen("area")
    if area:
        found = city.tree.named(area)
        if found is None:
            raise NotFound("area", area)
        if found.kind not in COARSE:
            raise TooFine("area", area)
    if category and classes(city, category) is None:
        raise NotFound("category", category)
    return Followed(area=area, category=category)


def subscribe(
    tx: Tx, out: Outlet | None, wanted: Followed, address: str, *, lang: Lang,
    random: Random, at: datetime,
) -> None:  # fmt: skip
    """Keep what somebody asked for, and write the mail with the link that confirms it. Asked
    again it is the same, and no second mail goes.
    """
    if out is None or Medium.EMAIL not in out.media:
        raise NoMailHere("medium", Medium.EMAIL)
    contact = read_contact(address) if "@" in address else None
    if contact is None or contact.kind is not ContactKind.EMAIL:
        raise NoAddress("address", masked(address) if address.strip() else "")
    finger = hmac.digest(out.key, f"finger:{contact.value.lower()}".encode(), "sha256")
    own, all_ = store.unconfirmed(tx, finger, since=at - timedelta(hours=1))
    if all_ >= MOST_WAITING:
        raise TooManyAsk("address")
    if own >= MOST_OF_ONE:
        return
    nonce = random(NONCE_BYTES)
    made = store.subscribe(
        tx, area=wanted.area, category=wanted.category, lang=lang, finger=finger,
        masked=masked(contact.value), nonce=nonce, at=at,
        ciphertext=sealed(contact.value, key=out.key, nonce=nonce, about=subscription_about(finger)),
    )  # fmt: skip
    if made is None:
        return
    moment = at.isoformat()
    messages.add(
        tx, [
            {
                "medium": Medium.EMAIL, "channel": Medium.EMAIL.value, "hearer": Hearer.SUBSCRIBER,
                "event": CONFIRM, "about": f"confirm:{made}", "subscription": made, "lang": lang,
                "at": moment, "made_at": moment, "due_at": moment,
            },
        ],
    )  # fmt: skip


def of_token(tx: Tx, key: bytes, word: str) -> Subscription:
    """Return the subscription a link of a mail belongs to."""
    number = word.partition("-")[0]
    known = number.isascii() and number.isdigit() and len(number) < 19
    if not known or not hmac.compare_digest(token(key, int(number)).encode(), word.encode()):
        raise OldLink("link")
    found = store.subscription(tx, int(number))
    if found is None:
        raise OldLink("link")
    return found


def confirm(tx: Tx, key: bytes, word: str, *, at: datetime) -> None:
    """Let a subscription count."""
    store.confirm(tx, of_token(tx, key, word).id, at=at)


def unsubscribe(tx: Tx, key: bytes, word: str) -> None:
    """Erase a subscription and its address; a link used twice is no mistake."""
    try:
        store.unsubscribe(tx, of_token(tx, key, word).id)
    except OldLink:
        return


# ── feeds ────────────────────────────────────────────────────────────────────────────


def feed(tx: Tx, city: City, wanted: Followed, *, now: datetime) -> Sequence[News]:
    """Return the cases of the last days that a feed tells of, the newest first."""
    place = city.tree.named(wanted.area) if wanted.area else None
    span: Span | None = place.span if place else None
    return feeds.recent(
        tx, span=span, categories=_categories(city, wanted.category),
        since=now - timedelta(days=FEED_DAYS), limit=FEED_MOST,
    )  # fmt: skip


def _categories(city: City, said: str) -> frozenset[CategoryId] | None:
    """Return the identities a class stands for in every version; None: all."""
    if not said:
        return None
    group = next((g for g in DOOR_GROUPS if g.key == said), None)
    codes = group.codes if group else (said,)
    return frozenset[CategoryId]().union(*(city.lineage.named(code) for code in codes))
