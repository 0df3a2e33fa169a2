"""A hub to test through HTTP: a clock that is told the time, chance that repeats."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from fastapi import FastAPI

from tests.factories import KEY, NOW, same_random
from zhongshu.flow import signin
from zhongshu.store import accounts
from zhongshu.store.db import Database
from zhongshu.web.app import create_app
from zhongshu.web.hub import Hub
from zhongshu.web.tally import Tally

#: How a browser asks that reads English.
HTML = {"accept": "text/html", "accept-language": "en"}


def hub_on(db: Database) -> Hub:
    """Return a hub at `NOW`."""
    return Hub(db=db, clock=lambda: NOW, random=same_random(), key=KEY)


def app_on(hub: Hub) -> FastAPI:
    """Return an application on a hub: the same for the whole run where no other test client is
    open on it, for making its routes anew takes a third of a second.
    """
    app = _the_app()
    worker = app.state.acts._worker if hasattr(app.state, "acts") else None
    if worker is not None and not worker.done():
        return create_app(hub)
    app.state._state.clear()
    app.state.hub, app.state.tally = hub, Tally(hub)
    return app


@cache
def _the_app() -> FastAPI:
    return create_app(cast("Hub", None))


def signed_in(db: Database, account: int, *, at: datetime = NOW) -> dict[str, str]:
    """Return the cookie of a fresh session of an account."""
    token = f"session-{account}".encode()
    with db.transaction() as tx:
        accounts.open_session(
            tx, account, signin.token_hash(token), at=at, until=at + timedelta(hours=12)  # type: ignore[arg-type]
        )  # fmt: skip
    return {"zhongshu": base64.urlsafe_b64encode(token).decode()}


def key_for(db: Database, login: str) -> dict[str, str]:
    """Return the headers of an API key for one of the cast."""
    token = f"zs_{login}"
    with db.transaction() as tx:
        found = accounts.by_login(tx, login)
        assert found is not None
        key = signin.token_hash(token.encode())
        if not tx.execute("select from api_keys where key_hash = %s", (key,)).rowcount:
            accounts.add_key(tx, found.id, key, name=login)
    return {"Authorization": f"Bearer {token}"}
