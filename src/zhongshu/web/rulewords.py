"""Changes of the city's rules in words: what each is about, what was and what shall be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from zhongshu.core.proposals import Change, Subject, condition_key
from zhongshu.core.values import Lang
from zhongshu.flow import same
from zhongshu.flow.city import City
from zhongshu.web.look import in_words, said
from zhongshu.web.vocabulary import (
    CLOCKS,
    DAYS,
    DIFFERENCES,
    LEADS,
    N_,
    RULE_FIELDS,
    SAME_FIELDS,
    WEEKDAYS,
)

_WHOLE_CITY, _EVERY = N_("the whole city"), N_("every category")
_YES, _NO = N_("yes"), N_("no")
_JOINS, _SUGGESTS = N_("joins"), N_("only suggests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One field of a change; ``differs`` where it is not what it was."""

    label: str
    was: str
    now: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change in words: what it is about, whether that is new or goes, and its fields."""

    change: Change
    title: str
    lines: Sequence[Line]

    @property
    def new(self) -> bool:
        return self.change.was is None

    @property
    def gone(self) -> bool:
        return self.change.now is None


def told(change: Change, city: City, lang: Lang) -> Told:
    """Return a change in words."""
    was, now = _holds(change, change.was, city), _holds(change, change.now, city)
    labels = SAME_FIELDS if change.subject is Subject.SAME else RULE_FIELDS
    names = [name for name in labels if name in was or name in now]
    names += sorted((was.keys() | now.keys()) - set(names))
    lines = [
        Line(
            label=said(labels.get(name, name), lang),
            was=_read(change, name, was[name], city, lang) if name in was else "",
            now=_read(change, name, now[name], city, lang) if name in now else "",
            differs=was.get(name) != now.get(name),
        )
        for name in names
        if was.get(name) or now.get(name)
    ]
    return Told(change=change, title=title(change, city, lang), lines=lines)


def _read(change: Change, name: str, held: Any, city: City, lang: Lang) -> str:
    if change.subject is Subject.SAME:
        return same_value(name, held, lang)
    return value(name, held, city, lang)


def _holds(change: Change, held: Mapping[str, Any] | None, city: City) -> Mapping[str, Any]:
    """Return what a side of a change says; of a rule for the same matter that the city did not
    set, what holds without it.
    """
    if held is None and change.subject is Subject.SAME:
        return asdict(city.same.otherwise(change.key))
    return held or {}


def title(change: Change, city: City, lang: Lang) -> str:
    """Return what a change is about."""
    key = change.key
    match change.subject:
        case Subject.RULE:
            rule = change.now or change.was or {}
            about = value("category", rule.get("category", ""), city, lang)
            number = "" if key.startswith("new-") else f"{key} · "
            return f"{number}{about} · {value('area', rule.get('area', ''), city, lang)}"
        case Subject.LIMIT:
            code, n = condition_key(key)
            found = city.catalogue.by_code(code)
            words = (
                found.conditions[n - 1].text.said(lang)
                if found and n <= len(found.conditions)
                else ""
            )
            return f"{value('category', code, city, lang)} · {words or n}"
        case Subject.STAGE:
            return said(CLOCKS[key], lang)
        case Subject.HOURS:
            return value("unit", key, city, lang) if key else said(_WHOLE_CITY, lang)
        case Subject.DAY:
            return key
        case Subject.SAME:
            return f"{same.called(city, key).said(lang)} {key}".strip()


def same_value(name: str, held: Any, lang: Lang) -> str:
    """Return what a part of a rule for the same matter holds as people read it."""
    if name == "joins":
        return said(_JOINS if held else _SUGGESTS, lang)
    unit = (
        "m" if name.endswith("metres") else "h" if name in ("hours", "near_hours", "apart") else ""
    )
    return f"{held:g} {unit}".strip()


def value(name: str, held: Any, city: City, lang: Lang) -> str:
    """Return what a field holds as people read it."""
    if name in ("unit", "owner", "co_units", "forbidden"):
        codes: list[str] = [held] if isinstance(held, str) else held
        return ", ".join(_unit(code, city, lang) for code in codes)
    match name:
        case "category":
            found = city.catalogue.by_code(held)
            if found is not None:
                return f"{held} {found.name.said(lang)}"
            return f"{held}…" if held else said(_EVERY, lang)
        case "area":
            area = city.tree.named(held) if held else None
            return area.name.said(lang) if area else held or said(_WHOLE_CITY, lang)
        case "hours" if isinstance(held, list):
            return "; ".join(_window(one, lang) for one in cast("list[Mapping[str, Any]]", held))
        case "periods":
            return ", ".join(f"{start}–{end}" for start, end in held)
        case "limit":
            return in_words(held, lang)
        case "lead":
            return said(LEADS[held], lang)
        case "days_off":
            return weekdays(held, lang)
        case "kind":
            return said(DAYS[held], lang)
        case _:
            if isinstance(held, bool):
                return said(_YES if held else _NO, lang)
            return f"{held:g}" if isinstance(held, float) else str(held)


def _unit(code: str, city: City, lang: Lang) -> str:
    unit = city.unit_codes.get(code)
    return unit.name.said(lang) if unit else code


def _window(window: Mapping[str, Any], lang: Lang) -> str:
    return f"{weekdays(window['days'], lang)} {window['start']}–{window['end']}"


def weekdays(days: Sequence[int], lang: Lang) -> str:
    """Return days of the week, runs of three and more as from–to."""
    if not days:
        return said(N_("none"), lang)
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    name = lambda day: said(WEEKDAYS[str(day)], lang)
    parts = [
        f"{name(run[0])}–{name(run[-1])}" if len(run) > 2 else ", ".join(map(name, run))
        for run in runs
    ]
    return ", ".join(parts)


def tag_words(tag: str, lang: Lang) -> str:
    """Return how a case would fare: the clock first, where it is about one."""
    clock, _, difference = tag.rpartition(":")
    words = said(DIFFERENCES.get(difference, difference), lang)
    return f"{said(CLOCKS[clock], lang)}: {words}" if clock in CLOCKS else words
