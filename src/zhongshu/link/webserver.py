"""The web server as a process of its own, started again whenever it dies.

Its workers are forked; a process that also runs a database's keeper and its threads must
not be the one that forks.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

_PDEATHSIG = 1


def keep(
    target: str,
    *,
    host: str,
    port: int,
    workers: int,
    stop: threading.Event,
    environment: dict[str, str],
) -> None:
    """Serve ``target`` (a factory) until ``stop`` is set; call from the main thread."""
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", host,
        "--port", str(port), "--workers", str(workers), "--respawn-failed-workers",
        "--workers-kill-timeout", "5", "--no-ws", "--log-level", "warning", target,
    ]  # fmt: skip
    while not stop.is_set():
        began = time.monotonic()
        child = subprocess.Popen(
            command, env={**os.environ, **environment}, preexec_fn=_die_with_parent
        )
        try:
            while child.poll() is None and not stop.wait(0.1):
                pass
        finally:
            _end(child)
        if not stop.is_set() and time.monotonic() - began < 1:
            stop.wait(1)  # a server that dies at once is not started in a frenzy


def _end(child: subprocess.Popen[bytes]) -> None:
    for sig, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        if child.poll() is not None:
            return
        child.send_signal(sig)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
