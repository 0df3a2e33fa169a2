"""Keys of other systems: made, replaced, and called back from a day on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from zhongshu.core.access import Duty, NotFound
from zhongshu.flow import people
from zhongshu.flow.people import CannotUndo, Hand
from zhongshu.flow.signin import token_hash
from zhongshu.store import accounts, city_facts
from zhongshu.store import connectors as store
from zhongshu.store.accounts import Tenure
from zhongshu.store.connectors import Key
from zhongshu.store.db import Tx

#: Counts are kept so long.
KEPT_FOR = timedelta(days=8)


class KeyFact(StrEnum):
    """What happens to keys."""

    MADE = "key:made"
    REVOKED = "key:revoked"
    ROTATED = "key:rotated"
    AGAIN = "key:again"


def make(tx: Tx, hand: Hand, *, login: str, name: str, key: str, duty: Duty = Duty.MACHINE) -> None:
    """Make an account for another system, with a post over the whole city and a key."""
    account = people.machine(tx, login=login, name=name)
    post = accounts.add_post(tx, duty=duty, name_zh=name or login)
    accounts.add_tenure(tx, Tenure(post=post, account=account, held_from=hand.at, held_until=None))
    accounts.add_key(tx, account, token_hash(key.encode()), name=login)
    _told(tx, KeyFact.MADE, hand, account)


def one(tx: Tx, key: str, *, now: datetime) -> Key:
    """Return a key by the hash that is kept of it."""
    found = store.keys(tx, since=now, only=key) if key else []
    if not found:
        raise NotFound("key", key[:12])
    return found[0]


def revoke(tx: Tx, hand: Hand, key: str, *, on: date) -> None:
    """Let a key work no more from a day on."""
    found = one(tx, key, now=hand.at)
    at = hand.begins(on)
    store.end_key(tx, found.hash, at=at)
    _told(tx, KeyFact.REVOKED, hand, found.account, key=found.hash, on=at.isoformat())


def again(tx: Tx, hand: Hand, key: str) -> None:
    """Let a key work again whose day has not come."""
    found = one(tx, key, now=hand.at)
    if not found.works(hand.at):
        raise CannotUndo("key", found.name)
    store.end_key(tx, found.hash, at=None)
    _told(tx, KeyFact.AGAIN, hand, found.account, key=found.hash)


def rotate(tx: Tx, hand: Hand, key: str, *, new: str, until: date) -> None:
    """Give a system a second key; the first works until a day, so that nothing stands still."""
    found = one(tx, key, now=hand.at)
    accounts.add_key(tx, found.account, token_hash(new.encode()), name=found.name)
    at = hand.begins(until)
    if found.works(hand.at):
        store.end_key(tx, found.hash, at=at)
    _told(tx, KeyFact.ROTATED, hand, found.account, key=found.hash, on=at.isoformat())


#: A key called back for a later day can be let on; one that is dead stays dead.
UNDO = frozenset({KeyFact.REVOKED})


def undo(tx: Tx, hand: Hand, fact: int) -> None:
    """Undo that a key was called back, before its day."""
    found = city_facts.one(tx, fact)
    if found is None:
        raise NotFound("change", fact)
    again(tx, hand, str(found.says["key"]))


def _told(tx: Tx, kind: KeyFact, hand: Hand, account: int, **says: object) -> None:
    told: Mapping[str, object] = {"subject": account, **says}
    city_facts.add(tx, kind, told, account=hand.account, at=hand.at)
