"""A period of cases as columns for the map, and as a histogram: bytes, no object for a row.

The database packs a chunk of rows into one string of fixed records; here they are turned into
columns. A row is a life of a case: from the report (or a reopening) to the end of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import numpy as np
from psycopg import sql

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter
from zhongshu.core.values import CategoryId
from zhongshu.store.cases import IS_OPEN, matching
from zhongshu.store.db import Tx

#: A life as the database packs it (big-endian), in this order.
RECORD = np.dtype(
    [
        ("id", ">u4"), ("lon", ">i4"), ("lat", ">i4"), ("start", ">i4"), ("lasting", ">u4"),
        ("late", ">u4"), ("category", ">i4"), ("flags", "u1"),
    ]
)  # fmt: skip
#: How many lives one chunk holds at most.
CHUNK = 65_536
#: What `lasting` and `late` say where the end, or the lateness, is not there.
NEVER = 2**32 - 1

_PACKED: LiteralString = (
    "int4send(id::int) || int4send((lon * 1e7)::int) || int4send((lat * 1e7)::int)"
    " || int4send(extract(epoch from start - %(since)s)::int)"
    " || int4send(case when ended is null then -1 else greatest(0, extract(epoch from ended - start))::int end)"
    " || int4send(case when late is null then -1 else greatest(0, extract(epoch from late - start))::int end)"
    " || int4send(coalesce(category, 0)::int)"
    " || set_byte('\\x00'::bytea, 0, hazard::int | (priority << 1))"
)
#: When a merged or rejected case ended is in its facts alone.
_ENDED: LiteralString = (
    "case when stage = 'closed' then closed_at when stage in ('merged', 'rejected') then"
    " (select max(f.at) from facts f where f.case_id = cases.id"
    "  and f.kind || '' in ('case:merged', 'case:rejected')) end"
)
#: Reopenings after the period too: the row knows only how its last life ended.
_AGAIN: LiteralString = (
    "again as materialized (select case_id, max(at) as at from facts"
    " where kind = 'case:reopened' and at >= %(since)s group by case_id)"
)
_REPORTED: LiteralString = (
    "with " + _AGAIN + ", life as (select id, reported_at, lon, lat, category, hazard, priority,"
    " coalesce(again.at, reported_at) as start, " + _ENDED + " as ended, overdue_at as late"
    " from cases left join again on again.case_id = id"
    " where reported_at >= %(since)s and reported_at < %(until)s and lon is not null"
    "  and (%(after_at)s::timestamptz is null or (reported_at, id) > (%(after_at)s, %(after)s))"
    "  and {chosen} order by reported_at, id limit %(limit)s)"
    " select string_agg(" + _PACKED + ", ''::bytea) filter (where start < %(until)s), count(*), max(reported_at),"
    " max(id) filter (where reported_at = (select max(reported_at) from life)) from life"
)  # fmt: skip
_CARRIED: LiteralString = (
    "with " + _AGAIN + ", life as (select id, lon, lat, category, hazard, priority,"
    " coalesce(again.at, reported_at) as start, " + _ENDED + " as ended, overdue_at as late"
    " from cases left join again on again.case_id = id"
    " where reported_at < %(since)s and lon is not null and id > %(after)s and {chosen}"
    "  and id in (select id from cases where " + IS_OPEN + " and reported_at < %(since)s"
    "   union all select id from cases where closed_at >= %(since)s"
    "   union all select case_id from facts where at >= %(since)s"
    "    and kind in ('case:merged', 'case:rejected')) order by id limit %(limit)s)"
    " select string_agg(" + _PACKED + ", ''::bytea) filter (where start < %(until)s), count(*), max(id) from life"
)  # fmt: skip
#: The lives before each reopening since the period began.
_EARLIER: LiteralString = (
    "with life as (select cases.id, lon, lat, category, hazard, priority, null::timestamptz as late,"
    "  coalesce((select max(b.at) from facts b where b.case_id = r.case_id and b.seq < r.seq"
    "   and b.kind || '' = 'case:reopened'), reported_at) as start,"
    "  (select max(e.at) from facts e where e.case_id = r.case_id and e.seq < r.seq"
    "   and e.kind || '' in ('case:closed', 'case:rejected', 'case:merged')) as ended"
    " from facts r join cases on cases.id = r.case_id"
    " where r.kind = 'case:reopened' and r.at >= %(since)s and lon is not null"
    "  and {chosen})"
    " select string_agg(" + _PACKED + ", ''::bytea), count(*) from life"
    " where ended >= %(since)s and start < %(until)s"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class After:
    """Where a chunk ended."""

    at: datetime | None
    id: int


def reported(
    tx: Tx, sight: Sight, wanted: Filter, *, since: datetime, until: datetime, after: After | None,
) -> tuple[bytes, After | None]:  # fmt: skip
    """Return a chunk of the lives of cases reported in a period, and where the next begins."""
    data, count, at, last = _row(
        tx, _REPORTED, sight, wanted, since=since, until=until,
        after_at=after.at if after else None, after=after.id if after else 0,
    )  # fmt: skip
    return data or b"", After(at, last) if count == CHUNK else None


def carried(
    tx: Tx, sight: Sight, wanted: Filter, *, since: datetime, until: datetime, after: After | None,
) -> tuple[bytes, After | None]:  # fmt: skip
    """Return a chunk of the lives of cases reported before a period that were open in it."""
    data, count, last = _row(
        tx, _CARRIED, sight, wanted, since=since, until=until, after=after.id if after else 0
    )
    return data or b"", After(None, last) if count == CHUNK else None


def earlier(
    tx: Tx, sight: Sight, wanted: Filter, *, since: datetime, until: datetime
) -> bytes:  # fmt: skip
    """Return the lives of a period that ended before their cases were reopened."""
    data, _ = _row(tx, _EARLIER, sight, wanted, since=since, until=until)
    return data or b""


def columns(packed: bytes, codes: Mapping[CategoryId, int]) -> bytes:
    """Return packed lives as columns, little-endian: their number, then id, lon, lat, start,
    lasting, late (4 bytes each), class (2) and flags (1), each padded to 4. ``codes`` numbers
    the classes; 0 is none.
    """
    rows = np.frombuffer(packed, RECORD)
    table = np.zeros(max([0, *codes]) + 1, "<u2")
    for category, number in codes.items():
        table[category] = number
    known = np.where(rows["category"] < len(table), rows["category"], 0)
    wide = [rows[name].astype("<u4" if rows.dtype[name].kind == "u" else "<i4").tobytes()
            for name in ("id", "lon", "lat", "start", "lasting", "late")]  # fmt: skip
    narrow = [_padded(table[known]), _padded(rows["flags"])]
    return b"".join([len(rows).to_bytes(4, "little"), *wide, *narrow])


def _padded(column: np.typing.NDArray[np.unsignedinteger]) -> bytes:
    return column.tobytes() + bytes(-column.nbytes % 4)


def per_bucket(
    tx: Tx, sight: Sight, *, since: datetime, until: datetime, seconds: int
) -> list[int]:  # fmt: skip
    """Return how many cases in sight were reported in each stretch of a period."""
    where = matching(sight, Filter(since=since, until=until))
    rows = tx.execute(
        sql.SQL(
            "select floor(extract(epoch from reported_at - %s) / %s)::int as bucket, count(*)"
            " from cases where {} group by bucket"
        ).format(where.sql),
        (since, seconds, *where.values), prepare=False,
    )  # fmt: skip
    counts = dict(rows.fetchall())
    buckets = -int(-(until - since).total_seconds() // seconds)
    return [counts.get(n, 0) for n in range(buckets)]


def _row(tx: Tx, query: LiteralString, sight: Sight, wanted: Filter, **values: Any) -> Any:
    conditions, more = matching(sight, wanted).named("w")
    row = tx.execute(
        sql.SQL(query).format(chosen=conditions), {**more, **values, "limit": CHUNK},
        prepare=False, binary=True,
    ).fetchone()  # fmt: skip
    assert row is not None
    return row
