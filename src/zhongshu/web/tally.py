"""How often each key is used, refused, and in conflict: counted in memory, written every few seconds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from zhongshu.flow.connectors import KEPT_FOR
from zhongshu.store import connectors
from zhongshu.web.hub import Hub

log = logging.getLogger(__name__)
EVERY_S = 5.0


class Tally:
    """Counts the answers that keys get. What a process counted in its last seconds is lost when
    it is killed: these are counts for people who look whether a connector is well.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._counts: dict[tuple[bytes, datetime], list[int]] = {}
        self._task: asyncio.Task[None] | None = None

    def count(self, key: bytes, *, refused: bool, conflict: bool) -> None:
        """Count one answer."""
        hour = self._hub.clock().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            counts = self._counts.setdefault((key, hour), [0, 0, 0])
            counts[0] += 1
            counts[1] += refused
            counts[2] += conflict

    def write(self) -> None:
        """Write what was counted since the last time; where that fails, it is still to be written."""
        with self._lock:
            counted, self._counts = self._counts, {}
        if not counted:
            return
        try:
            with self._hub.db.transaction() as tx:
                for hour in sorted({hour for _, hour in counted}):
                    rows = [(key, *n) for (key, at), n in counted.items() if at == hour]
                    connectors.counted(tx, hour, [(k, a, b, c) for k, a, b, c in rows])
                connectors.forget(tx, before=self._hub.clock() - KEPT_FOR)
        except Exception:
            self._put_back(counted)
            raise

    def _put_back(self, counted: Mapping[tuple[bytes, datetime], list[int]]) -> None:
        with self._lock:
            for at, counts in counted.items():
                meanwhile = self._counts.get(at, [0, 0, 0])
                self._counts[at] = [a + b for a, b in zip(counts, meanwhile, strict=True)]

    def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="tally")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._tried)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(self._tried)

    def _tried(self) -> None:
        """Write, and where the database is away, try again the next time: counts are not worth
        an error.
        """
        try:
            self.write()
        except Exception:
            log.exception("the counts of the keys could not be written")
