"""Who is told at which rung, against an oracle that asks every post of the city in turn."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.access import Duty, Holding
from zhongshu.core.cases.clocks import ClockKind, Rung
from zhongshu.core.escalation import (
    LADDER,
    PATHS_UP,
    Audience,
    Bearings,
    Directory,
    Line,
    NoSuchWord,
    NotSoFar,
    Post,
    Quiet,
    RungRule,
    audiences,
    ladder,
    passed,
    sought,
)
from zhongshu.core.procedures import LEVELS, level_of, reaches
from zhongshu.core.values import AccountId, AreaId, Name, PostId, Span, UnitId

CELL, GRID, COMMUNITY, TOWN = (AreaId(n) for n in (11, 12, 13, 14))
CREW, OFFICE = UnitId(21), UnitId(22)
ASKED = UnitId(23)
AREAS = (CELL, GRID, COMMUNITY, TOWN)
HERE = Bearings(areas=AREAS, lead=(CREW, OFFICE), asked=(ASKED,))
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
#: Every place a post can be on: around the case, elsewhere, or the whole city.
PLACES: tuple[tuple[AreaId | None, UnitId | None], ...] = (
    *((a, None) for a in (*AREAS, AreaId(99))), *((None, u) for u in (CREW, OFFICE, ASKED, UnitId(98))),
    (None, None),
)  # fmt: skip
DUTIES = sorted({duty for path in PATHS_UP.values() for duty in path.duties})

posts = st.lists(
    st.tuples(
        st.sampled_from(DUTIES), st.sampled_from(PLACES), st.lists(st.integers(1, 5), max_size=2)
    ),
    max_size=30,
).map(
    lambda drawn: [
        Post(
            id=PostId(n), duty=duty, name=Name(f"岗{n}"), area=area, unit=unit,
            holders=tuple(AccountId(h) for h in sorted(set(holders))),
        )
        for n, (duty, (area, unit), holders) in enumerate(drawn, start=1)
    ]
)  # fmt: skip


def line(which: Line) -> list[tuple[AreaId | None, UnitId | None]]:
    """The places of a line, written out."""
    city: tuple[AreaId | None, UnitId | None] = (None, None)
    return {
        Line.AREAS: [*((a, None) for a in AREAS), city],
        Line.LEAD: [(None, CREW), (None, OFFICE), city],
        Line.ASKED: [(None, ASKED), city],
        Line.WHOLE_CITY: [(TOWN, None), city],
    }[which]


def slowly(audience: Audience, everybody: list[Post]) -> list[Post]:
    """Ask post after post, the nearest first; the oracle."""
    path = PATHS_UP[audience]
    groups = [
        [p for p in everybody if (p.area, p.unit) == place and p.duty is duty]
        for place, duty in product(line(path.line), path.duties)
    ]
    if path.optional and not any(groups):
        return []
    held = [found for g in groups if (found := [p for p in g if p.holders])]
    if len(held) > path.above:
        return held[path.above]
    return slowly(path.then, everybody) if path.then else []


@given(posts, st.sampled_from(Audience))
def test_the_nearest_held_post_is_told_and_a_vacant_one_passes_it_on(
    everybody: list[Post], audience: Audience
) -> None:
    found = sought(audience, HERE, Directory(everybody))
    assert list(found.posts) == slowly(audience, everybody)
    assert all(post.holders for post in found.posts)
    assert not any(post.holders for post in found.vacant)
    # The post that should have heard is said, whatever it is that hears instead.
    path = PATHS_UP[audience]
    own = [p for p in everybody if p.duty in path.duties and (p.area, p.unit) in line(path.line)]
    if found.instead is not None and own and not any(p.holders for p in own):
        assert {p.id for p in own} <= {p.id for p in found.vacant}


@given(posts)
def test_nothing_is_lost_while_anybody_holds_a_post_of_the_whole_city(
    everybody: list[Post],
) -> None:
    chief = Post(id=PostId(999), duty=Duty.ADMIN, name=Name("管理"), holders=(AccountId(9),))
    directory = Directory([*everybody, chief])
    for audience, path in PATHS_UP.items():
        if not path.optional:
            assert sought(audience, HERE, directory).posts, audience


def test_without_a_unit_there_are_no_handlers_and_without_chain_posts_no_chain() -> None:
    boss = Post(id=PostId(1), duty=Duty.SUPERVISOR, name=Name("督"), holders=(AccountId(1),))
    lead = Post(id=PostId(2), duty=Duty.GRID_LEAD, name=Name("长"), area=GRID, holders=(AccountId(2),))  # fmt: skip
    directory = Directory([boss, lead])
    assert sought(Audience.HANDLERS, Bearings(areas=AREAS), directory).posts == ()
    assert sought(Audience.CHAIN, HERE, directory).posts == ()
    vacant = Post(id=PostId(3), duty=Duty.CHAIN_ESTATE, name=Name("支部"), area=GRID)
    found = sought(Audience.CHAIN, HERE, Directory([boss, lead, vacant]))
    assert (found.posts, found.vacant, found.instead) == ((lead,), (vacant,), Audience.AREA_LEAD)


def test_the_chain_climbs_from_the_member_at_the_cell_to_the_community() -> None:
    def post(n: int, duty: Duty, area: AreaId) -> Post:
        return Post(id=PostId(n), duty=duty, name=Name("岗"), area=area, holders=(AccountId(n),))

    member, building = post(1, Duty.CHAIN_MEMBER, CELL), post(2, Duty.CHAIN_BUILDING, CELL)
    estate, community = post(3, Duty.CHAIN_ESTATE, GRID), post(4, Duty.CHAIN_COMMUNITY, COMMUNITY)
    chain = [member, building, estate, community]
    for n in range(4):
        directory = Directory(chain[n:])
        assert sought(Audience.CHAIN, HERE, directory).posts == (chain[n],)
        above = sought(Audience.CHAIN_ABOVE, HERE, directory)
        assert above.posts == tuple(chain[n + 1 : n + 2])


def test_the_next_one_up_is_told_of_the_vacant_posts_between_and_not_of_those_below() -> None:
    below, between = (
        Post(id=PostId(n), duty=Duty.GRID_LEAD, name=Name("长"), area=area)
        for n, area in ((1, CELL), (3, COMMUNITY))
    )
    here, above = (
        Post(id=PostId(n), duty=Duty.GRID_LEAD, name=Name("长"), area=area, holders=(AccountId(n),))
        for n, area in ((2, GRID), (4, TOWN))
    )
    directory = Directory([below, here, between, above])
    first = sought(Audience.AREA_LEAD, HERE, directory)
    assert (first.posts, first.vacant) == ((here,), (below,))
    second = sought(Audience.AREA_ABOVE, HERE, directory)
    assert (second.posts, second.vacant) == ((above,), (between,))


def test_every_rung_of_every_clock_has_a_row_and_overdue_work_is_pressed() -> None:
    assert set(LADDER) == set(product(ClockKind, Rung))
    levels = [LADDER[ClockKind.HANDLE, rung].level for rung in Rung]
    assert levels == sorted(levels)
    assert levels[-2:] == [1, 2]
    assert all(LADDER[kind, Rung.OVERDUE].told for kind in ClockKind)


def test_a_city_changes_rows_by_words_and_a_word_that_is_none_is_refused() -> None:
    changed = ladder({"handle": {"warn": {"told": ["city", "handlers"], "level": 1}}})
    assert changed[ClockKind.HANDLE, Rung.WARN] == RungRule(
        told=(Audience.HANDLERS, Audience.CITY), level=1
    )
    same = {key for key in LADDER if changed[key] == LADDER[key]}
    assert set(LADDER) - same == {(ClockKind.HANDLE, Rung.WARN)}
    for said, refusal in (
        ({"egg": {}}, None), ({"egg": {"warn": {}}}, NoSuchWord), ({"handle": {"egg": {}}}, NoSuchWord),
        ({"handle": {"warn": {"told": ["mayor"]}}}, NoSuchWord),
        ({"handle": {"warn": {"level": 4}}}, NotSoFar),
    ):  # fmt: skip
        if refusal is None:
            assert ladder(said) == LADDER
        else:
            with pytest.raises(refusal):
                ladder(said)
    assert audiences(["city", "city"]) == (Audience.CITY,)


def test_a_fact_that_does_not_name_the_rungs_passed_passed_the_highest() -> None:
    assert passed({"handle": "red"}, {}) == {ClockKind.HANDLE: (Rung.RED,)}
    assert passed({"handle": "red"}, {"handle": ["warn", "red"]}) == {ClockKind.HANDLE: (Rung.WARN, Rung.RED)}  # fmt: skip
    assert passed({"handle": None}, {}) == {ClockKind.HANDLE: ()}


# ── quiet hours ──────────────────────────────────────────────────────────────────────

#: Times of day that exist on every day and only once, in both cities.
times = st.integers(0, 20 * 4 - 1).map(lambda n: time((4 + n // 4) % 24, n % 4 * 15))


@given(
    start=times, end=times, zone=st.sampled_from([SHANGHAI, NEW_YORK]),
    minutes=st.integers(0, 60 * 24 * 366),
)  # fmt: skip
def test_quiet_hours_end_when_a_watch_on_the_wall_says_so(
    start: time, end: time, zone: ZoneInfo, minutes: int
) -> None:
    """Minute by minute, over the nights on which the clocks are changed, too."""
    if start == end:
        return
    quiet, at = Quiet(start, end), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    walked = at
    while quiet.holds(walked.astimezone(zone).time()):
        walked += timedelta(minutes=1)
    until = quiet.until(at, zone)
    assert (until or at) == walked
    assert (until is None) == (walked == at)


def test_the_night_is_over_midnight_and_both_its_ends_are_exact() -> None:
    night = Quiet(time(22), time(7))
    assert [night.holds(time(h)) for h in (21, 22, 0, 6, 7)] == [False, True, True, True, False]
    assert night.until(datetime(2026, 11, 24, 13, 59, 59, tzinfo=UTC), SHANGHAI) is None
    seven = datetime(2026, 11, 24, 23, tzinfo=UTC)
    for at in (datetime(2026, 11, 24, 14, tzinfo=UTC), seven - timedelta(seconds=1)):
        assert night.until(at, SHANGHAI) == seven
    assert night.until(seven, SHANGHAI) is None


# ── levels of supervision ────────────────────────────────────────────────────────────


def test_how_far_a_post_reaches_decides_how_hard_it_presses() -> None:
    unit = Holding(post=PostId(1), duty=Duty.SUPERVISOR, units=frozenset({CREW}))
    area = Holding(post=PostId(2), duty=Duty.SUPERVISOR, area=Span(1, 9))
    city = Holding(post=PostId(3), duty=Duty.SUPERVISOR)
    may = [[level.number for level in LEVELS if reaches(level, h)] for h in (unit, area, city)]
    assert may == [[1], [1, 2], [1, 2, 3]]
    assert [level.number for level in LEVELS] == [1, 2, 3]
    assert [level_of(n).name.zh for n in (1, 2, 3)] == ["一般督办", "重点督办", "挂牌督办"]
