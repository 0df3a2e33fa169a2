"""Every route names its permission, and nobody gets through without it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.web.hub import app_on, hub_on
from zhongshu.core.access import Permission
from zhongshu.store.db import Database
from zhongshu.web.guard import Anybody, Needs

#: Made by the framework, and public: the description of the interface.
DESCRIBED = {"/api/v1/openapi.json"}


def walk(app: FastAPI) -> list[tuple[str, APIRoute]]:
    """Return every route with its whole path, those of included routers too."""
    found: list[tuple[str, APIRoute]] = []
    for route in app.routes:
        if isinstance(route, APIRoute):
            found.append((route.path, route))
        router = getattr(route, "original_router", None)
        if router is not None:
            prefix = route.include_context.prefix  # type: ignore[attr-defined]
            found += [(prefix + r.path, r) for r in router.routes if isinstance(r, APIRoute)]
    return found


def guards(route: APIRoute) -> list[Needs | Anybody]:
    return [d.call for d in route.dependant.dependencies if isinstance(d.call, Needs | Anybody)]


def test_every_route_names_one_permission(db: Database) -> None:
    app = app_on(hub_on(db))
    routes = walk(app)
    assert len(routes) > 35
    for path, route in routes:
        if path not in DESCRIBED:
            assert len(guards(route)) == 1, path
            assert isinstance(guards(route)[0].permission, Permission)


class Fill(dict[str, object]):
    """Whatever else a path asks for is 1."""

    def __missing__(self, key: str) -> object:
        return 1


def test_nobody_reads_or_acts_without_signing_in(db: Database) -> None:
    app = app_on(hub_on(db))
    with TestClient(app) as client:
        for whole, route in walk(app):
            if isinstance(guards(route)[0], Anybody):
                continue
            named = {"number": "261124-1", "other": "261124-2", "act": "note", "kind": "hold", "move": "approve", "clock": "handle", "rung": "warn", "happening": "hazard", "code": "L1"}  # fmt: skip
            path = whole.format_map(Fill(named))
            for method in route.methods or ():
                answer = client.request(method, path, follow_redirects=False)
                assert answer.status_code in (401, 422), (method, path)


@pytest.mark.parametrize("word", ["checkin", "check-in", "rank", "score", "points", "track-person"])
def test_no_route_is_about_scoring_people(db: Database, word: str) -> None:
    app = app_on(hub_on(db))
    assert not [path for path, _ in walk(app) if word in path]
