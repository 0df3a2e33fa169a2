"""Small tables as people keep them in spreadsheets: read whole, and written so that no cell runs.

A cell that a spreadsheet would run is written with a leading apostrophe, and an apostrophe that
stands before such a sign (or another apostrophe) is taken away when read: what was written is
read again exactly.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, cast
from xml.etree.ElementTree import ParseError

import polars as pl
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from zhongshu.core.values import Refused
from zhongshu.link.tables import UnknownFormat, Unreadable, read_bytes

#: How much a table that is read whole may hold.
MOST_ROWS = 20_000
MOST_UNPACKED = 200 * 1024 * 1024
_RUNS = "=+-@\t\r'"


class TooManyRows(Refused):
    message = "%(field)s: “%(value)s” has more than %(most)s rows."
    remedy = "Split it, or check that it is the right file."


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in memory: its headers, and its rows of text."""

    headers: tuple[str, ...]
    rows: Sequence[Mapping[str, str]]


def open_sheet(path: Path) -> Sheet:
    """Read a file of a small table: Excel, CSV or Parquet, as its name says."""
    return read(path.name, read_bytes(path))


def read(name: str, data: bytes) -> Sheet:
    """Read a small table; what kind it is, its name says."""
    kind = PurePath(name).suffix.lower()
    try:
        match kind:
            case ".xlsx":
                lines = _workbook(data)
            case ".csv":
                lines = list(csv.reader(io.StringIO(_text(data), newline=""), strict=True))
            case ".parquet":
                frame = pl.read_parquet(io.BytesIO(data))
                lines = [frame.columns, *([_shown(cell) for cell in row] for row in frame.rows())]
            case _:
                raise UnknownFormat("file", name)
    except (
        InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError, csv.Error,
        ParseError, pl.exceptions.PolarsError,
    ) as error:  # fmt: skip
        raise Unreadable("file", name, why=str(error)[:200]) from None
    return _sheet(name, lines)


def _sheet(name: str, lines: Sequence[Sequence[str]]) -> Sheet:
    """Take the first line that says anything as the headers, and the lines below as rows."""
    filled = [n for n, line in enumerate(lines) if any(line)]
    if not filled:
        raise Unreadable("file", name, why="it is empty")
    headers = [_bare(cell).strip() for cell in lines[filled[0]]]
    below = lines[filled[0] + 1 :]
    if len(below) > MOST_ROWS:
        raise TooManyRows("file", name, most=MOST_ROWS)
    named = [(n, header) for n, header in enumerate(headers) if header]
    rows = [
        {header: _bare(line[n]) if n < len(line) else "" for n, header in reversed(named)}
        for line in below
    ]
    return Sheet(tuple(header for _, header in named), rows)


def _text(data: bytes) -> str:
    """Decode a CSV: UTF-8 with or without its mark, or what Chinese spreadsheets write."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _workbook(data: bytes) -> list[list[str]]:
    """Return the cells of the first sheet; a merged cell says the same in all its places."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        if sum(one.file_size for one in packed.infolist()) > MOST_UNPACKED:
            raise ValueError("it unpacks to more than 200 MB")
    book = load_workbook(io.BytesIO(data), data_only=True)
    sheet = cast("Worksheet", book.worksheets[0])
    lines = [[_shown(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        top, left = merged.min_row - sheet.min_row, merged.min_col - sheet.min_column
        for row in range(top, merged.max_row - sheet.min_row + 1):
            for column in range(left, merged.max_col - sheet.min_column + 1):
                lines[row][column] = lines[top][left]
    return lines


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _guarded(text: str) -> str:
    return f"'{text}" if text[:1] and text[0] in _RUNS else text


def _bare(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] and text[1] in _RUNS else text


# ── writing ──────────────────────────────────────────────────────────────────────────


def write(path: Path, title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Write rows to an Excel or CSV file, as its name says; return how many."""
    match path.suffix.lower():
        case ".xlsx":
            path.write_bytes(as_xlsx(title, headers, rows))
        case ".csv":
            path.write_bytes(as_csv(headers, rows))
        case _:
            raise UnknownFormat("file", path.name)
    return len(rows)


def as_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a CSV that spreadsheets read in Chinese."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headers)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a workbook of one sheet: its first row stays in sight, every cell is text."""
    book = Workbook()
    sheet = cast("Worksheet", book.active)
    sheet.title = "".join(c for c in title if c not in r"[]:*?/\\")[:31] or "Sheet"
    widths = [len(header) * 2 + 2 for header in headers]
    for n, line in enumerate([headers, *rows], start=1):
        for column, text in enumerate(line, start=1):
            cell = sheet.cell(n, column, _guarded(text) if n > 1 else text)
            # All text, whatever it looks like: no formula, no error, no number.
            cell.data_type = "s"
            cell.number_format = "@"
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            widths[column - 1] = max(widths[column - 1], min(48, _width(text)))
        if n == 1:
            for cell in sheet[1]:
                cell.font = Font(bold=True)
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    if headers:
        sheet.auto_filter.ref = sheet.dimensions
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _width(text: str) -> int:
    return sum(1 if c.isascii() else 2 for c in text) + 2
