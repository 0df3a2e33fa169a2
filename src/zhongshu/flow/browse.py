"""Looking at cases: lists, counts, and one case with everything around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhongshu.core.access import NEEDS, Actor, NotFound, Permission, Sight
from zhongshu.core.assets import Asset
from zhongshu.core.calendar import Stretch, parse_limit, trace
from zhongshu.core.cases import Act, Case, Filter, Key, Order, allowed, handled
from zhongshu.core.cases.clocks import Clock
from zhongshu.core.cases.undo import undone
from zhongshu.core.cases.voices import STEPS, heard_by
from zhongshu.core.dispatch import Pick
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.place import Point, metres, neighbours, tile
from zhongshu.core.procedures import Procedure, ProcedureFilter
from zhongshu.core.values import CaseId
from zhongshu.flow import acts, same, things
from zhongshu.flow.candidates import Ranking, ranking
from zhongshu.flow.city import City
from zhongshu.store import accounts, cases, facts, procedures, reports, tasks, vault
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of cases and where the next begins."""

    cases: Sequence[Case]
    next: Key | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One case with everything a person needs to decide: what its page shows."""

    case: Case
    facts: Sequence[Fact]
    names: Mapping[int, str]
    voices: Sequence[reports.Voice]
    tasks: Sequence[tasks.Task]
    photos: Sequence[vault.PhotoRow]
    contacts: Sequence[vault.Kept]
    posts: Sequence[accounts.PostHeld]
    acts: tuple[Act, ...]
    pick: Pick | None
    similar: Sequence[same.Similar]
    restored: same.Restored | None
    ranking: Ranking | None
    merged: Sequence[Case]
    lead: Case | None
    clocks: Sequence[Told]
    asset: Asset | None
    things: Sequence[tuple[Asset, float]]
    procedures: Sequence[Procedure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A clock, and day by day how its time was or will be counted."""

    clock: Clock
    stretches: Sequence[Stretch]


def told(city: City, case: Case) -> Sequence[Told]:
    """Return the clocks of a case with the answer to “why is it due then?”."""
    return [
        Told(
            clock=clock,
            stretches=trace(
                city.keeper.hours(clock), clock.started_at, clock.due_at,
                working=parse_limit(clock.limit).working,
            ) if clock.due_at is not None else (),
        )
        for clock in case.clocks
    ]  # fmt: skip


def number_id(number: str) -> CaseId:
    """Return the identity a case number ends in."""
    found = City.case_id(number)
    if found is None:
        raise NotFound("case", number)
    return found


def case(tx: Tx, sight: Sight, number: str, *, lock: bool = False) -> Case:
    """Return a case by its number; absent and out of sight are the same `NotFound`.

    With ``lock`` other writers are kept out until the transaction ends.
    """
    found = (cases.lock if lock else cases.get)(tx, number_id(number))
    if found is None or found.number != number or not _covers(sight, found):
        raise NotFound("case", number)
    return found


def free(tx: Tx, sight: Sight, numbers: Sequence[str]) -> dict[str, Case]:
    """Return those of these cases in sight that nobody holds and that no other case hangs on,
    by number; locked until the transaction ends.
    """
    wanted = [identity for number in numbers if (identity := City.case_id(number)) is not None]
    return {
        case.number: case
        for case in cases.lock_free(tx, wanted)
        if _covers(sight, case) and not case.leads and case.linked_to is None
    }


def seen(tx: Tx, sight: Sight, identity: CaseId) -> Case:
    """Return a case by its identity, under the same rule."""
    found = cases.get(tx, identity)
    if found is None or not _covers(sight, found):
        raise NotFound("case", identity)
    return found


def covers(sight: Sight, case: Case) -> bool:
    """Say whether a case is in sight."""
    return _covers(sight, case)


def _covers(sight: Sight, case: Case) -> bool:
    return sight.covers(area_code=case.area_code, unit=case.unit, involved=case.involved)


def listing(
    tx: Tx, sight: Sight, wanted: Filter, *, order: Order, after: Key | None, limit: int
) -> Listing:
    """Return one page of the cases in sight that are wanted."""
    found = cases.page(tx, sight, wanted, order=order, after=after, limit=limit + 1)
    page = found[:limit]
    if len(found) <= limit:
        return Listing(cases=page, next=None)
    return Listing(cases=page, next=_key(tx, page[-1], order))


def _key(tx: Tx, last: Case, order: Order) -> Key:
    match order:
        case Order.NEWEST:
            return Key(last.reported_at, last.id)
        case Order.DUE:
            return Key(last.due_at, last.id)
        case Order.CLOCK:
            return Key(cases.runs_out_at(tx, last.id), last.id)


def acts_for(case: Case, actor: Actor, *, parts_open: bool = False) -> tuple[Act, ...]:
    """Return the acts the table allows and a post of the actor's permits, here. ``parts_open``
    says that a case merged into it has a part of another unit that is not done.
    """
    return tuple(
        act
        for act in allowed(case)
        if _offered(case, act, actor) and not (parts_open and act in (Act.PASS, Act.CLOSE))
    )


def _offered(case: Case, act: Act, actor: Actor) -> bool:
    # What is taken back is offered by the facts, not by the table (`flow.undo`).
    if NEEDS[act] is Permission.PUBLIC or act is Act.WITHDRAW or acts.hindered(case, act):
        return False
    post = actor.acting(NEEDS[act], area_code=case.area_code, unit=case.unit)
    if post is None or (act is Act.SPLIT and case.reports < 2):
        return False
    # Who handled it is never offered its check.
    checks = act in (Act.PASS, Act.FAIL)
    return not (checks and handled(case, By(account=actor.account, post=post)))


def sheet(tx: Tx, city: City, actor: Actor, number: str, *, now: datetime) -> Sheet:
    """Return everything around one case."""
    found = case(tx, actor.sight, number)
    said = facts.of_case(tx, found.id)
    voices = reports.of_case(tx, found.id)
    chain = (
        [area.id for area in city.tree.chain(found.area)] if found.area in city.tree.by_id else []
    )
    survivor = cases.get(tx, found.merged_into) if found.merged_into is not None else None
    asset = things.of(tx, found)
    may = tuple(
        act
        for act in acts_for(found, actor, parts_open=acts.parts_open(tx, found))
        # Reports of a case merged into it are not its own to split off.
        if act is not Act.SPLIT or sum(v.case_id == found.id for v in voices) > 1
    )
    may_see_contacts = actor.may(Permission.CONTACT_REVEAL)
    return Sheet(
        case=found,
        facts=said,
        names=accounts.names(tx, sorted({f.by.account for f in said if f.by.account is not None})),
        voices=voices,
        tasks=tasks.of_case(tx, found.id),
        photos=vault.photos_of(tx, found.id),
        contacts=vault.of_reports(tx, [v.id for v in voices]) if may_see_contacts else (),
        posts=accounts.posts_on(tx, city.tree.versions(chain), found.unit, now=now),
        merged=cases.merged_into(tx, found.id),
        acts=may,
        pick=city.pick(found, at=now, asset=asset),
        ranking=ranking(tx, city, found, asset, actor.sight, now=now)
        if Act.DISPATCH in may else None,
        similar=same.similar(tx, city, found, actor.sight),
        restored=same.restored(found, survivor) if survivor is not None else None,
        lead=_lead(tx, found, actor.sight),
        clocks=told(city, found),
        asset=asset,
        things=things.near(tx, city, found),
        procedures=procedures.of_case(tx, found.id),
    )  # fmt: skip


def _lead(tx: Tx, found: Case, sight: Sight) -> Case | None:
    """Return the case whose clock this one shares, where it is in sight."""
    lead = None if found.linked_to is None else cases.get(tx, found.linked_to)
    covered = lead is not None and sight.covers(
        area_code=lead.area_code, unit=lead.unit, involved=lead.involved
    )
    return lead if covered else None


def around(
    tx: Tx, city: City, sight: Sight, place: Point, category: str, *, within_m: float = 30.0
) -> list[tuple[Case, float]]:
    """Return cases in sight of a class around a place with their distance, the newest first."""
    squares = list(neighbours(tile(place.lon, place.lat)))
    found = cases.around(tx, squares, sorted(city.lineage.named(category, exactly=True)))
    return [
        (case, far)
        for case in found
        if case.lon is not None and case.lat is not None
        and (far := metres(place, Point(case.lon, case.lat))) <= within_m
        and _covers(sight, case)
    ][:50]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedures:
    """One page of procedures, their cases, and where the next page begins."""

    procedures: Sequence[Procedure]
    cases: Mapping[CaseId, Case]
    next: Key | None


def listed(
    tx: Tx, sight: Sight, wanted: ProcedureFilter, *, after: Key | None, limit: int
) -> Procedures:
    """Return one page of the procedures of cases in sight that are wanted."""
    found = procedures.page(tx, sight, wanted, after=after, limit=limit + 1)
    page = found[:limit]
    about = cases.in_sight(tx, sight, sorted({p.case for p in page}))
    return Procedures(
        procedures=page, cases={case.id: case for case in about},
        next=Key(page[-1].due_at, page[-1].id) if len(found) > limit else None,  # type: ignore[arg-type]
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a tracking code shows: the way of the matter, without a name in it.

    Of a merged case the way is its own and that of the case it goes on as.
    """

    code: str
    case: Case
    survivor: Case | None
    facts: Sequence[Fact]
    voice: reports.Voice
    photos: Sequence[vault.PhotoRow]

    @property
    def current(self) -> Case:
        """The case the work is done on: the one it was merged into, where it was."""
        return self.survivor or self.case

    def own(self, fact: Fact) -> bool:
        """Say whether a step that names a report names this one."""
        return fact.says.get("report") in (None, self.voice.id)


def progress(tx: Tx, code: str) -> Progress:
    """Return how far the matter of a report has come."""
    voice = reports.by_code(tx, code)
    if voice is None:
        raise NotFound("report", code)
    own = cases.get(tx, voice.case_id)
    assert own is not None
    survivor = cases.get(tx, own.merged_into) if own.merged_into is not None else None
    both = [own.id] if survivor is None else [own.id, survivor.id]
    stories = facts.of_cases(tx, both)
    steps = sorted(
        (
            f
            for story in stories.values()
            for f in story
            if f.kind in STEPS - {Kind.SPLIT} and f.seq not in undone(story)
        ),
        key=lambda f: (f.at, f.case, f.seq),
    )
    photos = vault.photos_of(tx, both[-1])
    return Progress(
        code=code, case=own, survivor=survivor, facts=steps, voice=voice,
        photos=[p for p in photos if p.report_id == voice.id or p.step == "after"],
    )  # fmt: skip


def voices_of(tx: Tx, fact: Fact) -> Sequence[reports.Voice]:
    """Return the reports that are to be told of a fact, as things stood when it happened."""
    story = facts.of_case(tx, fact.case, limit=fact.seq)
    merged = sorted({f.says["case"] for f in story if f.kind is Kind.ABSORBED})
    others = facts.of_cases(tx, merged)
    return reports.by_ids(tx, sorted(heard_by(fact, story, others)))


def open_on_map(tx: Tx, sight: Sight, *, limit: int = 5000) -> Sequence[Case]:
    """Return open cases to be drawn, what expires first first."""
    return cases.page(tx, sight, Filter(open_only=True), order=Order.DUE, after=None, limit=limit)


def as_json(case: Case, city: City) -> dict[str, Any]:
    """Return a case as the API shows it: codes instead of identities."""
    area = city.tree.by_id.get(case.area) if case.area is not None else None
    unit = city.units.get(case.unit) if case.unit is not None else None
    category = city.names.get(case.category) if case.category is not None else None
    applies = city.condition(case)
    return {
        "number": case.number, "stage": case.stage, "outcome": case.outcome,
        "confirmation": case.confirmation, "solved": case.solved, "satisfied": case.satisfied,
        "title": case.title, "address": case.address, "channel": case.channel,
        "category": category and {"code": category[0], "zh": category[1].zh, "en": category[1].en},
        "condition": applies[0] if applies else None,
        "hazard": case.hazard, "priority": case.priority, "lon": case.lon, "lat": case.lat,
        "area": area and {"code": area.code, "kind": area.kind, "zh": area.name.zh, "en": area.name.en},
        "cells": [city.tree.by_id[c].code for c in case.cells if c in city.tree.by_id],  # type: ignore[index]
        "unit": unit and {"code": unit.code, "zh": unit.name.zh, "en": unit.name.en},
        "reports": case.reports, "reported_at": case.reported_at, "filed_at": case.filed_at,
        "dispatched_at": case.dispatched_at, "due_at": case.due_at, "overdue_at": case.overdue_at,
        "handled_at": case.handled_at, "closed_at": case.closed_at,
        "merged_into": case.merged_into, "pending": case.pending, "held_at": case.held_at,
        "returns": case.returns, "exempted": case.exempted, "repeat_of": case.repeat_of,
        "asset": case.asset, "linked_to": case.linked_to, "leads": case.leads,
        "version": case.version,
    }  # fmt: skip
