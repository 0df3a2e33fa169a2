"""A city's own past, read through a mapping written once per source.

`Mapping` says which columns hold what, in which zone, datum and words; `normalise` turns
a table of the source into one of ours, column by column, and names every row it cannot
take. Pure: files are read elsewhere (`link.tables`), rows are written elsewhere.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from zhongshu.core.cases.lifecycle import Outcome
from zhongshu.core.cases.matching import SameRule, SameRules
from zhongshu.core.cases.measuring import Past
from zhongshu.core.intake import MAX_ADDRESS, MAX_TEXT, OLDEST, TITLE
from zhongshu.core.place import Point, Projection
from zhongshu.core.privacy import stripped
from zhongshu.core.values import Refused
from zhongshu.core.words import words

#: What a row of the source came to: still open, closed with an outcome, not accepted.
STATES = ("open", "closed", "rejected")


class BadMapping(Refused):
    message = "The mapping's “%(field)s” (%(value)s) cannot be used: %(why)s."
    remedy = "Correct it in the mapping file; docs/guides/mapping.md explains each entry."


class MissingColumn(Refused):
    message = "The mapping names the column “%(value)s” for %(field)s, but the file has none of that name."
    remedy = "Name one of its columns: %(columns)s."


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCategory:
    """A category of the city's own that the source needs and the catalogue has not."""

    code: str
    zh: str
    en: str
    unit_type: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How a source is read. ``columns``: our name → the source's columns, first filled wins."""

    source: str
    zone: str
    datum: str
    lang: str = "en"
    columns: MappingOf[str, tuple[str, ...]]
    state: MappingOf[str, str]
    outcome: MappingOf[str, str] = field(default_factory=dict[str, str])
    default_outcome: str = "solved"
    category: MappingOf[str, str] = field(default_factory=dict[str, str])
    local: tuple[LocalCategory, ...] = ()
    nowhere: tuple[tuple[float, float], ...] = ()
    formats: tuple[str, ...] = ()
    text_join: str = ""
    same: MappingOf[str, SameRule] = field(default_factory=dict[str, SameRule])


#: What a mapping may name, and whether it must.
COLUMNS: MappingOf[str, bool] = {
    "key": False, "text": True, "reported": True, "closed": False, "due": False, "status": False,
    "category": False, "lon": False, "lat": False, "address": False, "outcome": False,
    "duplicate_of": False,
}  # fmt: skip


def read_mapping(text: str) -> Mapping:
    """Read a mapping file (TOML), or refuse it naming the entry."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadMapping("file", "TOML", why=str(error)) from None
    columns = {
        k: (v,) if isinstance(v, str) else tuple(v) for k, v in _table(data, "columns").items()
    }
    for name, needed in COLUMNS.items():
        if needed and name not in columns:
            raise BadMapping("columns", name, why="it must be named")
    unknown = columns.keys() - COLUMNS.keys()
    if unknown:
        raise BadMapping("columns", min(unknown), why=f"known are: {', '.join(COLUMNS)}")
    try:
        ZoneInfo(str(data.get("zone", "")))
    except (ZoneInfoNotFoundError, ValueError):
        raise BadMapping(
            "zone", data.get("zone"), why="write an IANA zone such as Asia/Shanghai"
        ) from None
    if "lon" in columns:
        Projection(data.get("datum"))
    for word in _table(data, "status").values():
        if word not in STATES:
            raise BadMapping("status", word, why=f"one of: {', '.join(STATES)}")
    for word in [*_table(data, "outcome").values(), data.get("default_outcome", "solved")]:
        if word not in set(Outcome):
            raise BadMapping("outcome", word, why=f"one of: {', '.join(Outcome)}")
    return Mapping(
        source=_word(data, "source"), zone=data["zone"], datum=data.get("datum", ""),
        lang=data.get("lang", "en"), columns=columns, state=_table(data, "status"),
        outcome=_table(data, "outcome"), default_outcome=data.get("default_outcome", "solved"),
        category=_table(data, "category"),
        local=tuple(LocalCategory(**one) for one in data.get("local", ())),
        nowhere=tuple((float(x), float(y)) for x, y in data.get("nowhere", ())),
        formats=tuple(data.get("formats", ())), text_join=data.get("text_join", ""),
        same={code: _rule(code, said) for code, said in _table(data, "same").items()},
    )  # fmt: skip


def check_columns(mapping: Mapping, present: Sequence[str]) -> None:
    """Refuse a mapping that names a column the file has not, before any row is read."""
    for name, columns in mapping.columns.items():
        for column in columns:
            if column not in present:
                raise MissingColumn(name, column, columns=", ".join(present))


@dataclass(frozen=True, slots=True)
class Normalised:
    """Rows in our own terms, and the rows refused: ``row, field, value, reason``."""

    good: pl.DataFrame
    rejects: pl.DataFrame


def normalise(frame: pl.DataFrame, mapping: Mapping, *, now: datetime) -> Normalised:
    """Turn rows of a source (with a column ``row``, their number) into rows of ours.

    Columns out: row, key, text, title, address, words, reported, closed, due (UTC), state,
    outcome, category (our code or null), source_category, lon, lat, duplicate_of.
    """
    raw = frame.select("row", *(_filled(mapping, name).alias(name) for name in COLUMNS))
    told = raw.with_columns(
        *(
            _moment(raw, name, mapping).alias(f"{name}_at")
            for name in ("reported", "closed", "due")
        ),
        _state(mapping).alias("state"),
        _text(raw, "text", MAX_TEXT).alias("clean"),
        _text(raw, "address", MAX_ADDRESS).fill_null("").alias("place_said"),
    )
    told = told.with_columns(*_place(told, mapping), _key(told))
    checked = told.with_columns(_reason(now).alias("reason"))
    rejects = checked.filter(pl.col("reason").is_not_null()).select(
        "row", *(pl.col("reason").struct.field(name) for name in ("field", "value", "reason"))
    )
    good = checked.filter(pl.col("reason").is_null())
    return Normalised(_ours(good, mapping), rejects)


def past(good: pl.DataFrame) -> list[Past]:
    """Return normalised rows as what the same matter is measured on, in order of time."""
    rows = good.sort("reported", "row").select(
        "key", "reported", "closed", "lon", "lat", "title", "duplicate_of", "source_category",
        "category",
    )  # fmt: skip
    return [
        Past(
            key=key, at=at, ended_at=ended, title=title, parent=parent, kind=kind or "",
            place=None if lon is None or lat is None else Point(lon, lat), code=code or "",
        )
        for key, at, ended, lon, lat, title, parent, kind, code in rows.iter_rows()
    ]  # fmt: skip


# ── one column each ──────────────────────────────────────────────────────────────────


def _filled(mapping: Mapping, name: str) -> pl.Expr:
    """Return the first filled of the columns mapped, as text; several texts may be joined."""
    columns = mapping.columns.get(name, ())
    if not columns:
        return pl.lit(None, dtype=pl.String)
    texts = [
        pl.when(pl.col(c).cast(pl.String).str.strip_chars() != "").then(pl.col(c).cast(pl.String).str.strip_chars())
        for c in columns
    ]  # fmt: skip
    if name == "text" and mapping.text_join and len(texts) > 1:
        return pl.concat_str(texts, separator=mapping.text_join, ignore_nulls=True).replace(
            "", None
        )
    return pl.coalesce(texts)


def _moment(raw: pl.DataFrame, name: str, mapping: Mapping) -> pl.Expr:
    """Read local times as moments; a time the clock change skipped is read an hour later."""
    text = pl.col(name)
    formats = mapping.formats or ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d")  # fmt: skip
    if raw[name].null_count() == raw.height:
        return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    naive = pl.coalesce(*(text.str.to_datetime(f, strict=False, time_unit="us") for f in formats))
    local = naive.dt.replace_time_zone(mapping.zone, ambiguous="earliest", non_existent="null")
    later = (naive + pl.duration(hours=1)).dt.replace_time_zone(
        mapping.zone, ambiguous="earliest", non_existent="null"
    )
    return local.fill_null(later).dt.convert_time_zone("UTC")


def _state(mapping: Mapping) -> pl.Expr:
    """Return what the source's status word means; without one, closed when it has an end."""
    ended = pl.when(pl.col("closed").is_not_null()).then(pl.lit("closed")).otherwise(pl.lit("open"))
    if not mapping.state:
        return ended
    told = pl.col("status").replace_strict(
        dict(mapping.state), default=None, return_dtype=pl.String
    )
    return pl.when(pl.col("status").is_null()).then(ended).otherwise(told)


def _text(raw: pl.DataFrame, name: str, most: int) -> pl.Expr:
    """Return a text without control characters, cut to length, personal marks cut out."""
    clean = raw[name].str.replace_all(r"[\x00-\x08\x0b-\x1f]", " ").str.slice(0, most)
    suspect = clean.str.contains(r"\d{3}\)?[-. ]?\d{3,4}[-. ]?\d{4}|@").fill_null(value=False)
    if suspect.any():
        at = np.flatnonzero(suspect.to_numpy())
        clean = clean.scatter(at.tolist(), [stripped(t) for t in clean.gather(at).to_list()])
    return pl.lit(clean)


def _place(told: pl.DataFrame, mapping: Mapping) -> list[pl.Expr]:
    """Return longitude and latitude in our datum; null where the source could not say."""
    empty = [pl.lit(None, dtype=pl.Float64).alias("x"), pl.lit(None, dtype=pl.Float64).alias("y")]
    if "lon" not in mapping.columns or "lat" not in mapping.columns:
        return empty
    lon = told["lon"].cast(pl.Float64, strict=False).to_numpy(writable=True)
    lat = told["lat"].cast(pl.Float64, strict=False).to_numpy(writable=True)
    for x, y in mapping.nowhere:
        default = (np.abs(lon - x) < 1e-4) & (np.abs(lat - y) < 1e-4)
        lon[default] = lat[default] = np.nan
    known = np.isfinite(lon) & np.isfinite(lat)
    out_lon, out_lat = np.full(len(lon), np.nan), np.full(len(lat), np.nan)
    out_lon[known], out_lat[known] = Projection(mapping.datum)(lon[known], lat[known])
    return [
        pl.lit(pl.Series(out_lon, nan_to_null=True)).alias("x"),
        pl.lit(pl.Series(out_lat, nan_to_null=True)).alias("y"),
    ]


def _key(told: pl.DataFrame) -> pl.Expr:
    """Return the source's own number, or a digest of what the row says where it has none."""
    if told["key"].null_count() == 0:
        return pl.col("key").alias("key")
    said = told.select(
        pl.concat_str(["reported", "text", "category", "address", "lon", "lat"], separator="\x1f", ignore_nulls=True)
    ).to_series()  # fmt: skip
    digests = [hashlib.sha256((t or "").encode()).hexdigest()[:32] for t in said]
    return pl.lit(told["key"].fill_null(pl.Series(digests))).alias("key")


def _reason(now: datetime) -> pl.Expr:
    """Return why a row cannot be taken, or null. The first reason found is the one told."""
    oldest = pl.lit(OLDEST).dt.convert_time_zone("UTC")
    latest = pl.lit(now).dt.convert_time_zone("UTC")
    text = pl.col
    rules: list[tuple[pl.Expr, str, str, str]] = [
        (text("reported_at").is_null(), "reported", "reported", "no moment that can be read"),
        ((text("reported_at") < oldest) | (text("reported_at") > latest), "reported", "reported", "not between 1990 and now"),
        (text("clean").is_null() | (text("clean").str.strip_chars() == ""), "text", "text", "empty"),
        (text("state").is_null(), "status", "status", "a status word the mapping does not know"),
        ((text("state") != "open") & text("closed_at").is_null(), "closed", "closed", "closed, but no moment says when"),
        ((text("state") != "open") & (text("closed_at") < text("reported_at")), "closed", "closed", "closed before it was reported"),
        ((text("state") != "open") & (text("closed_at") > latest), "closed", "closed", "closed in the future"),
        (text("x").is_not_null() & ~text("x").is_between(-180, 180), "lon", "lon", "not a longitude"),
        (text("y").is_not_null() & ~text("y").is_between(-90, 90), "lat", "lat", "not a latitude"),
    ]  # fmt: skip
    none = pl.lit(
        None, dtype=pl.Struct({"field": pl.String, "value": pl.String, "reason": pl.String})
    )
    return reduce(
        lambda rest, rule: (
            pl.when(rule[0])
            .then(
                pl.struct(
                    pl.lit(rule[1]).alias("field"),
                    pl.col(rule[2]).str.slice(0, 200).alias("value"),
                    pl.lit(rule[3]).alias("reason"),
                )
            )
            .otherwise(rest)
        ),
        reversed(rules),
        none,
    )


def _ours(good: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    line = pl.col("clean").str.replace_all(r"\s+", " ")
    outcome = pl.col("outcome").replace_strict(
        dict(mapping.outcome), default=mapping.default_outcome, return_dtype=pl.String
    )
    category = pl.col("category").replace_strict(
        dict(mapping.category), default=None, return_dtype=pl.String
    )
    is_open = pl.col("state") == "open"
    out = good.select(
        "row", "key", pl.col("clean").alias("text"),
        pl.when(line.str.len_chars() > TITLE).then(line.str.slice(0, TITLE - 1) + "…").otherwise(line).alias("title"),
        pl.col("place_said").alias("address"),
        pl.col("reported_at").alias("reported"),
        pl.when(~is_open).then(pl.col("closed_at")).alias("closed"),
        pl.col("due_at").alias("due"), "state",
        pl.when(pl.col("state") == "closed").then(outcome).alias("outcome"),
        category.alias("category"), pl.col("category").alias("source_category"),
        pl.when(pl.col("y").is_not_null()).then(pl.col("x")).alias("lon"),
        pl.when(pl.col("x").is_not_null()).then(pl.col("y")).alias("lat"), "duplicate_of",
    )  # fmt: skip
    return out.with_columns(_searched(out))


def _searched(out: pl.DataFrame) -> pl.Series:
    """Return `words.words` of each row, joined; whole columns at once where no row is Chinese."""
    said = out.select(pl.concat_str("text", "title", "address", separator=" ")).to_series()
    latin = (
        said.str.to_lowercase()
        .str.extract_all(r"[a-z0-9]+")
        .list.unique(maintain_order=True)
        .list.join(" ")
    )
    chinese = said.str.contains(r"[\x{3400}-\x{9fff}]").fill_null(value=False)
    if chinese.any():
        at = np.flatnonzero(chinese.to_numpy())
        latin = latin.scatter(at.tolist(), [" ".join(words(t)) for t in said.gather(at).to_list()])
    return latin.alias("words")


def _table(data: MappingOf[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise BadMapping(name, value, why="it must be a table")
    return cast("dict[str, Any]", value)


def _rule(code: str, said: Any) -> SameRule:
    """Return a rule for the same matter that a mapping brings along with its categories."""
    if not isinstance(said, dict):
        raise BadMapping("same", code, why="it must be a table")
    parts = cast("dict[str, Any]", said)
    unknown = parts.keys() - SameRule.__dataclass_fields__.keys()
    if unknown:
        raise BadMapping("same", min(unknown), why=f"known are: {', '.join(SameRule.__dataclass_fields__)}")  # fmt: skip
    try:
        return replace(SameRules.usual().of(code), **parts)
    except (Refused, TypeError) as error:
        raise BadMapping("same", code, why=str(error)) from None


def _word(data: MappingOf[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise BadMapping(name, value, why="it must be a word")
    return value
