"""规则方案, rule proposals: changes to the city's rules that bind nobody until they are switched on.

A proposal is a set of changes, each of one subject: what was, and what shall be, as plain
data. So the same few lines apply it to rules in memory, find out that somebody changed the
same thing meanwhile, and put everything back. Fields of a duty rule are taken from its
class: a condition that rules learn later is carried along without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, time
from enum import StrEnum
from functools import cached_property
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from zhongshu.core.calendar import Limit, LimitUnit, parse_limit
from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.cases.matching import BadRule, SameRule, SameRules
from zhongshu.core.catalogue import Catalogue, Category
from zhongshu.core.dispatch import DutyRule, Lead, Window
from zhongshu.core.grid.areas import Tree
from zhongshu.core.values import Refused, Span, UnitId

Data = Mapping[str, Any]


class Subject(StrEnum):
    """What a proposal can change."""

    RULE = "rule"  # 派单规则; key: the rule's number, or new-1, new-2 …
    LIMIT = "limit"  # 立案条件的时限; key: category code, with :2 for its second condition …
    STAGE = "stage"  # 环节时限; key: the kind of clock
    HOURS = "hours"  # 工作时段; key: code of a unit, empty for the city
    DAY = "day"  # 节假日与调休; key: the day
    SAME = "same"  # 同一事项; key: the beginning of a category's code, empty for everything


#: The stages whose limits a city sets; handling has the limit of its filing condition.
STAGES = (ClockKind.ACCEPT, ClockKind.DISPATCH, ClockKind.CHECK, ClockKind.WHOLE)
#: The longest limit, in days: calendars are not made for ever.
MOST_DAYS = 1000


class UnknownSubject(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Name what the change is about."


class UnknownKey(Refused):
    message = "%(field)s: there is no “%(value)s” whose rule could be changed."
    remedy = "Name a rule in force, a category with such a condition, a stage, a unit or a day."


class UnknownPart(Refused):
    message = "%(field)s: “%(value)s” is nothing such a rule has."
    remedy = "Use only the fields the interface describes."


class UnknownUnit(Refused):
    message = "%(field)s: there is no unit “%(value)s” at work."
    remedy = "Use the code of one of the active units."


class UnknownArea(Refused):
    message = "%(field)s: there is no area “%(value)s”."
    remedy = "Use the code of one of the city's areas, or leave it empty for the whole city."


class LimitTooLong(Refused):
    message = "%(field)s: %(value)s is longer than %(most)d days."
    remedy = "Choose a shorter limit; what cannot be done in years is put on hold with a date."


class UnreadableHours(Refused):
    message = "%(field)s: “%(value)s” are no hours."
    remedy = "Write periods in order that do not touch, such as 08:00-12:00, 14:00-18:00, and days from 0 (Monday) to 6; some day must be worked."


class UnreadableDay(Refused):
    message = "%(field)s: “%(value)s” is not accepted for a day."
    remedy = "Write the day as 2026-12-31 and what it is: holiday, workday, or nothing."


class LeadUnclear(Refused):
    message = "%(field)s: “%(value)s” does not say who leads."
    remedy = "Name a unit and nothing else, or say owner or maintainer and name no unit."


class UnreadableSame(Refused):
    message = "%(field)s: “%(value)s” is not accepted for a rule for the same matter."
    remedy = "Give numbers, and true or false for what joins by itself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. ``was`` and ``now`` are JSON-ready; None: it was not there, or will not be."""

    subject: Subject
    key: str
    was: Data | None = None
    now: Data | None = None

    @property
    def name(self) -> str:
        """How refusals and the interface name it: ``rule.17``."""
        return f"{self.subject}.{self.key}" if self.key else str(self.subject)

    def record(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"subject": str(self.subject), "key": self.key, "was": self.was, "now": self.now}

    @classmethod
    def read(cls, said: Data) -> Change:
        """Undo `record`."""
        try:
            subject = Subject(said["subject"])
        except ValueError:
            raise UnknownSubject("subject", said["subject"], choices=", ".join(Subject)) from None
        return cls(
            subject=subject, key=said.get("key", ""), was=said.get("was"), now=said.get("now")
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A frozen set of changes, each thing changed once."""

    changes: tuple[Change, ...] = ()

    def of(self, subject: Subject) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.subject is subject)

    def find(self, subject: Subject, key: str) -> Change | None:
        return next((c for c in self.changes if (c.subject, c.key) == (subject, key)), None)

    def with_change(self, change: Change) -> Proposal:
        """Return the proposal with one more change, in place of an earlier one of the same thing."""
        same = [c for c in self.changes if (c.subject, c.key) == (change.subject, change.key)]
        if not same:
            return Proposal((*self.changes, change))
        return Proposal(tuple(change if c is same[0] else c for c in self.changes))

    def without(self, subject: Subject, key: str) -> Proposal:
        return Proposal(tuple(c for c in self.changes if (c.subject, c.key) != (subject, key)))

    def fresh_key(self) -> str:
        """Return a key for one more new rule."""
        taken = {c.key for c in self.of(Subject.RULE)}
        return next(key for n in range(1, len(taken) + 2) if (key := f"new-{n}") not in taken)


@dataclass(frozen=True)
class Directory:
    """The names a change may use: units by code, and the areas; ``read`` returns a duty rule as
    the city goes by it today, one for each code that its own has become.
    """

    units: Mapping[str, UnitId]
    active: frozenset[UnitId]
    tree: Tree
    read: Callable[[DutyRule], Sequence[DutyRule]] = lambda rule: (rule,)

    @cached_property
    def _codes(self) -> Mapping[UnitId, str]:
        return {unit: code for code, unit in self.units.items()}

    @cached_property
    def _areas(self) -> Mapping[Span, str]:
        """Codes that lead back to their span: a code that several levels share does not."""
        return {
            area.span: area.code
            for area in self.tree
            if (found := self.tree.named(area.code)) is not None and found.span == area.span
        }

    def code(self, unit: UnitId) -> str:
        return self._codes.get(unit, str(unit))

    def area(self, span: Span) -> str:
        """Return an area's code, or its ends where no area has just this span."""
        return self._areas.get(span) or f"{span.lo}-{span.hi}"

    def span(self, code: str, field: str) -> Span:
        found = self.tree.named(code)
        if found is not None:
            return found.span
        ends = re.fullmatch(r"(\d{1,19})-(\d{1,19})", code)
        if ends is None or int(ends[1]) >= int(ends[2]):
            raise UnknownArea(field, code)
        return Span(int(ends[1]), int(ends[2]))

    def unit(self, code: str, field: str) -> UnitId:
        found = self.units.get(code)
        if found is None:
            raise UnknownUnit(field, code)
        return found


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """All that a proposal can change, as it stands on one day.

    ``duty`` are the versions in force that day as they are written, also those of units no
    longer at work; ``stages`` are limits as written; ``hours`` by unit code, the city's under
    ``""``; ``days`` are kind and name of holidays and make-up workdays; ``same`` are the rules
    for the same matter that the city set itself.
    """

    duty: tuple[DutyRule, ...]
    catalogue: Catalogue
    stages: Mapping[ClockKind, str]
    hours: Mapping[str, Data]
    days: Mapping[date, tuple[str, str]]
    same: Mapping[str, SameRule]


# ── a duty rule as plain data ────────────────────────────────────────────────────────

#: Which version of a rule this is, is not part of what it says; nor in which catalogue its code
#: is written, and how deep its owner stands.
_NOT_SAID = frozenset({"id", "line", "valid_from", "catalogue", "owner_depth"})
#: What a rule brings about; every other field is a condition on when it does.
_BRINGS = frozenset(
    {"unit", "co_units", "forbidden", "clause", "priority", "auto", "valid_until", *_NOT_SAID}
)
_FIELDS = {field.name: field for field in fields(DutyRule)}
#: How each field is said follows from its type alone.
_TYPES: Mapping[str, Any] = get_type_hints(DutyRule)


def rule_said(rule: DutyRule, known: Directory) -> dict[str, Any]:
    """Return what a rule says as JSON-ready data, units and areas by their codes."""
    return {name: _plain(getattr(rule, name), _TYPES[name], known) for name in _FIELDS if name not in _NOT_SAID}  # fmt: skip


def _plain(value: Any, kind: Any, known: Directory) -> Any:
    if value is None:
        return "" if UnitId in get_args(kind) or Span in get_args(kind) else None
    if isinstance(value, tuple | frozenset):
        of = get_args(kind)[0]
        each = [_plain(one, of, known) for one in cast("Iterable[Any]", value)]
        return sorted(each) if isinstance(value, frozenset) else each
    if isinstance(value, Window):
        return {"days": sorted(value.days), "start": f"{value.start:%H:%M}", "end": f"{value.end:%H:%M}"}  # fmt: skip
    if isinstance(value, Span):
        return known.area(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Lead):
        return value.value
    return known.code(value) if UnitId in (kind, *get_args(kind)) else value


def rule_read(
    said: Data, known: Directory, *, field: str, id: int = 0, line: int | None = None,
    catalogue: int | None = None,
) -> DutyRule:  # fmt: skip
    """Undo `rule_said`; what cannot be read is refused by name."""
    strange = said.keys() - _FIELDS.keys() | said.keys() & _NOT_SAID
    if strange:
        raise UnknownPart(field, min(strange))
    read = {n: _read(value, _TYPES[n], known, f"{field}.{n}") for n, value in said.items()}
    if read.get("unit") is None and read.get("lead", Lead.UNIT) is Lead.UNIT:
        raise UnknownUnit(f"{field}.unit", "")
    try:
        return DutyRule(id=id, line=line, catalogue=catalogue, **read)
    except (TypeError, ValueError):
        raise LeadUnclear(f"{field}.lead", said.get("lead")) from None


def _read(value: Any, kind: Any, known: Directory, field: str) -> Any:
    parts = get_args(kind)
    if NoneType in parts and not value:
        return None
    if get_origin(kind) in (tuple, frozenset):
        each = (_read(one, parts[0], known, field) for one in value)
        return tuple(each) if get_origin(kind) is tuple else frozenset(each)
    if kind is Window:
        return _window_read(value, field)
    if kind is Lead:
        if value not in list(Lead):
            raise LeadUnclear(field, value)
        return Lead(value)
    if Span in parts:
        return known.span(value, field)
    if date in parts:
        return _day(value, field)
    return known.unit(value, field) if UnitId in (kind, *parts) else value


def _window_read(said: Data, field: str) -> Window:
    try:
        days = frozenset(int(day) for day in said["days"])
        start, end = time.fromisoformat(said["start"]), time.fromisoformat(said["end"])
    except (KeyError, ValueError, TypeError):
        raise UnreadableHours(field, str(dict(said))) from None
    if not days or not days <= frozenset(range(7)):
        raise UnreadableHours(field, str(sorted(days)))
    return Window(days=days, start=start, end=end)


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableDay(field, text) from None


def at_work(rule: DutyRule, known: Directory) -> bool:
    """Say whether the unit a rule names, if it names one, is at work."""
    return rule.unit is None or rule.unit in known.active


# ── applying ─────────────────────────────────────────────────────────────────────────


def present(rules: RuleSet, known: Directory, subject: Subject, key: str) -> Data | None:
    """Return how a thing stands now, as a change would say it; None where it does not."""
    match subject:
        case Subject.RULE:
            found = _in_force(rules, key)
            return None if found is None else rule_said(found, known)
        case Subject.LIMIT:
            at = _condition(rules.catalogue, key)
            return None if at is None else {"limit": str(at[0].conditions[at[1]].limit)}
        case Subject.STAGE:
            return {"limit": rules.stages[ClockKind(key)]} if key in STAGES else None
        case Subject.HOURS:
            return rules.hours.get(key)
        case Subject.DAY:
            found = rules.days.get(_day(key, f"day.{key}"))
            return None if found is None else {"kind": found[0], "name": found[1]}
        case Subject.SAME:
            own = rules.same.get(key)
            return None if own is None else asdict(own)


def _in_force(rules: RuleSet, key: str) -> DutyRule | None:
    return next((rule for rule in rules.duty if str(rule.number) == key), None)


def _condition(catalogue: Catalogue, key: str) -> tuple[Category, int] | None:
    """Return the category a key names, and which of its conditions."""
    code, number = condition_key(key)
    category = catalogue.by_code(code)
    if category is None or not 1 <= number <= len(category.conditions):
        return None
    return category, number - 1


def condition_key(key: str) -> tuple[str, int]:
    """Return the code of the category a key names, and the number of its condition: 1 where
    none is said, 0 where it is no number.
    """
    code, colon, number = key.partition(":")
    if not colon:
        return code, 1
    # The first has one key only, so that a thing is never changed under two names.
    return code, int(number) if re.fullmatch(r"[2-9]|[1-9]\d{1,3}", number) else 0


def as_changed(rules: RuleSet, proposal: Proposal, known: Directory) -> RuleSet:
    """Return the rules with a proposal applied; what cannot be read is refused by name.

    New rules get identities after all that are there, in the order of the proposal: so
    they stand behind older rules of the same rank, as they will once they are written.
    """
    first = _next(rules)
    for n, change in enumerate(proposal.changes):
        rules = _changed(rules, change, known, first + n)
    return rules


def _next(rules: RuleSet) -> int:
    """Return the first identity after those of all rules, and after their numbers."""
    return 1 + max((max(rule.id, rule.number) for rule in rules.duty), default=0)


def _changed(rules: RuleSet, change: Change, known: Directory, fresh: int) -> RuleSet:
    name, now = change.name, change.now
    match change.subject:
        case Subject.RULE:
            return replace(rules, duty=_duty(rules, change, known, fresh))
        case Subject.LIMIT:
            return replace(rules, catalogue=_limited(rules.catalogue, change))
        case Subject.STAGE:
            if change.key not in STAGES or now is None:
                raise UnknownKey("stage", change.key)
            limit = str(_limit(now, name))
            return replace(rules, stages={**rules.stages, ClockKind(change.key): limit})
        case Subject.HOURS:
            return replace(rules, hours=_worked(rules, change, known))
        case Subject.DAY:
            day = _day(change.key, name)
            days = {**rules.days}
            days.pop(day, None)
            if now is not None:
                if now.get("kind") not in ("holiday", "workday"):
                    raise UnreadableDay(name, now.get("kind"))
                days[day] = (now["kind"], now.get("name", ""))
            return replace(rules, days=dict(sorted(days.items())))
        case Subject.SAME:
            return replace(rules, same=_alike(rules, change))


def _duty(rules: RuleSet, change: Change, known: Directory, fresh: int) -> tuple[DutyRule, ...]:
    old = _in_force(rules, change.key)
    others = tuple(rule for rule in rules.duty if rule is not old)
    new = change.was is None and change.key.startswith("new-")
    if (old is None) is not new or (new and change.now is None):
        raise UnknownKey("rule", change.key)
    if change.now is None:
        return others
    line = None if old is None else old.number
    made = rule_read(change.now, known, field=change.name, id=fresh, line=line)
    return (*others, replace(made, catalogue=written_in(made, old, rules.catalogue.version)))


def written_in(rule: DutyRule, old: DutyRule | None, current: int) -> int | None:
    """Return the version of the catalogue a changed rule's code is written in: that of the rule
    before, where the code is still the same.
    """
    return old.catalogue if old is not None and old.category == rule.category else current


def _limited(catalogue: Catalogue, change: Change) -> Catalogue:
    at = _condition(catalogue, change.key)
    if at is None or change.now is None:
        raise UnknownKey("limit", change.key)
    limit = _limit(change.now, change.name)
    return catalogue.limited({(at[0].id, at[1] + 1): limit})


def _limit(said: Data, field: str) -> Limit:
    limit = parse_limit(str(said.get("limit", "")), field=field)
    days = float(limit.amount) / (24 if limit.unit in (LimitUnit.UH, LimitUnit.WH) else 1)
    if days > MOST_DAYS:
        raise LimitTooLong(field, str(limit), most=MOST_DAYS)
    return limit


def _worked(rules: RuleSet, change: Change, known: Directory) -> Mapping[str, Data]:
    if change.key:
        known.unit(change.key, "hours")
    if change.now is not None:
        zone = rules.hours.get(change.key, {}).get("zone")
        said = {"zone": zone, **change.now}
        return {**rules.hours, change.key: hours_read(said, change.name)}
    if not change.key:
        raise UnknownKey("hours", "")
    return {unit: said for unit, said in rules.hours.items() if unit != change.key}


def hours_read(said: Data, field: str) -> dict[str, Any]:
    """Return work hours in the one form they are kept in, or refuse them."""
    periods: list[list[str]] = []
    try:
        edges = [time.fromisoformat(str(e)) for p in said.get("periods", ()) for e in p]
        days = sorted({int(day) for day in said.get("days_off", ())})
    except (TypeError, ValueError):
        raise UnreadableHours(field, said.get("periods")) from None
    if not edges or len(edges) % 2 or edges != sorted(set(edges)):
        raise UnreadableHours(field, said.get("periods"))
    if not frozenset(days) < frozenset(range(7)):
        raise UnreadableHours(field, days)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        periods.append([f"{start:%H:%M}", f"{end:%H:%M}"])
    zone = {"zone": said["zone"]} if said.get("zone") else {}
    return {
        "periods": periods, "days_off": days, "holidays_too": bool(said.get("holidays_too")), **zone
    }  # fmt: skip


def _alike(rules: RuleSet, change: Change) -> Mapping[str, SameRule]:
    """Return the city's own rules for the same matter with one set or taken back. What is not
    said of a rule stays as in the one that holds.
    """
    key, now = change.key, change.now
    if (
        key
        and key not in rules.same
        and not any(c.code.startswith(key) for c in rules.catalogue.categories)
    ):
        raise UnknownKey("same", key)
    if now is None:
        return {code: rule for code, rule in rules.same.items() if code != key}
    holds = SameRules.usual(rules.same).of(key)
    return {**rules.same, key: same_read({**asdict(holds), **now}, change.name)}


def same_read(said: Data, field: str) -> SameRule:
    """Return a rule for the same matter, each number a float, or refuse it by its part."""
    parts: dict[str, Any] = {}
    for name, value in said.items():
        if name not in SameRule.__dataclass_fields__:
            raise UnknownPart(field, name)
        if (name == "joins") is not isinstance(value, bool) or not isinstance(value, int | float):
            raise UnreadableSame(f"{field}.{name}", value)
        parts[name] = value if name == "joins" else float(value)
    try:
        return SameRule(**parts)
    except BadRule as bad:
        bounds = {"least": bad.details["least"], "most": bad.details["most"]}
        raise BadRule(f"{field}.{bad.field}", bad.value, **bounds) from None


def normal(rules: RuleSet, change: Change, known: Directory) -> Change:
    """Return a change in the one form it is kept in, or refuse what cannot be read."""
    after = _changed(rules, change, known, _next(rules))
    if change.subject is Subject.RULE:
        made = None if change.now is None else rule_said(after.duty[-1], known)
        return replace(change, now=made)
    return replace(change, now=present(after, known, change.subject, change.key))


def standing(duty: Iterable[DutyRule], known: Directory) -> tuple[DutyRule, ...]:
    """Return rules of units at work, as the city goes by them, as if they had always been in
    force and always would be.
    """
    return tuple(
        replace(now, valid_from=date.min, valid_until=None)
        for rule in duty
        if at_work(rule, known)
        for now in known.read(rule)
    )


def conditions(rule: DutyRule) -> tuple[Any, ...]:
    """Return all that must hold for a rule to fire, whatever it then brings about."""
    return tuple(getattr(rule, name) for name in _FIELDS if name not in _BRINGS)
