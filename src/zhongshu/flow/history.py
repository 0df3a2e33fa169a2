"""Importing a past: each batch is one transaction, and the account must balance.

The columns are worked on whole (polars, numpy): a quarter of a million rows one by one
would take half an hour. What a row becomes is the same as at the door: a report, a case,
facts that fold to it, a task where it is still open. See docs/decisions/0005.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import numpy as np
import polars as pl

from zhongshu.core.calendar import due_many, parse_limit
from zhongshu.core.catalogue import LAYERS, MAJORS, Category, Condition
from zhongshu.core.dispatch import Matter
from zhongshu.core.history import LocalCategory, Mapping, Normalised, normalise
from zhongshu.core.place import tiles
from zhongshu.core.values import CategoryId, Name
from zhongshu.flow.city import City
from zhongshu.store import cases, catalogues, history
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx

#: Batches written at once, each on a connection of its own.
_WRITERS = 2
Rejects = Callable[[pl.DataFrame], None]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Account:
    """The closing account of an import: read = made + known + refused."""

    read: int = 0
    made: int = 0
    known: int = 0
    refused: int = 0
    merged: int = 0

    @property
    def balanced(self) -> bool:
        return self.read == self.made + self.known + self.refused


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch worked out: its account, its keys, and what each table is to be given."""

    account: Account
    keys: frozenset[str]
    tables: tuple[tuple[LiteralString, LiteralString, bytes], ...]


def run(
    db: Database, city: City, mapping: Mapping, batches: Iterable[pl.DataFrame], *, file: str,
    now: datetime, rejects: Rejects, progress: Progress = lambda _: None,
) -> Account:  # fmt: skip
    """Import all batches; a run that was cut off goes on where the keys end."""
    account = Account()
    with db.transaction() as tx:
        number = history.begin(tx, mapping.source, file)
    # While PostgreSQL writes two batches, the next is worked out: both processors are busy.
    with ThreadPoolExecutor(_WRITERS) as writers:
        in_flight: deque[tuple[Future[_Prepared], frozenset[str]]] = deque()
        for frame in batches:
            read = normalise(frame, mapping, now=now)
            keys = frozenset[str]().union(*(keys for _, keys in in_flight))
            prepared = _prepare(db, city, mapping, read, frame.height, keys, now)
            rejects(read.rejects)
            if len(in_flight) == _WRITERS:
                _settle(account, in_flight.popleft()[0])
            in_flight.append((writers.submit(_write, db, number, prepared), prepared.keys))
            progress(frame.height)
        for written, _ in in_flight:
            _settle(account, written)
    with db.transaction() as tx:
        account.merged = _merged(tx, mapping.source)
    return account


def _settle(account: Account, written: Future[_Prepared]) -> None:
    done = written.result().account
    account.read += done.read
    account.made += done.made
    account.known += done.known
    account.refused += done.refused


def _prepare(
    db: Database, city: City, mapping: Mapping, read: Normalised, height: int,
    in_flight: frozenset[str], now: datetime,
) -> _Prepared:  # fmt: skip
    """Work out what is new in a batch and what each table is to be given."""
    first = read.good.unique("key", keep="first", maintain_order=True)
    with db.transaction() as tx:
        known = history.known(tx, mapping.source, first["key"].to_list()) | in_flight
        fresh = first.filter(~pl.col("key").is_in(list(known))) if known else first
        case_ids, report_ids = cases.ids(tx, cases=fresh.height, reports=fresh.height)
    done = Account(
        read=height, made=fresh.height, known=read.good.height - fresh.height,
        refused=read.rejects.height,
    )  # fmt: skip
    if not fresh.height:
        return _Prepared(done, frozenset(), ())
    rows = _worked_out(fresh, city, case_ids, report_ids)
    return _Prepared(done, frozenset(fresh["key"].to_list()), _tables(rows, mapping, now))


def _write(db: Database, number: int, prepared: _Prepared) -> _Prepared:
    """Write one batch and its share of the account in one transaction."""
    with db.transaction() as tx:
        history.prepare(tx)
        for table, columns, csv in prepared.tables:
            history.copy(tx, table, columns, csv)
        done = prepared.account
        history.account(
            tx, number, read=done.read, made=done.made, known=done.known, refused=done.refused
        )
    return prepared


def _worked_out(
    fresh: pl.DataFrame, city: City, case_ids: list[int], report_ids: list[int]
) -> pl.DataFrame:
    """Add what the city knows of each row: cell, category, unit, deadline, stage."""
    lon, lat = (fresh[c].cast(pl.Float64).to_numpy() for c in ("lon", "lat"))
    placed = np.isfinite(lon) & np.isfinite(lat)
    area, code = np.full(len(lon), -1), np.full(len(lon), -1)
    area[placed], code[placed] = city.locator.areas_of(lon[placed], lat[placed])
    cells = np.full(len(lon), "{}", dtype=object)
    if city.locator.cuts_across:
        across = city.locator.overlays_of(lon[placed], lat[placed])
        cells[placed] = ["{" + ",".join(map(str, each)) + "}" for each in across]
    square = np.full(len(lon), -1)
    square[placed] = tiles(lon[placed], lat[placed])
    category = _categories(fresh["category"], city)
    unit, limit = _units(category, code, fresh["reported"], city)
    due = _deadlines(fresh, limit, city)
    rows = fresh.with_columns(
        pl.Series("id", case_ids), pl.Series("report_id", report_ids),
        pl.Series("area", area).replace(-1, None), pl.Series("area_code", code).replace(-1, None),
        pl.Series("cells", cells.tolist(), dtype=pl.String), pl.Series("tile", square).replace(-1, None),
        pl.Series("category_id", category).replace(-1, None), pl.Series("unit", unit).replace(-1, None),
        pl.Series("limit_", limit, dtype=pl.String), due.alias("due"), pl.Series("placed", placed),
    )  # fmt: skip
    day = pl.col("reported").dt.convert_time_zone(str(city.zone)).dt.strftime("%y%m%d-")
    return rows.with_columns((day + pl.col("id").cast(pl.String)).alias("number"), _stage())


def _categories(codes: pl.Series, city: City) -> np.ndarray:
    known = {c.code: int(c.id) for c in city.catalogue.categories}
    return codes.replace_strict(known, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()


def _units(
    category: np.ndarray, code: np.ndarray, reported: pl.Series, city: City
) -> tuple[np.ndarray, list[str | None]]:
    """Pick lead unit and limit once for each pair of category and cell that occurs."""
    timed = any(rule.hours for rule in city.rulebook.rules)
    moments = reported.dt.convert_time_zone(str(city.zone)).to_list() if timed else None
    found: dict[Any, tuple[int, str | None]] = {}
    unit = np.full(len(category), -1)
    limits: list[str | None] = [None] * len(category)
    newest = reported.dt.convert_time_zone(str(city.zone)).max()
    for i, (cat, cell) in enumerate(zip(category.tolist(), code.tolist(), strict=True)):
        if cat < 0:
            continue
        at: Any = moments[i] if moments is not None else newest
        key = (cat, cell, at) if timed else (cat, cell)
        if key not in found:
            known = city.catalogue.by_id(cat)
            assert known is not None
            place = cell if cell >= 0 else None
            picked = city.rulebook.pick(Matter(category=known.code, area_code=place, at=at))
            limit = str(known.condition(hazard=False).limit) if known.conditions else None
            found[key] = (picked.unit if picked else -1, limit)
        unit[i], limits[i] = found[key]
    return unit, limits


def _deadlines(fresh: pl.DataFrame, limits: list[str | None], city: City) -> pl.Series:
    """Return the source's own deadline, else the limit from when it was reported."""
    start = fresh["reported"].dt.epoch("us").to_numpy() / 1e6
    due = np.full(len(start), np.nan)
    by_limit = np.array([limit or "" for limit in limits])
    for limit in set(by_limit.tolist()) - {""}:
        at = by_limit == limit
        due[at] = due_many(city.calendar, start[at], parse_limit(limit))
    ours = (
        pl.Series(due * 1e6, nan_to_null=True).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
    )
    return fresh["due"].fill_null(ours)


def _stage() -> pl.Expr:
    """Return where a case stood while it was open."""
    return (
        pl.when(~pl.col("placed")).then(pl.lit("waiting_place"))
        .when(pl.col("area").is_null()).then(pl.lit("not_ours"))
        .when(pl.col("category_id").is_null()).then(pl.lit("received"))
        .when(pl.col("unit").is_null()).then(pl.lit("filed"))
        .otherwise(pl.lit("dispatched")).alias("began")
    )  # fmt: skip


# ── writing ──────────────────────────────────────────────────────────────────────────


def _tables(
    rows: pl.DataFrame, mapping: Mapping, now: datetime
) -> tuple[tuple[LiteralString, LiteralString, bytes], ...]:
    at_work = pl.col("began") == "dispatched"
    rows = rows.with_columns(
        pl.when(at_work).then(pl.col("unit")).alias("unit"),
        pl.when(at_work).then(pl.col("due")).alias("due_at"),
        pl.when(at_work).then(pl.col("reported")).alias("dispatched_at"),
        pl.when(pl.col("began").is_in(["filed", "dispatched"])).then(pl.col("reported")).alias("filed_at"),
        pl.when(pl.col("state") == "open").then(pl.col("began")).otherwise(pl.col("state")).alias("stage"),
        pl.when(pl.col("state") == "open").then(pl.lit(1)).otherwise(pl.lit(2)).alias("version"),
    )  # fmt: skip
    return (
        ("cases", history.CASES, _csv(rows, _CASE)),
        ("reports", history.REPORTS, _csv(_reports(rows, mapping, now), _REPORT)),
        ("facts", history.FACTS, _csv(_facts(rows, mapping), _FACT)),
        ("tasks", history.TASKS, _csv(_tasks(rows), _TASK)),
    )


_NOTHING = pl.lit(None, dtype=pl.String)
_CASE: MappingOf[str, pl.Expr] = {"id": pl.col("id"), "number": pl.col("number"), "stage": pl.col("stage"),
        "reported_at": pl.col("reported"), "title": pl.col("title"), "address": pl.col("address"),
        "channel": pl.lit("import"), "category": pl.col("category_id"), "hazard": pl.lit(value=False),
        "priority": pl.lit(3), "lon": pl.col("lon"), "lat": pl.col("lat"), "area": pl.col("area"),
        "area_code": pl.col("area_code"), "cells": pl.col("cells"), "unit": pl.col("unit"),
        "outcome": pl.col("outcome"), "confirmation": _NOTHING, "solved": _NOTHING,
        "satisfied": _NOTHING, "reports": pl.lit(1), "filed_at": pl.col("filed_at"),
        "dispatched_at": pl.col("dispatched_at"), "due_at": pl.col("due_at"), "handled_at": _NOTHING,
        "handled_by": _NOTHING, "checked_by": _NOTHING, "closed_at": pl.col("closed"),
        "overdue_at": _NOTHING, "merged_into": _NOTHING, "before_merge": _NOTHING,
        "version": pl.col("version"), "next_at": pl.col("due_at"),
        "runs_out_at": pl.when(pl.col("state") == "open").then(pl.col("due_at")), "tile": pl.col("tile"), "words": pl.col("words")}  # fmt: skip
_REPORT = {name: pl.col(name) for name in history.REPORTS.split(", ")}
_FACT = {name: pl.col(name) for name in history.FACTS.split(", ")}
_TASK = {name: pl.col(name) for name in history.TASKS.split(", ")}


def _csv(rows: pl.DataFrame, columns: MappingOf[str, pl.Expr]) -> bytes:
    """Return rows as PostgreSQL's COPY reads them: text quoted, null empty."""
    shown = rows.select(*(expression.alias(name) for name, expression in columns.items()))
    return shown.write_csv(
        include_header=False, quote_style="non_numeric", null_value="",
        datetime_format="%Y-%m-%d %H:%M:%S%.6f%z",
    ).encode() if shown.height else b""  # fmt: skip


def _reports(rows: pl.DataFrame, mapping: Mapping, now: datetime) -> pl.DataFrame:
    return rows.select(
        pl.col("report_id").alias("id"), pl.col("id").alias("case_id"),
        pl.lit(now).dt.convert_time_zone("UTC").alias("received_at"),
        pl.col("reported").alias("reported_at"), pl.lit("import").alias("channel"),
        pl.lit(mapping.source).alias("source"), pl.col("key").alias("source_key"), "text", "address",
        pl.lit(mapping.lang).alias("lang"), "lon", "lat", pl.col("source_category").alias("category"),
        pl.when(pl.col("duplicate_of").is_not_null())
        .then(pl.struct("duplicate_of").struct.json_encode()).alias("extra"),
    )  # fmt: skip


def _iso(name: str) -> pl.Expr:
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")


def _facts(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Return the fact of each case's beginning, and of its end where it has one."""
    cells = pl.col("cells").str.extract_all(r"\d+").cast(pl.List(pl.Int64))
    rule = pl.lit(f"import:{mapping.source}")
    began = rows.select(
        pl.col("id").alias("case_id"), pl.lit(1).alias("seq"), pl.lit("case:imported").alias("kind"),
        pl.col("reported").alias("at"), rule.alias("rule"),
        pl.struct(
            "number", pl.col("began").alias("stage"), _iso("reported").alias("reported_at"), "title",
            "address", pl.lit("import").alias("channel"), pl.col("category_id").alias("category"),
            pl.lit(value=False).alias("hazard"), pl.lit(3).alias("priority"), "lon", "lat", "area",
            "area_code", cells.alias("cells"), "unit", pl.lit(1).alias("reports"),
            _iso("filed_at").alias("filed_at"), _iso("dispatched_at").alias("dispatched_at"),
            _iso("due_at").alias("due_at"),
        ).struct.json_encode().alias("sets"),
        pl.struct(pl.col("report_id").alias("report"), pl.col("key")).struct.json_encode().alias("says"),
    )  # fmt: skip
    ended = rows.filter(pl.col("state") != "open").select(
        pl.col("id").alias("case_id"), pl.lit(2).alias("seq"),
        pl.when(pl.col("state") == "closed").then(pl.lit("case:closed")).otherwise(pl.lit("case:rejected")).alias("kind"),
        pl.col("closed").alias("at"), rule.alias("rule"),
        pl.struct(pl.col("state").alias("stage"), "outcome", _iso("closed").alias("closed_at"))
        .struct.json_encode().alias("sets"),
        pl.lit("{}").alias("says"),
    )  # fmt: skip
    return pl.concat([began, ended])


def _tasks(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("stage") == "dispatched").select(
        pl.col("id").alias("case_id"), pl.lit("handle").alias("kind"), pl.lit("open").alias("state"),
        "unit", "limit_", pl.col("dispatched_at").alias("opened_at"), "due_at",
    )  # fmt: skip


def _merged(tx: Tx, source: str) -> int:
    """Merge what the source itself called duplicates, each into the root of its chain."""
    history.prepare(tx)
    history.analyze(tx)
    pairs = dict(history.duplicates(tx, source))
    roots: list[tuple[int, int]] = []
    for child, parent in pairs.items():
        seen, at = {child}, parent
        while at in pairs and at not in seen:
            seen.add(at)
            at = pairs[at]
        # Reports that name each other in a ring have no parent: they stay apart.
        if at not in pairs:
            roots.append((child, at))
    return history.merge(tx, roots, rule=f"import:{source}") if roots else 0


# ── categories of the city's own ─────────────────────────────────────────────────────


def add_local_categories(tx: Tx, city: City, local: tuple[LocalCategory, ...]) -> int:
    """Add to the catalogue in force the categories a source needs and it has not."""
    missing = [one for one in local if city.catalogue.by_code(one.code) is None]
    catalogues.add_categories(
        tx, city.catalogue.version,
        [
            Category(
                id=CategoryId(0), code=one.code, layer=LAYERS[one.code[0]],
                major=MAJORS.get(one.code[:4], Name("其他", "Other")), name=Name(one.zh, one.en),
                unit_type=one.unit_type,
                conditions=(Condition(text=Name("一般情形", "Ordinary"), limit=parse_limit(one.limit), hazard=False),),
            )
            for one in missing
        ],
    )  # fmt: skip
    if missing:
        city_store.changed(tx)
    return len(missing)
