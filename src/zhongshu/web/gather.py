"""What arrives together becomes one batch and one commit: reports, and acts on cases.

There is no waiting at rest: what finds the worker idle is written at once; what comes while
it writes is written together next. Each caller gets its own answer, and what breaks a batch
never spoils its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar, Generic, TypeVar

from zhongshu.core.values import Refused

Asked = TypeVar("Asked")
Said = TypeVar("Said")
MOST = 64
WAITING = 2000


class Busy(Refused):
    status: ClassVar[int] = 429
    message = "More is arriving than can be written at this moment."
    remedy = "Send it again in a few seconds; the same Idempotency-Key makes that safe."


class Gatherer(Generic[Asked, Said]):
    """Turns single askings into batches. ``write`` is called in a thread, and answers each: with
    what was made of it, or with the refusal to raise where it was asked for.
    """

    def __init__(
        self, write: Callable[[Sequence[Asked]], Sequence[Said | Refused]], *, what: str
    ) -> None:
        self._write, self._what = write, what
        self._waiting: asyncio.Queue[tuple[Asked, asyncio.Future[Said]]] = asyncio.Queue(WAITING)
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name=f"gather {self._what}")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def send(self, asked: Asked) -> Said:
        """Return the answer to one asking, or raise its refusal."""
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((asked, answer))
        except asyncio.QueueFull:
            raise Busy(self._what, WAITING) from None
        return await answer

    async def _work(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            said = await asyncio.to_thread(self._each, [asked for asked, _ in batch])
            for (_, answer), one in zip(batch, said, strict=True):
                _settle(answer, one)

    def _each(self, asked: Sequence[Asked]) -> Sequence[Said | Exception]:
        """Write a batch, or where that fails each alone: then each hears of its own failure."""
        try:
            return self._write(asked)
        except Exception as error:  # noqa: BLE001 — each caller must hear of it
            if len(asked) == 1:
                return [error]
            return [said for one in asked for said in self._each([one])]


def _settle(answer: asyncio.Future[Said], said: Said | Exception) -> None:
    if answer.done():  # its caller has gone
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)
