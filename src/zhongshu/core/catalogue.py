"""The catalogue: what can be wrong in a city, how soon it must be dealt with, and which words say so.

Each category has filing conditions (立案条件), each with its own limit. Versions live
side by side, for the codes of the GB/T 30428 family come in more than one generation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property

from zhongshu.core.calendar import Limit
from zhongshu.core.values import CategoryId, Name


class Layer(StrEnum):
    """What kind of thing a category speaks of."""

    COMPONENT = "component"  # 部件
    EVENT = "event"  # 事件
    SERVICE = "service"  # 服务


#: The letter a code begins with, and the layer it says.
LAYERS: Mapping[str, Layer] = {"C": Layer.COMPONENT, "E": Layer.EVENT, "S": Layer.SERVICE}
#: The major classes, in the order of the municipal tables that follow GB/T 30428.2.
MAJORS: Mapping[str, Name] = {
    "C-01": Name("公用设施", "Public utilities"),
    "C-02": Name("交通设施", "Traffic facilities"),
    "C-03": Name("市容环境设施", "Street-environment facilities"),
    "C-04": Name("园林绿化设施", "Greening facilities"),
    "C-05": Name("其他部件", "Other components"),
    "E-01": Name("市容环境", "Street environment"),
    "E-02": Name("宣传广告", "Advertising"),
    "E-03": Name("施工管理", "Construction"),
    "E-04": Name("街面秩序", "Street order"),
    "E-05": Name("突发事件", "Emergencies"),
    "E-06": Name("其他事件", "Other events"),
    "S-07": Name("民生服务", "Services for residents"),
}


class PhotoRule(StrEnum):
    """Which photos the one who handles a case has to bring."""

    NONE = "none"
    AFTER = "after"  # 处置后
    BEFORE_AFTER = "before_and_after"  # 处置前后


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A filing condition: when it applies, how long it gives, what closing needs, and which
    photos the handling has to bring.
    """

    text: Name
    limit: Limit
    hazard: bool
    closing: Name | None = None
    photos: PhotoRule = PhotoRule.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One minor class. ``conditions`` has at least one; people speak of them by number, the
    first is 1.
    """

    id: CategoryId
    code: str
    layer: Layer
    major: Name
    name: Name
    unit_type: str = ""
    conditions: tuple[Condition, ...] = ()
    keywords: tuple[str, ...] = ()
    active: bool = True

    def number(self, *, hazard: bool, chosen: int | None = None) -> int:
        """Return the number of the condition that applies: the one chosen, else the first that
        fits the hazard, else the first.
        """
        if chosen is not None and 1 <= chosen <= len(self.conditions):
            return chosen
        fitting = (n for n, c in enumerate(self.conditions, start=1) if c.hazard is hazard)
        return next(fitting, 1)

    def condition(self, *, hazard: bool, chosen: int | None = None) -> Condition:
        """Return the condition that applies, as `number` finds it."""
        return self.conditions[self.number(hazard=hazard, chosen=chosen) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A category the words of a report point at. ``score`` grows with the words found."""

    category: Category
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """One version of the catalogue. ``valid_from`` is when it last came into force, if ever."""

    version: int
    name: str
    valid_from: date | None
    categories: tuple[Category, ...]

    @cached_property
    def _codes(self) -> Mapping[str, Category]:
        return {category.code: category for category in self.categories}

    @cached_property
    def _ids(self) -> Mapping[int, Category]:
        return {category.id: category for category in self.categories}

    @cached_property
    def _spotter(self) -> _Spotter:
        return _Spotter(
            (word, category)
            for category in self.categories
            if category.active
            for word in category.keywords
        )

    def by_code(self, code: str) -> Category | None:
        return self._codes.get(code)

    def by_id(self, category: int | None) -> Category | None:
        return None if category is None else self._ids.get(category)

    def limited(self, limits: Mapping[tuple[CategoryId, int], Limit]) -> Catalogue:
        """Return the catalogue with other limits for conditions: by the identity of the category
        and the number of the condition.
        """
        if not limits:
            return self
        return replace(self, categories=tuple(_limited(c, limits) for c in self.categories))

    def guess(self, text: str) -> tuple[Guess, ...]:
        """Return the categories whose keywords stand in ``text``, the best first.

        Longer keywords say more: each found counts the square of its length in Chinese
        characters (a Latin letter counts a third), and a shorter one inside it nothing.
        """
        return self._spotter.guess(text)


def _limited(category: Category, limits: Mapping[tuple[CategoryId, int], Limit]) -> Category:
    conditions = tuple(
        replace(condition, limit=limits.get((category.id, n), condition.limit))
        for n, condition in enumerate(category.conditions, start=1)
    )
    return (
        category if conditions == category.conditions else replace(category, conditions=conditions)
    )


class _Spotter:
    """Finds keywords in one pass over the text."""

    def __init__(self, pairs: Iterable[tuple[str, Category]]) -> None:
        self._owners: dict[str, list[Category]] = {}
        for word, category in pairs:
            self._owners.setdefault(word.lower(), []).append(category)
        words = sorted(self._owners, key=len, reverse=True)
        # Latin words stand alone, with a plural or not; Chinese ones need no border.
        found = "|".join(
            rf"\b{re.escape(word)}(?=s?\b)" if word.isascii() else re.escape(word) for word in words
        )
        self._pattern = re.compile(found) if words else None

    def guess(self, text: str) -> tuple[Guess, ...]:
        if self._pattern is None:
            return ()
        scores: dict[int, float] = {}
        reasons: dict[int, list[str]] = {}
        known: dict[int, Category] = {}
        for word in dict.fromkeys(self._pattern.findall(text.lower())):
            weight = (len(word) / 3 if word.isascii() else len(word)) ** 2
            for category in self._owners[word]:
                known[category.id] = category
                scores[category.id] = scores.get(category.id, 0.0) + weight
                reasons.setdefault(category.id, []).append(word)
        ranked = sorted(scores, key=lambda c: (-scores[c], known[c].code))
        return tuple(
            Guess(category=known[c], score=scores[c], reasons=tuple(reasons[c])) for c in ranked
        )


# ── words that mean danger ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """A word that means danger: whom to call first, before any form is sent."""

    word: str
    call: tuple[str, ...]


_DANGERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"漏气|煤气味|燃气味|天然气味|燃气泄漏|gas leak|smell (?:of )?gas", ("119", "gas")),
    (r"起火|着火|火灾|冒烟|on fire|house fire|fire in", ("119",)),
    (r"困在电梯|电梯困人|被困|(?:trapped|stuck) in (?:the |a |an )?(?:lift|elevator)", ("119",)),
    (r"塌陷|坍塌|倒塌|sinkhole|collapsed|collapsing", ("119", "110")),
    (r"触电|漏电|电线掉|电线断|electrocut|downed wire|live wire", ("119", "power")),
    (r"爆炸|explosion|exploded", ("119", "110")),
    (r"有人受伤|流血|晕倒|someone (?:is )?hurt|injured|unconscious", ("120",)),
    (r"溺水|落水|drowning", ("119", "120")),
)
_DANGER = re.compile("|".join(f"({pattern})" for pattern, _ in _DANGERS))


def danger_in(text: str) -> Danger | None:
    """Return the first danger named in a text. Words only: no model may lower it."""
    match = _DANGER.search(text.lower())
    if match is None:
        return None
    assert match.lastindex is not None
    return Danger(word=match[0], call=_DANGERS[match.lastindex - 1][1])


# ── what a resident chooses from ─────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorGroup:
    """A plain word at the door, and the categories behind it."""

    key: str
    name: Name
    codes: tuple[str, ...]


def _group(key: str, zh: str, en: str, codes: str) -> DoorGroup:
    return DoorGroup(key=key, name=Name(zh, en), codes=tuple(codes.split()))


DOOR_GROUPS: tuple[DoorGroup, ...] = (
    _group("waste", "垃圾、保洁", "Rubbish and cleaning", "E-01-10 E-01-92 E-01-11 E-01-12 E-01-35 C-03-05 C-03-01"),
    _group("road", "道路、井盖", "Roads and manholes", "E-01-13 C-01-23 C-02-84 C-02-86 E-05-05 C-02-17 C-02-P2"),
    _group("light", "路灯、用电", "Lights and power", "C-01-37 S-07-05 E-05-08 E-01-80 C-02-P1 C-01-54"),
    _group("water", "积水、排水、供水", "Flooding, drains, water", "E-05-06 C-01-04 E-05-03 S-07-03 S-07-04 E-05-01 E-05-P2"),
    _group("heat", "供暖、燃气", "Heating and gas", "S-07-01 S-07-02 E-05-02 S-07-06 E-05-04"),
    _group("trees", "树木、绿化", "Trees and green", "C-04-02 E-05-P1 E-01-91 E-01-17 C-04-07"),
    _group("order", "噪声、占道、停车", "Noise, blocked ways, parking", "S-07-15 E-03-01 E-04-06 E-04-10 E-04-93 S-07-14 E-04-96"),
    _group("estate", "小区、电梯、物业", "Estates and lifts", "S-07-08 S-07-09 S-07-10 S-07-11 S-07-12 S-07-13 C-01-P2"),
    _group("other", "其他", "Something else", "S-07-19 S-07-20 S-07-17 S-07-18"),
)  # fmt: skip
