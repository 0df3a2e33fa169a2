"""The demo city is whole: areas tile, every matter has an owner, its past is lawful."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
import pytest
import shapely
from psycopg.conninfo import make_conninfo

from tests.factories import KEY, NOW, same_random
from zhongshu.core.dispatch import Matter
from zhongshu.core.grid import Area
from zhongshu.demo import build, ground, life
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import Receipt, receive
from zhongshu.flow.verify import ledger
from zhongshu.store import city as store
from zhongshu.store import wall
from zhongshu.store.db import Database, Tx
from zhongshu.store.migrate import migrate

#: The levels that tile, each with the one that lies exactly inside it.
NESTED = (("city", "district"), ("district", "subdistrict"), ("subdistrict", "community"), ("community", "grid"))  # fmt: skip


@pytest.fixture(scope="module")
def demo(server: str) -> Iterator[Database]:
    """A database with the demo city, built once for these tests."""
    name = f"demo_{uuid.uuid4().hex[:8]}"
    conninfo = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'create database "{name}"')  # type: ignore[arg-type]
        with psycopg.connect(conninfo, autocommit=True) as connection:
            migrate(connection)
            wall.build(connection)
        with Database(conninfo, size=2) as database:
            with database.transaction() as tx:
                tx.execute("set local statement_timeout = 0")
                made(tx)
            yield database
        admin.execute(f'drop database "{name}" with (force)')  # type: ignore[arg-type]


def made(tx: Tx) -> None:
    build.build(
        tx, password="long enough for a demo", now=NOW, random=same_random(), key=KEY,
        said=lambda _: None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def qinghe(demo: Database) -> City:
    with demo.transaction() as tx:
        return load(tx, on=NOW.date())


def rows(demo: Database, query: str) -> list[tuple[object, ...]]:
    with demo.transaction() as tx:
        return tx.execute(query).fetchall()  # type: ignore[arg-type]


def of_kind(city: City, kind: str) -> list[Area]:
    return [area for area in city.tree if area.kind == kind]


def test_the_same_seed_makes_the_same_ground() -> None:
    first, second = (ground.make(np.random.default_rng(3)) for _ in range(2))
    assert first.backdrops == second.backdrops
    for kind, drafts in first.areas.items():
        assert [d.code for d in drafts] == [d.code for d in second.areas[kind]]
        assert all(
            a.shape is not None and b.shape is not None and a.shape.equals_exact(b.shape)
            for a, b in zip(drafts, second.areas[kind], strict=True)
        )


@pytest.mark.parametrize(("above", "below"), NESTED)
def test_areas_tile_the_area_above(qinghe: City, above: str, below: str) -> None:
    for parent in of_kind(qinghe, above):
        parts = [a.shape for a in of_kind(qinghe, below) if a.parent == parent.id]
        assert parent.shape is not None
        whole = parent.shape.area
        covered = shapely.union_all(parts)
        assert shapely.symmetric_difference(parent.shape, covered).area < whole * 1e-6
        assert sum(shapely.area(parts)) == pytest.approx(whole, rel=1e-6)


def test_no_code_is_a_real_place_s_and_names_are_in_both_languages(qinghe: City) -> None:
    chain = [a for a in qinghe.tree if a.kind != "exclusive"]
    assert all(area.code.startswith("9901") for area in chain)
    assert len({area.code for area in qinghe.tree}) == len(list(qinghe.tree))
    assert all(area.name.zh and area.name.en for area in qinghe.tree)
    assert {len(a.code) for a in of_kind(qinghe, "community")} == {12}
    assert {len(a.code) for a in of_kind(qinghe, "unit_grid")} == {15}
    counts = Counter(area.kind for area in qinghe.tree)
    assert (counts["district"], counts["subdistrict"], counts["community"], counts["grid"]) == (4, 16, 80, 400)  # fmt: skip
    assert 2000 <= counts["unit_grid"] <= 6000


def test_every_category_finds_an_owner_by_a_rule_of_its_own(qinghe: City) -> None:
    for category in qinghe.catalogue.categories:
        for street in of_kind(qinghe, "subdistrict"):
            pick = qinghe.rulebook.pick(Matter(category=category.code, area_code=street.span.lo, at=NOW))  # fmt: skip
            assert pick is not None
            assert "fallback" not in pick.reasons, category.code
            assert "clause" in pick.reasons


def test_the_ledger_of_the_past_folds_to_its_cases(demo: Database) -> None:
    assert list(ledger(demo)) == []


def test_nothing_of_the_past_happened_after_now(demo: Database) -> None:
    ((newest,),) = rows(demo, "select max(at) from facts")
    assert newest is not None
    assert newest <= NOW  # type: ignore[operator]


def test_the_past_is_busy_mostly_closed_and_a_little_late(demo: Database) -> None:
    ((total, still),) = rows(
        demo,
        "select count(*), count(*) filter (where stage not in ('closed', 'rejected')) from cases",
    )
    assert 5000 <= total <= 8000  # type: ignore[operator]
    assert 120 <= still <= 400  # type: ignore[operator]
    ((late, unmarked),) = rows(
        demo,
        "select count(*) filter (where overdue_at is not null and stage in ('dispatched', 'in_hand')),"
        " count(*) filter (where overdue_at is null and due_at < '2026-11-24T02:00Z'"
        " and stage in ('dispatched', 'in_hand')) from cases",
    )
    assert 10 <= late <= 100  # type: ignore[operator]
    assert unmarked == 0
    ((english,),) = rows(demo, "select avg((lang = 'en')::int)::float from reports")
    assert 0.08 < english < 0.2  # type: ignore[operator]


def test_the_city_is_in_the_middle_of_more_than_sunny_cases(demo: Database) -> None:
    open_ones = dict(
        rows(demo, "select kind, count(*) from procedures where ended_at is null group by 1")
    )
    assert {"hold", "extension", "assist", "call", "transfer", "dispute"} <= set(open_ones)  # fmt: skip
    ((held, linked, several),) = rows(
        demo,
        "select count(*) filter (where held_at is not null),"
        " count(*) filter (where linked_to is not null), count(*) filter (where reports > 1)"
        " from cases",
    )
    assert (held, linked) == (2, 4)
    assert several > 10  # type: ignore[operator]
    assert rows(demo, "select state from campaigns") == [("running",)]


def test_what_was_closed_is_looked_at_again_and_photos_are_there_to_be_judged(
    demo: Database,
) -> None:
    steps = dict(rows(demo, "select step, count(*) from photos group by step"))
    assert steps["before"] == steps["after"] >= 3
    findings = {f for (each,) in rows(demo, "select findings from photos") for f in each}
    assert {"far", "early"} <= findings
    (drawn, lost), = rows(demo, "select count(*) filter (where seed is not null), count(*) filter (where lost_at is not null) from lotteries")  # fmt: skip
    assert drawn > 15
    assert lost == 0
    states = {s for (s,) in rows(demo, "select state from procedures where kind = 'recheck'")}
    assert {"good", "not_good"} <= states
    ((reopened, again),) = rows(demo, "select count(*) filter (where kind = 'case:reopened'), (select count(*) from cases where repeat_of is not null) from facts")  # fmt: skip
    assert min(reopened, again) > 20


def test_a_city_that_is_there_is_left_alone(demo: Database) -> None:
    counts = (
        "select (select count(*) from areas), (select count(*) from cases),"
        " (select count(*) from accounts), (select count(*) from duty_rules)"
    )
    before = rows(demo, counts)
    with demo.transaction() as tx:
        made(tx)
    assert rows(demo, counts) == before


def test_a_real_city_gets_no_demo_life_whatever_its_logins(tx: Tx) -> None:
    assert "admin" in build.people.SIGN_INS  # the test city has an admin, too
    assert not build.found(tx).people
    store.set_setting(tx, "city", {"zone": "Asia/Shanghai"})
    assert not build.found(tx).people


def test_the_trickle_neither_drains_nor_floods_and_stays_lawful(
    demo: Database, qinghe: City
) -> None:
    rng = np.random.default_rng(5)
    with demo.transaction() as tx:
        built = build.found(tx)
    ((before, first),) = rows(
        demo, "select count(*), max(id) from cases where stage not in ('closed', 'rejected')"
    )
    random = same_random(10**6)
    with demo.transaction() as tx:
        said = replace(built.crowd.say(rng), source="", text="门口的路灯不亮了")
        (mine,) = receive(tx, qinghe, [said], now=NOW, random=random, key=KEY, join=False)
    assert isinstance(mine, Receipt)
    for second in range(400):
        with demo.transaction() as tx:
            life.tick(
                tx, qinghe, built.crowd, built.people, rng,
                now=NOW + timedelta(seconds=second), random=random, key=KEY,
            )  # fmt: skip
    ((after, last),) = rows(
        demo,
        "select count(*) filter (where stage not in ('closed', 'rejected', 'merged')), max(id)"
        " from cases",
    )
    assert last > first  # type: ignore[operator]
    assert abs(after - before) < 80  # type: ignore[operator]
    assert list(ledger(demo)) == []
    # What somebody reported himself waits for him.
    assert rows(demo, f"select stage from cases where id = {mine.case}") == [(mine.stage,)]
