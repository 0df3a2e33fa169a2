"""One real PostgreSQL for the whole run; a database of its own for each worker and need."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from tests import cast, factories
from zhongshu.flow.city import City, load
from zhongshu.link.embedded import Embedded
from zhongshu.store import wall
from zhongshu.store.db import Database, Tx
from zhongshu.store.migrate import migrate

settings.register_profile(
    # CI repeats itself; a developer's machine looks for new examples at every run.
    "hub",
    derandomize="CI" in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("hub")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, and all that look at the demo: it starts once."""
    for item in items:
        group = "demo" if "new_page" in getattr(item, "fixturenames", ()) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


SHARED = Path(os.environ.get("ZHONGSHU_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it are skipped, saying so, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data at {SHARED} (set ZHONGSHU_SHARED_DATA)")
    return SHARED


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The connection string of a PostgreSQL that lives as long as the run."""
    given = os.environ.get("ZHONGSHU_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="zhongshu-pg-"))
    folder.chmod(0o755)
    try:
        with Embedded(folder) as embedded:
            hurry(embedded.url)
            yield embedded.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def hurry(url: str) -> None:
    """Let a server that lives no longer than the run forgo what outlasts a power cut, and copy
    a database by sharing its blocks: most tests begin with a copy.
    """
    with psycopg.connect(url, autocommit=True) as admin:
        for setting in ("fsync = off", "full_page_writes = off", "file_copy_method = clone"):
            admin.execute(f"alter system set {setting}")  # type: ignore[arg-type]
        admin.execute("select pg_reload_conf()")


def copy_of(template: str, name: str) -> str:
    """Return the statement that makes a database of this name from a template."""
    return f'create database "{name}" template "{template}" strategy file_copy'


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A migrated database with the test city in it, to be copied."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'create database "{name}"')  # type: ignore[arg-type]
    with psycopg.connect(server, dbname=name, autocommit=True) as connection:
        migrate(connection)
        wall.build(connection)
        with connection.transaction():
            factories.build_city(connection)
            cast.hire(connection)
    return name


@pytest.fixture
def conninfo(server: str, template: str) -> Iterator[str]:
    """A fresh database with the test city, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(copy_of(template, name))  # type: ignore[arg-type]
        yield psycopg.conninfo.make_conninfo(server, dbname=name)
        admin.execute(f'drop database "{name}" with (force)')  # type: ignore[arg-type]


@pytest.fixture
def db(conninfo: str) -> Iterator[Database]:
    with Database(conninfo, size=6) as database:
        yield database


@pytest.fixture(scope="session")
def shared_connection(server: str, template: str) -> Iterator[Tx]:
    name = f"shared_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(copy_of(template, name))  # type: ignore[arg-type]
    with psycopg.connect(server, dbname=name, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tx(shared_connection: Tx) -> Iterator[Tx]:
    """A transaction with the test city, rolled back at the end."""
    with shared_connection.transaction(force_rollback=True):
        yield shared_connection


@pytest.fixture(scope="session")
def city(shared_connection: Tx) -> City:
    with shared_connection.transaction():
        return load(shared_connection)
