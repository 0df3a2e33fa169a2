"""Is a PostgreSQL alive on this data folder, and may a new one start there?

`postmaster.pid` cannot be believed by itself: after a kill its process may be gone, a
zombie, or somebody else's; a crash of the machine may leave the file empty. The truth
is in the processes: each of PostgreSQL's works inside the data folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def processes(data: Path) -> tuple[int, ...]:
    """Return the living PostgreSQL processes whose working folder is ``data``."""
    return tuple(pid for pid in _pids() if _works_in(pid, data))


def is_ready(data: Path, pid: int) -> bool:
    """Say whether the postmaster with that pid says it takes connections."""
    lines = _pid_file(data)
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def ready_postmaster(data: Path) -> int | None:
    """Return the pid of a living postmaster that takes connections on ``data``."""
    lines = _pid_file(data)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    return pid if is_ready(data, pid) and _works_in(pid, data) else None


def end_all(data: Path, *, patience_s: float = 5.0) -> None:
    """End every process still at work on ``data``: they hold its shared memory."""
    for sig in (signal.SIGQUIT, signal.SIGKILL):
        for pid in processes(data):
            _signal(pid, sig)
        deadline = time.monotonic() + patience_s
        while processes(data):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return


def clear_leftovers(data: Path, sockets: Path) -> None:
    """Remove what a dead server left in the way. Call only when `processes` is empty.

    The lock file keeps its other lines, by which PostgreSQL checks the shared memory; its
    first line becomes our own pid, which PostgreSQL, as our child, does not mind.
    """
    pid_file = data / "postmaster.pid"
    lines = _pid_file(data)
    if lines:
        lines[0] = str(os.getpid())
        pid_file.write_text("\n".join(lines) + "\n")
    elif pid_file.exists():
        pid_file.unlink()
    for leftover in sockets.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return []


def _pids() -> Iterator[int]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            yield int(entry)


def _works_in(pid: int, data: Path) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        state = status.rpartition(")")[2].split()[0]
        return (
            state != "Z"
            and os.readlink(f"/proc/{pid}/cwd") == str(data)
            and "postgres" in Path(os.readlink(f"/proc/{pid}/exe")).name
        )
    except (FileNotFoundError, ProcessLookupError, PermissionError, IndexError):
        return False


def _signal(pid: int, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)
