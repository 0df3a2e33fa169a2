"""Limits and calendars, against an oracle that walks minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zhongshu.core.calendar import (
    Calendar,
    Limit,
    LimitUnit,
    UnreadableLimit,
    due,
    due_many,
    parse_limit,
    worked_seconds,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA = Calendar(
    zone=SHANGHAI,
    holidays=frozenset({date(2026, 10, d) for d in range(1, 8)}),
    workdays=frozenset({date(2026, 10, 10)}),
)
BOSTON = Calendar(
    zone=ZoneInfo("America/New_York"),
    periods=((time(1, 30), time(2, 30)), (time(9), time(17))),
    days_off=frozenset(),
)


def walk(calendar: Calendar, start: datetime, minutes: int) -> datetime:
    """The slow oracle: step through real minutes, counting those inside a period."""
    at = start.astimezone(UTC)
    left = minutes
    while left:
        local = at.astimezone(calendar.zone)
        inside = any(
            datetime.combine(local.date(), opens, calendar.zone).timestamp()
            <= at.timestamp()
            < datetime.combine(local.date(), closes, calendar.zone).timestamp()
            for opens, closes in calendar.periods
        )
        left -= calendar.works(local.date()) and inside
        at += timedelta(minutes=1)
    return at


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2uh", "2uh"), ("0.5uh*", "0.5uh"), ("4wh", "4wh"), ("10wd*", "10wd"), ("3ud", "3ud"),
        ("2紧急工作时", "2uh"), ("4工作时", "4wh"), ("5个工作日", "5wd"), ("1紧急工作日", "1ud"),
        ("7天", "7ud"), ("24小时", "24uh"), (" 15 工作日 ", "15wd"), ("１天", "1ud"),
    ],
)  # fmt: skip
def test_a_limit_is_read(text: str, means: str) -> None:
    assert str(parse_limit(text)) == means


@pytest.mark.parametrize(
    "text",
    ["", "-", "种植季节15工作日", "1紧急工作时制止", "0wh", "-2wd", "5", "wd", "5 wd 2", "立即"],
)
def test_what_is_not_wholly_a_limit_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnreadableLimit) as refusal:
        parse_limit(text, field="limit_ordinary")
    assert refusal.value.field == "limit_ordinary"
    assert refusal.value.value == text
    assert "5wd" in refusal.value.advice


@pytest.mark.parametrize(
    ("start", "limit", "end"),
    [
        # Friday 17:30, two working hours before the October holiday: 8 Oct is a Thursday.
        ("2026-09-30T17:30", "2wh", "2026-10-08T09:30"),
        ("2026-11-20T17:30", "1wd", "2026-11-23T17:30"),
        ("2026-11-21T10:00", "1wd", "2026-11-23T18:00"),
        # A Saturday worked to make up for the holiday counts.
        ("2026-10-09T17:00", "2wh", "2026-10-10T09:00"),
        ("2026-11-24T12:30", "1wh", "2026-11-24T15:00"),
        ("2026-11-24T23:00", "2uh", "2026-11-25T01:00"),
        ("2026-11-24T08:00", "8wh", "2026-11-24T18:00"),
        ("2026-11-24T08:00", "0.5uh", "2026-11-24T08:30"),
    ],
)
def test_a_limit_ends_when_a_clerk_would_say(start: str, limit: str, end: str) -> None:
    begun = datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    assert due(CHINA, begun, parse_limit(limit)).astimezone(SHANGHAI) == datetime.fromisoformat(
        end
    ).replace(tzinfo=SHANGHAI)


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2026, 3, 6), datetime(2026, 3, 10)),
    minutes=st.integers(1, 900),
)
@example(start=datetime(2026, 3, 8, 6, 45), minutes=10)  # the hour that is skipped
@example(start=datetime(2026, 3, 7, 23, 0), minutes=61)
def test_working_time_agrees_with_the_walk_across_the_spring_change(
    start: datetime, minutes: int
) -> None:
    begun = start.replace(second=0, microsecond=0, tzinfo=UTC)
    limit = Limit(Decimal(minutes) / 60, LimitUnit.WH)
    assert abs(due(BOSTON, begun, limit) - walk(BOSTON, begun, minutes)) < timedelta(seconds=1)


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2026, 9, 28), datetime(2026, 10, 12)),
    minutes=st.integers(1, 1500),
)
@example(start=datetime(2026, 9, 30, 9, 30), minutes=120)
def test_working_time_agrees_with_the_walk_across_the_october_holiday(
    start: datetime, minutes: int
) -> None:
    begun = start.replace(second=0, microsecond=0, tzinfo=SHANGHAI)
    limit = Limit(Decimal(minutes) / 60, LimitUnit.WH)
    assert abs(due(CHINA, begun, limit) - walk(CHINA, begun, minutes)) < timedelta(seconds=1)


@given(
    starts=st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), min_size=1),
    limit=st.sampled_from(["2uh", "3ud", "4wh", "5wd", "0.5wh"]).map(parse_limit),
)
def test_many_at_once_are_the_same_as_one_by_one(starts: list[datetime], limit: Limit) -> None:
    moments = [start.replace(tzinfo=SHANGHAI) for start in starts]
    many = due_many(CHINA, np.array([m.timestamp() for m in moments]), limit)
    assert [datetime.fromtimestamp(t, UTC) for t in many] == [due(CHINA, m, limit) for m in moments]


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),
    hours=st.integers(1, 80),
)
def test_the_time_worked_until_a_deadline_is_the_limit(start: datetime, hours: int) -> None:
    begun = start.replace(tzinfo=SHANGHAI)
    end = due(CHINA, begun, Limit(Decimal(hours), LimitUnit.WH))
    assert worked_seconds(CHINA, begun, end) == pytest.approx(hours * 3600, abs=0.01)


def test_periods_that_overlap_are_no_calendar() -> None:
    with pytest.raises(ValueError, match="in order"):
        Calendar(zone=SHANGHAI, periods=((time(8), time(12)), (time(11), time(18))))
