"""The duty catalogue as a table: rules from rows and back, each bad row named.

A row has ``id, category, area, owner, hours, lead, co_units, forbidden, clause, priority, auto,
valid_from, valid_until``. ``lead`` is the code of a unit, or `owner` or `maintainer`; hours are
written as people write them: ``mon-fri 08:00-18:00; sat 09:00-12:00``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from zhongshu.core.dispatch import DutyRule, Lead, Window
from zhongshu.core.values import Lang, Span, UnitId

COLUMNS = (
    "id", "category", "area", "owner", "hours", "lead", "co_units", "forbidden", "clause",
    "priority", "auto", "valid_from", "valid_until",
)  # fmt: skip
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SIGNS = "一二三四五六日"
_DAY: Mapping[str, int] = {
    **{day: n for n, day in enumerate(DAYS)},
    **{f"周{sign}": n for n, sign in enumerate(_SIGNS)}, "周天": 6,
}  # fmt: skip
_DAILY = frozenset({"daily", "每天", "每日"})
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_LEADS: Mapping[str, Lead] = {
    "owner": Lead.OWNER, "权属单位": Lead.OWNER, "maintainer": Lead.MAINTAINER,
    "养护单位": Lead.MAINTAINER,
}  # fmt: skip
_YES: Mapping[str, bool] = {
    "": False, "0": False, "no": False, "false": False, "否": False,
    "1": True, "yes": True, "true": True, "是": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a row may name: categories and units by code, and the span of an area by its code
    (None: there is no such area on the main chain).
    """

    categories: Collection[str]
    units: Mapping[str, UnitId]
    area: Callable[[str], Span | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How identities are written: a unit's code, and the code of the area of a span."""

    unit: Callable[[UnitId], str]
    area: Callable[[Span], str]


@dataclass(frozen=True, slots=True)
class _Bad(Exception):
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRefused:
    """A row that was not taken: which (1 is the first below the header), and why."""

    row: int
    field: str
    value: str
    reason: str


def read_rules(
    rows: Iterable[Mapping[str, Any]], terms: Terms
) -> tuple[list[tuple[int, DutyRule]], list[RowRefused]]:
    """Read rules, each with the row it stands in (from 1); an ``id`` of 0 is a new one."""
    taken: list[tuple[int, DutyRule]] = []
    refused: list[RowRefused] = []
    for number, row in enumerate(rows, start=1):
        said = {name: _text(row.get(name)) for name in COLUMNS}
        try:
            taken.append((number, _rule(said, terms)))
        except _Bad as bad:
            refused.append(
                RowRefused(row=number, field=bad.field, value=bad.value, reason=bad.reason)
            )
    return taken, refused


def rule_row(rule: DutyRule, spelling: Spelling) -> dict[str, str]:
    """Return a rule as a row that `read_rules` reads as the same rule."""
    return {
        "id": str(rule.id),
        "category": rule.category,
        "area": spelling.area(rule.area) if rule.area else "",
        "owner": spelling.unit(rule.owner) if rule.owner is not None else "",
        "hours": spell_hours(rule.hours),
        "lead": spelling.unit(rule.unit) if rule.unit is not None else rule.lead.value,
        "co_units": ";".join(spelling.unit(unit) for unit in rule.co_units),
        "forbidden": ";".join(sorted(spelling.unit(unit) for unit in rule.forbidden)),
        "clause": rule.clause,
        "priority": str(rule.priority),
        "auto": "yes" if rule.auto else "",
        "valid_from": "" if rule.valid_from == date.min else rule.valid_from.isoformat(),
        "valid_until": rule.valid_until.isoformat() if rule.valid_until else "",
    }


def parse_hours(text: str) -> tuple[Window, ...]:
    """Read hours: groups of days and a span of the day, separated by `;`."""
    return tuple(_window(part.strip()) for part in re.split("[;；]", text) if part.strip())


def spell_hours(hours: Iterable[Window], lang: Lang = "en") -> str:
    """Write hours so that `parse_hours` reads them, in either language."""
    return "; ".join(
        f"{_spell_days(window.days, lang)} {_spell_time(window.start)}-{_spell_time(window.end)}"
        for window in hours
    )


def _rule(said: Mapping[str, str], terms: Terms) -> DutyRule:
    lead = _LEADS.get(said["lead"].lower(), Lead.UNIT)
    unit = _unit("lead", said["lead"], terms) if lead is Lead.UNIT else None
    co_units = tuple(_unit("co_units", code, terms) for code in _codes(said["co_units"]))
    forbidden = frozenset(_unit("forbidden", code, terms) for code in _codes(said["forbidden"]))
    owner = _unit("owner", said["owner"], terms) if said["owner"] else None
    for field, units in (("lead", (unit,)), ("co_units", co_units)):
        if forbidden.intersection(u for u in units if u is not None):
            raise _Bad(field, said[field], "the same row forbids this unit")
    if unit is not None and unit in co_units:
        raise _Bad("co_units", said["co_units"], "the lead unit cannot be its own co-unit")
    start, end = _day("valid_from", said["valid_from"]), _day("valid_until", said["valid_until"])
    if start is not None and end is not None and end <= start:
        raise _Bad("valid_until", said["valid_until"], "it is not after valid_from")
    return DutyRule(
        id=_number("id", said["id"] or "0"), unit=unit, lead=lead, owner=owner,
        category=_category(said["category"], terms), area=_area(said["area"], terms),
        hours=parse_hours(said["hours"]), co_units=co_units, forbidden=forbidden,
        clause=said["clause"], priority=_number("priority", said["priority"] or "0"),
        auto=_flag(said["auto"]), valid_from=start or date.min, valid_until=end,
    )  # fmt: skip


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _codes(text: str) -> list[str]:
    return [code.strip() for code in re.split("[;；]", text) if code.strip()]


def _unit(field: str, code: str, terms: Terms) -> UnitId:
    if not code:
        raise _Bad(field, "", "name a unit by its code, or write owner or maintainer")
    if code not in terms.units:
        raise _Bad(field, code, "no unit has this code; import the units first")
    return terms.units[code]


def _category(text: str, terms: Terms) -> str:
    code = text.removesuffix("*")
    if code and not any(known.startswith(code) for known in terms.categories):
        raise _Bad("category", text, "no code of the catalogue begins like this")
    return code


def _area(code: str, terms: Terms) -> Span | None:
    if not code:
        return None
    span = terms.area(code)
    if span is None:
        raise _Bad("area", code, "no area of the main chain has this code")
    return span


def _number(field: str, text: str) -> int:
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise _Bad(field, text, "write a whole number") from None


def _flag(text: str) -> bool:
    if text.lower() not in _YES:
        raise _Bad("auto", text, "write yes or nothing")
    return _YES[text.lower()]


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise _Bad(field, text, "write a day as 2026-11-24") from None


def _window(text: str) -> Window:
    *days, clock = re.sub(r"\s*[-–—至到]\s*", "-", text.lower()).split()
    start, _, end = clock.partition("-")
    return Window(days=_days(" ".join(days), text), start=_time(start, text), end=_time(end, text))


def _days(text: str, whole: str) -> frozenset[int]:
    if text in _DAILY or not text:
        return frozenset(range(7))
    found: set[int] = set()
    for part in re.split("[,，、 ]+", text):
        first, dash, last = part.partition("-")
        if first not in _DAY or (dash and last not in _DAY):
            raise _Bad("hours", whole, "write days as mon-fri or 周一-周五, then 08:00-18:00")
        start, length = _DAY[first], (_DAY[last or first] - _DAY[first]) % 7
        found |= {(start + n) % 7 for n in range(length + 1)}
    return frozenset(found)


def _time(text: str, whole: str) -> time:
    read = _CLOCK.fullmatch(text)
    hour, minute, second = (int(part or 0) for part in read.groups()) if read else (99, 0, 0)
    if hour == 24 and not minute and not second:
        return time(0)
    try:
        return time(hour, minute, second)
    except ValueError:
        raise _Bad("hours", whole, "write the time as 08:00-18:00") from None


def _spell_days(days: frozenset[int], lang: Lang) -> str:
    names = DAYS if lang == "en" else tuple(f"周{sign}" for sign in _SIGNS)
    if len(days) == 7:
        return "daily" if lang == "en" else "每天"
    parts: list[str] = []
    for day in sorted(days):
        if day - 1 in days:
            continue
        last = day
        while last + 1 in days:
            last += 1
        parts.append(names[day] if last == day else f"{names[day]}-{names[last]}")
    return ",".join(parts)


def _spell_time(at: time) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
