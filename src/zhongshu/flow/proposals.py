"""Rule proposals: making one, switching it on from a day, and back off.

What a proposal would do is worked out on the city in memory by the same core functions that
say what to write: `proposed` and `load` after `switch_on` give one and the same city.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from zhongshu.core.access import NotFound
from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.cases.matching import SameRules
from zhongshu.core.faults import faults
from zhongshu.core.proposals import (
    STAGES,
    Change,
    Directory,
    Proposal,
    RuleSet,
    Subject,
    as_changed,
    condition_key,
    normal,
    present,
    rule_read,
    same_read,
    written_in,
)
from zhongshu.core.values import AccountId, Refused
from zhongshu.flow.city import City, as_read, booked, hours_said, load, ruled
from zhongshu.store import catalogues, city_facts
from zhongshu.store import city as city_store
from zhongshu.store import proposals as store
from zhongshu.store import same as same_store
from zhongshu.store.db import Tx
from zhongshu.store.proposals import Kept, Run

#: What a change of rules needs besides its day.
MOST_TITLE = 120


class NotADraft(Refused):
    status: ClassVar[int] = 409
    message = "The proposal is “%(value)s”: only a draft can be changed or switched on."
    remedy = "Make a copy of it, and work on that."


class NotInForce(Refused):
    status: ClassVar[int] = 409
    message = "The proposal is “%(value)s”: there is nothing to switch off."
    remedy = "Choose a proposal that is on or has its day set."


class NoReason(Refused):
    message = "%(field)s is missing."
    remedy = "Say in a few words why: it stands in the history of the city's rules."


class DayOver(Refused):
    message = "%(field)s: %(value)s is over."
    remedy = "Choose today or a later day."


class ChangedSince(Refused):
    status: ClassVar[int] = 409
    message = "It cannot be switched off: changed since then were %(value)s (%(by)s)."
    remedy = "Switch off what changed them later, or change them in a new proposal."


class Untitled(Refused):
    message = "%(field)s: the proposal needs a title of at most 120 characters."
    remedy = "Say in a few words what it changes."


class Moved(Refused):
    status: ClassVar[int] = 409
    message = "Somebody changed the proposal since you saw it (version %(value)s, now %(now)s)."
    remedy = "Look at it as it is now, and decide again."


# ── the city's rules in memory ───────────────────────────────────────────────────────


def today(city: City, at: datetime) -> date:
    """Return the day a moment has in the city."""
    return at.astimezone(city.zone).date()


def rule_set(city: City, *, on: date) -> RuleSet:
    """Return all a proposal can change, as it stands in a city on a day."""
    return RuleSet(
        duty=tuple(rule for rule in city.written_rules if rule.in_force(on)),
        catalogue=city.catalogue,
        stages={kind: str(city.keeper.limits[kind]) for kind in STAGES},
        hours={
            "": hours_said(city.said),
            **{u.code: hours_said(u.hours) for u in city.units.values() if u.hours},
        },
        days=city.days,
        same=city.same.own,
    )


def directory(city: City) -> Directory:
    """Return the names a change may use in a city."""
    return Directory(
        units={unit.code: unit.id for unit in city.units.values()},
        active=frozenset(unit.id for unit in city.units.values() if unit.active),
        tree=city.tree,
        read=lambda rule: as_read(rule, city.lineage, city.units),
    )


def proposed(city: City, proposal: Proposal, *, on: date) -> City:
    """Return the city as the proposal would make it, with the rules of a day standing for all
    time: so a past can be decided by them. Without changes: by the present ones.
    """
    known = directory(city)
    return with_rules(city, as_changed(rule_set(city, on=on), proposal, known))


def with_rules(city: City, rules: RuleSet) -> City:
    """Return a city with these rules in place of its own, as if they had always stood."""
    units = {
        unit.id: replace(unit, hours=rules.hours.get(unit.code)) for unit in city.units.values()
    }
    current = city.lineage.current
    lineage = replace(
        city.lineage, versions={**city.lineage.versions, current: rules.catalogue}
    )  # fmt: skip
    duty = [replace(rule, valid_from=date.min, valid_until=None) for rule in rules.duty]
    return replace(
        city,
        catalogue=rules.catalogue,
        lineage=lineage,
        units=units,
        same=SameRules.usual(rules.same),
        **booked(duty, lineage, units),
        **ruled(_settings(city.said, rules), city.zone, units, rules.days),
    )


def _settings(said: Mapping[str, Any], rules: RuleSet) -> dict[str, Any]:
    """Return the city's settings with the rules among them as they shall be."""
    return {
        **said, **rules.hours[""],
        "limits": {**said.get("limits", {}), **rules.stages},
    }  # fmt: skip


# ── making one ───────────────────────────────────────────────────────────────────────


def changes_of(kept: Kept | Run) -> Proposal:
    """Return the changes of a proposal that is kept, or of a run of it."""
    return Proposal(tuple(Change.read(change) for change in kept.changes))


def get(tx: Tx, proposal: int, *, lock: bool = False) -> Kept:
    """Return a proposal, or refuse a number that none has."""
    found = store.get(tx, proposal, lock=lock) if 0 < proposal < 2**62 else None
    if found is None:
        raise NotFound("proposal", str(proposal))
    return found


def make(tx: Tx, *, title: str, by: AccountId, at: datetime) -> int:
    """Begin a draft; return its number."""
    return store.add(tx, title=_titled(title), by=by, at=at)


def _titled(title: str) -> str:
    title = " ".join(title.split())
    if not 0 < len(title) <= MOST_TITLE:
        raise Untitled("title", title)
    return title


def restate(city: City, change: Change, *, on: date) -> Change:
    """Return a change with what it changes as that stands now, both in their one form."""
    known, rules = directory(city), rule_set(city, on=on)
    was = present(rules, known, change.subject, change.key)
    return normal(rules, replace(change, was=was), known)


def put(
    tx: Tx, city: City, proposal: int, changes: Sequence[Change], *, at: datetime,
    title: str | None = None, version: int | None = None,
) -> Kept:  # fmt: skip
    """Add changes to a draft, in place of earlier ones of the same things."""
    kept = _draft(tx, proposal, version)
    whole = changes_of(kept)
    for change in changes:
        if change.subject is Subject.RULE and not change.key:
            change = replace(change, key=whole.fresh_key())  # noqa: PLW2901
        whole = whole.with_change(restate(city, change, on=today(city, at)))
    return _written(tx, kept, whole, title)


def set_changes(
    tx: Tx, city: City, proposal: int, changes: Sequence[Change], *, at: datetime,
    title: str | None = None, version: int | None = None,
) -> Kept:  # fmt: skip
    """Let a draft have just these changes."""
    kept = _draft(tx, proposal, version)
    _written(tx, kept, Proposal(), title)
    return put(tx, city, proposal, changes, at=at)


def drop(tx: Tx, proposal: int, subject: Subject, key: str) -> Kept:
    """Take a change out of a draft."""
    kept = _draft(tx, proposal)
    return _written(tx, kept, changes_of(kept).without(subject, key), None)


def take_over(tx: Tx, city: City, proposal: int, *, at: datetime) -> Kept:
    """Let a draft start from the rules as they are now, whatever somebody changed meanwhile."""
    kept = _draft(tx, proposal)
    whole = Proposal(
        tuple(restate(city, change, on=today(city, at)) for change in changes_of(kept).changes)
    )
    return _written(tx, kept, whole, None)


def copy(tx: Tx, city: City, proposal: int, *, title: str, by: AccountId, at: datetime) -> int:
    """Make a draft with the changes of another proposal; return its number."""
    whole = changes_of(get(tx, proposal))
    made = make(tx, title=title, by=by, at=at)
    put(tx, city, made, whole.changes, at=at)
    return made


def _draft(tx: Tx, proposal: int, version: int | None = None) -> Kept:
    kept = get(tx, proposal, lock=True)
    if kept.state != "draft":
        raise NotADraft("proposal", kept.state)
    if version is not None and version != kept.version:
        raise Moved("version", version, now=kept.version)
    return kept


def _written(tx: Tx, kept: Kept, whole: Proposal, title: str | None) -> Kept:
    store.write(
        tx, kept.id, title=kept.title if title is None else _titled(title),
        changes=[change.record() for change in whole.changes],
    )  # fmt: skip
    return get(tx, kept.id)


def faults_of(city: City, kept: Kept, *, on: date) -> tuple[Refused, ...]:
    """Return what speaks against switching a draft on that day."""
    return faults(rule_set(city, on=on), changes_of(kept), directory(city), on=on)


# ── on and off ───────────────────────────────────────────────────────────────────────


def switch_on(
    tx: Tx, proposal: int, *, starts_on: date | None, reason: str, by: AccountId, at: datetime,
    version: int | None = None,
) -> Kept:  # fmt: skip
    """Put a draft in force: now, where its day is today, or let its day come.

    Cases that are dispatched keep their unit and their clocks.
    """
    if not reason.strip():
        raise NoReason("reason", "")
    city = _alone(tx, at)
    kept, day = _draft(tx, proposal, version), today(city, at)
    starts_on = starts_on or day
    if starts_on < day:
        raise DayOver("starts_on", starts_on.isoformat())
    found = faults_of(city, kept, on=starts_on)
    if found:
        raise found[0]
    if starts_on > day:
        store.move(tx, kept.id, "scheduled", starts_on=starts_on, by=by, reason=reason, rules={})
        _said(tx, kept, "proposal:scheduled", at, by, reason, {"from": starts_on.isoformat()})
        return get(tx, kept.id)
    return _in_force(tx, city, kept, on=day, by=by, reason=reason, at=at)


def _alone(tx: Tx, at: datetime) -> City:
    """Return the city as it is now, with every other change of it kept out until the end."""
    city_store.changed(tx)
    said: Mapping[str, Any] = city_store.setting(tx, "city") or {}
    return load(tx, on=at.astimezone(ZoneInfo(said.get("zone", "Asia/Shanghai"))).date())


def _in_force(
    tx: Tx, city: City, kept: Kept, *, on: date, by: AccountId | None, reason: str, at: datetime
) -> Kept:
    whole = changes_of(kept)
    made: dict[str, int] = {}
    for change in whole.changes:
        number = _write(tx, city, change, on=on, at=at)
        if change.subject is Subject.RULE and change.was is None and number is not None:
            made[change.key] = number
    _write_settings(tx, whole)
    store.move(tx, kept.id, "on", starts_on=on, by=by, reason=reason, rules=made)
    _said(tx, kept, "proposal:switched_on", at, by, reason, {"from": on.isoformat(), "rules": made})
    return get(tx, kept.id)


def switch_off(tx: Tx, proposal: int, *, reason: str, by: AccountId, at: datetime) -> Kept:
    """Let the rules be from now on as they were before a proposal; or take its day back.

    Refused where what it changed was changed again since, saying what and by which proposal.
    """
    if not reason.strip():
        raise NoReason("reason", "")
    city = _alone(tx, at)
    kept = get(tx, proposal, lock=True)
    if kept.state == "scheduled":
        store.move(tx, kept.id, "draft", starts_on=None, by=by, reason=reason, rules={})
        _said(tx, kept, "proposal:unscheduled", at, by, reason, {})
        return get(tx, kept.id)
    if kept.state != "on":
        raise NotInForce("proposal", kept.state)
    back, day = undone(kept), today(city, at)
    _unchanged_since(tx, city, kept, back, on=day)
    for change in back.changes:
        _write(tx, city, change, on=day, at=at)
    _write_settings(tx, back)
    store.move(tx, kept.id, "off", starts_on=kept.starts_on, by=by, reason=reason, rules=kept.rules)
    _said(tx, kept, "proposal:switched_off", at, by, reason, {"from": day.isoformat()})
    return get(tx, kept.id)


def undone(kept: Kept) -> Proposal:
    """Return the changes that take back what a proposal changed, its new rules by their numbers."""
    return Proposal(
        tuple(
            replace(
                change, was=change.now, now=change.was,
                key=str(kept.rules.get(change.key, change.key))
                if change.subject is Subject.RULE else change.key,
            )
            for change in reversed(changes_of(kept).changes)
        )
    )  # fmt: skip


def _unchanged_since(tx: Tx, city: City, kept: Kept, back: Proposal, *, on: date) -> None:
    """Refuse to take back what is no longer as the proposal left it."""
    rules, known = rule_set(city, on=on), directory(city)
    later = {rule.number for rule in city.written_rules if rule.valid_from > on}
    moved = [
        change
        for change in back.changes
        if present(rules, known, change.subject, change.key) != change.was
        or (change.subject is Subject.RULE and change.key in {str(n) for n in later})
    ]
    if not moved:
        return
    names = {(c.subject, c.key) for c in moved}
    others = [
        f"{other.title} ({other.id})"
        for other in store.in_force(tx)
        if other.id != kept.id and names & {(c.subject, c.key) for c in undone(other).changes}
    ]
    raise ChangedSince(
        "changes", ", ".join(change.name for change in moved),
        by="; ".join(others) or "—",
    )  # fmt: skip


def come(tx: Tx, city: City, *, at: datetime) -> int:
    """Put in force the proposals whose day has come; return how many were looked at.

    What can no longer be applied becomes a draft again, and the history says why.
    """
    waiting = store.due(tx, on=today(city, at))
    for kept in waiting:
        city = _alone(tx, at)
        day = today(city, at)
        found = faults_of(city, kept, on=day)
        if not found:
            _in_force(tx, city, kept, on=day, by=kept.decided_by, reason=kept.reason, at=at)
            continue
        store.move(tx, kept.id, "draft", starts_on=None, by=None, reason="", rules={})
        why = [{"field": refusal.field, "why": str(refusal)} for refusal in found]
        _said(tx, kept, "proposal:not_switched_on", at, None, kept.reason, {"faults": why})
    return len(waiting)


def _said(
    tx: Tx, kept: Kept, kind: str, at: datetime, by: AccountId | None, reason: str,
    more: Mapping[str, Any],
) -> None:  # fmt: skip
    says = {
        "proposal": kept.id, "title": kept.title, "reason": reason,
        "changes": list(kept.changes), **more,
    }  # fmt: skip
    city_facts.add(tx, kind, says, account=by, at=at)


# ── writing ──────────────────────────────────────────────────────────────────────────


def _write(tx: Tx, city: City, change: Change, *, on: date, at: datetime) -> int | None:
    """Write one change of what stands in a table of its own; return the number of a rule."""
    match change.subject:
        case Subject.RULE:
            return _write_rule(tx, city, change, on=on)
        case Subject.LIMIT:
            code, n = condition_key(change.key)
            category = city.catalogue.by_code(code)
            assert category is not None
            assert change.now is not None
            catalogues.end_limit(tx, category.id, n, at=at)
            catalogues.add_limit(tx, category.id, n, limit=change.now["limit"], at=at)
        case Subject.HOURS if change.key:
            city_store.set_unit_hours(tx, city.unit_codes[change.key].id, change.now)
        case Subject.DAY:
            day = date.fromisoformat(change.key)
            if change.now is None:
                city_store.drop_calendar_day(tx, day)
            else:
                said = (change.now["kind"], change.now.get("name", ""))
                city_store.add_calendar_days(tx, {day: said})
        case Subject.SAME if change.now is None:
            same_store.drop_rule(tx, change.key)
        case Subject.SAME:
            same_store.set_rule(tx, change.key, same_read(change.now or {}, change.name), at=at)
        case _:
            pass
    return None


def _write_rule(tx: Tx, city: City, change: Change, *, on: date) -> int | None:
    """End the version in force, and write the next, from the beginning of a day."""
    old = next(
        (r for r in rule_set(city, on=on).duty if str(r.number) == change.key), None
    )  # fmt: skip
    if old is not None:
        city_store.end_duty_rule(tx, old.id, on=on)
    if change.now is None:
        return None
    line = old.number if old else int(change.key) if change.key.isdigit() else None
    rule = rule_read(change.now, directory(city), field=change.name, line=line)
    if rule.over(on):
        return line
    catalogue = written_in(rule, old, city.lineage.current)
    number = city_store.add_duty_rule(tx, replace(rule, valid_from=on, catalogue=catalogue))
    return number if line is None else line


def _write_settings(tx: Tx, whole: Proposal) -> None:
    """Write what stands among the city's settings: stage limits and the city's hours."""
    touched = [
        change
        for change in whole.changes
        if change.subject is Subject.STAGE or (change.subject is Subject.HOURS and not change.key)
    ]
    if not touched:
        return

    def write(said: dict[str, Any]) -> None:
        for change in touched:
            now = dict(change.now or {})
            match change.subject:
                case Subject.STAGE:
                    said["limits"] = {**said.get("limits", {}), ClockKind(change.key): now["limit"]}
                case _:
                    said.update(now)

    city_store.change(tx, write)
