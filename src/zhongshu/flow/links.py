"""捆绑计时: cases of one cause share the clock of a leading case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from zhongshu.core.access import Sight
from zhongshu.core.cases import Case, Filter, Order, Stage, changed
from zhongshu.core.cases.clocks import SHARED_EFFECTS, ClockKind, ClockState, Tick, by_kind
from zhongshu.core.facts import By, Kind
from zhongshu.core.place import Point, metres, squares
from zhongshu.core.values import CategoryId, Refused
from zhongshu.flow.city import City
from zhongshu.store import cases
from zhongshu.store.db import Tx

#: Where a case stands while its handling clock counts.
AT_WORK = (Stage.DISPATCHED, Stage.IN_HAND)
#: From how far, and how long before or after the leading case, others are offered.
WITHIN_M = 500.0
WITHIN = timedelta(hours=72)
MOST_OFFERED = 500
_SHARED_CLOCK = By(rule="shared_clock")


class NotLinkable(Refused):
    status: ClassVar[int] = 409
    message = "The case cannot be linked to %(value)s."
    remedy = "Choose a leading case that a unit is working on and that is not linked itself."


class AlreadyLinked(Refused):
    status: ClassVar[int] = 409
    message = "The case is linked to another: “%(value)s” cannot be done now."
    remedy = "Take it apart from that one first."


class NotLinked(Refused):
    status: ClassVar[int] = 409
    message = "The case is linked to none: “%(value)s” cannot be done now."
    remedy = "Only a linked case can be taken apart."


class LeadsOthers(Refused):
    status: ClassVar[int] = 409
    message = "Other cases share this one's clock: “%(value)s” has to wait."
    remedy = "Handle them together, or take them apart first."


def leads_now(tx: Tx, case: Case) -> bool:
    """Say whether cases still at work are linked to this one."""
    return case.leads and bool(cases.linked_to(tx, case.id, stages=AT_WORK, limit=1))


def check(tx: Tx, case: Case, lead: Case) -> None:
    """Refuse to link a case to a leading one where that could not work: chains, rings, a leading
    case that no unit works on, or a case of the past without a clock.
    """
    lead_clock = by_kind(lead.clocks, ClockKind.HANDLE)
    if (
        lead.id == case.id
        or lead.stage not in AT_WORK
        or lead.linked_to is not None
        or lead_clock is None
        or (case.stage in AT_WORK and not _runs(case))
        or leads_now(tx, case)
    ):
        raise NotLinkable("into", lead.number)


def _runs(case: Case) -> bool:
    clock = by_kind(case.clocks, ClockKind.HANDLE)
    return clock is not None and clock.state is ClockState.RUNNING


def told(tx: Tx, city: City, lead: Case, tick: Tick | None, *, at: datetime) -> None:
    """Let the cases linked to a leading one share what has just happened to its clock."""
    if tick is None or not lead.leads or tick not in SHARED_EFFECTS:
        return
    for case in cases.linked_to(tx, lead.id, stages=AT_WORK):
        sets = city.followed(case, tick, at, lead=lead)
        if sets:
            after, fact = changed(
                case, Kind.SHARED, sets, by=_SHARED_CLOCK, at=at,
                says={"lead": lead.number, "tick": tick},
            )  # fmt: skip
            cases.save(tx, after, fact)


def late(tx: Tx, lead: Case, *, at: datetime) -> None:
    """Mark the linked cases overdue with the leading one: the warning was one, the delay is
    each case's own.
    """
    for case in cases.linked_to(tx, lead.id, stages=AT_WORK):
        clock = by_kind(case.clocks, ClockKind.HANDLE)
        shares = clock is not None and clock.state is ClockState.SHARED
        if shares and case.overdue_at is None and case.is_overdue(at):
            after, fact = changed(
                case, Kind.OVERDUE, {"overdue_at": at}, by=By(rule="deadline"), at=at,
                says={
                    "lead": lead.number, "due_at": case.due_at.isoformat() if case.due_at else None
                },
            )  # fmt: skip
            cases.save(tx, after, fact)


def linked(tx: Tx, lead: Case, sight: Sight, *, limit: int) -> list[Case]:
    """Return the cases in sight that are linked to a leading one and still at work."""
    wanted = Filter(linked_to=lead.id, stages=frozenset(AT_WORK))
    return cases.page(tx, sight, wanted, order=Order.NEWEST, after=None, limit=limit)


def offered(
    tx: Tx, lead: Case, sight: Sight, *, category: CategoryId | None = None,
    within_m: float = WITHIN_M,
) -> Sequence[tuple[Case, float]]:  # fmt: skip
    """Return cases around a leading one that may have the same cause, the nearest first: not
    yet handled, reported within three days of it, of one class or of any.
    """
    if lead.lon is None or lead.lat is None:
        return ()
    here = Point(lead.lon, lead.lat)
    found = cases.to_link(
        tx, sight, squares(here, within_m), category=category,
        since=lead.reported_at - WITHIN, until=lead.reported_at + WITHIN, limit=2 * MOST_OFFERED,
    )  # fmt: skip
    ranged = [
        (case, far)
        for case in found
        if case.id != lead.id and case.lon is not None and case.lat is not None
        and (far := metres(here, Point(case.lon, case.lat))) <= within_m
    ]  # fmt: skip
    return sorted(ranged, key=lambda pair: (pair[1], pair[0].id))[:MOST_OFFERED]
