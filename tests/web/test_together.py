"""Acts that arrive together share a transaction, and none is the worse for its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from tests.web.hub import app_on, key_for
from zhongshu.core.access import Actor
from zhongshu.core.cases import Act, Case
from zhongshu.flow import browse, signin
from zhongshu.flow.verify import ledger
from zhongshu.store import accounts
from zhongshu.store.db import Database
from zhongshu.web.api.acts import ActIn, Asked, together
from zhongshu.web.hub import Hub


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(app_on(hub)) as made:
        yield made


def actor(hub: Hub, login: str) -> Actor:
    key_for(hub.db, login)
    with hub.db.transaction() as tx:
        rows = accounts.held_by_key(tx, signin.token_hash(f"zs_{login}".encode()), now=hub.clock())
    made = signin.actor_of(rows, hub.city())
    assert made is not None
    return made


def filed(client: TestClient, db: Database, many: int) -> list[str]:
    """Report so many lamps, each a case of its own; return their numbers."""
    headers = key_for(db, "ada")
    numbers: list[str] = []
    for n in range(many):
        body = {"text": f"路灯不亮 {n}", "lon": 113.01 + n * 0.001, "lat": 34.03, "joins": "own"}
        answer = client.post("/api/v1/reports", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        numbers.append(answer.json()["case"])
    return numbers


def asked(who: Actor, number: str, what: Act, key: str | None = None, **form: object) -> Asked:
    return Asked(actor=who, number=number, what=what, body=ActIn.model_validate(form), key=key)


def now(db: Database, who: Actor, number: str) -> Case:
    with db.transaction() as tx:
        return browse.case(tx, who.sight, number)


def test_each_case_is_acted_on_once_and_a_second_act_on_it_waits(
    client: TestClient, hub: Hub, db: Database
) -> None:
    one, two = filed(client, db, 2)
    ding = actor(hub, "ding")
    first, second, again = together(hub, [asked(ding, n, Act.DISPATCH) for n in (one, two, one)])
    assert first is not None
    assert second is not None
    assert again is None
    assert (first["number"], second["number"]) == (one, two)
    assert first["stage"] == second["stage"] == "dispatched"
    assert now(db, ding, one).version == first["version"]


def test_a_refusal_undoes_its_neighbours_who_are_then_done_alone(
    client: TestClient, hub: Hub, db: Database
) -> None:
    one, two = filed(client, db, 2)
    ding = actor(hub, "ding")
    before = now(db, ding, one)
    batch = [asked(ding, one, Act.DISPATCH), asked(ding, two, Act.DISPATCH, version=99)]
    assert together(hub, batch) == [None, None]
    assert now(db, ding, one) == before
    # Through the door each hears of its own: done, and refused.
    headers = key_for(db, "ding")
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(
            client.post, f"/api/v1/cases/{one}/acts/dispatch", json={}, headers=headers
        )
        bad = pool.submit(
            client.post, f"/api/v1/cases/{two}/acts/dispatch", json={"version": 99}, headers=headers
        )  # fmt: skip
    assert good.result().json()["stage"] == "dispatched"
    assert bad.result().status_code == 409
    assert bad.result().json()["field"] == "version"


def test_a_case_that_somebody_holds_keeps_nobody_waiting(
    client: TestClient, hub: Hub, db: Database
) -> None:
    held, free = filed(client, db, 2)
    ding = actor(hub, "ding")
    with db.transaction() as tx:
        browse.case(tx, ding.sight, held, lock=True)
        waits, done = together(hub, [asked(ding, n, Act.DISPATCH) for n in (held, free)])
    assert waits is None
    assert done is not None
    assert done["stage"] == "dispatched"


def test_what_is_out_of_sight_or_hangs_on_another_case_is_left_to_be_done_alone(
    client: TestClient, hub: Hub, db: Database
) -> None:
    lead, follower, other = filed(client, db, 3)
    ding, hana = actor(hub, "ding"), actor(hub, "hana")
    assert all(together(hub, [asked(ding, lead, Act.DISPATCH)]))
    headers = key_for(db, "ding")
    linked = client.post(
        f"/api/v1/cases/{follower}/acts/link", json={"into": lead}, headers=headers
    )
    assert linked.status_code == 200, linked.text
    said = together(
        hub,
        [asked(ding, lead, Act.NOTE, note="x"), asked(ding, follower, Act.NOTE, note="x"),
         asked(ding, "261124-9", Act.NOTE, note="x"), asked(ding, other, Act.DISPATCH),
         asked(hana, "no number", Act.ACCEPT)],
    )  # fmt: skip
    assert [one is not None for one in said] == [False, False, False, True, False]


def test_a_key_sent_twice_in_one_batch_is_answered_twice_and_done_once(
    client: TestClient, hub: Hub, db: Database
) -> None:
    (one,) = filed(client, db, 1)
    ding = actor(hub, "ding")
    first, _ = together(hub, [asked(ding, one, Act.DISPATCH, key="k")] * 2)
    (second,) = together(hub, [asked(ding, one, Act.DISPATCH, key="k")])
    assert first is not None
    assert second is not None
    assert second["version"] == first["version"] == now(db, ding, one).version


def test_many_at_once_leave_a_ledger_that_explains_every_case(
    client: TestClient, hub: Hub, db: Database
) -> None:
    numbers = filed(client, db, 12)
    headers = key_for(db, "ding")

    def twice(number: str) -> list[int]:
        path = f"/api/v1/cases/{number}/acts/dispatch"
        return [client.post(path, json={}, headers=headers).status_code for _ in range(2)]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(twice, numbers)) == [[200, 409]] * 12
    assert not [*ledger(db)]
    with db.transaction() as tx:
        (facts,) = (
            tx.execute("select count(*) from facts where kind = 'case:dispatched'").fetchone() or ()
        )
    assert facts == 12
