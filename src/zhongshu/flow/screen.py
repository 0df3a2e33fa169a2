"""The live screen 一屏: the numbers of a moment, this one or a past one, by the same code.
Those of a past moment are of what had happened by then, as it is known today.

How the cases stand is counted of their rows now and of the ledger for the past; what happened
on the day up to the moment are the indicators of the mirror. Each has its like of the same
hours a day before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter, Stage
from zhongshu.core.grid import Tree
from zhongshu.core.indicators import BY_CODE, Measured, Period, measure
from zhongshu.core.values import AreaId
from zhongshu.flow.city import City
from zhongshu.store import cases, indicators, moments
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope
from zhongshu.store.moments import Standing

DAY = timedelta(days=1)
#: The indicators that have a tile.
FIGURES = ("filing", "handling_in_time", "closing_in_time", "return", "reopened", "repeat")


class State(StrEnum):
    """A tile that says how cases stand at a moment."""

    OPEN = "open"
    IN_HAND = "in_hand"
    OVERDUE = "overdue"
    WAITING = "waiting"


#: Which stages a tile counts; none: every open one.
STAGES: Mapping[State, frozenset[Stage]] = {
    State.OPEN: frozenset(),
    State.IN_HAND: frozenset({Stage.DISPATCHED, Stage.IN_HAND}),
    State.OVERDUE: frozenset({Stage.DISPATCHED, Stage.IN_HAND}),
    State.WAITING: frozenset({Stage.RECEIVED, Stage.FILED, Stage.WAITING_PLACE}),
}
#: Of what each is a part.
AMONG: Mapping[State, State] = {
    State.IN_HAND: State.OPEN, State.OVERDUE: State.IN_HAND, State.WAITING: State.OPEN,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A tile of how cases stand: how many, of how many, and how many a day before."""

    state: State
    count: int
    among: int | None
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A tile of what happened since midnight, and in the same hours a day before."""

    now: Measured
    before: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The numbers of a moment."""

    at: datetime
    today: Period
    counts: Sequence[Count]
    figures: Sequence[Figure]
    by_area: Mapping[AreaId | None, int]
    by_channel: Mapping[str, int]
    hours_filed: Sequence[int]
    hours_closed: Sequence[int]


def look(tx: Tx, city: City, sight: Sight, *, at: datetime, past: bool) -> Screen:
    """Return the numbers of a moment; ``past`` says that the rows have moved on since."""
    today = today_of(city, at)
    yesterday = Period(start=today.start - DAY, until=today.until - DAY)
    stood = (moments.standing if past else moments.standing_now)(tx, sight, at=at)
    stood_before = moments.standing(tx, sight, at=at - DAY)
    return Screen(
        at=at, today=today,
        counts=[_count(state, stood, stood_before) for state in State],
        figures=figures(tx, sight, today, yesterday),
        by_area=_by_area(stood),
        by_channel=cases.count_by(tx, "channel", sight, Filter(since=today.start, until=at)),
        hours_filed=cases.per_hour(tx, sight, "reported_at", now=at),
        hours_closed=cases.per_hour(tx, sight, "closed_at", now=at),
    )  # fmt: skip


def today_of(city: City, at: datetime) -> Period:
    """Return the day of the city up to a moment; at midnight itself, the day that ends."""
    local = (at - timedelta(microseconds=1)).astimezone(city.zone)
    return Period(start=local.replace(hour=0, minute=0, second=0, microsecond=0), until=at)


def figures(tx: Tx, sight: Sight, now: Period, before: Period) -> list[Figure]:
    """Return the indicators that have a tile, of two periods: the same queries as the mirror's."""
    families = {BY_CODE[code].family for code in FIGURES}
    tallies = {
        (family, period): indicators.tallies(tx, sight, family, period, Scope())
        for family in families for period in (now, before)
    }  # fmt: skip
    return [
        Figure(
            now=measure(one, tallies[one.family, now]),
            before=measure(one, tallies[one.family, before]),
        )
        for one in (BY_CODE[code] for code in FIGURES)
    ]


def load(
    tx: Tx, tree: Tree, sight: Sight, levels: Iterable[str], *, at: datetime, past: bool
) -> dict[str, dict[AreaId, int]]:
    """Return how many open cases lay in each area of some levels at a moment."""
    stood = (moments.standing if past else moments.standing_now)(tx, sight, at=at)
    return {level: summed(tree, _by_area(stood), level) for level in levels}


def summed(tree: Tree, by_area: Mapping[AreaId | None, int], level: str) -> dict[AreaId, int]:
    """Return counts of the deepest areas added up to those of a level."""
    sums: dict[AreaId, int] = {}
    homes = tree.homes(level)
    for area, n in by_area.items():
        home = homes.get(area)
        if home is not None:
            sums[home] = sums.get(home, 0) + n
    return sums


def _count(state: State, stood: Sequence[Standing], before: Sequence[Standing]) -> Count:
    among = AMONG.get(state)
    return Count(
        state=state, count=counted(state, stood), before=counted(state, before),
        among=None if among is None else counted(among, stood),
    )  # fmt: skip


def counted(state: State, stood: Sequence[Standing]) -> int:
    """Return how many of some cases a tile counts."""
    stages = STAGES[state]
    return sum(
        one.count for one in stood
        if (not stages or one.stage in stages) and (state is not State.OVERDUE or one.late)
    )  # fmt: skip


def _by_area(stood: Sequence[Standing]) -> dict[AreaId | None, int]:
    sums: dict[AreaId | None, int] = {}
    for one in stood:
        sums[one.area] = sums.get(one.area, 0) + one.count
    return sums
