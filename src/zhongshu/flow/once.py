"""Once: what is sent again under the same key is answered again, and not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from zhongshu.core.intake import MAX_KEY, TooLong
from zhongshu.core.values import AccountId, Refused
from zhongshu.store import answers
from zhongshu.store.db import Tx

#: So long a sender may go on asking what became of it.
KEPT_FOR = timedelta(days=7)


class OtherBody(Refused):
    message = "The key “%(value)s” was used before for something else."
    remedy = "Use a new Idempotency-Key for each act; send the same body only when retrying."


def once(
    tx: Tx, sender: AccountId, key: str | None, body: bytes, *, at: datetime,
    do: Callable[[], dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Do something and keep its answer under a key of the sender's; the second time the same
    answer comes back. Without a key it is simply done. A refusal undoes the claim with all else.
    """
    if key is None:
        return do()
    if len(key) > MAX_KEY:
        raise TooLong("Idempotency-Key", key, length=len(key), most=MAX_KEY)
    # Hashed together: the row says neither who sent it nor under which key.
    name, digest = _hash(f"{sender}:{key}".encode()), _hash(body)
    if answers.claim(tx, name, digest, at=at):
        answer = do()
        answers.keep(tx, name, answer)
        return answer
    before = answers.get(tx, name)
    if before is None or before.body != digest:
        raise OtherBody("Idempotency-Key", key)
    return before.answer


def forget(tx: Tx, *, at: datetime) -> int:
    """Delete the answers nobody asks for any more; return how many."""
    return answers.forget(tx, before=at - KEPT_FOR)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
