"""The clocks of a case, against an oracle that walks through time minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.calendar import Calendar, parse_limit, trace
from zhongshu.core.cases.clocks import (
    EFFECTS,
    FITS,
    RUNGS,
    Clock,
    ClockKind,
    ClockState,
    Effect,
    Keeper,
    Rung,
    Tick,
    by_kind,
    climbed,
    next_at,
)

CITY = Calendar(
    zone=ZoneInfo("Asia/Shanghai"), holidays=frozenset({date(2026, 10, d) for d in range(1, 8)}),
    workdays=frozenset({date(2026, 10, 10)}),
)  # fmt: skip
NIGHT_CREW = Calendar(
    zone=ZoneInfo("Asia/Shanghai"), periods=((time(6), time(22)),), days_off=frozenset()
)
KEEPER = Keeper.usual(CITY, units={"N": NIGHT_CREW}, said={})
#: A Tuesday at 10:00 in Shanghai.
TUESDAY = datetime(2026, 9, 29, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def handle(clocks: tuple[Clock, ...]) -> Clock:
    found = by_kind(clocks, ClockKind.HANDLE)
    assert found is not None
    return found


def counts(calendar: Calendar, at: datetime, *, working: bool) -> bool:
    """Say whether the minute that begins at a moment counts. The slow way."""
    if not working:
        return True
    local = at.astimezone(calendar.zone)
    on = local.date() in calendar.workdays or (
        local.date() not in calendar.holidays and local.weekday() not in calendar.days_off
    )
    return on and any(start <= local.time() < end for start, end in calendar.periods)


class Slow:
    """A handling clock kept by hand: minutes left, counted down one by one."""

    def __init__(self, calendar: Calendar, limit: str) -> None:
        self.calendar, self.working = calendar, parse_limit(limit).working
        self.whole = round(calendar.seconds(parse_limit(limit)) / 60)
        self.left, self.running = self.whole, True

    def pass_time(self, start: datetime, end: datetime) -> None:
        at = start
        while at < end:
            if self.running and counts(self.calendar, at, working=self.working):
                self.left -= 1
            at += MINUTE

    def ends(self, now: datetime) -> datetime:
        """When it will have run out, if nothing happens."""
        left, at = self.left, now
        while left > 0:
            left -= counts(self.calendar, at, working=self.working)
            at += MINUTE
        return at


#: What can happen to a handling clock once it runs, and whether it runs after.
STOPS = {Tick.RETURNED, Tick.HELD, Tick.HANDLED}
GOES_ON = {Tick.RETURNED: Tick.DISPATCHED_AGAIN, Tick.HELD: Tick.RESUMED, Tick.HANDLED: Tick.FAILED}


@given(
    limit=st.sampled_from(["2uh", "0.5ud", "4wh", "1wd", "3wd", "90wh", "1.5wh"]),
    unit=st.sampled_from(["", "N"]),
    start=st.integers(0, 60 * 24 * 20),
    moves=st.lists(
        st.tuples(st.integers(1, 60 * 40), st.sampled_from([*STOPS, Tick.EXTENDED])), max_size=6
    ),
)
def test_a_clock_stopped_and_set_going_again_agrees_with_minutes_counted_by_hand(
    limit: str, unit: str, start: int, moves: list[tuple[int, Tick]]
) -> None:
    at = TUESDAY + start * MINUTE
    slow = Slow(NIGHT_CREW if unit else CITY, limit)
    clocks = KEEPER.after((), Tick.DISPATCHED, at, work=parse_limit(limit), unit=unit)
    tick = None
    for wait, chosen in moves:
        slow.pass_time(at, at + wait * MINUTE)
        at += wait * MINUTE
        if tick in GOES_ON:
            tick = GOES_ON[tick]
            slow.left = max(0, slow.left)
            slow.running = True
        else:
            tick = chosen
            slow.running = tick not in STOPS
            slow.left += slow.whole if tick is Tick.EXTENDED else 0
        clocks = KEEPER.after(clocks, tick, at)
        clock = handle(clocks)
        assert (clock.state is ClockState.RUNNING) is slow.running
        if slow.running and slow.left > 0:
            assert clock.due_at is not None
            # The oracle ends after the last minute that counts; so does the clock.
            assert clock.due_at.replace(second=0) in (slow.ends(at), slow.ends(at) - MINUTE)
        elif not slow.running:
            assert clock.left_s is not None
            assert round(clock.left_s / 60) == slow.left
    if handle(clocks).extended:
        assert handle(clocks).length_s == (1 + handle(clocks).extended) * slow.whole * 60


@pytest.mark.parametrize("tick", Tick)
@pytest.mark.parametrize("kind", ClockKind)
@pytest.mark.parametrize("state", [None, *ClockState])
def test_every_tick_does_to_every_clock_what_the_table_says(
    tick: Tick, kind: ClockKind, state: ClockState | None
) -> None:
    before = () if state is None else (standing(kind, state),)
    after = by_kind(
        KEEPER.after(before, tick, TUESDAY + timedelta(hours=1), work=parse_limit("4wh")), kind
    )
    effect = EFFECTS[tick].get(kind)
    if effect is None or state not in FITS[effect]:
        assert after == (before[0] if before else None)
        return
    expected = {
        Effect.START: ClockState.RUNNING, Effect.STOP: ClockState.STOPPED,
        Effect.PAUSE: ClockState.PAUSED, Effect.RESUME: ClockState.RUNNING, Effect.DROP: None,
        Effect.FOLD: ClockState.FOLDED, Effect.UNFOLD: ClockState.RUNNING,
        Effect.EXTEND: ClockState.RUNNING,
    }[effect]  # fmt: skip
    assert (after.state if after else None) == expected
    if after is not None:
        assert (after.next_at is not None) == (after.state is ClockState.RUNNING)
        assert Clock.read(after.record()) == after


def standing(kind: ClockKind, state: ClockState) -> Clock:
    """A clock of a kind in a state, as it comes to be so."""
    usual = parse_limit("1wd") if kind is ClockKind.HANDLE else KEEPER.limits[kind]
    fresh = KEEPER._started(kind, usual, TUESDAY, "")
    later = TUESDAY + timedelta(minutes=5)
    if state is ClockState.RUNNING:
        return fresh
    return KEEPER._apply(
        {ClockState.PAUSED: Effect.PAUSE, ClockState.FOLDED: Effect.FOLD,
         ClockState.STOPPED: Effect.STOP}[state], kind, fresh, later, None, "",
    )  # type: ignore[return-value] # fmt: skip


def test_rungs_stand_at_their_share_of_the_time_given() -> None:
    clock = handle(KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("10uh")))
    hours = [(at - TUESDAY).total_seconds() / 3600 for at in clock.rungs]
    assert hours == pytest.approx([10 * share for share in RUNGS.values()])
    assert clock.rungs[list(RUNGS).index(Rung.OVERDUE)] == clock.due_at


@given(st.integers(0, 60 * 30))
def test_climbing_says_each_rung_once_and_the_next_one_is_ahead(minutes: int) -> None:
    clocks = KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("10uh"))
    at = TUESDAY + minutes * MINUTE
    after, moved = climbed(clocks, at)
    assert handle(after).climbed == sum(minutes > 600 * share for share in RUNGS.values())
    assert bool(moved) == (minutes > 420)
    assert climbed(after, at) == (after, ())
    following = next_at(after)
    assert following is None or following >= at


def test_an_extended_clock_climbs_its_ladder_anew() -> None:
    clocks = KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("10uh"))
    warned, _ = climbed(clocks, TUESDAY + timedelta(hours=9, minutes=30))
    assert handle(warned).rung is Rung.RED
    longer = handle(KEEPER.after(warned, Tick.EXTENDED, TUESDAY + timedelta(hours=9, minutes=30)))
    assert (longer.rung, longer.due_at) == (None, TUESDAY + timedelta(hours=20))
    assert longer.next_at == TUESDAY + timedelta(hours=14)


def test_a_merged_clock_rests_with_its_deadline_and_runs_on_as_if_nothing_had_been() -> None:
    clocks = KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("4wh"))
    merged = KEEPER.after(clocks, Tick.MERGED, TUESDAY + timedelta(hours=1))
    assert next_at(merged) is None
    assert climbed(merged, TUESDAY + timedelta(days=9)) == (merged, ())
    assert KEEPER.after(merged, Tick.UNMERGED, TUESDAY + timedelta(hours=2)) == clocks


def test_time_overdrawn_stays_overdrawn_when_the_same_unit_has_it_again() -> None:
    clocks = KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("2uh"))
    late = TUESDAY + timedelta(hours=5)
    clocks = KEEPER.after(clocks, Tick.RETURNED, late)
    assert handle(clocks).late
    clocks = KEEPER.after(clocks, Tick.DISPATCHED_AGAIN, late + timedelta(hours=1))
    assert handle(clocks).due_at == late + timedelta(hours=1)


def test_the_trace_adds_up_to_the_limit_and_names_the_days_that_did_not_count() -> None:
    # Wednesday 30 September 16:00, 6 working hours: two today, then the holiday week.
    start = datetime(2026, 9, 30, 8, tzinfo=UTC)
    clock = handle(KEEPER.after((), Tick.DISPATCHED, start, work=parse_limit("6wh")))
    assert clock.due_at is not None
    days = trace(CITY, start, clock.due_at, working=True)
    assert sum(d.seconds for d in days) == 6 * 3600
    assert [d.why for d in days if not d.seconds] == ["holiday"] * 7
    assert clock.due_at.astimezone(CITY.zone) == datetime(2026, 10, 8, 14, tzinfo=CITY.zone) or (
        clock.due_at.astimezone(CITY.zone) == datetime(2026, 10, 8, 12, tzinfo=CITY.zone)
    )


@given(
    st.integers(0, 60 * 24 * 30), st.sampled_from(["5uh", "2ud", "7wh", "3wd", "0.25uh"]),
)  # fmt: skip
def test_the_trace_is_whole_for_every_start_and_limit(minutes: int, limit: str) -> None:
    start = TUESDAY + minutes * MINUTE
    clock = handle(KEEPER.after((), Tick.DISPATCHED, start, work=parse_limit(limit)))
    assert clock.due_at is not None
    days = trace(CITY, start, clock.due_at, working=parse_limit(limit).working)
    assert sum(d.seconds for d in days) == pytest.approx(clock.length_s)
    assert all(a.end == b.start for a, b in pairwise(days))
