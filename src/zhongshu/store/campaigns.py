"""The campaigns: kept, listed, joined by hand, and measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import class_row, kwargs_row

from zhongshu.core.access import Sight
from zhongshu.core.campaigns import Campaign, CampaignState
from zhongshu.core.cases import Filter, InCampaign, Measure, Period
from zhongshu.core.values import AccountId, AreaId, CaseId, Name, UnitId
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx
from zhongshu.store.membership import MEASURES, moment

_COLUMNS: LiteralString = (
    "id, name_zh, name_en, purpose, since, until, areas, categories, units, lead, state, steps,"
    " summary, frozen, version"
)


def add(tx: Tx, campaign: Campaign) -> int:
    """Write a campaign; return the identity the database gives it."""
    row = tx.execute(
        "insert into campaigns (name_zh, name_en, purpose, since, until, areas, categories, units,"
        " lead, state, steps, summary, frozen, version)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
        _row(campaign),
    ).fetchone()
    assert row is not None
    return int(row[0])


def save(tx: Tx, campaign: Campaign) -> None:
    tx.execute(
        "update campaigns set (name_zh, name_en, purpose, since, until, areas, categories, units,"
        " lead, state, steps, summary, frozen, version)"
        " = (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) where id = %s",
        (*_row(campaign), campaign.id),
    )


def get(tx: Tx, identity: int, *, lock: bool = False) -> Campaign | None:
    """Return a campaign; with ``lock`` other writers are kept out until the transaction ends."""
    tail: LiteralString = " for update" if lock else ""
    return (
        tx.cursor(row_factory=kwargs_row(_campaign))
        .execute(f"select {_COLUMNS} from campaigns where id = %s" + tail, (identity,))
        .fetchone()
    )


def page(tx: Tx, *, state: CampaignState | None = None, limit: int = 200) -> list[Campaign]:
    """Return campaigns, the newest first."""
    return (
        tx.cursor(row_factory=kwargs_row(_campaign))
        .execute(
            f"select {_COLUMNS} from campaigns where (%s::text is null or state = %s)"
            " order by since desc, id desc limit %s",
            (state, state, limit),
        )
        .fetchall()
    )


def put_cases(
    tx: Tx, campaign: int, cases: Sequence[CaseId], *, joined: bool, reason: str, at: datetime,
    by: AccountId | None,
) -> None:  # fmt: skip
    """Let cases in by hand, or keep them out; what was said last counts."""
    tx.execute(
        "insert into campaign_cases (campaign, case_id, joined, reason, at, account)"
        " select %s, c, %s, %s, %s, %s from unnest(%s::bigint[]) as c"
        " on conflict (campaign, case_id) do update set joined = excluded.joined,"
        " reason = excluded.reason, at = excluded.at, account = excluded.account",
        (campaign, joined, reason, at, by, list(cases)),
    )


@dataclass(frozen=True, slots=True)
class ByHand:
    """A case that was let into a campaign by hand, or kept out of it."""

    number: str
    joined: bool
    reason: str
    at: datetime


def by_hand(tx: Tx, sight: Sight, campaign: int, *, limit: int = 500) -> list[ByHand]:
    """Return the cases in sight that were let in or kept out by hand, the latest first."""
    where = matching(sight, Filter())
    query = sql.SQL(
        "select number, joined, reason, at from campaign_cases join"
        " (select * from cases where {}) c on c.id = case_id"
        " where campaign = %s order by at desc, case_id desc limit %s"
    ).format(where.sql)
    return (
        tx.cursor(row_factory=class_row(ByHand))
        .execute(query, (*where.values, campaign, limit))
        .fetchall()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of one area (None: of all) in one period. ``median_s`` is from the report to
    the closing, of those closed.
    """

    area: AreaId | None
    new: int
    open: int
    overdue: int
    repeat: int
    closed: int
    left_out: int
    median_s: float | None


def measured(
    tx: Tx, sight: Sight, campaign: int, period: Period, *, now: datetime,
    areas: Sequence[AreaId] | None,
) -> list[Measured]:  # fmt: skip
    """Measure a period of a campaign, in all (``areas`` None) or in each of some areas."""
    where = matching(sight, Filter(campaign=InCampaign(id=campaign, period=period, now=now)))
    counts = sql.SQL(", ").join(
        sql.SQL("count(*) filter (where " + MEASURES[measure] + ")::int as {}").format(
            sql.Identifier(measure)
        )
        for measure in Measure
    )
    whole = areas is None
    query = sql.SQL(
        "select {area} as area, {counts}, percentile_cont(0.5) within group"
        "  (order by extract(epoch from closed_at - reported_at)::float8)"
        "  filter (where " + MEASURES[Measure.CLOSED] + ") as median_s"
        " from (select * from cases where {where}) c cross join (" + moment(period) + ") measured"
        " {join} group by {group}"
    ).format(
        area=sql.SQL("null::bigint" if whole else "s.id"), counts=counts, where=where.sql,
        join=sql.SQL(
            "" if whole else "join areas s on s.id = any(%s)"
            " and ((c.area_code >= s.lo and c.area_code < s.hi) or s.id = any(c.cells))"
        ),
        group=sql.SQL("()" if whole else "s.id"),
    )  # fmt: skip
    values = (*where.values, now, campaign, *(() if areas is None else (list(areas),)))
    return tx.cursor(row_factory=class_row(Measured)).execute(query, values).fetchall()


def _row(campaign: Campaign) -> tuple[Any, ...]:
    return (
        campaign.name.zh, campaign.name.en, campaign.purpose, campaign.since, campaign.until,
        list(campaign.areas), list(campaign.categories), list(campaign.units), campaign.lead,
        campaign.state, _json([dict(step) for step in campaign.steps]), campaign.summary,
        None if campaign.frozen is None else _json(dict(campaign.frozen)), campaign.version,
    )  # fmt: skip


def _campaign(
    *, name_zh: str, name_en: str, areas: list[int], categories: list[str], units: list[int],
    state: str, steps: list[dict[str, Any]], **row: Any,
) -> Campaign:  # fmt: skip
    return Campaign(
        name=Name(name_zh, name_en), areas=tuple(AreaId(a) for a in areas),
        categories=tuple(categories), units=tuple(UnitId(u) for u in units),
        state=CampaignState(state), steps=tuple(steps), **row,
    )  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
