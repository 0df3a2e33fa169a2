"""What tests of the web share: a hub at `NOW`, and the browser of its administrator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.cast import ADMIN
from tests.web.hub import HTML, app_on, hub_on, signed_in
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub


@pytest.fixture
def hub(db: Database) -> Hub:
    return hub_on(db)


@pytest.fixture
def admin(hub: Hub, db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as client:
        client.cookies.update(signed_in(db, ADMIN.account))  # type: ignore[arg-type]
        yield client
