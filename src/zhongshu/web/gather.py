"""Reports that arrive together become one batch and one commit.

There is no waiting at rest: a report that finds the worker idle is written at once; those
that come while it writes are written together next. Each caller gets its own answer, and
a report that breaks a batch is tried alone, so that it never spoils its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from zhongshu.core.intake import Draft
from zhongshu.core.values import Refused
from zhongshu.flow.intake import Receipt

Answer = Receipt | Refused
Receive = Callable[[Sequence[Draft]], list[Answer]]
MOST = 64
WAITING = 2000


class Busy(Refused):
    status: ClassVar[int] = 429
    message = "More reports are arriving than can be written at this moment."
    remedy = "Send it again in a few seconds; the same Idempotency-Key makes that safe."


class Gatherer:
    """Turns single reports into batches. ``receive`` is called in a thread."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting: asyncio.Queue[tuple[Draft, asyncio.Future[Answer]]] = asyncio.Queue(WAITING)
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="gather")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def send(self, draft: Draft) -> Answer:
        """Return the receipt of a report, or its refusal."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((draft, answer))
        except asyncio.QueueFull:
            raise Busy("reports", WAITING) from None
        return await answer

    async def _work(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            said = await asyncio.to_thread(self._answers, [draft for draft, _ in batch])
            for (_, answer), what in zip(batch, said, strict=True):
                _settle(answer, what)

    def _answers(self, drafts: list[Draft]) -> Sequence[Answer | Exception]:
        """Return what each caller is to hear: a receipt, a refusal, or what went wrong."""
        try:
            return self._receive(drafts)
        except Exception as error:  # noqa: BLE001 — each caller must hear of it
            if len(drafts) == 1:
                return [error]
            return [said for draft in drafts for said in self._answers([draft])]


def _settle(answer: asyncio.Future[Answer], said: Answer | Exception) -> None:
    if answer.done():  # the caller is gone
        return
    if isinstance(said, Refused) or not isinstance(said, Exception):
        answer.set_result(said)
    else:
        answer.set_exception(said)
