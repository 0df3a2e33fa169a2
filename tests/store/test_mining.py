"""The database's picture of the ledger is the core's picture of the same facts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import EVERYTHING, Sight
from zhongshu.core.cases import Act, Filter, Outcome
from zhongshu.core.mining import picture
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.store import mining
from zhongshu.store.db import Database, Tx

FULL = (
    (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
    (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.FAIL, CHENG, Form(reason="r")),
    (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
    (Act.CLOSE, ADA, Form()),
)  # fmt: skip


def lives(tx: Tx, city: City) -> None:
    """Four cases: one whole life with rework, one returned, one waiting, one in the south."""
    for n, steps in enumerate((FULL, FULL[:2], (), FULL[:1])):
        case = sent(
            tx, city, draft("路灯不亮", lon=113.005 + 0.01 * n, lat=34.03 if n < 3 else 34.01)
        )
        for hours, (what, by, form) in enumerate(steps, start=1):
            act(
                tx, city, case.id, what, by=by, at=NOW + timedelta(hours=hours * (n + 1)), form=form
            )


def test_the_database_sees_what_the_core_sees(tx: Tx, city: City) -> None:
    lives(tx, city)
    rows = tx.execute(
        "select case_id::text, kind, extract(epoch from at)::float8 from facts where kind = any(%s) order by case_id, seq",
        ([k.value for k in mining.STEPS],),
    ).fetchall()
    slow = picture(rows)
    fast = mining.picture(tx, EVERYTHING, Filter())
    assert fast.cases == slow.cases == 4
    as_dict = lambda p: {
        (e.source, e.target): (e.count, e.cases, round(e.median_s), round(e.p90_s)) for e in p.edges
    }
    assert as_dict(fast) == as_dict(slow)
    assert {v.steps: (v.cases, v.median_s) for v in fast.variants} == {
        v.steps: (v.cases, v.median_s) for v in slow.variants
    }


def test_sight_and_filters_narrow_the_picture(tx: Tx, city: City) -> None:
    lives(tx, city)
    north = city.tree.named("N")
    assert north is not None
    assert mining.picture(tx, Sight(areas=(north.span,)), Filter()).cases == 3
    assert mining.picture(tx, EVERYTHING, Filter(area=north.span)).cases == 3
    assert mining.picture(tx, Sight(), Filter()).cases == 0


def test_every_edge_opens_exactly_its_cases(tx: Tx, city: City) -> None:
    lives(tx, city)
    for edge in mining.picture(tx, EVERYTHING, Filter()).edges:
        numbers = mining.travelled(tx, EVERYTHING, Filter(), edge.source, edge.target)
        assert len(set(numbers)) == edge.cases, edge


def test_every_way_opens_exactly_its_cases(tx: Tx, city: City) -> None:
    lives(tx, city)
    seen: list[str] = []
    for variant in mining.picture(tx, EVERYTHING, Filter()).variants:
        numbers = mining.went(tx, EVERYTHING, Filter(), variant.steps)
        assert len(numbers) == variant.cases, variant
        seen += numbers
    assert len(seen) == len(set(seen))


def test_the_page_and_the_interface_show_the_rework(db: Database) -> None:
    with db.transaction() as tx:
        lives(tx, load(tx))
    with TestClient(app_on(hub_on(db))) as client:
        ada = key_for(db, "ada")
        said: dict[str, Any] = client.get("/api/v1/process?since=2026-11-01", headers=ada).json()
        edges = {(e["from"], e["to"]): e["cases"] for e in said["edges"]}
        assert edges["case:failed", "case:handled"] == 1
        page = client.get("/process", headers=ada)
        assert page.status_code == 200
        assert "返工" in page.text
        assert "<svg" in page.text
        behind = client.get("/process/cases?from=case:failed&to=case:handled", headers=ada)
        assert behind.text.count('href="/cases/') == 1
        assert client.get("/process?least=x", headers=ada).status_code == 422
        assert client.get("/process").status_code in (303, 401)


@pytest.mark.parametrize("word", ["account", "login", "name"])
def test_the_picture_knows_no_person(word: str) -> None:
    assert word not in mining._WAYS
