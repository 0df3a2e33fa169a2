"""The demo as a newcomer starts it, for tests and screenshots."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from zhongshu.link import postmaster

#: How long a loaded machine may take to build the city; an idle one needs about ten seconds.
PATIENCE_S = 300


@dataclass(frozen=True)
class Demo:
    """A running demo: where it is, and the password of its sign-ins."""

    url: str
    password: str


@contextmanager
def running() -> Generator[Demo]:
    """Start `zhongshu demo` in a folder of its own, and end it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zhongshu-demo-"))
    folder.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "ZHONGSHU_FOLDER": str(folder), "ZHONGSHU_PORT": str(port)}
    environment.pop("ZHONGSHU_DATABASE_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "zhongshu.cli", "demo"], env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process)
        yield Demo(url, (folder / "demo-password.txt").read_text().strip())
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        postmaster.end_all(folder / "database")
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the demo ended by itself"
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the demo did not start within {PATIENCE_S} s")
