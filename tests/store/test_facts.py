"""A reader of the ledger skips nothing and sees nothing twice, whoever writes meanwhile."""

from __future__ import annotations

import random
import threading

import psycopg

from tests.factories import NOW
from zhongshu.core.facts import Position
from zhongshu.store import facts
from zhongshu.store.db import Database

WRITERS, EACH = 6, 60


def write(conninfo: str, writer: int) -> None:
    """Write facts in transactions that take their time, so that later ones overtake."""
    chance = random.Random(writer)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for n in range(EACH):
            case = 1000 * writer + n
            with connection.transaction():
                connection.execute(
                    "insert into cases (id, number, stage, reported_at, version) values (%s, 'n', 'received', %s, 1)",
                    (case, NOW),
                )
                connection.execute(
                    "insert into facts (case_id, seq, kind, at) values (%s, 1, 'case:reported', %s)",
                    (case, NOW),
                )
                if chance.random() < 0.5:
                    connection.execute("select pg_sleep(%s)", (chance.random() * 0.02,))


def test_nothing_is_skipped_and_nothing_seen_twice(db: Database, conninfo: str) -> None:
    writers = [threading.Thread(target=write, args=(conninfo, w)) for w in range(1, WRITERS + 1)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    at, last_round = Position(), False
    while True:
        with db.reading() as connection:
            found = facts.read(connection, after=at, limit=7)
        seen += [read.fact.case for read in found]
        at = found[-1].position if found else at
        if not found and last_round:
            break
        last_round = not any(writer.is_alive() for writer in writers)
    expected = {1000 * w + n for w in range(1, WRITERS + 1) for n in range(EACH)}
    assert len(seen) == len(set(seen))
    assert set(seen) == expected


def test_a_slow_writer_holds_the_reader_back_instead_of_being_passed(db: Database) -> None:
    with db.transaction() as slow:
        _add(slow, 1)
        with db.transaction() as quick:
            _add(quick, 2)
        with db.reading() as connection:
            assert facts.read(connection, after=Position()) == []
    with db.reading() as connection:
        assert [r.fact.case for r in facts.read(connection, after=Position())] == [1, 2]


def test_a_named_reader_goes_on_where_it_was(db: Database) -> None:
    with db.transaction() as tx:
        _add(tx, 1)
    with db.transaction() as tx:
        at = facts.position(tx, "test")
        (read,) = facts.read(tx, after=at)
        facts.advance(tx, "test", read.position)
    with db.transaction() as tx:
        assert facts.read(tx, after=facts.position(tx, "test")) == []


def _add(tx: psycopg.Connection, case: int) -> None:
    tx.execute(
        "insert into cases (id, number, stage, reported_at, version) values (%s, 'n', 'received', %s, 1)",
        (case, NOW),
    )
    tx.execute(
        "insert into facts (case_id, seq, kind, at) values (%s, 1, 'case:reported', %s)",
        (case, NOW),
    )
