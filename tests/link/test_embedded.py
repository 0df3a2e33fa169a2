"""The built-in database comes back, whatever was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from zhongshu.link import postmaster
from zhongshu.link.embedded import Embedded, FolderUnreachable


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder an unprivileged server can reach (pytest's own is private to us)."""
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="zhongshu-test-"))
    made.chmod(0o755)
    yield made
    postmaster.end_all(made / "database")
    shutil.rmtree(made, ignore_errors=True)


def ask(url: str, query: str = "select 1") -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def postmaster_pid(server: Embedded) -> int:
    pid = postmaster.ready_postmaster(server.data)
    assert pid is not None
    return pid


def test_it_starts_keeps_what_it_is_told_and_starts_again(folder: Path) -> None:
    with Embedded(folder) as server:
        assert str(ask(server.url, "show server_version")).startswith("18.")
        assert ask(server.url, "show data_checksums") == "on"
        assert ask(server.url, "show listen_addresses") == ""
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("create table kept (n int)")
            connection.execute("insert into kept values (7)")
    assert not postmaster.processes(server.data)
    with Embedded(folder) as server:
        assert ask(server.url, "select n from kept") == 7


def test_a_second_process_finds_the_running_one_and_does_not_end_it(folder: Path) -> None:
    with Embedded(folder) as first:
        second = Embedded(folder)
        second.start()
        assert not second.owned
        assert ask(second.url) == 1
        second.stop()
        assert ask(first.url) == 1


def test_ten_random_kills_are_all_survived(folder: Path) -> None:
    chance = random.Random(7)
    with Embedded(folder) as server:
        server.watch()
        for _ in range(10):
            victims = postmaster.processes(server.data)
            victim = chance.choice([postmaster_pid(server), *victims])
            os.kill(victim, signal.SIGKILL)
            deadline = time.monotonic() + 15
            while True:
                try:
                    assert ask(server.url) == 1
                    break
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline, "the server did not come back"
                    time.sleep(0.05)


@pytest.mark.parametrize("left", ["", "1\n", f"{os.getppid()}\n/somewhere\n0\n5432\n"])
def test_whatever_a_crash_left_in_the_lock_file_is_no_obstacle(folder: Path, left: str) -> None:
    with Embedded(folder) as server:
        pass
    (server.data / "postmaster.pid").write_text(left)
    with Embedded(folder) as server:
        assert ask(server.url) == 1


def test_the_server_ends_with_a_killed_owner_and_the_next_takes_over(folder: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from zhongshu.link.embedded import Embedded;"
        "s = Embedded(Path(sys.argv[1])); s.start(); print('up', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    owner.kill()
    owner.wait()
    owner.stdout.close()
    with Embedded(folder) as server:
        assert server.owned
        assert ask(server.url) == 1


def test_a_killed_initdb_leaves_nothing_in_the_way(folder: Path) -> None:
    half = folder / "making-half"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    with Embedded(folder) as server:
        assert ask(server.url) == 1
    assert not half.exists()


def test_a_path_too_long_for_a_socket_still_works(folder: Path) -> None:
    deep = folder / ("long" * 25)
    with Embedded(deep) as server:
        assert ask(server.url) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must give up being root")
def test_root_runs_it_as_somebody_else_and_names_a_folder_they_cannot_reach(folder: Path) -> None:
    with Embedded(folder) as server:
        owner = Path(f"/proc/{postmaster_pid(server)}").stat().st_uid
        assert owner != 0
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderUnreachable) as refusal:
        Embedded(closed / "hub").start()
    assert "ZHONGSHU_FOLDER" in refusal.value.advice
