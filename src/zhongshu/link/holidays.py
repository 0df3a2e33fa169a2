"""Public holidays and make-up workdays, from the package `holidays`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import holidays


def china(years: Iterable[int]) -> dict[date, tuple[str, str]]:
    """Return China's days off and the weekends worked to make up for them (调休).

    ``{day: (kind, name)}`` with kind ``holiday`` or ``workday``. A year whose decree the
    package does not know yet has its statutory holidays only: check it each December.
    """
    wanted = list(years)
    off = holidays.country_holidays("CN", years=wanted, language="zh_CN")
    days = {day: ("holiday", name) for day, name in off.items()}
    days.update((day, ("workday", "调休上班")) for day in off.weekend_workdays)
    return days


def country(
    code: str, years: Iterable[int], *, subdivision: str | None = None
) -> dict[date, tuple[str, str]]:
    """Return the days off of another country, by its ISO 3166 code."""
    off = holidays.country_holidays(code, subdiv=subdivision, years=list(years))
    return {day: ("holiday", name) for day, name in off.items()}
