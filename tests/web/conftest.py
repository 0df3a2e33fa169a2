"""What tests of the web share: a hub at `NOW`, and the browser of its administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg_pool import ConnectionPool
from starlette.testclient import TestClient

from tests.cast import ADMIN
from tests.web.hub import HTML, app_on, hub_on, signed_in
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody ask the database where all others wait for the answer: in the event loop."""
    real = ConnectionPool.connection

    def connection(self: Any, *args: Any, **more: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return real(self, *args, **more)
        raise AssertionError("the database is asked in the event loop")

    monkeypatch.setattr(ConnectionPool, "connection", connection)


@pytest.fixture
def hub(db: Database) -> Hub:
    return hub_on(db)


@pytest.fixture
def admin(hub: Hub, db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as client:
        client.cookies.update(signed_in(db, ADMIN.account))  # type: ignore[arg-type]
        yield client
