"""What every request needs, made once at start: database, city, clock, chance, keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from zhongshu.core.access import Actor
from zhongshu.flow.city import City, load
from zhongshu.flow.outward import Outlet
from zhongshu.link.checks import Finding
from zhongshu.link.maps import Maps
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx

T = TypeVar("T")
#: How long a process may go on with the city it knows, in seconds.
_FRESH_S = 1.0


@dataclass(slots=True)
class Hub:
    """The pieces that `main` puts together."""

    db: Database
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    key: bytes
    https: bool = False
    #: By what messages leave the hub; None: by nothing.
    outlet: Outlet | None = None
    #: What browsers need to be told by push: the public half of our key.
    push_key: str = ""
    #: What maps are drawn on; without a folder there are none.
    maps: Maps = field(default_factory=lambda: Maps(Path("no maps")), repr=False)
    #: What “zhongshu doctor” looks at, where the process knows (the set-up page shows it).
    checks: Callable[[], Sequence[Finding]] = tuple
    #: Other systems by the hash of their key, and when their rights were read.
    machines: dict[bytes, tuple[Actor, float]] = field(
        default_factory=dict[bytes, tuple[Actor, float]], repr=False
    )
    #: When signing in failed, by login; what is older than a minute is forgotten.
    failures: dict[str, list[float]] = field(default_factory=dict[str, list[float]], repr=False)
    #: What was worked out of the city alone, and of which version and day of it.
    _worked: tuple[tuple[int, date], dict[str, Any]] | None = field(default=None, repr=False)
    _city: City | None = field(default=None, repr=False)
    _checked: float = 0.0
    _loading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def city(self) -> City:
        """Return the city, loaded anew within a second when somebody changed it, or when its
        own day has begun: catalogues and areas come into force at midnight.
        """
        now = time.monotonic()
        if self._city is not None and now - self._checked < _FRESH_S:
            return self._city
        with self._loading:
            if self._city is not None and now < self._checked + _FRESH_S:
                return self._city
            with self.db.transaction() as tx:
                if self._city is None or self._stale(tx, self._city):
                    self._city = load(tx, at=self.clock())
            self._checked = now
            return self._city

    def once(self, city: City, what: str, work: Callable[[City], T]) -> T:
        """Return what is worked out of the city alone, once for each version and day of it."""
        of = (city.version, city.day)
        if self._worked is None or self._worked[0] != of:
            self._worked = (of, {})
        kept = self._worked[1]
        if what not in kept:
            kept[what] = work(city)
        return kept[what]

    def look_again(self) -> None:
        """Let the next request look at once whether the city changed: its asker changed it."""
        self._checked = float("-inf")

    def _stale(self, tx: Tx, city: City) -> bool:
        return (
            city.day != self.clock().astimezone(city.zone).date()
            or city_store.version(tx) != city.version
        )
