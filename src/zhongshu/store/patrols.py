"""Patrols: how often a place was looked at on a day. The table has no column for anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

from zhongshu.core.values import AreaId, Span
from zhongshu.store.db import Tx

_OF: LiteralString = (
    "select p.area, coalesce(sum(p.seen) filter (where p.day = %s), 0)::int, max(p.day)"
    " from patrols p join areas a on a.id = p.area"
    " where a.lo >= %s and a.lo < %s and p.day between %s and %s group by p.area"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a place was looked at on the day asked for, and the last day it was."""

    times: int
    last: date


def look(tx: Tx, area: AreaId, day: date) -> int:
    """Count one more look at a place on a day; return how many that makes."""
    row = tx.execute(
        "insert into patrols (area, day) values (%s, %s)"
        " on conflict (area, day) do update set seen = patrols.seen + 1 returning seen",
        (area, day),
    ).fetchone()
    assert row is not None
    return int(row[0])


def below(tx: Tx, span: Span, *, since: date, day: date) -> Mapping[AreaId, Seen]:
    """Return what was looked at below an area from ``since`` up to a day."""
    rows = tx.execute(_OF, (day, span.lo, span.hi, since, day)).fetchall()
    return {AreaId(area): Seen(times, last) for area, times, last in rows}
