"""Open matters counted by square, and how long classes of matters took: for anybody to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from zhongshu.core.coarse import Raster
from zhongshu.core.values import AreaId, CategoryId
from zhongshu.store.cases import IS_OPEN
from zhongshu.store.db import Tx


def heaped(tx: Tx, raster: Raster) -> list[tuple[int, int, AreaId, CategoryId | None, str, int]]:
    """Return open cases with a place in the city, counted by column and row of the raster, area,
    category and stage.
    """
    return tx.execute(
        "select floor(lon / %s)::int, floor(lat / %s)::int, area, category, stage, count(*)::int"
        f" from cases where {IS_OPEN} and lon is not null and area is not null"
        " group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5",
        (raster.across, raster.up),
    ).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How long closed cases of a class took from the report to the closing, in seconds: half of
    them at most ``half``, nine of ten at most ``most``.
    """

    count: int
    half: float
    most: float


def taken(tx: Tx, majors: Mapping[CategoryId, str], *, since: datetime) -> dict[str, Taken]:
    """Return how long cases closed since a moment took, by the class of their category. Merged
    cases and those not accepted are not among them; one reopened counts to its last closing.
    """
    rows: Sequence[tuple[str, int, float, float]] = tx.execute(
        "select m.major, count(*)::int,"
        " percentile_cont(0.5) within group (order by extract(epoch from c.closed_at - c.reported_at)),"
        " percentile_cont(0.9) within group (order by extract(epoch from c.closed_at - c.reported_at))"
        " from cases c join unnest(%s::bigint[], %s::text[]) m(category, major) on m.category = c.category"
        " where c.stage = 'closed' and c.closed_at >= %s group by m.major order by m.major",
        (list(majors), list(majors.values()), since),
    ).fetchall()
    return {
        major: Taken(count=n, half=float(half), most=float(most)) for major, n, half, most in rows
    }
