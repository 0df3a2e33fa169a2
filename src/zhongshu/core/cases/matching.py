"""When two reports speak of the same matter: near in place and time, of one class, in words.

The rule is a plain, explained one: a person can judge it, undo it, and a city can set it per
category. Two circles: within the inner one a report joins an open case by itself; within the
outer one the case is only suggested, to the reporter and to the desk. Nothing but open cases
is ever proposed. docs/decisions/0014-same-matter-measured.md says what the numbers rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from zhongshu.core.cases.lifecycle import Case, Stage
from zhongshu.core.place import Point, metres
from zhongshu.core.values import CategoryId, Refused
from zhongshu.core.words import words

#: A case past handling is no longer joined: a new report then says it is not fixed.
JOINABLE: frozenset[Stage] = frozenset(
    {Stage.RECEIVED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND}
)
#: How much less alike two matters are that are not of one class (of 100).
OTHER_CLASS = 30.0
#: The letters of a code that two categories of one major share: E-04-10 and E-04-96.
_MAJOR = 4
#: What place weighs against age in likeness; words take their share from both.
_PLACE, _AGE = 5 / 7, 2 / 7
#: Stands for a class that two matters are known to share.
_ONE = "one"


class BadRule(Refused):
    message = "%(field)s: %(value)s cannot be part of the rule for the same matter."
    remedy = "It must lie between %(least)s and %(most)s."


class Tie(StrEnum):
    """How the classes of two matters are related."""

    SAME = "same"
    MAJOR = "major"  # two minors of one major
    UNKNOWN = "unknown"  # the class of one of them is still open
    OTHER = "other"  # never suggested; a person may say so all the same


#: Between which numbers each part of a rule lies.
BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "metres": (0, 500), "hours": (0, 8784), "apart": (0, 720), "least": (0, 1),
        "words": (0, 100), "near_metres": (0, 500), "near_hours": (0, 8784),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRule:
    """How near counts as the same matter, for one kind of matter.

    A report joins an open case by itself (where ``joins``) within ``metres`` and ``hours`` of
    it, if it came at least ``apart`` hours after it and shares at least ``least`` of its words
    (0 to 1). Within ``near_metres`` and ``near_hours`` the case is only suggested. ``words`` is
    how much shared words count in likeness, of 100; they order, and never suggest by themselves.
    """

    metres: float = 50.0
    hours: float = 72.0
    apart: float = 0.0
    least: float = 0.0
    words: float = 30.0
    joins: bool = True
    near_metres: float = 100.0
    near_hours: float = 720.0

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            # Written so that NaN fails too.
            if not least <= getattr(self, name) <= most:
                raise BadRule(name, getattr(self, name), least=least, most=most)
        if self.near_metres < self.metres:
            raise BadRule("near_metres", self.near_metres, least=self.metres, most=500)
        if self.near_hours < self.hours:
            raise BadRule("near_hours", self.near_hours, least=self.hours, most=8784)

    # Plain arithmetic on purpose: these three work on whole columns of pairs too, so that
    # what is measured is the rule itself and not a copy of it.

    def holds(self, far: Any, age: Any, share: Any) -> Any:
        """Say whether ``far`` metres, ``age`` hours and ``share`` of the words are one matter."""
        return (
            (far <= self.metres) & (age >= self.apart) & (age <= self.hours) & (share >= self.least)
        )

    def suggests(self, far: Any, age: Any) -> Any:
        """Say whether it is near enough to be asked about."""
        return (far <= self.near_metres) & (age <= self.near_hours)

    def alike(self, far: Any, age: Any, share: Any, other: Any = 0.0) -> Any:
        """Return how alike, 0 to 100; ``other`` is 1 where the classes are not the same."""
        near = _PLACE * (1 - far / max(self.near_metres, 1.0))
        new = _AGE * (1 - age / max(self.near_hours, 1.0))
        return (100 - self.words) * (near + new) + self.words * share - OTHER_CLASS * other


@dataclass(frozen=True)
class SameRules:
    """The book of rules by the beginning of a category's code; the longest beginning wins.
    ``own`` are those among them that the city set.
    """

    rules: Mapping[str, SameRule] = field(default_factory=dict[str, SameRule])
    own: Mapping[str, SameRule] = field(default_factory=dict[str, SameRule])

    #: What things that move away, and come again as others, ask for: measured on cars parked
    #: where they may not (E-04 is the order of the street).
    USUAL = MappingProxyType({"": SameRule(), "E-04": SameRule(metres=30.0, hours=24.0)})

    @classmethod
    def usual(cls, said: Mapping[str, SameRule] | None = None) -> SameRules:
        """Return the rules that ship with the hub, but for those ``said``."""
        return cls({**cls.USUAL, **(said or {})}, said or {})

    def otherwise(self, code: str) -> SameRule:
        """Return the rule that would hold for a beginning of a code, had the city set none."""
        return self.usual({name: rule for name, rule in self.own.items() if name != code}).of(code)

    def of(self, code: str) -> SameRule:
        """Return the rule for a category's code; an unknown class has that for everything."""
        return self.rules[self.name(code)] if self.rules else _PLAIN

    def name(self, code: str) -> str:
        """Return which beginning of a code it is that the rule of a category stands under."""
        return max((p for p in self.rules if code.startswith(p)), key=len, default="")

    @property
    def widest(self) -> tuple[float, float]:
        """How far and how long back any rule may suggest: metres, hours."""
        every = list(self.rules.values()) or [_PLAIN]
        return max(r.near_metres for r in every), max(r.near_hours for r in every)

    @property
    def longest(self) -> float:
        """How long back a report may join by itself, by any rule, in hours."""
        return max((r.hours for r in self.rules.values() if r.joins), default=_PLAIN.hours)


_PLAIN = SameRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a report or a case is compared by: when, where, of which class, in which words."""

    at: datetime
    place: Point
    code: str
    words: frozenset[str]

    @classmethod
    def said(cls, text: str, *, at: datetime, place: Point, code: str) -> Matter:
        return cls(at=at, place=place, code=code, words=frozenset(words(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two matters side by side: the reasons a person can check.

    ``hours`` lie between them, whichever came first; ``likeness`` is the share of words they
    have in common (0 to 1) and ``shared`` those words; ``joins`` says that the rule would join
    the later to the earlier by itself; ``alike`` orders, 100 is the most.
    """

    metres: float
    hours: float
    tie: Tie
    likeness: float
    shared: tuple[str, ...]
    joins: bool
    alike: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Comparison):
    """A case that may be the same matter, with the reasons."""

    case: Case


def tie(one: str, other: str) -> Tie:
    """Return how two categories are related by their codes."""
    if not one or not other:
        return Tie.UNKNOWN
    if one == other:
        return Tie.SAME
    return Tie.MAJOR if one[:_MAJOR] == other[:_MAJOR] else Tie.OTHER


def compared(one: Matter, other: Matter, rule: SameRule) -> Comparison | None:
    """Compare two matters by a rule; None where it would not even suggest one for the other."""
    kin = tie(one.code, other.code)
    age = abs((one.at - other.at).total_seconds()) / 3600
    if kin is Tie.OTHER or age > rule.near_hours:
        return None
    far = metres(one.place, other.place)
    return _compared(one, other, rule, kin, far, age) if far <= rule.near_metres else None


def _compared(
    one: Matter, other: Matter, rule: SameRule, kin: Tie, far: float, age: float
) -> Comparison:
    common = one.words & other.words
    share = len(common) / len(one.words | other.words) if common else 0.0
    same = kin is Tie.SAME
    return Comparison(
        metres=far, hours=age, tie=kin, likeness=share, shared=tuple(sorted(common)),
        joins=same and rule.joins and bool(rule.holds(far, age, share)),
        alike=rule.alike(far, age, share, 0.0 if same else 1.0),
    )  # fmt: skip


def same_matter(
    *,
    at: datetime,
    place: Point,
    category: CategoryId,
    text: str,
    candidates: Iterable[Case],
    rule: SameRule,
    alike: Collection[CategoryId] = (),
) -> Sequence[Match]:
    """Return the open cases that a report joins by the rule, the most alike first.

    Cases reported after ``at`` do not count, nor any without a place. ``alike`` are what the
    category is called in other versions of the catalogue.
    """
    me = Matter.said(text, at=at, place=place, code=_ONE)
    oldest = at - timedelta(hours=rule.hours)
    found: list[Match] = []
    for case in candidates:
        if (case.category != category and case.category not in alike) or case.stage not in JOINABLE:
            continue
        if oldest <= case.reported_at <= at:
            seen = _seen(me, case, _ONE, rule)
            if seen is not None and seen.joins:
                found.append(seen)
    return sorted(found, key=_best)


def suggestions(
    matter: Matter, cases: Iterable[Case], rules: SameRules, code_of: Callable[[Case], str]
) -> Sequence[Match]:
    """Return the open cases that may be the same matter, the most alike first.

    ``code_of`` gives a case's category (empty where it is still open). The rule is that of
    the matter's own class; where that is not known, of the case's.
    """
    found: list[Match] = []
    for case in cases:
        if case.stage in JOINABLE:
            code = code_of(case)
            seen = _seen(matter, case, code, rules.of(matter.code or code))
            if seen is not None:
                found.append(seen)
    return sorted(found, key=_best)


def worth_asking(matches: Sequence[Match], rules: SameRules, code: str) -> Sequence[Match]:
    """Return the suggestions a reporter is to be asked about: all or none of them.

    Related classes alone are worth a question only within the inner circle.
    """
    rule = rules.of(code)
    worth = any(m.tie is Tie.SAME or rule.holds(m.metres, m.hours, 1.0) for m in matches)
    return matches if worth else ()


def between(matter: Matter, case: Case, *, code: str, rule: SameRule) -> Match | None:
    """Return how a matter and a case compare, however far apart; None for a case without a
    place.
    """
    other = _matter(case, code)
    if other is None:
        return None
    far = metres(matter.place, other.place)
    age = abs((matter.at - other.at).total_seconds()) / 3600
    return _matched(case, _compared(matter, other, rule, tie(matter.code, code), far, age))


def _seen(matter: Matter, case: Case, code: str, rule: SameRule) -> Match | None:
    other = _matter(case, code)
    seen = compared(matter, other, rule) if other is not None else None
    return None if seen is None else _matched(case, seen)


def _matter(case: Case, code: str) -> Matter | None:
    if case.lon is None or case.lat is None:
        return None
    return Matter.said(case.title, at=case.reported_at, place=Point(case.lon, case.lat), code=code)


def _matched(case: Case, seen: Comparison) -> Match:
    return Match(
        case=case, metres=seen.metres, hours=seen.hours, tie=seen.tie, likeness=seen.likeness,
        shared=seen.shared, joins=seen.joins, alike=seen.alike,
    )  # fmt: skip


def _best(match: Match) -> tuple[float, int]:
    return -match.alike, match.case.id
