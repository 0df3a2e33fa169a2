"""Whatever is killed in the middle of a load: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest

from tests import cast, factories
from zhongshu.flow import connectors, people
from zhongshu.flow.verify import ledger
from zhongshu.link import postmaster
from zhongshu.link.embedded import Embedded
from zhongshu.store import wall
from zhongshu.store.db import Database
from zhongshu.store.migrate import migrate

KILLS = 20
CLIENTS = 8
TOKEN = "zs_of_the_killing_test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="zhongshu-kill-"))
    made.chmod(0o755)
    with Embedded(made) as server, psycopg.connect(server.url, autocommit=True) as connection:
        migrate(connection)
        wall.build(connection)
        with connection.transaction():
            factories.build_city(connection)
            cast.hire(connection)
            hand = people.Hand(account=None, at=factories.NOW, zone=ZoneInfo("Asia/Shanghai"))
            connectors.make(connection, hand, login="killer", name="", key=TOKEN)
            connection.execute("update tenures set held_from = '2020-01-01'")
    yield made
    postmaster.end_all(made / "database")
    shutil.rmtree(made, ignore_errors=True)


class Served:
    """The hub as an operator starts it; started again when it was killed whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ZHONGSHU_FOLDER": str(self.folder), "ZHONGSHU_PORT": str(self.port)}  # fmt: skip
        environment.pop("ZHONGSHU_DATABASE_URL", None)
        return subprocess.Popen(
            [sys.executable, "-m", "zhongshu.cli", "serve"], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def kill(self, chance: random.Random) -> str:
        """Kill one thing with -9, and say what."""
        what = chance.choice(["web", "postmaster", "backend", "everything"])
        if what == "everything":
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = self._start()
        elif what == "web":
            web = self._web()
            # Mostly a worker, sometimes the server above it.
            os.kill(chance.choice([max(web), *web]), signal.SIGKILL)
        else:
            pids = postmaster.processes(self.folder / "database")
            chosen = postmaster.ready_postmaster(self.folder / "database")
            victim = chosen if what == "postmaster" else chance.choice(pids) if pids else None
            if victim is not None:
                os.kill(victim, signal.SIGKILL)
        return what

    def _web(self) -> list[int]:
        """The web server and its workers: what of our session runs granian."""
        found: list[int] = []
        for entry in os.listdir("/proc"):
            with suppress(OSError, ValueError):
                pid = int(entry)
                if os.getsid(pid) == self.process.pid:
                    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                    if "granian" in command:
                        found.append(pid)
        return found

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def send_all(port: int, name: int, acknowledged: dict[str, str], stop: threading.Event) -> None:
    """Send reports one after another; each until it is acknowledged, under one key."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=5) as client:
        n = 0
        while not stop.is_set():
            key = f"{name}-{n}"
            body = {
                "text": f"积水 {key}",
                "lon": 113.0 + n % 37 * 0.001,
                "lat": 34.001 + name * 0.004,
            }
            try:
                answer = client.post("/api/v1/reports", json=body, headers={"Idempotency-Key": key})
            except httpx2.HTTPError:
                time.sleep(0.05)
                continue
            if answer.status_code in (200, 201):
                acknowledged[key] = answer.json()["code"]
                n += 1
            else:
                assert answer.status_code in (409, 429, 503), answer.text
                time.sleep(0.05)


def test_twenty_kills_lose_no_acknowledged_report_and_double_none(folder: Path) -> None:
    served = Served(folder)
    chance = random.Random(20261124)
    acknowledged: dict[str, str] = {}
    stop = threading.Event()
    senders = [
        threading.Thread(target=send_all, args=(served.port, n, acknowledged, stop), daemon=True)
        for n in range(CLIENTS)
    ]
    for sender in senders:
        sender.start()
    killed: list[str] = []
    try:
        for _ in range(KILLS):
            before = len(acknowledged)
            deadline = time.monotonic() + 40
            while len(acknowledged) < before + 40:
                assert time.monotonic() < deadline, f"it did not come back after {killed[-1:]}"
                time.sleep(0.05)
            killed.append(served.kill(chance))
        time.sleep(1)
    finally:
        stop.set()
        for sender in senders:
            sender.join(10)
        served.stop()
    assert set(killed) == {"web", "postmaster", "backend", "everything"}
    with Embedded(folder) as server, Database(server.url) as db:
        with db.transaction() as tx:
            kept = tx.execute("select source_key, code from reports").fetchall()
        assert len(kept) == len({key for key, _ in kept}), "a report was doubled"
        codes = dict(kept)
        lost = [key for key, code in acknowledged.items() if codes.get(key) != code]
        assert lost == [], f"{len(lost)} of {len(acknowledged)} acknowledged reports are lost"
        assert list(ledger(db)) == []
