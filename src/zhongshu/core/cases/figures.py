"""The figures of `measuring` as a person reads them: tables with numerators and denominators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import numpy as np

from zhongshu.core.cases.matching import BOUNDS, SameRule, SameRules
from zhongshu.core.cases.measuring import Bools, Figures, Pairs, Past, Truth, counted

#: What a sweep tries: the inner circle, then the outer one.
JOINING: Mapping[str, tuple[float, ...]] = {
    "metres": (20, 30, 50, 75, 100), "hours": (6, 24, 72, 168, 336, 720), "apart": (0, 1),
    "least": (0, 0.15, 0.3),
}  # fmt: skip
SUGGESTING: Mapping[str, tuple[float, ...]] = {
    "near_metres": (50, 100, 150),
    "near_hours": (168, 720, 1440),
    "words": (0, 15, 30, 50),
}
#: Wide enough for everything a sweep tries.
WIDEST = SameRule(
    near_metres=max(SUGGESTING["near_metres"]), near_hours=max(SUGGESTING["near_hours"])
)


def account(past: Sequence[Past], told: Truth, *, rows: int, refused: int) -> str:
    """Return what was read and what could not be asked about."""
    said = sum(one.parent is not None for one in past)
    gone = told.excluded
    return (
        f"rows {rows:,} = requests {len(past):,} + refused {refused:,}\n"
        f"{said:,} name another request: {int(told.named.sum()):,} one of the file,"
        f" {gone['absent']:,} one that is not in it, {gone['itself']:,} themselves\n"
        f"asked about: {int(told.asked.sum()):,} (left out: {gone['ended']:,} where the other had"
        f" ended before, {gone['no_place']:,} without a place)"
    )


def by_kind(
    past: Sequence[Past], told: Truth, pairs: Pairs, rules: SameRules, *, cut: int
) -> Iterator[str]:
    """Yield a table for the requests before ``cut`` and one for those after, by class."""
    for title, part in (("earlier", slice(0, cut)), ("later", slice(cut, None))):
        if not past[part]:
            continue
        inside = np.zeros(len(past), bool)
        inside[part] = True
        yield f"\n{title} part, {past[part.start or 0].at:%Y-%m-%d} on\n"
        yield _HEAD
        for kind, chosen in (*_kinds(past), ("all", np.ones(len(past), bool))):
            yield _row(kind, counted(pairs, told, rules, chosen & inside))


_HEAD = (
    "| Class | Requests | Right one first | Right among three | Asked for | Joined by the rule |"
    " Confirmed | Denied | Parent not in the file | Nothing said |\n"
    "| --- " + "| ---: " * 9 + "|"
)


def _row(kind: str, f: Figures) -> str:
    silent = f.joins - f.confirmed - f.denied - f.absent
    cells = (
        kind, f"{f.requests:,}", _share(f.first, f.asked), _share(f.third, f.asked),
        _share(f.shown, f.requests), _share(f.joins, f.requests), f"{f.confirmed:,}",
        f"{f.denied:,}", f"{f.absent:,}", f"{silent:,}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _share(part: int, whole: int) -> str:
    return f"{part:,} / {whole:,}" + (f" = {part / whole:.1%}" if whole else "")


def swept(
    past: Sequence[Past], told: Truth, pairs: Pairs, rules: SameRules, *, cut: int
) -> Iterator[dict[str, Any]]:
    """Yield what other rules would have come to on the requests before ``cut``, class by class."""
    before = np.arange(len(past)) < cut
    codes = {one.kind: one.code for one in past}
    for kind, chosen in _kinds(past):
        mine = pairs.where((chosen & before)[pairs.later])
        for tried in (JOINING, SUGGESTING):
            for values in product(*tried.values()):
                parts = dict(zip(tried, values, strict=True))
                rule = _fitted(rules.of(codes[kind]), parts)
                found = counted(mine, told, SameRules({"": rule}), chosen & before)
                tried_rule = {name: getattr(rule, name) for name in BOUNDS}
                yield {"kind": kind, **tried_rule, **asdict(found)}


def _fitted(rule: SameRule, parts: Mapping[str, float]) -> SameRule:
    """Return a rule with some parts changed; the outer circle never lies within the inner one."""
    metres, hours = parts.get("metres", rule.metres), parts.get("hours", rule.hours)
    near_metres = max(parts.get("near_metres", rule.near_metres), metres)
    near_hours = max(parts.get("near_hours", rule.near_hours), hours)
    return replace(rule, **{**parts, "near_metres": near_metres, "near_hours": near_hours})  # type: ignore[arg-type]


def _kinds(past: Sequence[Past]) -> list[tuple[str, Bools]]:
    """Return the source's words for classes, the commonest first, and whose each is."""
    words = np.array([one.kind for one in past])
    return [(kind, words == kind) for kind, _ in Counter(words.tolist()).most_common()]
