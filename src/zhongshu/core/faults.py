"""What speaks against a rule proposal: what cannot be read, does nothing, or leaves a gap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from zhongshu.core.dispatch import DutyRule
from zhongshu.core.proposals import (
    Change,
    Directory,
    Proposal,
    RuleSet,
    Subject,
    UnknownUnit,
    as_changed,
    at_work,
    conditions,
    fits,
    fits_all,
    normal,
    present,
    standing,
)
from zhongshu.core.values import Refused, Span


class NothingProposed(Refused):
    message = "%(field)s: the proposal changes nothing."
    remedy = (
        "Add a change: a rule, a limit, a stage limit, work hours, a day or the duplicate rule."
    )


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
    for change, rule in zip(touched, made, strict=True):
        found += _rule_faults(change, rule, after, known, on)
    return (*found, *_left_without(rules, after, known))


def _rule_faults(
    change: Change, rule: DutyRule, after: RuleSet, known: Directory, on: date
) -> list[Refused]:
    field, lead = change.name, known.code(rule.unit)
    found: list[Refused] = []
    for unit in (rule.unit, *rule.co_units):
        if unit not in known.active:
            found.append(UnknownUnit(f"{field}.unit", known.code(unit)))
    if rule.unit in rule.forbidden:
        found.append(ForbidsItsLead(f"{field}.forbidden", lead))
    if rule.unit in rule.co_units:
        found.append(LeadTwice(f"{field}.co_units", lead))
    if not any(c.code.startswith(rule.category) for c in after.catalogue.categories):
        found.append(UnknownClass(f"{field}.category", rule.category))
    if rule.valid_until is not None and rule.valid_until <= on:
        until = rule.valid_until.isoformat()
        found.append(OverAlready(f"{field}.valid_until", until))
    hiding = next((r for r in after.duty if _hides(r, rule, known)), None)
    if hiding is not None:
        found.append(NeverReached(field, change.key, by=hiding.number))  # fmt: skip
    return found


def _hides(one: DutyRule, other: DutyRule, known: Directory) -> bool:
    """Say whether a rule goes before another wherever that would apply."""
    return (
        at_work(one, known) and one.rank < other.rank and not other.forbidden
        and one.valid_until is None
        and conditions(one) == conditions(other)
    )  # fmt: skip


#: A week that begins on a Monday: rules that stand ask for nothing but the day of the week.
_WEEK = date(2024, 1, 1)


def _left_without(before: RuleSet, after: RuleSet, known: Directory) -> tuple[Refused, ...]:
    """Return the categories and areas that had a duty rule and would have none."""
    old, new = standing(before.duty, known), standing(after.duty, known)
    if set(old) <= set(new) or any(fits_all(rule) for rule in new):
        return ()
    gaps = [
        (area, category)
        for category in after.catalogue.categories
        if category.active
        for area in _areas_apart((*old, *new), known)
        if _gap(old, new, category.code, area, _moments((*old, *new)))
    ]
    if not gaps:
        return ()
    shown = ", ".join(f"{known.area(area)} × {category.code}" for area, category in gaps[:3])
    return (LeftWithout("rules", shown, count=len(gaps)),)


def _gap(
    old: Sequence[DutyRule], new: Sequence[DutyRule], category: str, area: Span,
    moments: Sequence[datetime],
) -> bool:  # fmt: skip
    here_old = [r for r in old if category.startswith(r.category)]
    here_new = [r for r in new if category.startswith(r.category)]
    return any(
        any(fits(r, category, area, at) for r in here_old)
        and not any(fits(r, category, area, at) for r in here_new)
        for at in moments
    )


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
