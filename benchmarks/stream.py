"""How late what happens is seen, by many screens that one process serves."""

from __future__ import annotations

import asyncio
import json
import resource
import time

from benchmarks.load import Client

#: name, ours, the limit or peer, the ratio: a line of the table (see `__main__`).
Row = tuple[str, str, str, str]
SECONDS, EVERY_S = 10, 0.1


class Screen:
    """One open page's stream: notes when it hears of each case."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}

    async def listen(self, port: int, key: str, ready: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        while not (line := await reader.readline()).startswith(b"retry:"):
            assert line, "the hub closed the stream"
        ready.release()
        while line := await reader.readline():
            if line.startswith(b"data: "):
                now = time.perf_counter()
                for event in json.loads(line[6:]):
                    self.heard.setdefault(event["number"], now)


def run(port: int, keys: tuple[str, str], screens: int) -> list[Row]:
    """Report ten matters a second to a hub that so many screens listen to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, screens + 200)), hard))
    late, heard, wanted = asyncio.run(_measure(port, keys, screens))

    def ms(share: float) -> str:
        return f"{1000 * late[min(len(late) - 1, int(share * len(late)))]:,.0f}"

    return [
        (
            f"From a report's receipt to {screens:,} open screens, {1 / EVERY_S:.0f} reports a second, one stream each",
            f"p50 {ms(0.5)}, p95 {ms(0.95)}, p99 {ms(0.99)} ms; {heard:,} of {wanted:,} heard",
            "looked for every 200 ms", "",
        )
    ]  # fmt: skip


async def _measure(port: int, keys: tuple[str, str], screens: int) -> tuple[list[float], int, int]:
    """Return how late each screen heard of each report (seconds, sorted), and how many did."""
    ready = asyncio.Semaphore(0)
    every = [Screen() for _ in range(screens)]
    listening = [asyncio.create_task(each.listen(port, keys[0], ready)) for each in every]
    for _ in every:
        await asyncio.wait_for(ready.acquire(), 60)
    client, sent = Client(port, keys[1]), dict[str, float]()
    began = time.perf_counter()
    for n in range(int(SECONDS / EVERY_S)):
        await asyncio.sleep(max(0.0, began + n * EVERY_S - time.perf_counter()))
        body = {
            "text": f"路灯不亮 {n}",
            "lon": 113.0 + n % 39 * 0.001,
            "lat": 34.01,
            "joins": "own",
        }
        status, said = await client.call("POST", "/api/v1/reports", body)
        assert status == 201, said
        sent[json.loads(said)["case"]] = time.perf_counter()
    await asyncio.sleep(3)
    for each in listening:
        each.cancel()
    late = sorted(
        max(0.0, each.heard[number] - at)
        for each in every
        for number, at in sent.items()
        if number in each.heard
    )
    return late, len(late), len(sent) * screens
