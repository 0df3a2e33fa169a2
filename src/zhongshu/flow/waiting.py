"""Photos of a report that is not sent yet: they wait while the reporter is asked, an hour at most.

Only the photos wait here, without a word of what they belong to: the words go back and forth
with the page. See docs/decisions/0014-same-matter-measured.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from zhongshu.core.pictures import Picture
from zhongshu.flow.intake import Receipt
from zhongshu.store import vault
from zhongshu.store.db import Tx

FOR = timedelta(hours=1)
#: How many bytes may wait altogether, and how many photos of one report.
MOST_BYTES = 256 * 1024 * 1024
MOST_PHOTOS = 3
_KEY = re.compile(r"[0-9a-f]{32}")


def hold(
    tx: Tx, key: str, photos: Sequence[Picture], *, at: datetime, random: Callable[[int], bytes]
) -> str:  # fmt: skip
    """Let photos wait under a key, a new one where the one given is none; return the key.
    Empty where there is no room.
    """
    key = key if _KEY.fullmatch(key) else random(16).hex()
    if vault.held_bytes(tx) + sum(len(p.data) for p in photos) > MOST_BYTES:
        return ""
    before = vault.held(tx, key, since=at - FOR)
    for n, picture in enumerate(photos[: MOST_PHOTOS - before], start=before):
        vault.hold(tx, key, n, picture, at=at)
    return key


def count(tx: Tx, key: str, *, at: datetime) -> int:
    """Return how many photos wait under a key."""
    return vault.held(tx, key, since=at - FOR)


def claim(tx: Tx, key: str, receipt: Receipt, *, at: datetime) -> int:
    """Give waiting photos to the report they came with; return how many were still there."""
    return vault.claim(tx, key, receipt.case, receipt.report, at=at, since=at - FOR)


def let_go(tx: Tx, *, at: datetime) -> int:
    """Erase photos whose hour is over; return how many."""
    return vault.let_go(tx, before=at - FOR)
