"""How well the same matter is told, on a past whose source names duplicates itself.

The requests are replayed in the order they came. Each is compared, by the very functions the
hub uses, with what was open at that moment; the source's own links say what was right. Links
are incomplete everywhere, so a suggestion that no link confirms is unknown, not wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from zhongshu.core.cases.matching import Matter, SameRule, SameRules, Tie, compared
from zhongshu.core.place import Point, squares, tile

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A request of the past: what it is compared by, how long it was open, of which request
    its source says that it is a duplicate. ``kind`` is the source's own word for its class.
    """

    key: str
    at: datetime
    ended_at: datetime | None
    place: Point | None
    kind: str
    code: str
    title: str
    parent: str | None

    def is_open(self, at: datetime) -> bool:
        return self.ended_at is None or self.ended_at > at


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a source's links say, and which of them can be asked about.

    ``group`` gives requests linked to one another the same number; ``named`` says whose
    source names a request of the file. ``asked`` are the requests a suggestion should have
    been made for: with a place, and something of their group open before them.
    """

    group: Ints
    named: Bools
    named_absent: Bools
    asked: Bools
    excluded: Mapping[str, int]


def truth(past: Sequence[Past]) -> Truth:
    """Read the links of requests, given in order of time."""
    position = {one.key: n for n, one in enumerate(past)}
    group = np.arange(len(past))
    excluded: dict[str, int] = {"absent": 0, "itself": 0, "no_place": 0, "ended": 0}
    named, absent = np.zeros(len(past), bool), np.zeros(len(past), bool)
    for n, one in enumerate(past):
        if one.parent is None:
            continue
        if one.parent == one.key:
            excluded["itself"] += 1
        elif one.parent not in position:
            excluded["absent"] += 1
            absent[n] = True
        else:
            named[n] = True
            _join(group, n, position[one.parent])
    group = np.array([_root(group, n) for n in range(len(past))], dtype=np.int64)
    asked = _asked(past, group, excluded)
    return Truth(
        group=group, named=named, named_absent=absent, asked=asked, excluded=excluded
    )  # fmt: skip


def _root(group: Ints, n: int) -> int:
    while group[n] != n:
        group[n] = group[group[n]]
        n = int(group[n])
    return n


def _join(group: Ints, one: int, other: int) -> None:
    a, b = _root(group, one), _root(group, other)
    group[max(a, b)] = min(a, b)


def _asked(past: Sequence[Past], group: Ints, excluded: dict[str, int]) -> Bools:
    """Say which requests should have had a suggestion, and count why others cannot have."""
    asked = np.zeros(len(past), bool)
    members: dict[int, list[Past]] = defaultdict(list)
    for n, one in enumerate(past):
        before = members[int(group[n])]
        if before:
            still = [b for b in before if b.is_open(one.at)]
            if not still:
                excluded["ended"] += 1
            elif one.place is None or all(b.place is None for b in still):
                excluded["no_place"] += 1
            else:
                asked[n] = True
        before.append(one)
    return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Every pair of a request and one that was open and near when it came, column by column.

    ``later`` is in order; ``rule`` is which of ``codes`` the pair is judged by.
    """

    later: Ints
    earlier: Ints
    far: Floats
    age: Floats
    share: Floats
    same: Bools
    right: Bools
    rule: Ints
    codes: tuple[str, ...]

    def where(self, mask: Bools) -> Pairs:
        """Return the pairs that are so."""
        return Pairs(
            later=self.later[mask], earlier=self.earlier[mask], far=self.far[mask],
            age=self.age[mask], share=self.share[mask], same=self.same[mask],
            right=self.right[mask], rule=self.rule[mask], codes=self.codes,
        )  # fmt: skip


def replayed(past: Sequence[Past], group: Ints, *, widest: SameRule) -> Pairs:
    """Replay requests, given in order of time, and compare each with what was open near it."""
    open_in: dict[int, list[int]] = defaultdict(list)
    matters: list[Matter | None] = []
    codes = {code: n for n, code in enumerate(sorted({one.code for one in past} | {""}))}
    rows: list[tuple[int, int, float, float, float, bool, int]] = []
    for n, one in enumerate(past):
        me = _matter(one)
        matters.append(me)
        if me is None:
            continue
        for square in squares(me.place, widest.near_metres):
            open_in[square] = still = _still(past, open_in[square], one.at, widest.near_hours)
            for m in still:
                other = matters[m]
                seen = compared(me, other, widest) if other is not None else None
                if seen is not None:
                    same = seen.tie is Tie.SAME
                    rule = codes[me.code or past[m].code]
                    rows.append((n, m, seen.metres, seen.hours, seen.likeness, same, rule))
        open_in[tile(me.place.lon, me.place.lat)].append(n)
    later, earlier, far, age, share, same, rule = zip(*rows, strict=True) if rows else ([],) * 7
    one, other = np.array(later, dtype=np.int64), np.array(earlier, dtype=np.int64)
    return Pairs(
        later=one, earlier=other, far=np.array(far, dtype=float), age=np.array(age, dtype=float),
        share=np.array(share, dtype=float), same=np.array(same, dtype=bool),
        right=group[one] == group[other], rule=np.array(rule, dtype=np.int64), codes=tuple(codes),
    )  # fmt: skip


def _matter(one: Past) -> Matter | None:
    return one.place and Matter(text=one.title, at=one.at, place=one.place, code=one.code)


def _still(past: Sequence[Past], here: list[int], at: datetime, hours: float) -> list[int]:
    """Return which of these are open at a moment and not too old."""
    oldest = at - timedelta(hours=hours)
    return [n for n in here if past[n].at >= oldest and past[n].is_open(at)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a book of rules came to, each a count; `Past` requests in, rates are for the reader.

    Of ``asked``, ``first`` had the right one at the top and ``third`` among the three shown.
    ``shown``: how many were asked at all. Of ``joins``, ``confirmed`` by a link, ``denied`` by
    a link to something else, ``absent`` name what is not in the file; of the rest nothing is said.
    """

    requests: int
    asked: int
    first: int
    third: int
    shown: int
    joins: int
    confirmed: int
    denied: int
    absent: int


def counted(
    pairs: Pairs, told: Truth, rules: SameRules, chosen: Bools, *, most: int = 3
) -> Figures:  # fmt: skip
    """Return what a book of rules comes to for the chosen requests."""
    mine = pairs.where(chosen[pairs.later])
    suggests, holds, inner, alike = _judged(mine, rules)
    asks = np.zeros(len(chosen), bool)
    asks[mine.later[suggests & (mine.same | inner)]] = True
    order = _ranked(mine, alike, suggests & asks[mine.later])
    right = mine.right[order.at] & told.asked[mine.later[order.at]]
    best = _ranked(mine, alike, holds)
    top = best.at[best.place == 0]
    later, ok = mine.later[top], mine.right[top]
    return Figures(
        requests=int(chosen.sum()), asked=int((told.asked & chosen).sum()),
        first=int((right & (order.place == 0)).sum()),
        third=len(np.unique(mine.later[order.at][right & (order.place < most)])),
        shown=int(asks.sum()), joins=len(top), confirmed=int(ok.sum()),
        denied=int((~ok & told.named[later]).sum()),
        absent=int((~ok & told.named_absent[later]).sum()),
    )  # fmt: skip


def _judged(pairs: Pairs, rules: SameRules) -> tuple[Bools, Bools, Bools, Floats]:
    """Return what the rule of each pair says: suggested, joined, within the inner circle, and
    how alike.
    """
    size = len(pairs.later)
    suggests, holds, inner = (np.zeros(size, bool) for _ in range(3))
    alike = np.zeros(size)
    for n, code in enumerate(pairs.codes):
        at = np.flatnonzero(pairs.rule == n)
        if len(at):
            rule = rules.of(code)
            far, age, share = pairs.far[at], pairs.age[at], pairs.share[at]
            suggests[at] = rule.suggests(far, age)
            inner[at] = rule.holds(far, age, np.ones(len(at)))
            holds[at] = rule.holds(far, age, share) & pairs.same[at] & rule.joins
            alike[at] = rule.alike(far, age, share, ~pairs.same[at])
    return suggests, holds, inner, alike


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Pairs in order: which they are, and the place of each among those of its request."""

    at: Ints
    place: Ints


def _ranked(pairs: Pairs, alike: Floats, mask: Bools) -> _Ranking:
    at = np.flatnonzero(mask)
    at = at[np.lexsort((pairs.earlier[at], -alike[at], pairs.later[at]))]
    later = pairs.later[at]
    fresh = np.ones(len(at), bool)
    fresh[1:] = later[1:] != later[:-1]
    starts = np.maximum.accumulate(np.where(fresh, np.arange(len(at)), 0)) if len(at) else at
    return _Ranking(at, np.arange(len(at)) - starts)
