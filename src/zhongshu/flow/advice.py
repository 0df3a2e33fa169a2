"""What speaks for the unit a duty rule names, in numbers with the cases behind each, and why
the deadline would be when it would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zhongshu.core.access import Actor
from zhongshu.core.calendar import Stretch, trace
from zhongshu.core.cases import Filter
from zhongshu.core.grid import Area
from zhongshu.core.values import UnitId
from zhongshu.flow.browse import Sheet
from zhongshu.flow.candidates import BACK, Standing
from zhongshu.flow.city import City, Work
from zhongshu.store import cases
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A suggested dispatch: the unit, the work it would make, and the facts behind it.

    ``of_class`` cases of the class were reported in ``area`` since ``since``; ``led`` of them
    are or were led by the unit. ``stretches`` tell day by day how the limit would be counted.
    """

    unit: UnitId
    work: Work
    standing: Standing | None
    area: Area | None
    of_class: int
    led: int
    since: datetime
    stretches: Sequence[Stretch]


def advice(tx: Tx, city: City, actor: Actor, sheet: Sheet, *, now: datetime) -> Advice | None:
    """Return what a one-key dispatch of a case would do and why; None where no rule names a
    unit, or nobody here may dispatch it.
    """
    case = sheet.case
    if sheet.ranking is None or sheet.pick is None or case.category is None:
        return None
    work = city.work(case, at=now, asset=sheet.asset)
    if work is None:
        return None
    area = None if case.area is None else city.tree.by_id.get(case.area)
    since = now - BACK
    past = Filter(
        categories=city.alike(case.category), area=area.span if area else None, since=since
    )
    led = Filter(categories=past.categories, area=past.area, since=since, units=city.units_under(work.unit))  # fmt: skip
    return Advice(
        unit=work.unit, work=work, area=area, since=since,
        standing=next(
            (s for s in sheet.ranking.standing if s.candidate.rule.id == sheet.pick.rule.id), None
        ),
        of_class=cases.count(tx, actor.sight, past), led=cases.count(tx, actor.sight, led),
        stretches=trace(city.hours(work.unit), now, work.due_at, working=work.limit.working),
    )  # fmt: skip
