"""The database keeps the promises, and holds nothing it must not."""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.factories import NOW
from tests.schema import PATH, described
from zhongshu.store.db import Database, Tx
from zhongshu.store.migrate import TooNew, migrate, migrations, version

#: The tables that hold personal data. A new one needs a decision and a line here.
PERSONAL = {"contacts", "accounts", "sessions", "tenures", "staff_addresses", "subscriptions"}
#: What a hub of places, things and services has no column for.
FORBIDDEN = re.compile(
    r"resident|citizen|person|household_member|id_card|identity_card|religion|ethnic|petition|"
    r"belief|face|plate|trajectory|track_point|check_?in|score|rank(?!s)|points|blacklist|watch"
)
ALLOWED = {"levels.rank"}


def test_the_schema_file_is_what_all_migrations_add_up_to(tx: Tx) -> None:
    assert described(tx) == PATH.read_text(encoding="utf-8"), "run “make schema”"


def test_every_table_has_a_primary_key(tx: Tx) -> None:
    without = tx.execute(
        "select relname from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace"
        " and not exists (select from pg_constraint where conrelid = c.oid and contype = 'p')"
    ).fetchall()
    assert without == []


def test_no_table_or_column_registers_tracks_or_scores_people(tx: Tx) -> None:
    names = tx.execute(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
    ).fetchall()
    bad = [
        f"{table}.{column}"
        for table, column in names
        if FORBIDDEN.search(table) or FORBIDDEN.search(column)
    ]
    assert set(bad) <= ALLOWED
    named = {table for table, column in names if column in ("phone", "email", "name", "ciphertext")}
    # A unit's or a post's duty phone and a catalogue's name are no person's.
    assert named - {"units", "posts", "catalogues", "settings", "readers", "calendar_days", "api_keys", "migrations"} <= PERSONAL  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "update facts set kind = 'case:closed'",
        "delete from facts",
        "truncate facts",
        "delete from reports",
        "update reports set text = 'something else'",
    ],
)
def test_history_cannot_be_rewritten(tx: Tx, statement: str) -> None:
    tx.execute(
        "insert into cases (id, number, stage, reported_at, version) values (1, 'n', 'received', %s, 1)",
        (NOW,),
    )
    tx.execute(
        "insert into facts (case_id, seq, kind, at) values (1, 1, 'case:reported', %s)", (NOW,)
    )
    tx.execute(
        "insert into reports (id, case_id, received_at, reported_at, channel, source, text)"
        " values (1, 1, %s, %s, 'web', 'web', 'x')",
        (NOW, NOW),
    )
    with pytest.raises(psycopg.Error, match=r"append-only|immutable"), tx.transaction():
        tx.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        "'dispatched', null, null, null",  # work without a lead unit
        "'merged', null, null, null",  # merged into nothing
        "'filed', 5, null, null",  # half a place
        "'gone', null, null, null",  # no such stage
    ],
)
def test_a_case_that_cannot_be_is_refused(tx: Tx, values: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), tx.transaction():
        tx.execute(
            "insert into cases (id, number, reported_at, version, stage, lon, lat, unit)"
            f" values (1, 'n', now(), 1, {values})"  # type: ignore[arg-type]
        )


def test_migrating_twice_does_nothing_and_a_newer_database_is_refused(db: Database) -> None:
    with db.reading() as connection:
        assert migrate(connection) == ()
        assert version(connection) == len(migrations())
        connection.execute("insert into migrations (number, name) values (9999, 'of the future')")
        with pytest.raises(TooNew):
            migrate(connection)
