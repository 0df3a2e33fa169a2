"""Versions of the catalogue: which is in force, what one changes, which code became which.

A version is a draft until it is given a day from which it is in force. Cases keep the category
they were filed under; `Lineage` says what that category is called today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import ClassVar

from zhongshu.core.catalogue import Catalogue, Category, Condition
from zhongshu.core.catalogue_table import cells_of, condition_cells
from zhongshu.core.values import CategoryId, Refused


class VersionState(StrEnum):
    """Where a version of the catalogue stands."""

    DRAFT = "draft"  # 草稿
    SCHEDULED = "scheduled"  # 待生效
    IN_FORCE = "in_force"  # 现行
    FORMER = "former"  # 曾生效
    SET_ASIDE = "set_aside"  # 已搁置


class VersionAct(StrEnum):
    """What may be done to a version."""

    EDIT = "edit"
    ENACT = "enact"  # put in force from a day
    WITHDRAW = "withdraw"


_S, _A = VersionState, VersionAct
#: All that may happen to a version. One in force is undone by enacting the one before it again.
VERSION_ACTS: Mapping[tuple[VersionState, VersionAct], tuple[VersionState, ...]] = MappingProxyType(
    {
        (_S.DRAFT, _A.EDIT): (_S.DRAFT,),
        (_S.DRAFT, _A.ENACT): (_S.SCHEDULED, _S.IN_FORCE),
        (_S.DRAFT, _A.WITHDRAW): (_S.SET_ASIDE,),
        (_S.SCHEDULED, _A.WITHDRAW): (_S.DRAFT, _S.FORMER),
        (_S.FORMER, _A.ENACT): (_S.SCHEDULED, _S.IN_FORCE),
    }
)


class CatalogueFact(StrEnum):
    """What is kept of every change: who did it, when, and what."""

    DRAFTED = "catalogue:drafted"
    IMPORTED = "catalogue:imported"
    EDITED = "catalogue:edited"
    ENACTED = "catalogue:enacted"
    WITHDRAWN = "catalogue:withdrawn"


class VersionMoved(Refused):
    status: ClassVar[int] = 409
    message = "Version %(value)s is “%(state)s”: “%(act)s” cannot be done now."
    remedy = "One in force is undone by putting an earlier one in force again; others are copied into a new draft."


class PastDay(Refused):
    message = "%(field)s: %(value)s is past: cases have been filed since."
    remedy = "Choose today (%(today)s) or a later day."


class NoCategories(Refused):
    message = "Version %(value)s has no category in use."
    remedy = "Bring categories in before it comes into force."


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version in a list: its name, the days from which it is in force (none withdrawn), the
    version that was in force when it was made, and how much stands in it.
    """

    number: int
    name: str
    based_on: int | None = None
    days: tuple[date, ...] = ()
    set_aside: bool = False
    categories: int = 0
    conditions: int = 0


def in_force(terms: Iterable[tuple[date, int]], on: date) -> int | None:
    """Return the version in force on a day, of terms ``(first day, version)`` in the order in
    which they were decided: the latest day counts, of the same day the later decision.
    """
    found: tuple[date, int] | None = None
    for day, number in terms:
        if day <= on and (found is None or day >= found[0]):
            found = (day, number)
    return None if found is None else found[1]


def state_of(version: Version, *, current: int | None, today: date) -> VersionState:
    """Return where a version stands on a day, ``current`` being the one in force."""
    if version.set_aside:
        return VersionState.SET_ASIDE
    if version.number == current:
        return VersionState.IN_FORCE
    if any(day > today for day in version.days):
        return VersionState.SCHEDULED
    return VersionState.FORMER if version.days else VersionState.DRAFT


def check_act(version: Version, state: VersionState, act: VersionAct) -> None:
    """Refuse what the table does not list."""
    if (state, act) not in VERSION_ACTS:
        raise VersionMoved("version", version.number, state=state.value, act=act.value)


# ── what a version changes ───────────────────────────────────────────────────────────


class ChangeKind(StrEnum):
    """What became of a category, or of a condition."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs: of the category, or of the condition with this number (in the
    newer version; a removed one has its old number).
    """

    field: str
    was: str
    now: str
    n: int | None = None
    kind: ChangeKind = ChangeKind.CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChange:
    """What became of one category."""

    kind: ChangeKind
    category: Category
    fields: tuple[FieldChange, ...] = ()


def difference(old: Sequence[Category], new: Sequence[Category]) -> tuple[CategoryChange, ...]:
    """Return what differs between two catalogues, category by category in order of code."""
    was, now = {c.code: c for c in old}, {c.code: c for c in new}
    found: list[CategoryChange] = []
    for code in sorted(was.keys() | now.keys()):
        before, after = was.get(code), now.get(code)
        if before is None and after is not None:
            found.append(CategoryChange(kind=ChangeKind.ADDED, category=after))
        elif after is None and before is not None:
            found.append(CategoryChange(kind=ChangeKind.REMOVED, category=before))
        elif before is not None and after is not None:
            fields = changes_of(before, after)
            if fields:
                found.append(CategoryChange(kind=ChangeKind.CHANGED, category=after, fields=fields))
    return tuple(found)


def changes_of(before: Category, after: Category) -> tuple[FieldChange, ...]:
    """Return the fields in which two categories of one code differ."""
    was, now = cells_of(before), cells_of(after)
    fields = [
        FieldChange(field=name, was=was[name], now=now[name])
        for name in was
        if was[name] != now[name]
    ]
    return (*fields, *_condition_changes(before.conditions, after.conditions))


def _condition_changes(
    old: Sequence[Condition], new: Sequence[Condition]
) -> Iterable[FieldChange]:  # fmt: skip
    """Yield what differs; conditions are paired by their words, the rest by their order."""
    words = SequenceMatcher(a=[c.text for c in old], b=[c.text for c in new], autojunk=False)
    for _, a, a_end, b, b_end in words.get_opcodes():
        both = min(a_end - a, b_end - b)
        for k in range(both):
            was, now = condition_cells(old[a + k]), condition_cells(new[b + k])
            for name in was:
                if was[name] != now[name]:
                    yield FieldChange(field=name, was=was[name], now=now[name], n=b + k + 1)
        for k in range(a + both, a_end):
            yield _whole(old[k], k + 1, ChangeKind.REMOVED)
        for k in range(b + both, b_end):
            yield _whole(new[k], k + 1, ChangeKind.ADDED)


def _whole(condition: Condition, n: int, kind: ChangeKind) -> FieldChange:
    text, limit = condition.text.zh or condition.text.en, str(condition.limit)
    gone = kind is ChangeKind.REMOVED
    return FieldChange(
        field="condition", was=f"{text} · {limit}" if gone else "",
        now="" if gone else f"{text} · {limit}", n=n, kind=kind,
    )  # fmt: skip


# ── which code became which ──────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Lineage:
    """How the categories of the versions that were in force read in the one in force now.

    ``based_on`` is the version each was made under; ``pairs`` what was said between the two
    as ``(old code, new code)``. Where nothing is said of a code, the same code is the same
    category; where something is, only that counts.
    """

    current: int
    versions: Mapping[int, Catalogue]
    based_on: Mapping[int, int | None]
    pairs: Mapping[tuple[int, int], Sequence[tuple[str, str]]]

    @cached_property
    def owners(self) -> Mapping[int, tuple[int, Category]]:
        """Category identity → its version's number, and the category."""
        return {
            one.id: (number, one)
            for number, catalogue in self.versions.items()
            for one in catalogue.categories
        }

    @cached_property
    def codes(self) -> Mapping[int, tuple[str, ...]]:
        """Category identity → the codes it has today; its own where it leads nowhere."""
        ways = {number: self._way(number, self.current) for number in self.versions}
        return {
            id_: self._along(ways[number], one.code) or (one.code,)
            for id_, (number, one) in self.owners.items()
        }

    @cached_property
    def _named(self) -> Mapping[str, frozenset[CategoryId]]:
        found: dict[str, set[CategoryId]] = {}
        for id_, codes in self.codes.items():
            for code in codes:
                found.setdefault(code, set()).add(CategoryId(id_))
        return {code: frozenset(ids) for code, ids in found.items()}

    def named(self, text: str, *, exactly: bool = False) -> frozenset[CategoryId]:
        """Return the categories, of any version, that have this code (or beginning of one)
        today, or had exactly this code where it is in use no more.
        """
        current = self.versions.get(self.current)
        found: set[CategoryId] = set(self._named.get(text, ()))
        if not exactly:
            found.update(*(ids for code, ids in self._named.items() if code.startswith(text)))
        if current is None or current.by_code(text) is None:
            found |= {CategoryId(i) for i, (_, one) in self.owners.items() if one.code == text}
        return frozenset(found)

    def alike(self, category: CategoryId) -> frozenset[CategoryId]:
        """Return the categories, of any version, that are this one: itself among them."""
        found = frozenset({category})
        for code in self.codes.get(category, ()):
            found |= self._named[code]
        return found

    def successors(self, code: str, version: int | None = None) -> tuple[str, ...]:
        """Return what a code of a version (or of the latest former one that has it) is today."""
        if version is not None:
            return self._along(self._way(version, self.current), code)
        for number in sorted(self.versions.keys() - {self.current}, reverse=True):
            if self.versions[number].by_code(code) is not None:
                return self._along(self._way(number, self.current), code)
        return ()

    def _way(self, old: int, new: int) -> tuple[tuple[int, int], ...]:
        """Return the steps between two versions: up to what both were made under, and down."""
        up, down = self._above(old), self._above(new)
        common = next((number for number in up if number in down), None)
        if common is None:
            return ((old, new),)
        rising = up[: up.index(common) + 1]
        falling = down[: down.index(common) + 1][::-1]
        steps = [*rising, *falling[1:]]
        return tuple(pairwise(steps))

    def _above(self, number: int) -> list[int]:
        chain = [number]
        while (above := self.based_on.get(chain[-1])) is not None and above not in chain:
            chain.append(above)
        return chain

    def _along(self, way: Sequence[tuple[int, int]], code: str) -> tuple[str, ...]:
        codes: tuple[str, ...] = (code,)
        for old, new in way:
            codes = tuple(dict.fromkeys(to for one in codes for to in self._step(old, new, one)))
        return codes

    def _step(self, old: int, new: int, code: str) -> tuple[str, ...]:
        there = self.versions.get(new)
        if there is None:
            return ()
        if self.based_on.get(old) == new:
            return tuple(to for to in _before(self.pairs.get((new, old), ()), code) if there.by_code(to))  # fmt: skip
        return tuple(to for to in _after(self.pairs.get((old, new), ()), code) if there.by_code(to))


def _after(pairs: Sequence[tuple[str, str]], code: str) -> Sequence[str]:
    return [new for old, new in pairs if old == code] or [code]


def _before(pairs: Sequence[tuple[str, str]], code: str) -> Sequence[str]:
    """Return the codes that `_after` leads to this one."""
    told = [old for old, new in pairs if new == code]
    same = [] if any(old == code for old, _ in pairs) else [code]
    return [*told, *same]
