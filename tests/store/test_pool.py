"""The pool of connections, where much else is open too."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from zhongshu.store.db import Database

MANY = 1_100


@pytest.fixture
def crowded() -> Iterator[None]:
    """Hold so many descriptors that what is opened next lies above what select() knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + 200:
        pytest.skip(f"this machine allows only {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MANY + 200), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    yield
    for each in held:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("crowded")
def test_a_connection_serves_beside_a_thousand_open_screens(conninfo: str) -> None:
    with Database(conninfo, size=2) as db:
        for _ in range(2):  # taken anew, and looked at before
            with db.transaction() as tx:
                assert tx.fileno() > MANY
                assert tx.execute("select 1").fetchone() == (1,)


def test_a_connection_the_server_dropped_is_not_handed_out(conninfo: str) -> None:
    with Database(conninfo, size=1) as db, Database(conninfo, size=1) as other:
        with db.transaction() as tx:
            pid = tx.info.backend_pid
        with other.transaction() as tx:
            tx.execute("select pg_terminate_backend(%s, 2000)", (pid,))
        with db.transaction() as tx:
            assert tx.execute("select 1").fetchone() == (1,)
            assert tx.info.backend_pid != pid
