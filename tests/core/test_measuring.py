"""`zhongshu measure duplicates`: on a file of our own, and on the real one where it is here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.factories import NOW
from zhongshu.cli import app
from zhongshu.core.cases.figures import WIDEST
from zhongshu.core.cases.matching import SameRule, SameRules
from zhongshu.core.cases.measuring import counted, replayed, truth
from zhongshu.core.history import BadMapping, normalise, past, read_mapping
from zhongshu.link.tables import mapping_text

MAPPING = """
source = "test"
zone = "America/New_York"
datum = "wgs84"
[columns]
key = "id"
text = "words"
reported = "opened"
closed = "ended"
category = "kind"
lon = "x"
lat = "y"
duplicate_of = "parent"
[category]
light = "C-01-37"
[same."C-01-37"]
metres = 20
"""
ROWS = [
    ("1", "lamp out", "light", "2026-01-05 10:00:00", None, 113.01, 34.03, None),
    ("2", "lamp dark", "light", "2026-01-05 11:00:00", None, 113.0101, 34.03, "1"),
    ("3", "lamp dark", "light", "2026-01-05 12:00:00", None, 113.0104, 34.03, "1"),
    ("4", "", "light", "2026-01-05 12:00:00", None, 113.0104, 34.03, "1"),
    ("5", "lamp broken", "light", "2026-01-06 12:00:00", None, 113.03, 34.03, "99"),
]
NAMES = ("id", "words", "kind", "opened", "ended", "x", "y", "parent")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    table, mapping = tmp_path / "past.csv", tmp_path / "test.toml"
    pl.DataFrame(ROWS, schema=NAMES, orient="row").write_csv(table)
    mapping.write_text(MAPPING, "utf-8")
    return table, mapping


def test_the_command_says_what_it_read_and_what_it_found(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    table, mapping = files
    sweep = tmp_path / "sweep.csv"
    said = CliRunner().invoke(
        app,
        ["measure", "duplicates", str(table), "--mapping", str(mapping), "--earlier", "100", "--sweep", str(sweep)],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "rows 5 = requests 4 + refused 1" in said.output
    assert "3 name another request: 2 one of the file, 1 one that is not in it, 0 themselves" in said.output  # fmt: skip
    # Within the mapping's own 20 m only the second joins; the third is suggested.
    assert "| light | 4 | 2 / 2 = 100.0% | 2 / 2 = 100.0% | 2 / 4 = 50.0% | 1 / 4 = 25.0% | 1 | 0 | 0 | 0 |" in said.output  # fmt: skip
    tried = pl.read_csv(sweep)
    assert {"kind", "metres", "least", "joins", "confirmed"} <= set(tried.columns)
    wide = tried.filter((pl.col("metres") == 50) & (pl.col("hours") == 72) & (pl.col("apart") == 0) & (pl.col("least") == 0))  # fmt: skip
    assert wide["confirmed"].to_list() == [2]


def test_a_file_without_a_later_part_is_measured_too(files: tuple[Path, Path]) -> None:
    table, mapping = files
    for earlier in ("0", "100"):
        said = CliRunner().invoke(
            app, ["measure", "duplicates", str(table), "--mapping", str(mapping), "--earlier", earlier]
        )  # fmt: skip
        assert said.exit_code == 0, said.output


@pytest.mark.parametrize(
    "bad", ["[same]\nx = 5", '[same."C"]\nmetres = 9000', '[same."C"]\nradius = 5', '[same."C"]\nhours = "long"']
)  # fmt: skip
def test_a_mapping_with_a_rule_that_cannot_be_is_refused(bad: str) -> None:
    with pytest.raises(BadMapping) as refused:
        read_mapping(MAPPING.split("[same", maxsplit=1)[0] + bad)
    assert refused.value.field == "same"


def test_abandoned_vehicles_of_boston_are_found(shared_data: Path) -> None:
    """The later 20 % of one class of the real file, by the rule its mapping brings."""
    mapping = read_mapping(mapping_text(Path("boston_open311")))
    frame = pl.read_parquet(shared_data / "boston_open311/requests.parquet").with_row_index("row")
    vehicles = frame.filter(pl.col("service_name") == "Abandoned Vehicle")
    requests = past(normalise(vehicles, mapping, now=NOW).good)
    told = truth(requests)
    pairs = replayed(requests, told.group, widest=WIDEST)
    later = np.arange(len(requests)) >= int(len(requests) * 0.8)
    ours = counted(pairs, told, SameRules.usual(mapping.same), later)
    first_release = counted(pairs, told, SameRules({"": SameRule(near_metres=50, near_hours=72)}), later)  # fmt: skip
    assert ours.asked > 200
    assert ours.first / ours.asked > 0.8
    assert ours.third / ours.asked > 0.88
    assert ours.third > 1.5 * first_release.third
    assert ours.confirmed / ours.joins > 1.2 * first_release.confirmed / first_release.joins
