"""What many ask for at once: answers kept for a short while, and a limit for each asker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, TypeVar

from fastapi import Request

from zhongshu.core.values import Refused

Answer = TypeVar("Answer")
#: So many requests of one address are answered by a web process in a minute; a page with its
#: drawings is a few.
A_MINUTE = 240
#: Counts of more addresses than this are not kept: then everybody begins anew.
_MOST = 20_000


class TooFast(Refused):
    status: ClassVar[int] = 429
    message = "More than %(most)d requests in a minute came from your address."
    remedy = "Wait a minute. The CSV holds everything at once."


class Kept:
    """Answers that are worked out once for everybody who asks within some seconds."""

    def __init__(self, for_s: float) -> None:
        self._for_s = for_s
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._working = threading.Lock()

    def get(self, key: Hashable, work: Callable[[], Answer]) -> Answer:
        """Return what is kept under a key, or work it out; one thread works, the others wait."""
        now = time.monotonic()
        known = self._kept.get(key)
        if known is not None and now - known[0] < self._for_s:
            return known[1]
        with self._working:
            known = self._kept.get(key)
            if known is not None and now - known[0] < self._for_s:
                return known[1]
            self._kept = {k: v for k, v in self._kept.items() if now - v[0] < self._for_s}
            answer = work()
            self._kept[key] = (time.monotonic(), answer)
            return answer


def asker(request: Request, *, proxied: bool) -> str:
    """Return the address that asks. Behind a proxy it is the last one of ``X-Forwarded-For``,
    which the proxy wrote; what stands before that, and the whole header where no proxy was
    announced, is anybody's to invent.
    """
    if proxied and (said := request.headers.getlist("x-forwarded-for")):
        return said[-1].rpartition(",")[2].strip()[:45]
    return request.client.host if request.client else ""


class Pace:
    """Counts the requests of an address in the running minute, in memory and nowhere else.
    ``proxied``: all come through a proxy, which says for whom.
    """

    def __init__(self, most: int = A_MINUTE, *, proxied: bool = False) -> None:
        self._most, self._proxied = most, proxied
        self._minute = -1
        self._counts: dict[str, int] = {}
        self._counting = threading.Lock()

    def keep(self, request: Request) -> None:
        """Refuse an address that asks too often."""
        address = asker(request, proxied=self._proxied)
        minute = int(time.monotonic() // 60)
        with self._counting:
            if minute != self._minute or len(self._counts) > _MOST:
                self._minute, self._counts = minute, {}
            n = self._counts[address] = self._counts.get(address, 0) + 1
        if n > self._most:
            raise TooFast("address", most=self._most)
