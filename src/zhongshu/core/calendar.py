"""Time limits and the calendars they run on.

Four units, as municipal filing standards of the GB/T 30428 family use them:

====  ==========  ==============================================================
uh    紧急工作时    continuous hours, nights and holidays included
ud    紧急工作日    continuous days of 24 hours
wh    工作时       hours inside work periods only
wd    工作日       working days: as much working time as a usual day has
====  ==========  ==============================================================

A working day is working time: filed on Friday 17:30, one working day ends on Monday
17:30; filed on a Saturday, at Monday's closing. Holidays do not count, make-up workdays
(调休) do.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from zhongshu.core.values import Refused, aware


class LimitUnit(StrEnum):
    UH = "uh"
    UD = "ud"
    WH = "wh"
    WD = "wd"


class UnreadableLimit(Refused):
    message = "%(field)s: “%(value)s” is not a time limit."
    remedy = "Write a number and a unit: 2uh (continuous hours), 3ud, 4wh (working hours), 5wd; or 2紧急工作时, 5工作日."


@dataclass(frozen=True, slots=True)
class Limit:
    """So much time of one unit. Always more than nothing."""

    amount: Decimal
    unit: LimitUnit

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise UnreadableLimit("limit", str(self))

    def __str__(self) -> str:
        amount = self.amount.normalize()
        return f"{amount:f}{self.unit}"

    @property
    def working(self) -> bool:
        """Say whether it runs inside work periods only."""
        return self.unit in (LimitUnit.WH, LimitUnit.WD)


#: How limits are written. Plain hours and days, as residents' pledges have them, run
#: on: only the words 工作 make working time of them.
_WORDS: dict[str, LimitUnit] = {
    "uh": LimitUnit.UH, "紧急工作时": LimitUnit.UH, "小时": LimitUnit.UH, "时": LimitUnit.UH,
    "ud": LimitUnit.UD, "紧急工作日": LimitUnit.UD, "天": LimitUnit.UD, "日": LimitUnit.UD,
    "wh": LimitUnit.WH, "工作时": LimitUnit.WH, "工作小时": LimitUnit.WH,
    "wd": LimitUnit.WD, "工作日": LimitUnit.WD,
}  # fmt: skip
_LIMIT = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*个?\s*(" + "|".join(_WORDS) + r")\*?")


@lru_cache(maxsize=1024)
def parse_limit(text: str, *, field: str = "limit") -> Limit:
    """Read a limit such as ``4wh`` or ``5个工作日``; refuse whatever is not wholly one.

    A limit misread is a wrong deadline for years, so nothing is guessed.
    """
    match = _LIMIT.fullmatch(text.strip())
    if match is None or Decimal(match[1]) == 0:
        raise UnreadableLimit(field, text)
    return Limit(Decimal(match[1]), _WORDS[match[2]])


@dataclass(frozen=True)
class Calendar:
    """When work is done: periods of a day, days off, days on after all.

    An edge of a period that falls into the hour skipped in spring is read with the
    offset before the change; in the hour that comes twice, as its first coming.
    """

    zone: ZoneInfo
    periods: tuple[tuple[time, time], ...] = (
        (time(8), time(12)),
        (time(14), time(18)),
    )
    days_off: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    #: Years for which the periods are laid out; a clock beyond them is refused.
    YEARS: ClassVar[tuple[int, int]] = (1990, 2060)

    def __post_init__(self) -> None:
        ends = [edge for period in self.periods for edge in period]
        if not ends or ends != sorted(ends) or len(set(ends)) < len(ends):
            raise ValueError("work periods must be in order and not touch or overlap")

    def works(self, day: date) -> bool:
        """Say whether a day is a working day."""
        if day in self.workdays:
            return True
        return day not in self.holidays and day.weekday() not in self.days_off

    @cached_property
    def day_seconds(self) -> int:
        """Working seconds of a usual day."""
        return sum(_seconds(end) - _seconds(start) for start, end in self.periods)

    def seconds(self, limit: Limit) -> float:
        """Return a limit in seconds: running for uh and ud, working for wh and wd."""
        each = {
            LimitUnit.UH: 3600, LimitUnit.UD: 86_400,
            LimitUnit.WH: 3600, LimitUnit.WD: self.day_seconds,
        }[limit.unit]  # fmt: skip
        return float(limit.amount * each)

    @cached_property
    def _layout(self) -> _Layout:
        return _Layout(self)


@dataclass(frozen=True, slots=True)
class BeyondCalendar(Exception):
    """A clock reached a year no calendar was made for."""

    at: float


class _Layout:
    """The calendar's work periods as seconds since 1970, with the working time before each."""

    def __init__(self, calendar: Calendar) -> None:
        edges = [edge for edge in _periods(calendar) if edge[1] > edge[0]]
        self.starts = np.array([start for start, _ in edges])
        self.ends = np.array([end for _, end in edges])
        self.before = np.concatenate([[0.0], np.cumsum(self.ends - self.starts)])
        self.starts_list: list[float] = self.starts.tolist()
        self.before_list: list[float] = self.before.tolist()

    def worked(self, at: float) -> float:
        """Return the working seconds from the beginning of the layout until ``at``."""
        n = bisect_right(self.starts_list, at) - 1
        if n < 0:
            return 0.0
        return min(self.before_list[n] + at - self.starts_list[n], self.before_list[n + 1])

    def reach(self, worked: float) -> float:
        """Return the first moment by which so much has been worked."""
        n = bisect_left(self.before_list, worked) - 1
        if not 0 <= n < len(self.starts_list):
            raise BeyondCalendar(worked)
        return self.starts_list[n] + worked - self.before_list[n]


def due(calendar: Calendar, start: datetime, limit: Limit) -> datetime:
    """Return when a limit that starts at ``start`` ends, in UTC."""
    return advance(calendar, start, calendar.seconds(limit), working=limit.working)


def advance(calendar: Calendar, start: datetime, seconds: float, *, working: bool) -> datetime:
    """Return the first moment by which so much time has run since ``start``, in UTC.

    ``seconds`` may be less than nothing: then it is the moment from which so much has
    run until ``start``.
    """
    begun = aware("start", start).timestamp()
    if not working:
        return datetime.fromtimestamp(begun + seconds, UTC)
    layout = calendar._layout  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] # its own module
    return datetime.fromtimestamp(layout.reach(layout.worked(begun) + seconds), UTC)


def spent(calendar: Calendar, start: datetime, end: datetime, *, working: bool) -> float:
    """Return the seconds that ran between two moments; negative when end is before start."""
    if working:
        return worked_seconds(calendar, start, end)
    return (end - start).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A piece of a clock's way: a day of the city, and what of it counted.

    ``seconds`` is nothing on a day off; ``why`` then says which kind it was: ``weekend``
    or ``holiday`` (``workday`` is a make-up day, ``""`` an ordinary one).
    """

    day: date
    start: datetime
    end: datetime
    seconds: float
    why: str = ""


def trace(
    calendar: Calendar, start: datetime, end: datetime, *, working: bool
) -> tuple[Stretch, ...]:
    """Return, day by day, how the time between two moments was counted."""
    found: list[Stretch] = []
    at = start.astimezone(calendar.zone)
    last = end.astimezone(calendar.zone)
    while at < last:
        day = at.date()
        midnight = datetime.combine(day + timedelta(days=1), time(), calendar.zone)
        until = min(midnight, last)
        found.append(
            Stretch(
                day=day, start=at, end=until,
                seconds=spent(calendar, at, until, working=True) if working
                else until.timestamp() - at.timestamp(),
                why=_kind_of_day(calendar, day) if working else "",
            )
        )  # fmt: skip
        at = until
    return tuple(found)


def _kind_of_day(calendar: Calendar, day: date) -> str:
    if day in calendar.workdays:
        return "workday"
    if day in calendar.holidays:
        return "holiday"
    return "weekend" if day.weekday() in calendar.days_off else ""


def due_many(calendar: Calendar, starts: NDArray[np.float64], limit: Limit) -> NDArray[np.float64]:
    """Return `due` of many moments, all in seconds since 1970."""
    length = calendar.seconds(limit)
    if not limit.working:
        return starts + length
    layout = calendar._layout  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    n = np.searchsorted(layout.starts, starts, side="right") - 1
    at = np.clip(n, 0, None)
    done = np.minimum(layout.before[at] + starts - layout.starts[at], layout.before[at + 1])
    target = np.where(n < 0, 0.0, done) + length
    m = np.searchsorted(layout.before, target, side="left") - 1
    if len(m) and not (int(m.min()) >= 0 and int(m.max()) < len(layout.starts)):
        raise BeyondCalendar(float(target.max()))
    return layout.starts[m] + target - layout.before[m]


def worked_seconds(calendar: Calendar, start: datetime, end: datetime) -> float:
    """Return the working seconds between two moments; negative when end is before start."""
    layout = calendar._layout  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return layout.worked(end.timestamp()) - layout.worked(start.timestamp())


def _periods(calendar: Calendar) -> Iterator[tuple[float, float]]:
    first, last = calendar.YEARS
    day, end = date(first, 1, 1), date(last, 1, 1)
    while day < end:
        if calendar.works(day):
            for opens, closes in calendar.periods:
                yield (
                    datetime.combine(day, opens, calendar.zone).timestamp(),
                    datetime.combine(day, closes, calendar.zone).timestamp(),
                )
        day += timedelta(days=1)


def _seconds(of_day: time) -> int:
    return of_day.hour * 3600 + of_day.minute * 60 + of_day.second
