"""When two matters are one: circles, classes, words; and how well that is told on a past."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from zhongshu.core.cases import Case, Stage
from zhongshu.core.cases.figures import WIDEST, by_kind, swept
from zhongshu.core.cases.matching import (
    BOUNDS,
    BadRule,
    Matter,
    SameRule,
    SameRules,
    Tie,
    between,
    compared,
    same_matter,
    suggestions,
    tie,
    worth_asking,
)
from zhongshu.core.cases.measuring import Past, counted, replayed, truth
from zhongshu.core.place import METRES_PER_DEGREE, Point, metres, squares, tile
from zhongshu.core.values import CaseId, CategoryId
from zhongshu.core.words import phrases, words

HERE = Point(113.01, 34.03)
LAMP, COVER = CategoryId(1), CategoryId(2)
CODES = {LAMP: "C-01-37", COVER: "C-01-23", None: ""}


def north(by: float) -> Point:
    return Point(HERE.lon, HERE.lat + by / METRES_PER_DEGREE)


def case(
    n: int = 1, *, far: float = 0.0, age: float = 1.0, title: str = "路灯不亮",
    category: CategoryId | None = LAMP, stage: Stage = Stage.FILED,
) -> Case:  # fmt: skip
    place = north(far)
    return Case(
        id=CaseId(n), number=f"261124-{n}", stage=stage, title=title, category=category,
        reported_at=NOW - timedelta(hours=age), lon=place.lon, lat=place.lat,
    )  # fmt: skip


def matter(text: str = "路灯不亮", code: str = "C-01-37") -> Matter:
    return Matter(text=text, at=NOW, place=HERE, code=code)


def suggested(*cases: Case, rules: SameRules | None = None, code: str = "C-01-37"):  # noqa: ANN201
    book = rules or SameRules.usual()
    return suggestions(matter(code=code), cases, book, lambda c: CODES[c.category])


def joined(*cases: Case, rule: SameRule, text: str = "路灯不亮") -> list[int]:
    found = same_matter(at=NOW, place=HERE, category=LAMP, text=text, candidates=cases, rule=rule)
    return [m.case.id for m in found]


@given(
    lon=st.floats(-180, 180), lat=st.floats(-80, 80), within=st.floats(1, 500),
    turn=st.floats(0, 6.3), share=st.floats(0, 1),
)  # fmt: skip
def test_whatever_lies_within_a_circle_lies_in_its_squares(
    lon: float, lat: float, within: float, turn: float, share: float
) -> None:
    here = Point(lon, lat)
    up = share * within * np.sin(turn) / METRES_PER_DEGREE
    right = share * within * np.cos(turn) / METRES_PER_DEGREE / np.cos(np.radians(lat))
    there = Point((lon + right + 180) % 360 - 180, lat + up)
    if metres(here, there) <= within:
        assert tile(there.lon, there.lat) in squares(here, within)


def test_squares_are_few() -> None:
    assert len(squares(HERE, 50)) <= 4
    assert len(squares(HERE, 100)) <= 9


@pytest.mark.parametrize(
    ("rule", "far", "age", "joins"),
    [
        (SameRule(), 49, 71, True),
        (SameRule(), 51, 1, False),
        (SameRule(), 1, 73, False),
        (SameRule(apart=2), 1, 1, False),
        (SameRule(apart=2), 1, 3, True),
        (SameRule(joins=False), 1, 1, False),
        (SameRule(metres=20), 21, 1, False),
        (SameRule(hours=24), 1, 25, False),
        (SameRule(), 1, -1, False),  # reported after this one
    ],
)
def test_the_inner_circle_joins(rule: SameRule, far: float, age: float, joins: bool) -> None:
    assert joined(case(far=far, age=age), rule=rule) == ([1] if joins else [])


def test_a_least_share_of_words_keeps_strangers_apart() -> None:
    rule = SameRule(least=0.3)
    assert joined(case(title="路灯不亮"), rule=rule) == [1]
    assert joined(case(title="电线杆歪了"), rule=rule) == []


@pytest.mark.parametrize("stage", Stage)
def test_only_a_case_before_the_end_of_handling_is_proposed(stage: Stage) -> None:
    before = stage in (Stage.RECEIVED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND)
    assert bool(joined(case(stage=stage), rule=SameRule())) == before
    assert bool(suggested(case(stage=stage))) == before


def test_the_outer_circle_only_suggests() -> None:
    (one,) = suggested(case(far=80, age=200))
    assert not one.joins
    assert one.metres == pytest.approx(80, abs=0.1)
    assert one.hours == pytest.approx(200)
    assert suggested(case(far=101)) == []
    assert suggested(case(age=721)) == []


def test_related_and_open_classes_are_suggested_and_never_joined() -> None:
    found = suggested(case(1, far=5), case(2, category=COVER), case(3, category=None))
    assert [(m.case.id, m.tie, m.joins) for m in found] == [
        (1, Tie.SAME, True), (2, Tie.MAJOR, False), (3, Tie.UNKNOWN, False),
    ]  # fmt: skip
    assert tie("C-01-37", "E-04-06") is Tie.OTHER
    assert compared(matter(), matter(code="E-04-06"), SameRule()) is None
    stranger = between(matter(code="E-04-06"), case(), code="C-01-37", rule=SameRule())
    assert stranger is not None
    assert (stranger.tie, stranger.joins) == (Tie.OTHER, False)


def test_the_reporter_is_asked_about_related_classes_only_when_they_are_very_near() -> None:
    book = SameRules.usual()
    far = suggested(case(category=COVER, far=80))
    near = suggested(case(category=COVER, far=20))
    both = suggested(case(1, far=80), case(2, category=COVER, far=80))
    assert worth_asking(far, book, "C-01-37") == ()
    assert len(worth_asking(near, book, "C-01-37")) == 1
    assert len(worth_asking(both, book, "C-01-37")) == 2


def test_nearer_newer_and_more_alike_in_words_comes_first() -> None:
    rules = SameRules.usual()
    assert [m.case.id for m in suggested(case(1, far=40), case(2, far=10), rules=rules)] == [2, 1]
    assert [m.case.id for m in suggested(case(1, age=60), case(2, age=2), rules=rules)] == [2, 1]
    alike = suggested(case(1, title="树倒了"), case(2, title="路灯不亮", far=15), rules=rules)
    assert [m.case.id for m in alike] == [2, 1]
    deaf = SameRules({"": SameRule(words=0)})
    assert [m.case.id for m in suggested(case(1, title="树倒了"), case(2, far=15), rules=deaf)] == [1, 2]  # fmt: skip


@given(far=st.floats(0, 100), age=st.floats(0, 720), share=st.floats(0, 1), words=st.floats(0, 100))
def test_likeness_lies_between_0_and_100(
    far: float, age: float, share: float, words: float
) -> None:
    assert -1e-9 <= SameRule(words=words).alike(far, age, share) <= 100 + 1e-9


def test_the_longest_beginning_of_a_code_rules() -> None:
    book = SameRules.usual({"E-04-98": SameRule(hours=336), "C": SameRule(metres=10)})
    assert book.of("E-04-98").hours == 336
    assert book.of("E-04-06").hours == SameRules.USUAL["E-04"].hours
    assert book.of("E-05-01") == book.of("") == SameRule()
    assert book.of("C-01-37").metres == 10
    assert book.widest == (100, 720)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("beyond", [-1.0, 1e6, float("nan")])
def test_a_rule_that_cannot_be_is_refused_by_name(name: str, beyond: float) -> None:
    with pytest.raises(BadRule) as refused:
        replace(SameRule(), **{name: beyond})  # type: ignore[arg-type]
    assert refused.value.field == name


def test_the_outer_circle_never_lies_within_the_inner_one() -> None:
    with pytest.raises(BadRule):
        SameRule(metres=60, near_metres=50)
    with pytest.raises(BadRule):
        SameRule(hours=60, near_hours=50)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("小区门口路灯不亮", "路灯又不亮了", ("路灯", "不亮")),
        ("路灯不亮了", "那里路灯不亮了", ("路灯不亮了",)),
        ("Red Toyota, flat tire", "toyota with a flat tire", ("toyota", "flat", "tire")),
        ("树", "树倒", ()),
        ("路灯", "井盖", ()),
    ],
)
def test_shared_words_are_shown_as_a_person_reads_them(
    one: str, other: str, said: tuple[str, ...]
) -> None:
    assert phrases(one, frozenset(words(one)) & frozenset(words(other))) == said


# ── measuring ────────────────────────────────────────────────────────────────────────


def asked(
    key: str, *, at: float, far: float = 0.0, ended: float | None = None, parent: str | None = None,
    place: bool = True, code: str = "C-01-37", title: str = "路灯不亮",
) -> Past:  # fmt: skip
    return Past(
        key=key, at=NOW + timedelta(hours=at), kind=code or "?", code=code, title=title, parent=parent,
        ended_at=None if ended is None else NOW + timedelta(hours=ended),
        place=north(far) if place else None,
    )  # fmt: skip


def test_every_link_is_asked_about_or_its_absence_is_counted() -> None:
    past = [
        asked("a", at=0, ended=5), asked("b", at=1, parent="a"), asked("c", at=2, parent="gone"),
        asked("d", at=3, parent="d"), asked("e", at=6, parent="a", far=30),
        asked("f", at=7, place=False, parent="b"), asked("g", at=8, ended=9, code="E-05-01"),
        asked("h", at=10, parent="g", code="E-05-01"),
    ]  # fmt: skip
    told = truth(past)
    assert told.excluded == {"absent": 1, "itself": 1, "no_place": 1, "ended": 1}
    assert [past[n].key for n in np.flatnonzero(told.asked)] == ["b", "e"]
    # “e” names “a”, which had ended; “b” of the same group was still open.
    assert told.group[0] == told.group[1] == told.group[4] == told.group[5]


def test_the_figures_of_a_past_small_enough_to_count_by_hand() -> None:
    past = [
        asked("a", at=0), asked("b", at=1, far=10, parent="a"),  # joined, confirmed
        asked("c", at=2, far=500), asked("d", at=3, far=560, parent="c"),  # suggested only
        asked("e", at=4, far=1000), asked("f", at=5, far=1010),  # joined, nothing said
        asked("g", at=6, far=1005, parent="c"),  # joined to the wrong one: denied
        asked("h", at=7, far=2000, parent="x"), asked("i", at=8, far=2001, parent="y"),
    ]  # fmt: skip
    told = truth(past)
    rules = SameRules({"": SameRule()})
    pairs = replayed(past, told.group, widest=WIDEST)
    found = counted(pairs, told, rules, np.ones(len(past), bool))
    assert (found.requests, found.asked, found.first, found.third) == (9, 3, 2, 2)
    assert (found.joins, found.confirmed, found.denied, found.absent) == (4, 1, 1, 1)
    assert found.shown == 5
    tables = "\n".join(by_kind(past, told, pairs, rules, cut=4))
    assert "2 / 2 = 100.0%" in tables
    assert "0 / 1 = 0.0%" in tables
    rows = list(swept(past, told, pairs, rules, cut=len(past)))
    same = [r for r in rows if (r["metres"], r["hours"], r["apart"], r["least"]) == (50, 72, 0, 0)]
    assert same[0]["confirmed"] == 1
    assert same[0]["joins"] == 4


moments = st.integers(0, 60)
requests = st.lists(
    st.tuples(
        moments, st.one_of(st.none(), moments), st.integers(0, 200), st.sampled_from(["C-01-37", "C-01-23", ""]),
        st.sampled_from(["路灯不亮", "路灯坏了", "井盖丢了"]),
    ),
    max_size=14,
)  # fmt: skip


@given(rows=requests)
def test_the_replay_finds_what_comparing_everything_with_everything_finds(
    rows: list[tuple[int, int | None, int, str, str]],
) -> None:
    past = [
        asked(str(n), at=24 * at, ended=None if ended is None else 24 * ended, far=far, code=code, title=title)
        for n, (at, ended, far, code, title) in enumerate(sorted(rows, key=lambda row: row[0]))
    ]  # fmt: skip
    pairs = replayed(past, truth(past).group, widest=WIDEST)
    slow: set[tuple[int, int]] = set()
    for n, one in enumerate(past):
        for m, other in enumerate(past[:n]):
            assert one.place is not None
            assert other.place is not None
            age = (one.at - other.at) / timedelta(hours=1)
            if (
                metres(one.place, other.place) <= WIDEST.near_metres
                and age <= WIDEST.near_hours
                and (other.ended_at is None or other.ended_at > one.at)
                and tie(one.code, other.code) is not Tie.OTHER
            ):
                slow.add((n, m))
    assert set(zip(pairs.later.tolist(), pairs.earlier.tolist(), strict=True)) == slow


def test_a_replay_of_nothing_is_nothing() -> None:
    told = truth([])
    pairs = replayed([], told.group, widest=WIDEST)
    assert counted(pairs, told, SameRules.usual(), np.zeros(0, bool)).requests == 0
