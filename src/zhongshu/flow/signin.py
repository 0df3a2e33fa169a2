"""Signing in: named accounts, opaque tokens, rights from the posts held at this moment."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from zhongshu.core.access import Actor, Duty, Holding
from zhongshu.core.values import Lang, Refused, Span
from zhongshu.flow.city import City
from zhongshu.store import accounts
from zhongshu.store.db import Tx

SESSION = timedelta(hours=12)
TOKEN_BYTES = 32
#: OWASP's minimum for argon2id; at most two hashes at once, so that sign-ins cannot
#: exhaust memory and processors.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_TWO_AT_ONCE = threading.BoundedSemaphore(2)
#: Verified when there is no such account, so that the time taken tells nothing.
_NOBODY = _HASHER.hash("nobody")


class WrongPassword(Refused):
    status: ClassVar[int] = 401
    message = "The name or the password is wrong."
    remedy = "Try again; after five failures wait a minute."


class TooOften(Refused):
    status: ClassVar[int] = 429
    message = "Too many failed sign-ins for “%(value)s”."
    remedy = "Wait a minute, then try again."


class WeakPassword(Refused):
    message = "%(field)s is too short."
    remedy = "Use at least 12 characters; a few words are fine."


def hashed_password(password: str) -> str:
    """Return the argon2id hash of a password of at least 12 characters."""
    if len(password) < 12:
        raise WeakPassword("password")
    with _TWO_AT_ONCE:
        return _HASHER.hash(password)


def sign_in(tx: Tx, *, login: str, password: str, token: bytes, now: datetime) -> None:
    """Open a session under ``token``, or raise `WrongPassword`."""
    found = accounts.by_login(tx, login.strip().lower())
    known = found is not None and found.password_hash is not None and found.disabled_at is None
    kept = found.password_hash if found is not None and found.password_hash else _NOBODY
    try:
        with _TWO_AT_ONCE:
            _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        known = False
    if not known or found is None:
        raise WrongPassword("login", login)
    accounts.open_session(tx, found.id, token_hash(token), at=now, until=now + SESSION)


def token_hash(token: bytes) -> bytes:
    """Return what is kept of a token: enough to know it again, useless to a thief."""
    return hashlib.sha256(token).digest()


def actor_of(rows: Sequence[accounts.Held], city: City) -> Actor | None:
    """Return the account and what its posts cover; None when there is nobody."""
    if not rows:
        return None
    first = rows[0]
    return Actor(
        account=first.account,
        login=first.login,
        name=first.name,
        lang=cast("Lang", first.lang),
        viewing=first.post if first.viewing else None,
        holdings=tuple(
            Holding(
                post=row.post,
                duty=Duty(row.duty),
                area=None if row.lo is None or row.hi is None else Span(row.lo, row.hi),
                units=frozenset() if row.unit is None else city.units_under(row.unit),
            )
            for row in rows
            if row.post is not None and row.duty is not None
        ),
    )
