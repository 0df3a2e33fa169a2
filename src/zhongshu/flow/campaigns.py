"""Campaigns at work: made, taken on, joined by hand, acted on, and compared with before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhongshu.core.access import EVERYTHING, NotFound, Sight
from zhongshu.core.campaigns import (
    Campaign,
    CampaignState,
    CampaignStep,
    Fixed,
    Overtaken,
    bounds,
    changed,
    checked,
    taken,
)
from zhongshu.core.cases import Case, Filter, InCampaign, Order, Period, Stage
from zhongshu.core.facts import By
from zhongshu.core.grid import Area
from zhongshu.core.values import AreaId
from zhongshu.flow.city import City
from zhongshu.store import campaigns as store
from zhongshu.store import cases
from zhongshu.store.campaigns import Measured
from zhongshu.store.db import Tx

#: So many areas are compared at most, and so many cases offered for an act on many.
MOST_AREAS = 60
MOST_CASES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One period of a comparison: when it was, whether it is over, its numbers in all and by
    area. A period still to come has none.
    """

    period: Period
    since: datetime
    until: datetime
    over: bool
    begun: bool
    whole: Measured
    by_area: Mapping[AreaId, Measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same numbers before, during and after, in all and by area."""

    columns: Sequence[Column]
    areas: Sequence[Area]


def find(tx: Tx, identity: int, *, lock: bool = False) -> Campaign:
    """Return a campaign, or say that there is none."""
    found = store.get(tx, identity, lock=lock) if 0 < identity < 2**62 else None
    if found is None:
        raise NotFound("campaign", identity)
    return found


def make(tx: Tx, campaign: Campaign) -> Campaign:
    """Write a new campaign, in preparation."""
    return find(tx, store.add(tx, checked(campaign)))


def change(tx: Tx, identity: int, changes: Mapping[str, Any], *, version: int | None) -> Campaign:
    """Change what may still be changed of a campaign."""
    found = find(tx, identity, lock=True)
    if version is not None and version != found.version:
        raise Overtaken("version", version, now=found.version)
    after = changed(found, changes)
    store.save(tx, after)
    return after


def step(
    tx: Tx, city: City, identity: int, what: CampaignStep, *, at: datetime, by: By, summary: str = ""
) -> Campaign:  # fmt: skip
    """Take a campaign one step on; reporting freezes its comparison, of the whole city."""
    found = find(tx, identity, lock=True)
    frozen = None
    if what is CampaignStep.REPORT:
        frozen = frozen_json(compared(tx, city, EVERYTHING, found, now=at), city, at=at)
    after = taken(found, what, at=at, by=by.account, summary=summary, frozen=frozen)
    store.save(tx, after)
    return after


def put(
    tx: Tx, campaign: Campaign, found: Sequence[Case], *, joined: bool, reason: str, at: datetime,
    by: By,
) -> None:  # fmt: skip
    """Let cases in by hand, or keep them out, whatever the rule says."""
    if campaign.state is CampaignState.REPORTED:
        # What was reported counts the cases it counted.
        raise Fixed("cases", state=campaign.state.value)
    store.put_cases(
        tx, campaign.id, [case.id for case in found], joined=joined, reason=reason, at=at,
        by=by.account,
    )  # fmt: skip


def belonging(
    campaign: Campaign, *, now: datetime, stages: frozenset[Stage] = frozenset()
) -> Filter:
    """Return what asks for the cases of a campaign."""
    return Filter(campaign=InCampaign(id=campaign.id, now=now), stages=stages)


def members(
    tx: Tx, sight: Sight, campaign: Campaign, *, now: datetime,
    stages: frozenset[Stage] = frozenset(), limit: int = 50,
) -> list[Case]:  # fmt: skip
    """Return the cases of a campaign in sight, the newest first."""
    wanted = belonging(campaign, now=now, stages=stages)
    return cases.page(tx, sight, wanted, order=Order.NEWEST, after=None, limit=limit)


def areas_of(city: City, campaign: Campaign) -> Sequence[Area]:
    """Return the areas a campaign is compared by: those it names, or those right below the city."""
    named = [city.tree.by_id[a] for a in campaign.areas if a in city.tree.by_id]
    if named:
        return named[:MOST_AREAS]
    roots = city.tree.children(None)
    below = [area for root in roots for area in city.tree.children(root.id)]
    across = {level.kind for level in city.levels if level.overlay}
    return [area for area in (below or roots) if area.kind not in across][:MOST_AREAS]


def compared(tx: Tx, city: City, sight: Sight, campaign: Campaign, *, now: datetime) -> Comparison:
    """Measure a campaign's period, the equally long one before, and the thirty days after."""
    areas = areas_of(city, campaign)
    columns: list[Column] = []
    for period in Period:
        since, until = bounds(campaign, period)
        (whole,) = store.measured(tx, sight, campaign.id, period, now=now, areas=None)
        by_area = store.measured(
            tx, sight, campaign.id, period, now=now, areas=[area.id for area in areas]
        )
        columns.append(
            Column(
                period=period, since=since, until=until, over=until <= now, begun=since < now,
                whole=whole, by_area={m.area: m for m in by_area if m.area is not None},
            )
        )  # fmt: skip
    return Comparison(columns=columns, areas=areas)


def frozen_json(found: Comparison, city: City, *, at: datetime) -> dict[str, Any]:
    """Return a comparison JSON-ready: areas by their codes."""
    return {
        "at": at.isoformat(),
        "columns": [
            {
                "period": column.period.value, "since": column.since.isoformat(),
                "until": column.until.isoformat(), "over": column.over,
                "whole": numbers(column.whole),
                "by_area": {
                    city.tree.by_id[area].code: numbers(m) for area, m in column.by_area.items()
                },
            }
            for column in found.columns if column.begun
        ],
    }  # fmt: skip


def numbers(found: Measured) -> dict[str, Any]:
    """Return the numbers of one area in one period by their names."""
    return {
        "new": found.new, "open": found.open, "overdue": found.overdue, "repeat": found.repeat,
        "closed": found.closed, "left_out": found.left_out, "median_s": found.median_s,
    }  # fmt: skip
