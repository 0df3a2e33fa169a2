"""Tables from files: Parquet, CSV and Excel, in batches of bounded size."""

from __future__ import annotations

import atexit
import csv
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from zhongshu.core.assets import feature_rows
from zhongshu.core.values import Refused

BATCH = 10_000


class NoSuchFile(Refused):
    message = "There is no file “%(value)s”."
    remedy = "Check the path."


class UnknownFormat(Refused):
    message = "%(field)s: “%(value)s” is neither Parquet nor CSV nor Excel."
    remedy = "Save it as .parquet, .csv or .xlsx."


class Unreadable(Refused):
    message = "%(field)s: “%(value)s” cannot be read: %(why)s"
    remedy = "Check that the file is whole, and of the kind its name says."


class NoSuchColumn(Refused):
    message = "%(field)s: the table has no column “%(value)s”."
    remedy = "Name one of its columns: %(columns)s."


@dataclass(frozen=True, slots=True)
class Table:
    """A file's table: its columns, how many rows, and the rows in batches."""

    columns: tuple[str, ...]
    rows: int
    lazy: pl.LazyFrame

    def batches(self, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames of at most ``size`` rows, with ``row`` counting from 1."""
        seen = 0
        for frame in self._frames(size):
            # What comes may be larger than asked: memory is bounded by what we hand on.
            for part in frame.iter_slices(size):
                numbered = part.with_columns(
                    pl.int_range(seen + 1, seen + part.height + 1, dtype=pl.Int64).alias("row")
                )
                seen += part.height
                yield numbered

    def _frames(self, size: int) -> Iterator[pl.DataFrame]:
        try:
            yield from self.lazy.collect_batches(chunk_size=size, maintain_order=True)
        except pl.exceptions.PolarsError as error:
            # A line with more fields than the header has: cutting it would lose what it says.
            raise Unreadable("file", "table", why=str(error)[:200]) from None


def open_table(path: Path) -> Table:
    """Open a file; what kind it is, its name says."""
    if not path.is_file():
        raise NoSuchFile("file", str(path))
    try:
        lazy = _lazy(path)
        columns = tuple(lazy.collect_schema().names())
        rows = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Unreadable("file", path.name, why=str(error)[:200]) from None
    return Table(columns, rows, lazy)


def _lazy(path: Path) -> pl.LazyFrame:
    match path.suffix.lower():
        case ".parquet":
            return pl.scan_parquet(path)
        case ".csv":
            # All as text: a column's type is for the mapping to say.
            return pl.scan_csv(path, infer_schema=False, encoding="utf8-lossy")
        case ".xlsx":
            return pl.scan_csv(_as_csv(path), infer_schema=False)
        case _:
            raise UnknownFormat("file", path.name)


def _as_csv(path: Path) -> Path:
    """Write the first sheet of a workbook, row by row, to a file that is gone with the process.

    A workbook can only be read from its beginning to its end, and may be larger than memory.
    """
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"not a workbook: {error}") from None
    handle, name = tempfile.mkstemp(suffix=".csv")
    atexit.register(Path(name).unlink, missing_ok=True)
    width = 0
    with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in book.worksheets[0].iter_rows(values_only=True):
            cells = ["" if value is None else str(value) for value in row]
            # The first row names the columns: what stands right of the last name is nothing.
            width = width or max((n for n, cell in enumerate(cells, start=1) if cell), default=0)
            if any(cells):
                writer.writerow((cells + [""] * width)[:width])
    book.close()
    return Path(name)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, or refuse a path that is none."""
    if not path.is_file():
        raise NoSuchFile("file", str(path))
    return path.read_bytes()


def mapping_text(path: Path) -> str:
    """Return a mapping file's text: a path, or the name of one shipped with the hub."""
    if path.is_file():
        return path.read_text(encoding="utf-8")
    shipped = files("zhongshu").joinpath("mappings", f"{path.name.removesuffix('.toml')}.toml")
    if not shipped.is_file():
        raise NoSuchFile("mapping", str(path))
    return shipped.read_text(encoding="utf-8")


def rows(path: Path, *, only: str = "") -> list[dict[str, Any]]:
    """Return a small table's rows; with ``only`` (``column=value``) those that match."""
    table = open_table(path)
    column, _, value = only.partition("=")
    if only and column not in table.columns:
        raise NoSuchColumn("only", column, columns=", ".join(table.columns))
    wanted = pl.col(column).cast(pl.String) == value if only else pl.lit(value=True)
    return table.lazy.filter(wanted).collect().to_dicts()


def numbered(
    path: Path, named: Mapping[str, str]
) -> tuple[int, str | None, Iterator[list[tuple[int, dict[str, Any]]]]]:
    """Return how many rows a table or GeoJSON file has, the coordinate system it declares, and
    its rows in numbered batches; ``named`` says what columns are called there.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        features, declared = feature_rows(read_bytes(path))
        everything = [(n, _renamed(row, named)) for n, row in enumerate(features, start=1)]
        parts = (everything[at : at + BATCH] for at in range(0, len(everything), BATCH))
        return len(everything), declared, parts
    table = open_table(path)
    for column in named.values():
        if column not in table.columns:
            raise NoSuchColumn("column", column, columns=", ".join(table.columns))
    return table.rows, None, (
        [(row.pop("row"), _renamed(row, named)) for row in part.to_dicts()]
        for part in table.batches()
    )  # fmt: skip


def _renamed(row: dict[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    return {**row, **{ours: row.get(theirs) for ours, theirs in named.items()}}


def frame(refused: Sequence[Any]) -> pl.DataFrame:
    """Return records (dataclasses or dictionaries) as a table."""
    return pl.DataFrame([one if isinstance(one, dict) else asdict(one) for one in refused])


class Rejects:
    """The rejects file: each refused row with its number, field, value and reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = False

    def add(self, rejects: pl.DataFrame) -> None:
        """Append rows; the file is made with the first."""
        if not rejects.height:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab" if self._begun else "wb") as file:
            file.write(rejects.write_csv(include_header=not self._begun).encode())
        self._begun = True


def write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    """Write rows to a Parquet or CSV file; return how many."""
    frame = pl.DataFrame([_flat(row) for row in rows], infer_schema_length=None)
    match path.suffix.lower():
        case ".parquet":
            frame.write_parquet(path)
        case ".csv":
            path.write_bytes(b"\xef\xbb\xbf" + frame.write_csv().encode())
        case _:
            raise UnknownFormat("file", path.name)
    return frame.height


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.get("code") if isinstance(value, dict) else ",".join(value) if isinstance(value, list) else value
        for name, value in row.items()
    }  # fmt: skip
