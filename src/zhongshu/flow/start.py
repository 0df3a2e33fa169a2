"""Setting a city up, step by step: what is there and what is still missing; name, holidays and
units are done here, the rest where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from zhongshu.core.values import Refused
from zhongshu.flow import people, setup
from zhongshu.flow.city import City
from zhongshu.flow.people import Hand
from zhongshu.store import city as store
from zhongshu.store import city_facts
from zhongshu.store.db import Tx


class NoZone(Refused):
    message = "There is no time zone “%(value)s”."
    remedy = "Write one as the IANA names it, such as Asia/Shanghai or America/New_York."


class NoCityName(Refused):
    message = "A city needs a name in one language at least."
    remedy = "Write the name in Chinese, in English, or both."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: its name, whether it is done, and a count of what is there (or of what is amiss,
    for posts that nobody holds).
    """

    key: str
    done: bool
    count: int = 0
    optional: bool = False


def steps(tx: Tx, city: City, *, now: datetime) -> list[Step]:
    """Return the steps in order, as they stand."""
    found = people.access(tx, now=now)
    shaped = [a for a in city.tree if a.shape is not None]
    finest = max((level.rank for level in city.levels if city.tree.of_kind(level.kind)), default=0)
    next_year = [day for day in city.days if day.year == city.day.year + 1]
    this_year = [day for day in city.days if day.year == city.day.year]
    return [
        Step(key="name", done="name_zh" in city.said),
        Step(key="levels", done=finest >= 40, count=len(city.levels)),
        Step(key="areas", done=bool(shaped), count=len(city.tree)),
        Step(key="units", done=bool(city.units), count=len(city.units)),
        Step(key="rules", done=bool(city.written_rules) and not city.idle_rules, count=len(city.written_rules)),
        Step(key="calendar", done=bool(this_year) and (bool(next_year) or city.day.month < 12), count=len(this_year) + len(next_year)),
        Step(key="catalogue", done=bool(city.catalogue.categories), count=len(city.catalogue.categories)),
        Step(key="accounts", done=len(found.masters()) > 1, count=sum(not a.machine for a in found.accounts.values())),
        Step(key="vacancies", done=not any(map(found.vacant, found.posts.values())), count=sum(map(found.vacant, found.posts.values())), optional=True),
    ]  # fmt: skip


def name(tx: Tx, hand: Hand, *, zh: str, en: str, zone: str) -> None:
    """Name the city and its time zone."""
    if not (zh.strip() or en.strip()):
        raise NoCityName("name_zh", "")
    try:
        ZoneInfo(zone.strip() or "nowhere")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NoZone("zone", zone) from None
    now = {"name_zh": zh.strip()[:60] or en.strip()[:60], "name_en": en.strip()[:60], "zone": zone.strip()}  # fmt: skip

    def change(said: dict[str, Any]) -> None:
        was = {key: said.get(key, "") for key in now}
        if now != was:
            said.update(now)
            city_facts.add(tx, "city:named", {"was": was, "now": now, "name": now["name_zh"]}, account=hand.account, at=hand.at)  # fmt: skip

    store.change(tx, change)


def add_days(tx: Tx, hand: Hand, days: Mapping[date, tuple[str, str]], *, year: int) -> int:
    """Write the holidays and make-up workdays of a year; return how many were written."""
    store.add_calendar_days(tx, days)
    city_facts.add(tx, "city:days", {"name": str(year), "days": len(days)}, account=hand.account, at=hand.at)  # fmt: skip
    store.changed(tx)
    return len(days)


def add_units(tx: Tx, hand: Hand, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int, list[tuple[int, str, str, str]]]:  # fmt: skip
    """Add the units of a table; return new, known, and the rows refused with reasons."""
    new, known, bad = setup.add_units(tx, rows)
    city_facts.add(tx, "city:units", {"name": str(new), "new": new, "known": known, "refused": len(bad)}, account=hand.account, at=hand.at)  # fmt: skip
    return new, known, bad
