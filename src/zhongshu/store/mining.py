"""The ledger as a log of steps: counted and timed by the database, for any filter of cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter
from zhongshu.core.facts import Kind
from zhongshu.core.mining import BEGIN, END, Edge, Picture, Variant
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx

#: The steps of a case's way: acts of people and rules, not what clocks and lookers do.
STEPS: tuple[Kind, ...] = (
    Kind.REPORTED, Kind.IMPORTED, Kind.LOCATED, Kind.CLASSIFIED, Kind.FILED, Kind.REJECTED,
    Kind.DISPATCHED, Kind.WITHDRAWN, Kind.ACCEPTED, Kind.RETURNED, Kind.HANDLED, Kind.PASSED, Kind.FAILED,
    Kind.CLOSED, Kind.REOPENED, Kind.MERGED, Kind.UNMERGED,
)  # fmt: skip

_WAYS = (
    "with chosen as (select id from cases where {where}),"
    " step as (select f.case_id, f.kind, f.at, f.seq from facts f join chosen c on c.id = f.case_id"
    "  where f.kind = any(%s)),"
    " pair as (select case_id, kind as source, at,"
    "  coalesce(lead(kind) over w, '"
    + END
    + "') as target, coalesce(lead(at) over w, at) as later,"
    "  row_number() over w = 1 as first from step window w as (partition by case_id order by seq))"
)


def picture(tx: Tx, sight: Sight, wanted: Filter, *, top: int = 20) -> Picture:
    """Return the picture of the wanted cases in sight."""
    where = matching(sight, wanted)
    values = (*where.values, [kind.value for kind in STEPS])
    ways = sql.SQL(_WAYS).format(where=where.sql)  # pyright: ignore[reportArgumentType] # made of our own texts
    edges = tx.execute(
        ways
        + sql.SQL(
            ", every as (select source, target, case_id, extract(epoch from later - at)::float8 as s from pair"
            "  union all select '" + BEGIN + "', source, case_id, 0 from pair where first)"
            " select source, target, count(*), count(distinct case_id),"
            "  percentile_cont(0.5) within group (order by s), percentile_cont(0.9) within group (order by s)"
            " from every group by source, target order by 3 desc, 1, 2"
        ),
        values,
    ).fetchall()
    variants = tx.execute(
        sql.SQL(_WAYS).format(where=where.sql)  # pyright: ignore[reportArgumentType]
        + sql.SQL(
            ", way as (select case_id, array_agg(kind order by seq) as steps,"
            "  extract(epoch from max(at) - min(at))::float8 as s from step group by case_id)"
            " select steps, count(*), percentile_cont(0.5) within group (order by s) from way"
            " group by steps order by 2 desc, 1 limit %s"
        ),
        (*values, top),
    ).fetchall()
    return Picture(
        cases=sum(e[2] for e in edges if e[0] == BEGIN),
        edges=tuple(
            Edge(source=a, target=b, count=n, cases=c, median_s=m, p90_s=p)
            for a, b, n, c, m, p in edges
        ),
        variants=tuple(
            Variant(steps=tuple(steps), cases=n, median_s=m) for steps, n, m in variants
        ),
    )  # fmt: skip


def travelled(
    tx: Tx, sight: Sight, wanted: Filter, source: str, target: str, *, limit: int = 200
) -> Sequence[str]:
    """Return the numbers of the wanted cases that went one edge, the newest first."""
    return _numbers(
        tx, sight, wanted,
        "select case_id from pair where (source = %s and target = %s)"
        " or (%s = '" + BEGIN + "' and first and source = %s)",
        (source, target, source, target), limit,
    )  # fmt: skip


def went(
    tx: Tx, sight: Sight, wanted: Filter, way: Sequence[str], *, limit: int = 200
) -> Sequence[str]:
    """Return the numbers of the wanted cases that went exactly this way, the newest first."""
    return _numbers(
        tx, sight, wanted,
        "select case_id from step group by case_id having array_agg(kind order by seq) = %s",
        (list(way),), limit,
    )  # fmt: skip


def _numbers(
    tx: Tx, sight: Sight, wanted: Filter, which: LiteralString, values: Sequence[Any], limit: int
) -> Sequence[str]:
    where = matching(sight, wanted)
    query = (
        sql.SQL(_WAYS).format(where=where.sql)
        + sql.SQL(  # pyright: ignore[reportArgumentType]
            " select number from cases where id in (" + which + ")"
            " order by reported_at desc, id desc limit %s"
        )
    )
    rows = tx.execute(query, (*where.values, [kind.value for kind in STEPS], *values, limit))
    return [row[0] for row in rows]
