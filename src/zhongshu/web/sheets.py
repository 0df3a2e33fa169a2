"""Rows as CSV that spreadsheets open safely, also in Chinese."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fastapi.responses import StreamingResponse

#: So many characters go out together: a row of its own would cost a thread's hop each.
CHUNK = 65_536


def download(
    name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()
) -> StreamingResponse:
    """Return rows as a file to keep, sent while they are still being read."""
    return StreamingResponse(
        lines(rows, columns), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> Iterator[str]:
    """Yield a header and the rows, a chunk at a time; a mark in front says UTF-8. Without
    ``columns`` the first row names them, and no row is an empty file.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    out.write("\ufeff")
    names = tuple(columns)
    if names:
        writer.writerow(names)
    for row in rows:
        if not names:
            names = tuple(row)
            writer.writerow(names)
        writer.writerow([cell(row.get(name)) for name in names])
        if out.tell() > CHUNK:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
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
