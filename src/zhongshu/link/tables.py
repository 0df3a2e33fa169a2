"""Tables from files: Parquet, CSV and Excel, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from zhongshu.core.values import Refused

BATCH = 20_000


class NoSuchFile(Refused):
    message = "There is no file “%(value)s”."
    remedy = "Check the path."


class UnknownFormat(Refused):
    message = "%(field)s: “%(value)s” is neither Parquet nor CSV nor Excel."
    remedy = "Save it as .parquet, .csv or .xlsx."


class Unreadable(Refused):
    message = "%(field)s: “%(value)s” cannot be read: %(why)s"
    remedy = "Check that the file is whole, and of the kind its name says."


@dataclass(frozen=True, slots=True)
class Table:
    """A file's table: its columns, how many rows, and the rows in batches."""

    columns: tuple[str, ...]
    rows: int
    lazy: pl.LazyFrame

    def batches(self, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield frames of at most ``size`` rows, with ``row`` counting from 1."""
        seen = 0
        for frame in self.lazy.collect_batches(chunk_size=size, maintain_order=True):
            # What comes may be larger than asked: memory is bounded by what we hand on.
            for part in frame.iter_slices(size):
                numbered = part.with_columns(
                    pl.int_range(seen + 1, seen + part.height + 1, dtype=pl.Int64).alias("row")
                )
                seen += part.height
                yield numbered


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
            return pl.scan_csv(path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True)
        case ".xlsx" | ".xls":
            return pl.read_excel(path, infer_schema_length=0).lazy()
        case _:
            raise UnknownFormat("file", path.name)
