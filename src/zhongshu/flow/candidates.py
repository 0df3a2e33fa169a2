"""Who could lead a case: every duty rule that fits, in order, with what speaks for and against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zhongshu.core.access import Sight
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Case, Filter, Stage
from zhongshu.core.dispatch import Candidate, DutyRule
from zhongshu.core.values import UnitId
from zhongshu.flow.city import City
from zhongshu.store import cases, returns
from zhongshu.store.db import Tx

#: How far back, and over how many of the newest cases of a class, returns are looked at.
BACK = timedelta(days=180)
NEWEST = 2000
AT_WORK = frozenset({Stage.DISPATCHED, Stage.IN_HAND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A candidate and how its unit stands: cases at work there (and below it), how often it was
    sent a case of this class, and how often it returned one.
    """

    candidate: Candidate
    load: int
    dispatches: int
    returns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """All that a dispatcher decides on. ``barred`` are units that may not be given the case,
    with the rule that says so; ``idle`` rules would fit, but their unit is no longer at work.
    """

    standing: Sequence[Standing]
    barred: Sequence[tuple[UnitId, DutyRule]]
    idle: Sequence[DutyRule]
    since: datetime


def ranking(
    tx: Tx, city: City, case: Case, asset: Asset | None, sight: Sight, *, now: datetime
) -> Ranking | None:
    """Return the candidates for a case as the rules rank them; None while its class is open."""
    matter = city.matter(case, at=now, asset=asset)
    if matter is None or case.category is None:
        return None
    found = city.rulebook.candidates(matter)
    barred = city.rulebook.barred(matter)
    units = {c.unit for c in found}
    load = _load(tx, city, sight, units)
    since = now - BACK
    past = returns.of_class(tx, sight, case.category, since=since, newest=NEWEST)
    return Ranking(
        standing=[
            Standing(
                candidate=c, load=load[c.unit], dispatches=past.get(c.unit, (0, 0))[0],
                returns=past.get(c.unit, (0, 0))[1],
            )
            for c in found
        ],
        # Whom a rule forbids, it forbids with all below: the topmost say it for them.
        barred=sorted(
            ((u, rule) for u, rule in barred.items() if city.units[u].parent not in barred),
            key=lambda pair: city.code_of(pair[0]),
        ),
        idle=[rule for rule in city.idle_rules if rule.fits(matter)],
        since=since,
    )  # fmt: skip


def _load(tx: Tx, city: City, sight: Sight, units: set[UnitId]) -> dict[UnitId, int]:
    """Return how many cases are at work in each unit and below it."""
    below = {unit: city.units_under(unit) for unit in units}
    everyone = frozenset[UnitId]().union(*below.values())
    if not everyone:
        return {}
    counts = cases.count_by(tx, "unit", sight, Filter(stages=AT_WORK, units=everyone))
    return {unit: sum(counts.get(u, 0) for u in under) for unit, under in below.items()}
