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
    SHARED_EFFECTS,
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
    lead = standing(ClockKind.HANDLE, ClockState.RUNNING)
    after = by_kind(
        KEEPER.after(
            before, tick, TUESDAY + timedelta(hours=1), work=parse_limit("4wh"), lead=lead
        ),
        kind,
    )
    effect = EFFECTS[tick].get(kind)
    if effect is None or state not in FITS[effect]:
        assert after == (before[0] if before else None)
        return
    expected = {
        Effect.START: ClockState.RUNNING, Effect.STOP: ClockState.STOPPED,
        Effect.PAUSE: ClockState.PAUSED, Effect.RESUME: ClockState.RUNNING, Effect.DROP: None,
        Effect.FOLD: ClockState.FOLDED, Effect.UNFOLD: ClockState.RUNNING,
        Effect.EXTEND: ClockState.RUNNING, Effect.SHARE: ClockState.SHARED,
        Effect.GIVE_BACK: ClockState.RUNNING,
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
    lead = KEEPER._started(kind, parse_limit("3uh"), TUESDAY + timedelta(minutes=2), "")
    return KEEPER._apply(
        {ClockState.PAUSED: Effect.PAUSE, ClockState.FOLDED: Effect.FOLD,
         ClockState.STOPPED: Effect.STOP, ClockState.SHARED: Effect.SHARE}[state],
        kind, fresh, later, None, "", lead,
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


# ── cases that share a clock ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("tick", Tick)
@pytest.mark.parametrize("state", [None, *ClockState])
def test_every_tick_of_the_leading_case_does_to_a_linked_one_what_the_table_says(
    tick: Tick, state: ClockState | None
) -> None:
    before = () if state is None else (standing(ClockKind.HANDLE, state),)
    at = TUESDAY + timedelta(hours=1)
    lead = handle(KEEPER.after((), Tick.DISPATCHED, at, work=parse_limit("6wh")))
    after = KEEPER.shared(before, tick, at, lead=lead)
    effect = SHARED_EFFECTS.get(tick)
    if effect is None or state is not ClockState.SHARED:
        assert after == before  # what does not share is left alone, whatever happens
        return
    clock, was = handle(after), handle(before)
    assert clock.own == was.own
    assert Clock.read(clock.record()) == clock
    if effect is Effect.FOLLOW:
        assert (clock.state, clock.due_at) == (ClockState.SHARED, lead.due_at)
        assert clock.next_at is None
    else:
        assert (clock.state, clock.due_at) == (ClockState.RUNNING, was.due_at)
        assert clock.next_at is not None


def test_only_what_moves_the_clock_of_the_work_is_in_the_shared_table() -> None:
    """Each tick that does something to a handling clock is followed, goes on, or cannot be."""
    moving = {tick for tick, effects in EFFECTS.items() if ClockKind.HANDLE in effects}
    never = {
        # Nobody merges a case that leads others; what links or un-links is the linked case.
        Tick.MERGED, Tick.UNMERGED, Tick.LINKED, Tick.UNLINKED,
        # The linked ones go on by themselves since the leading case was handled.
        Tick.FAILED, Tick.REOPENED, Tick.REVIVED,
    }  # fmt: skip
    assert set(SHARED_EFFECTS) == moving - never


#: What can happen to the leading case, in an order it lets happen.
LEADING = [Tick.EXTENDED, Tick.HELD, Tick.RETURNED]
AFTER = {Tick.HELD: Tick.RESUMED, Tick.RETURNED: Tick.DISPATCHED_AGAIN}


@given(
    own=st.sampled_from(["4wh", "2uh", "3wd"]), limit=st.sampled_from(["2uh", "1wd", "90wh"]),
    unit=st.sampled_from(["", "N"]), apart=st.integers(1, 60 * 30),
    moves=st.lists(st.tuples(st.integers(1, 60 * 30), st.sampled_from(LEADING)), max_size=5),
    end=st.sampled_from(["unlinked", "goes on", "handled"]),
)  # fmt: skip
def test_a_shared_clock_agrees_with_minutes_counted_by_hand_and_gives_back_the_own(
    own: str, limit: str, unit: str, apart: int, moves: list[tuple[int, Tick]], end: str
) -> None:
    at = TUESDAY
    mine = KEEPER.after((), Tick.DISPATCHED, at, work=parse_limit(own))
    at += apart * MINUTE
    lead = KEEPER.after((), Tick.DISPATCHED, at, work=parse_limit(limit), unit=unit)
    slow = Slow(NIGHT_CREW if unit else CITY, limit)
    linked = KEEPER.after(mine, Tick.LINKED, at, lead=handle(lead))
    tick = None
    for wait, chosen in moves:
        slow.pass_time(at, at + wait * MINUTE)
        at += wait * MINUTE
        if tick in AFTER:
            tick, slow.running = AFTER[tick], True
            slow.left = max(0, slow.left)
        else:
            tick = chosen
            slow.running = tick is Tick.EXTENDED
            slow.left += slow.whole if tick is Tick.EXTENDED else 0
        lead = KEEPER.after(lead, tick, at)
        linked = KEEPER.shared(linked, tick, at, lead=handle(lead))
        shown = handle(linked)
        assert (shown.state, shown.next_at) == (ClockState.SHARED, None)
        assert shown.due_at == handle(lead).due_at
        assert (shown.due_at is not None) is slow.running
        if slow.running and slow.left > 0:
            assert shown.due_at is not None
            assert shown.due_at.replace(second=0) in (slow.ends(at), slow.ends(at) - MINUTE)
    if end == "unlinked":
        assert KEEPER.after(linked, Tick.UNLINKED, at) == mine
    elif end == "goes on":
        alone = KEEPER.shared(linked, Tick.HANDLED, at, lead=None)
        assert handle(alone).state is ClockState.RUNNING
        assert handle(alone).next_at is not None
        if slow.running:
            assert handle(alone).due_at == handle(lead).due_at
        assert KEEPER.after(alone, Tick.UNLINKED, at) == mine
    else:
        done = handle(KEEPER.after(linked, Tick.HANDLED, at))
        assert (done.state, done.own) == (ClockState.STOPPED, None)
        assert done.left_s is not None
        if slow.left > 0:
            assert round(done.left_s / 60) == slow.left


def test_what_the_leading_case_was_warned_of_is_not_said_again_but_lateness_is() -> None:
    lead = KEEPER.after((), Tick.DISPATCHED, TUESDAY, work=parse_limit("10uh"))
    linked = KEEPER.after(lead, Tick.LINKED, TUESDAY, lead=handle(lead))
    early = KEEPER.shared(linked, Tick.HANDLED, TUESDAY + timedelta(hours=8), lead=None)
    assert climbed(early, TUESDAY + timedelta(hours=8)) == (early, ())
    assert handle(early).next_at == TUESDAY + timedelta(hours=9)
    late = KEEPER.shared(linked, Tick.HANDLED, TUESDAY + timedelta(hours=12), lead=None)
    _, moved = climbed(late, TUESDAY + timedelta(hours=12))
    assert [clock.rung for clock in moved] == [Rung.OVERDUE]


def test_the_squares_around_a_place_hold_what_is_near() -> None:
    from zhongshu.core.place import Point, metres, squares, tile

    here = Point(113.6283, 34.7466)
    found = set(squares(here, 500))
    for east in range(-60, 61, 3):
        for north in range(-60, 61, 3):
            there = Point(here.lon + east * 1e-4, here.lat + north * 1e-4)
            if metres(here, there) <= 500:
                assert tile(there.lon, there.lat) in found
