"""Event logs of other systems: a table with a case, an activity and a moment in each row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from zhongshu.link.tables import NoSuchColumn, open_table


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events ``(case, activity, seconds since 1970)`` of a log, and the rows that were not
    taken (no case, no activity, or a moment nobody can read).
    """

    events: list[tuple[str, str, float]]
    refused: pl.DataFrame


def read(path: Path, *, case: str, activity: str, time: str) -> EventLog:
    """Read a log; moments without an offset are taken as UTC."""
    table = open_table(path)
    for option, column in (("case", case), ("activity", activity), ("time", time)):
        if column not in table.columns:
            raise NoSuchColumn(option, column, columns=", ".join(table.columns))
    rows = table.lazy.select(
        pl.col(case).cast(pl.String).alias("case"),
        pl.col(activity).cast(pl.String).alias("activity"),
        pl.col(time).alias("said"),
    ).collect().with_row_index("row", offset=1)  # fmt: skip
    rows = rows.with_columns(_seconds(rows.schema["said"]).alias("at"))
    good = pl.all_horizontal(pl.col("case", "activity", "at").is_not_null())
    refused = rows.filter(~good).select("row", "case", "activity", pl.col("said").cast(pl.String))
    taken = rows.filter(good).select("case", "activity", "at")
    return EventLog([(c, a, t) for c, a, t in taken.iter_rows()], refused)


def _seconds(kind: pl.DataType) -> pl.Expr:
    if kind.is_temporal():
        return pl.col("said").cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    text = pl.col("said").cast(pl.String)
    ways = [
        text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
        for form in ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
    ] + [
        text.str.to_datetime(form, strict=False, time_unit="us").dt.replace_time_zone("UTC")
        for form in (
            "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M",
            "%d/%m/%Y %H:%M", "%d-%m-%Y %H:%M:%S",
        )
    ]  # fmt: skip
    return pl.coalesce(ways).dt.epoch("us") / 1e6
