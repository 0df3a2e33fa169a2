"""The live stream: one reader of the ledger per process, handed on to every open page.

Events carry the position in the ledger as their id; a browser that comes back says the
last one it saw and gets what it missed, or `reset` when that is too long ago. What is
sent is filtered by what the listener may see, on the server.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from zhongshu.core.access import Sight
from zhongshu.core.facts import Position
from zhongshu.store import facts
from zhongshu.store.facts import Read
from zhongshu.web.hub import Hub

EVERY_S = 0.2
HEARTBEAT_S = 15.0
#: How many batches a listener may lag behind before it is cut (it comes back by itself).
LAG = 500
#: How many past events are kept for those who come back.
KEPT = 5000


@dataclass(frozen=True, slots=True)
class Event:
    """A fact as the screens need it: no name, no words, nothing personal."""

    position: Position
    area_code: int | None
    unit: int | None
    data: dict[str, Any]

    def seen_by(self, sight: Sight) -> bool:
        return sight.covers(area_code=self.area_code, unit=self.unit)  # type: ignore[arg-type]


@dataclass(eq=False)
class Listener:
    sight: Sight
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(LAG))


class Stream:
    """Reads the ledger a few times a second and hands each batch to all listeners."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listeners: set[Listener] = set()
        self._past: deque[Event] = deque(maxlen=KEPT)
        self._position: Position | None = None
        self._floor = Position()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="stream")

    async def stop(self) -> None:
        self._closing = True
        for listener in self._listeners:
            with suppress(asyncio.QueueFull):
                listener.queue.put_nowait(None)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self._closing:
            try:
                batch = await asyncio.to_thread(self._read)
            except Exception:  # noqa: BLE001 — the database may be restarting: try again
                await asyncio.sleep(1)
                continue
            if batch:
                self._past.extend(batch)
                self._hand_on(batch)
            await asyncio.sleep(EVERY_S)

    def _hand_on(self, batch: list[Event]) -> None:
        """Give each listener what it may see: made once for all who see the same."""
        frames = {sight: _frame(batch, sight) for sight in {each.sight for each in self._listeners}}
        for listener in list(self._listeners):
            try:
                if frame := frames[listener.sight]:
                    listener.queue.put_nowait(frame)
            except asyncio.QueueFull:
                self._listeners.discard(listener)

    def _read(self) -> list[Event]:
        with self._hub.db.reading() as connection:
            if self._position is None:
                self._position = self._floor = facts.newest(connection)
            read = facts.read_with_case(connection, after=self._position, limit=1000)
        if read:
            self._position = read[-1][0].position
        return [self._event(*one) for one in read]

    def _event(self, read: Read, about: dict[str, Any]) -> Event:
        city = self._hub.city()
        category = city.names.get(about["category"])
        return Event(
            position=read.position,
            area_code=about["area_code"],
            unit=about["unit"],
            data={
                "kind": read.fact.kind, "at": read.fact.at.isoformat(), "number": about["number"],
                "stage": about["stage"], "lon": about["lon"], "lat": about["lat"],
                "area": about["area"], "overdue": about["overdue_at"] is not None,
                "hazard": about["hazard"],
                "category": category and {"zh": category[1].zh, "en": category[1].en},
            },
        )  # fmt: skip

    async def listen(self, sight: Sight, after: Position | None) -> AsyncIterator[bytes]:
        """Yield the stream as server-sent events."""
        listener = Listener(sight)
        self._listeners.add(listener)
        try:
            yield b"retry: 2000\n\n"
            if after is not None:
                oldest = self._past[0].position if self._past else self._position or Position()
                if after < oldest and after < self._floor:
                    yield b"event: reset\ndata: {}\n\n"
                else:
                    missed = [event for event in self._past if event.position > after]
                    if missed:
                        yield _frame(missed, sight)
            while not self._closing and listener in self._listeners:
                try:
                    frame = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    # An event and not a comment: the screen has to know that the stream lives.
                    yield b"event: alive\ndata: {}\n\n"
                    continue
                if frame is None:
                    return
                yield frame
        finally:
            self._listeners.discard(listener)


def _frame(batch: list[Event], sight: Sight) -> bytes:
    """Return one server-sent event for a batch; nothing where none of it may be seen."""
    seen = [event.data for event in batch if event.seen_by(sight)]
    if not seen:
        return b""
    data = json.dumps(seen, ensure_ascii=False, separators=(",", ":"))
    return f"event: facts\nid: {batch[-1].position}\ndata: {data}\n\n".encode()
