"""What speaks against a rule proposal: what cannot be read, does nothing, or leaves a gap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from zhongshu.core.dispatch import DutyRule, Matter, Rulebook
from zhongshu.core.proposals import (
    Change,
    Directory,
    Proposal,
    RuleSet,
    Subject,
    UnknownUnit,
    as_changed,
    conditions,
    normal,
    present,
    standing,
)
from zhongshu.core.values import Refused, Span, UnitId


class NothingProposed(Refused):
    message = "%(field)s: the proposal changes nothing."
    remedy = "Add a change: a rule, a limit, a stage limit, work hours, a day or what is the same matter."


class UnknownClass(Refused):
    message = "%(field)s: no category of the catalogue begins with “%(value)s”."
    remedy = "Use a category's code or the beginning of one, or leave it empty for all."


class NoEffect(Refused):
    message = "%(field)s: “%(value)s” stands like that already."
    remedy = "Change it so that it does something, or take it out of the proposal."


class OverAlready(Refused):
    message = "%(field)s: on %(value)s the rule would be over before it begins."
    remedy = "Choose a later day, or leave it empty."


class NeverReached(Refused):
    message = "%(field)s: “%(value)s” would never fire: rule %(by)d has the same conditions and goes before it."
    remedy = "Narrow its conditions, give it a higher priority, or change the other rule."


class ForbidsItsLead(Refused):
    message = "%(field)s: the rule forbids the unit “%(value)s” that it names as lead."
    remedy = "Take the unit out of the forbidden ones, or name another lead."


class LeadTwice(Refused):
    message = "%(field)s: “%(value)s” is the lead and cannot also assist."
    remedy = "Take the unit out of those that assist."


class LeftWithout(Refused):
    message = "%(field)s: %(value)s would be left without any duty rule (%(count)d such pairs)."
    remedy = "Add a rule for them, or keep the one that covered them."


class ChangedMeanwhile(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s: “%(value)s” was changed after this proposal was made."
    remedy = "Look at it as it is now, take that over into the proposal, and try again."


def unreadable(rules: RuleSet, proposal: Proposal, known: Directory) -> tuple[Refused, ...]:
    """Return what keeps a proposal from being applied at all, change by change."""
    found: list[Refused] = []
    for change in proposal.changes:
        try:
            normal(rules, change, known)
        except Refused as refusal:
            found.append(refusal)
    return tuple(found) if proposal.changes else (NothingProposed("changes", ""),)


def faults(
    rules: RuleSet, proposal: Proposal, known: Directory, *, on: date
) -> tuple[Refused, ...]:
    """Return all that speaks against switching a proposal on that day; nothing: it can be."""
    found = list(unreadable(rules, proposal, known))
    if found:
        return tuple(found)
    after = as_changed(rules, proposal, known)
    for change in proposal.changes:
        if present(rules, known, change.subject, change.key) != change.was:
            found.append(ChangedMeanwhile(change.name, change.key))
        elif change.now == change.was:
            found.append(NoEffect(change.name, change.key))
    new = {rule.id for rule in after.duty} - {rule.id for rule in rules.duty}
    touched = [c for c in proposal.of(Subject.RULE) if c.now is not None]
    made = sorted((r for r in after.duty if r.id in new), key=lambda r: r.id)
    book = standing(after.duty, known)
    for change, rule in zip(touched, made, strict=True):
        found += _rule_faults(change, rule, after, known, on)
        hiding = _hiding(rule, book, after, known)
        if hiding is not None:
            found.append(NeverReached(change.name, change.key, by=hiding.number))
    return (*found, *_left_without(rules, after, known))


def _rule_faults(
    change: Change, rule: DutyRule, after: RuleSet, known: Directory, on: date
) -> list[Refused]:
    field, lead = change.name, "" if rule.unit is None else known.code(rule.unit)
    found: list[Refused] = []
    for unit in (rule.unit, *rule.co_units):
        if unit is not None and unit not in known.active:
            found.append(UnknownUnit(f"{field}.unit", known.code(unit)))
    if any(rule.unit in read.forbidden for read in known.read(rule)):
        found.append(ForbidsItsLead(f"{field}.forbidden", lead))
    if rule.unit in rule.co_units:
        found.append(LeadTwice(f"{field}.co_units", lead))
    codes = {read.category for read in known.read(rule)}
    if not any(c.code.startswith(tuple(codes)) for c in after.catalogue.categories):
        found.append(UnknownClass(f"{field}.category", rule.category))
    if rule.valid_until is not None and rule.over(on):
        until = rule.valid_until.isoformat()
        found.append(OverAlready(f"{field}.valid_until", until))
    return found


def _hiding(
    rule: DutyRule, book: Sequence[DutyRule], after: RuleSet, known: Directory
) -> DutyRule | None:
    """Return a rule that goes before this one wherever it would apply; None where it may fire,
    were it only because it also forbids, or because that other's unit may be forbidden.
    """
    if rule.forbidden:
        return None
    ending = {r.id for r in after.duty if r.valid_until is not None}
    barred = frozenset(unit for r in book for unit in r.forbidden)
    before = [
        r for r in book
        if r.id != rule.id and r.id not in ending
        and not (r.unit in barred if r.unit is not None else barred)
    ]  # fmt: skip
    found = [
        next((r for r in before if r.rank < read.rank and conditions(r) == conditions(read)), None)
        for read in known.read(rule)
    ]
    return found[0] if all(found) else None


#: A week that begins on a Monday: rules that stand ask for nothing but the day of the week.
_WEEK = date(2024, 1, 1)
#: Stands for an owner that no rule names.
_SOMEBODY = UnitId(0)


def _left_without(before: RuleSet, after: RuleSet, known: Directory) -> tuple[Refused, ...]:
    """Return the categories and areas that had a unit by the duty rules and would have none."""
    old, new = standing(before.duty, known), standing(after.duty, known)
    barred = frozenset(unit for rule in new for unit in rule.forbidden)
    if any(rule.general and rule.unit not in barred for rule in new):
        return ()
    if set(old) <= set(new) and not any(rule.forbidden for rule in set(new) - set(old)):
        return ()
    was, shall = Rulebook(old), Rulebook(new)
    every = (*old, *new)
    moments, owners = _moments(every), _owners(every)
    gaps = [
        (area, category)
        for category in after.catalogue.categories
        if category.active
        for area in _areas_apart(every, known)
        if any(
            was.pick(matter) is not None and shall.pick(matter) is None
            for at in moments
            for matter in _matters(category.code, area, at, owners)
        )
    ]
    if not gaps:
        return ()
    shown = ", ".join(f"{known.area(area)} × {category.code}" for area, category in gaps[:3])
    return (LeftWithout("rules", shown, count=len(gaps)),)


def _owners(rules: Sequence[DutyRule]) -> list[UnitId | None]:
    """Return whose a thing may be as far as the rules tell it apart; None: nobody's."""
    if not any(rule.by_owner for rule in rules):
        return [None]
    return [None, _SOMEBODY, *sorted({r.owner for r in rules if r.owner is not None})]


def _matters(
    category: str, area: Span, at: datetime, owners: Sequence[UnitId | None]
) -> Iterator[Matter]:
    for owner in owners:
        yield Matter(
            category=category, area_code=area.lo, at=at, owner=owner, maintainer=owner,
            owners=frozenset() if owner is None else frozenset({owner}),
        )  # fmt: skip


def _areas_apart(rules: Sequence[DutyRule], known: Directory) -> list[Span]:
    """Return one area for each piece of the tree's line that the rules tell apart."""
    cuts = sorted({end for r in rules if r.area for end in (r.area.lo, r.area.hi)})
    apart: dict[int, Span] = {}
    for area in known.tree:
        apart.setdefault(bisect_right(cuts, area.span.lo), area.span)
    return list(apart.values())


def _moments(rules: Sequence[DutyRule]) -> list[datetime]:
    """Return a moment of the week in each stretch the rules' hours tell apart."""
    found = {datetime.combine(_WEEK, time())}
    for rule in rules:
        for window in rule.hours:
            for day in window.days:
                start = datetime.combine(_WEEK + timedelta(days=day), window.start)
                over = window.end <= window.start
                end = datetime.combine(_WEEK + timedelta(days=day + over), window.end)
                found |= {start, end}
    return sorted(found)
