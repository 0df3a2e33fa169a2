"""Rows as CSV: one header whatever comes, chunks that lose no row, no cell that runs."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.web import sheets


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_list_without_rows_still_has_its_header() -> None:
    assert read("".join(sheets.lines([], ("id", "case")))) == [["id", "case"]]
    assert "".join(sheets.lines([])) == "\ufeff"


def test_columns_choose_and_order_what_a_row_says() -> None:
    rows = [{"b": 2, "a": {"code": "x"}, "c": 3}, {"a": None, "b": ["y", "z"]}]
    assert read("".join(sheets.lines(rows, ("a", "b")))) == [["a", "b"], ["x", "2"], ["", "y,z"]]
    assert read("".join(sheets.lines(rows)))[0] == ["b", "a", "c"]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@sum", "\tx"])
def test_no_cell_runs(text: str) -> None:
    assert read("".join(sheets.lines([{"a": text}])))[1] == [f"'{text}"]


def test_a_number_below_nothing_stays_a_number() -> None:
    assert read("".join(sheets.lines([{"a": "-1.5"}])))[1] == ["-1.5"]


@given(
    texts=st.lists(st.text(alphabet='路灯a,"\n', max_size=40), max_size=60),
    chunk=st.integers(1, 90),
)
def test_however_it_is_cut_every_row_arrives_once_and_in_order(texts: list[str], chunk: int) -> None:  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sheets, "CHUNK", chunk)
        parts = list(
            sheets.lines([{"n": n, "text": t} for n, t in enumerate(texts)], ("n", "text"))
        )
    assert read("".join(parts))[1:] == [[str(n), t] for n, t in enumerate(texts)]
    assert len(parts) > 1 or sum(map(len, parts)) < chunk + 80
