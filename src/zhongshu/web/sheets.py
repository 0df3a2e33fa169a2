"""Rows as CSV that spreadsheets open safely, also in Chinese."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a header made of the first row's names, then each row; a mark in front says UTF-8."""
    yield "\ufeff"
    begun = False
    for row in rows:
        out = io.StringIO()
        writer = csv.writer(out)
        if not begun:
            writer.writerow(row)
            begun = True
        writer.writerow(cell(value) for value in row.values())
        yield out.getvalue()


def cell(value: Any) -> str:
    """Return a value for a cell; what a spreadsheet would run is made plain text."""
    if isinstance(value, dict):
        value = value.get("code", "")
    text = "" if value is None else ",".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(tuple("=+-@\t\r")) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
