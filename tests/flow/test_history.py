"""A past is imported whole: an account that balances, rows refused by name, nothing doubled."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from openpyxl import Workbook

from tests.factories import KEY, NOW, same_random
from zhongshu.core.cases import Stage
from zhongshu.core.history import (
    BadMapping,
    Mapping,
    MissingColumn,
    check_columns,
    normalise,
    read_mapping,
)
from zhongshu.flow import history, replay
from zhongshu.flow.city import City, load
from zhongshu.flow.verify import ledger
from zhongshu.link.tables import Rejects, mapping_text, open_table
from zhongshu.store import cases
from zhongshu.store.db import Database

TEXT = """
source = "test"
zone = "America/New_York"
datum = "wgs84"
nowhere = [[113.04, 34.04]]
[columns]
key = "id"
text = ["words", "kind"]
reported = "opened"
closed = "ended"
status = "state"
category = "kind"
lon = "x"
lat = "y"
duplicate_of = "parent"
[status]
Open = "open"
Closed = "closed"
[category]
light = "C-01-37"
"""
MAPPING = read_mapping(TEXT)
ROWS = [
    ("1", "lamp out 617-555-0100", "light", "2026-01-05 10:00:00", None, "Open", 113.01, 34.03, None),
    ("2", "lamp out", "light", "2026-01-05 10:05:00", "2026-01-06 10:00:00", "Closed", 113.01, 34.03, "1"),
    ("3", "", "noise", "2026-01-05 11:00:00", None, "Open", 113.03, 34.01, None),
    ("4", "far away", "light", "2026-01-05 11:00:00", None, "Open", 10.0, 50.0, None),
    ("5", "not geocoded", "light", "2026-01-05 11:00:00", None, "Open", 113.04, 34.04, None),
    ("6", "ends first", "light", "2026-01-05 11:00:00", "2026-01-04 11:00:00", "Closed", 113.0, 34.0, None),
    ("7", "odd word", "light", "2026-01-05 11:00:00", None, "Perhaps", 113.0, 34.0, None),
    ("8", "no such day", "light", "2026-02-31 11:00:00", None, "Open", 113.0, 34.0, None),
    ("1", "the same number", "light", "2026-01-05 11:00:00", None, "Open", 113.0, 34.0, None),
    ("9", "skipped hour", "light", "2026-03-08 02:30:00", None, "Open", 113.0, 34.0, None),
]  # fmt: skip
NAMES = ["id", "words", "kind", "opened", "ended", "state", "x", "y", "parent"]


def frame(rows: list[tuple] = ROWS) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema=NAMES, orient="row", infer_schema_length=None)
    return made.with_columns(pl.int_range(1, made.height + 1).alias("row"))


def run(db: Database, *batches: pl.DataFrame, mapping: Mapping = MAPPING) -> tuple[history.Account, pl.DataFrame]:  # fmt: skip
    refused: list[pl.DataFrame] = []
    with db.transaction() as tx:
        city = load(tx)
    account = history.run(
        db, city, mapping, batches, file="test", now=datetime.now(UTC), rejects=refused.append
    )
    assert account.balanced
    return account, pl.concat(refused)


def test_rows_become_cases_and_the_account_balances(db: Database) -> None:
    account, refused = run(db, frame())
    assert (account.read, account.made, account.known, account.refused, account.merged) == (10, 6, 1, 3, 1)  # fmt: skip
    assert refused.rows() == [
        (6, "closed", "2026-01-04 11:00:00", "closed before it was reported"),
        (7, "status", "Perhaps", "a status word the mapping does not know"),
        (8, "reported", "2026-02-31 11:00:00", "no moment that can be read"),
    ]
    with db.transaction() as tx:
        found = dict(tx.execute("select r.source_key, c.stage from reports r join cases c on c.id = r.case_id").fetchall())  # fmt: skip
        said = dict(tx.execute("select source_key, text from reports").fetchall())
        when = dict(tx.execute("select source_key, reported_at from reports").fetchall())
    assert found == {
        "1": "dispatched", "2": "merged", "3": "received", "4": "not_ours", "5": "waiting_place",
        "9": "dispatched",
    }  # fmt: skip
    assert said["1"] == "lamp out [PHONE]"
    assert said["3"] == "noise"
    assert when["1"] == datetime(2026, 1, 5, 15, tzinfo=UTC)
    assert when["9"] == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert list(ledger(db)) == []


def test_the_same_file_twice_makes_no_second_copies(db: Database) -> None:
    run(db, frame())
    account, _ = run(db, frame())
    assert (account.made, account.known, account.refused) == (0, 7, 3)
    assert list(ledger(db)) == []


def test_a_row_that_comes_again_in_the_next_batch_is_known(db: Database) -> None:
    account, _ = run(db, *(frame(ROWS[:1]) for _ in range(5)))
    assert (account.made, account.known) == (1, 4)


def test_an_open_case_of_the_past_can_be_worked_on(db: Database) -> None:
    run(db, frame(ROWS[:1]))
    with db.transaction() as tx:
        (case,) = cases.following(tx, 0, limit=5)  # type: ignore[arg-type]
        (task,) = tx.execute("select kind, state, unit, due_at from tasks").fetchall()
    assert case.stage is Stage.DISPATCHED
    assert case.due_at is not None
    assert task == ("handle", "open", case.unit, case.due_at)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('zone = "America/New_York"', 'zone = "Mars"'), "zone"),
        (('datum = "wgs84"', 'datum = "moon"'), "crs"),
        (('text = ["words", "kind"]', ""), "columns"),
        (('Open = "open"', 'Open = "ajar"'), "status"),
        (('key = "id"', 'key = "id"\nmood = "x"'), "columns"),
        (("source", "sauce"), "source"),
    ],
)
def test_a_mapping_that_cannot_be_used_names_the_entry(change: tuple[str, str], field: str) -> None:
    with pytest.raises(Exception) as refusal:
        read_mapping(TEXT.replace(*change))
    assert refusal.value.field == field  # type: ignore[attr-defined]


def test_a_column_the_file_has_not_is_named_before_any_row_is_read() -> None:
    with pytest.raises(MissingColumn) as refusal:
        check_columns(MAPPING, [n for n in NAMES if n != "ended"])
    assert (refusal.value.field, refusal.value.value) == ("closed", "ended")
    assert "opened" in refusal.value.advice


@pytest.mark.parametrize(
    "name", ["boston_open311", "boston_311", "nyc_311", "chicago", "zh_messages", "zh_hotspot"]
)
def test_every_shipped_mapping_can_be_read(name: str) -> None:
    assert read_mapping(mapping_text(Path(name))).source


@pytest.mark.parametrize(
    ("mapping", "file"),
    [
        ("boston_open311", "boston_open311/requests.parquet"),
        ("boston_311", "boston_311_2015/requests.parquet"),
        ("nyc_311", "nyc_311_samples/requests.parquet"),
        ("chicago", "chicago_311_sanitation/requests.parquet"),
        ("zh_messages", "zh_gov_messages/messages_with_replies.parquet"),
        ("zh_hotspot", "zh_gov_messages/messages_hotspot.parquet"),
    ],
)
@pytest.mark.real_data
def test_real_pasts_run_through_with_a_balanced_account(
    db: Database, shared_data: Path, mapping: str, file: str, tmp_path: Path
) -> None:
    read = read_mapping(mapping_text(Path(mapping)))
    table = open_table(shared_data / file)
    check_columns(read, table.columns)
    parts = [part for n, part in enumerate(table.batches(2000)) if n % 40 == 0][:4]
    account, refused = run(db, *parts, mapping=read)
    assert account.made > 0.97 * account.read
    rejects = Rejects(tmp_path / "rejects.csv")
    rejects.add(refused)
    assert not refused.height or len(rejects.path.read_text().splitlines()) == refused.height + 1
    assert list(ledger(db)) == []


def test_a_large_workbook_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """120,000 rows: the process may not grow by what the sheet would weigh as a table of texts."""
    path = tmp_path / "large.xlsx"
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["key", "text"])
    for n in range(120_000):
        sheet.append([n, f"路灯不亮 {n} " + "x" * 120])
    book.save(path)
    code = (
        "import resource, sys; from pathlib import Path; from zhongshu.link.tables import open_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(part.height for part in open_table(Path(sys.argv[1])).batches())\n"
        "print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(said[0]) == 120_000
    assert int(said[1]) < 150


@pytest.mark.parametrize("kind", ["parquet", "csv", "xlsx"])
def test_a_table_is_the_same_from_any_kind_of_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"past.{kind}"
    table = frame().drop("row").with_columns(pl.all().cast(pl.String))
    if kind == "parquet":
        table.write_parquet(path)
    elif kind == "csv":
        table.write_csv(path)
    else:
        table.write_excel(path)
    opened = open_table(path)
    assert (opened.columns, opened.rows) == (tuple(NAMES), 10)
    (batch,) = opened.batches()
    assert batch["row"].to_list() == list(range(1, 11))
    assert normalise(batch, MAPPING, now=datetime.now(UTC)).good.height == 7


class Hands:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=max(seconds, 0.01))


def test_a_replay_plays_reports_and_closings_stops_and_goes_on(db: Database) -> None:
    rows = [
        (str(n), f"lamp {n} out", "light", f"2026-01-05 1{n}:00:00", f"2026-01-06 1{n}:00:00", "Closed", 113.001 + n * 0.003, 34.03, None)
        for n in range(6)
    ]  # fmt: skip
    past = replay.events([normalise(frame(rows), MAPPING, now=datetime.now(UTC)).good])
    assert [e.outcome for e in past] == [None] * 6 + ["solved"] * 6
    hands, random = Hands(), same_random()

    def city() -> City:
        with db.transaction() as tx:
            return load(tx)

    def play(stop_after: int) -> replay.Played:
        def progress(done: replay.Played, _: datetime) -> None:
            if done.reports + done.closed >= stop_after:
                with db.transaction() as tx:
                    replay.command(tx, replay.Order.STOP)

        return replay.play(
            db, city, MAPPING, past, speed=3600, clock=hands.now, wait=hands.wait,
            random=random, key=KEY, progress=progress,
        )  # fmt: skip

    first = play(3)
    assert (first.reports, first.closed) == (3, 0)
    second = play(99)
    assert (second.reports, second.closed) == (3, 6)
    # 29 hours of history at an hour a second.
    assert timedelta(seconds=27) < hands.at - NOW < timedelta(seconds=31)
    assert play(99) == replay.Played()
    with db.transaction() as tx:
        stages = tx.execute("select stage, count(*) from cases group by stage").fetchall()
    assert stages == [("closed", 6)]
    assert list(ledger(db)) == []


def test_a_broken_mapping_file_says_where() -> None:
    with pytest.raises(BadMapping):
        read_mapping("source = ")
