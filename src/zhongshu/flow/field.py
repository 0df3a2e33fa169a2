"""The field: what somebody's posts may act on now, standing in front of the thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import TRANSITIONS, Act, Case, Filter, Order, Stage
from zhongshu.core.cases.clocks import ClockKind, by_kind
from zhongshu.core.cases.evidence import PhotoStep
from zhongshu.core.catalogue import PhotoRule
from zhongshu.core.facts import Fact
from zhongshu.core.procedures import Move, Procedure, ProcedureKind
from zhongshu.core.values import CaseId
from zhongshu.flow import browse, evidence, proceedings
from zhongshu.flow.acts import parts_open, with_parts_open
from zhongshu.flow.city import City
from zhongshu.store import cases, facts, procedures, reports, vault
from zhongshu.store.db import Tx

#: What is done on the spot; filing, dispatching and closing are the desk's.
ON_THE_SPOT = (Act.ACCEPT, Act.HANDLE, Act.PASS, Act.FAIL, Act.RETURN, Act.NOTE)
#: These alone make a case somebody's task: one can always add a note.
_A_TASK = frozenset({Act.ACCEPT, Act.HANDLE, Act.PASS, Act.FAIL})
#: The procedures that send somebody out.
GOING_OUT = (ProcedureKind.VERIFY, ProcedureKind.RECHECK, ProcedureKind.CALL, ProcedureKind.ASSIST)
#: How many tasks a device takes along, those that expire first.
MOST = 100

_P = Permission
#: Which permission finds tasks among which cases.
_FINDS: tuple[tuple[Permission, Filter], ...] = (
    (_P.CASE_WORK, Filter(stages=frozenset({Stage.DISPATCHED, Stage.IN_HAND}))),
    (_P.CASE_CHECK, Filter(stages=frozenset({Stage.HANDLED}))),
    (_P.CASE_CHECK, Filter(pending=ProcedureKind.VERIFY)),
    (_P.CASE_CHECK, Filter(pending=ProcedureKind.RECHECK)),
    (_P.CASE_WORK, Filter(pending=ProcedureKind.CALL)),
    (_P.CASE_CALL, Filter(pending=ProcedureKind.CALL)),
    (_P.CASE_WORK, Filter(pending=ProcedureKind.ASSIST)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A procedure that is open on a case, and the moves one may make now."""

    procedure: Procedure
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One case and what one may do to it on the spot, from when until when.

    ``then`` says which acts an act leads to, so that a device without net can go on.
    """

    case: Case
    acts: tuple[Act, ...]
    then: Mapping[Act, tuple[Act, ...]]
    steps: tuple[Step, ...]
    since: datetime
    due_at: datetime | None

    @property
    def is_task(self) -> bool:
        """Say whether something is to be done, beyond reading it and adding a note."""
        return bool(self.steps) or not _A_TASK.isdisjoint(self.acts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One case as somebody needs it on the spot: what is wrong, what is seen, what was done;
    which photos “solved” asks for, and which of them are missing.
    """

    errand: Errand
    voices: Sequence[reports.Voice]
    photos: Sequence[vault.PhotoRow]
    facts: Sequence[Fact]
    rule: PhotoRule
    missing: tuple[PhotoStep, ...]

    @property
    def before(self) -> vault.PhotoRow | None:
        """The latest picture of how it was: what a picture after is held against."""
        seen = [photo for photo in self.photos if photo.step in ("report", "before")]
        return seen[-1] if seen else None


def spot(tx: Tx, city: City, actor: Actor, number: str) -> Spot:
    """Return a case in sight with everything that is taken along to its place."""
    case = browse.case(tx, actor.sight, number)
    return Spot(
        errand=errand(
            case, actor, procedures.open_on(tx, [case.id]), parts_open=parts_open(tx, case)
        ),
        voices=reports.of_case(tx, case.id, limit=20),
        photos=vault.photos_of(tx, case.id),
        facts=facts.of_case(tx, case.id),
        rule=city.photo_rule(case),
        missing=evidence.missing(tx, city, case),
    )


def tasks(tx: Tx, actor: Actor) -> tuple[Sequence[Errand], bool]:
    """Return what the actor may act on now, what expires first first, at most `MOST`; and
    whether that is all of it.
    """
    found: dict[CaseId, None] = {}
    whole = True
    for permission, wanted in _FINDS:
        if not actor.may(permission):
            continue
        page = cases.page(
            tx, actor.sight_for(permission), wanted, order=Order.DUE, after=None, limit=MOST + 1
        )
        whole = whole and len(page) <= MOST
        found.update(dict.fromkeys(case.id for case in page))
    cases_found = cases.some(tx, list(found))
    asked = procedures.open_on(tx, [c.id for c in cases_found if c.pending])
    waits = with_parts_open(tx, cases_found)
    each = (errand(c, actor, asked, parts_open=c.id in waits) for c in cases_found)
    errands = [one for one in each if one.is_task]
    errands.sort(key=_expires)
    return errands[:MOST], whole and len(errands) <= MOST


def errand(case: Case, actor: Actor, asked: Iterable[Procedure], *, parts_open: bool) -> Errand:
    """Return what the actor may do to a case on the spot; it has to come with its clocks."""
    acts = _on_the_spot(case, actor, parts_open=parts_open)
    steps = tuple(
        Step(procedure=one, moves=moves)
        for one in asked
        if one.case == case.id and one.open and one.kind in GOING_OUT
        if (moves := proceedings.offered(one, case, actor))
    )
    since, due_at = _span(case, acts, steps)
    return Errand(
        case=case,
        acts=acts,
        then={
            act: then for act in acts if (then := _then(case, act, actor, parts_open=parts_open))
        },
        steps=steps,
        since=since,
        due_at=due_at,
    )


def _on_the_spot(case: Case, actor: Actor, *, parts_open: bool) -> tuple[Act, ...]:
    may = browse.acts_for(case, actor, parts_open=parts_open)
    return tuple(act for act in ON_THE_SPOT if act in may)


def _then(case: Case, act: Act, actor: Actor, *, parts_open: bool) -> tuple[Act, ...]:
    """Return the acts that come into reach by one, as the table says."""
    stage = TRANSITIONS.get((case.stage, act))
    if stage is None or stage is case.stage:
        return ()
    hand = actor.account if act is Act.HANDLE else case.handled_by
    shown = replace(case, stage=stage, handled_by=hand)
    after = _on_the_spot(shown, actor, parts_open=parts_open)
    return tuple(each for each in after if each in _A_TASK)


def _span(
    case: Case, acts: Sequence[Act], steps: Sequence[Step]
) -> tuple[datetime, datetime | None]:  # fmt: skip
    """Return since when and until when it is to be done: of its clock and its procedures the
    one that ends first.
    """
    spans = [(one.procedure.opened_at, one.procedure.due_at) for one in steps]
    clock = by_kind(
        case.clocks, ClockKind.CHECK if case.stage is Stage.HANDLED else ClockKind.HANDLE
    )
    if not _A_TASK.isdisjoint(acts):
        began = clock.started_at if clock else case.dispatched_at
        spans.append((began or case.reported_at, clock.due_at if clock else case.due_at))
    known = [(since, due) for since, due in spans if due is not None]
    return min(known, key=lambda s: s[1]) if known else (case.reported_at, None)


def _expires(one: Errand) -> tuple[bool, float, int]:
    due = one.due_at
    return due is None, due.timestamp() if due else 0.0, one.case.id
