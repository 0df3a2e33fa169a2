"""A lean HTTP load: plain sockets, so that the measuring costs little of the two processors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        assert self._reader is not None
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        status = int((await self._reader.readline()).split()[1])
        length = 0
        while (line := await self._reader.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            if name.lower() == "content-length":
                length = int(value)
        return status, await self._reader.readexactly(length)


@dataclass(frozen=True)
class Measured:
    """What a load came to: how many a second, and how long each took (seconds, sorted)."""

    per_second: float
    each: list[float]

    def ms(self, share: float) -> float:
        return 1000 * self.each[min(len(self.each) - 1, int(share * len(self.each)))]


#: One loop for all: a client's connection lives on from one load to the next.
_RUNNER = asyncio.Runner()


def drive(clients: int, seconds: float, work: Callable[[int, int], Awaitable[None]]) -> Measured:
    """Let ``clients`` do ``work(client, n)`` again and again for some seconds."""
    each: list[float] = []

    async def one(client: int, until: float) -> None:
        n = 0
        while time.perf_counter() < until:
            began = time.perf_counter()
            await work(client, n)
            each.append(time.perf_counter() - began)
            n += 1

    async def all_of_them() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(one(c, began + seconds) for c in range(clients)))
        return time.perf_counter() - began

    took = _RUNNER.run(all_of_them())
    return Measured(len(each) / took, sorted(each))
