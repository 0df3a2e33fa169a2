"""The case and its one table: enumerated, folded, and compared with itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from zhongshu.core.access import ALLOWS, NEEDS, Actor, Duty, Holding, Permission, Sight, sight
from zhongshu.core.cases import (
    NEEDS_REASON,
    OPEN,
    TRANSITIONS,
    Act,
    Case,
    NotAllowed,
    Outcome,
    OwnCheck,
    ReasonMissing,
    Stage,
    allowed,
    begun,
    fold,
    step,
)
from zhongshu.core.cases.matching import SameRule, same_matter
from zhongshu.core.facts import A_REPORTER, By, Fact, Kind, Position
from zhongshu.core.intake import receipt_code, shown_code, typed_code
from zhongshu.core.place import Point
from zhongshu.core.values import AccountId, CaseId, CategoryId, PostId, Span, UnitId
from zhongshu.core.words import likeness, words

S, A = Stage, Act
#: The lifecycle, written a second time by hand: what is not here must be refused.
LAWFUL = {
    S.WAITING_PLACE: {A.LOCATE, A.CLASSIFY, A.REJECT, A.MERGE, A.SPLIT, A.NOTE},
    S.NOT_OURS: {A.LOCATE, A.CLASSIFY, A.REJECT, A.MERGE, A.SPLIT, A.NOTE},
    S.RECEIVED: {A.LOCATE, A.CLASSIFY, A.FILE, A.REJECT, A.MERGE, A.SPLIT, A.NOTE},
    S.FILED: {A.LOCATE, A.CLASSIFY, A.REJECT, A.DISPATCH, A.MERGE, A.SPLIT, A.LINK, A.NOTE},
    S.DISPATCHED: {A.WITHDRAW, A.ACCEPT, A.RETURN, A.MERGE, A.SPLIT, A.LINK, A.UNLINK, A.NOTE},
    S.IN_HAND: {A.RETURN, A.HANDLE, A.MERGE, A.SPLIT, A.LINK, A.UNLINK, A.NOTE},
    S.HANDLED: {A.PASS, A.FAIL, A.SPLIT, A.NOTE},
    S.CHECKED: {A.CLOSE, A.SPLIT, A.NOTE},
    S.CLOSED: {A.REOPEN, A.RATE, A.NOTE},
    S.REJECTED: {A.REOPEN, A.NOTE},
    S.MERGED: {A.UNMERGE, A.NOTE},
}
HANDLER, CHECKER = By(account=AccountId(1)), By(account=AccountId(2))


def case_at(stage: Stage) -> Case:
    return Case(
        id=CaseId(1), number="261124-1", stage=stage, reported_at=NOW, version=1,
        handled_by=AccountId(1), before_merge=S.FILED if stage is S.MERGED else None,
        merged_into=CaseId(2) if stage is S.MERGED else None,
    )  # fmt: skip


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("act", Act)
def test_what_is_not_in_the_table_cannot_happen(stage: Stage, act: Act) -> None:
    case = case_at(stage)
    if act in LAWFUL[stage]:
        after, fact = step(case, act, by=CHECKER, at=NOW, reason="because")
        assert act in allowed(case)
        assert (after.version, fact.seq) == (2, 2)
        assert after.stage == (TRANSITIONS[stage, act] or S.FILED)
    else:
        assert act not in allowed(case)
        with pytest.raises(NotAllowed):
            step(case, act, by=CHECKER, at=NOW, reason="because")


def test_every_act_has_a_permission_that_some_duty_holds() -> None:
    assert set(NEEDS) == set(Act)
    for act in set(Act) - {Act.RATE}:
        assert any(NEEDS[act] in allows for allows in ALLOWS.values()), act


@pytest.mark.parametrize("act", sorted(NEEDS_REASON))
def test_some_acts_need_words(act: Act) -> None:
    stage = next(s for s in Stage if act in LAWFUL[s])
    with pytest.raises(ReasonMissing):
        step(case_at(stage), act, by=CHECKER, at=NOW, reason="  ")


@pytest.mark.parametrize("act", [Act.PASS, Act.FAIL])
def test_the_handler_does_not_check(act: Act) -> None:
    with pytest.raises(OwnCheck):
        step(case_at(S.HANDLED), act, by=HANDLER, at=NOW, reason="x")


@given(st.lists(st.tuples(st.sampled_from(Act), st.booleans()), max_size=40))
def test_facts_fold_to_the_case_whatever_was_done(acts: list[tuple[Act, bool]]) -> None:
    case, fact = begun(
        replace(case_at(S.RECEIVED), handled_by=None), Kind.REPORTED, by=A_REPORTER, at=NOW, says={}
    )
    facts: list[Fact] = [fact]
    for n, (act, first) in enumerate(acts):
        if act not in allowed(case):
            continue
        who = HANDLER if first else CHECKER
        sets = {
            Act.DISPATCH: {"unit": UnitId(3), "due_at": NOW + timedelta(hours=n)},
            Act.HANDLE: {"outcome": Outcome.SOLVED},
            Act.MERGE: {"merged_into": CaseId(9)},
            Act.RATE: {"solved": first, "satisfied": 1 + n % 5},
            Act.LOCATE: {"lon": 113.0 + n, "lat": 34.0, "cells": (n, 7)},
        }.get(act, {})
        try:
            case, fact = step(case, act, by=who, at=NOW, reason="r", sets=sets)
        except OwnCheck:
            continue
        facts.append(fact)
        assert (case.stage is S.MERGED) == (case.merged_into is not None)
        assert case.is_open == (case.stage in OPEN)
        if case.stage in (S.CHECKED, S.CLOSED):
            assert case.checked_by != case.handled_by
    assert fold(case.id, facts) == case


def test_a_missing_fact_is_noticed() -> None:
    case, first = begun(case_at(S.FILED), Kind.REPORTED, by=A_REPORTER, at=NOW, says={})
    case, _ = step(case, Act.NOTE, by=HANDLER, at=NOW)
    _, third = step(case, Act.NOTE, by=HANDLER, at=NOW)
    with pytest.raises(ValueError, match="fact 3 follows 1"):
        fold(case.id, [first, third])


# ── who sees what ────────────────────────────────────────────────────────────────────


def test_an_act_needs_a_post_that_covers_the_place_or_the_unit() -> None:
    north = Holding(post=PostId(1), duty=Duty.DISPATCHER, area=Span(100, 200))
    crew = Holding(post=PostId(2), duty=Duty.HANDLER, units=frozenset({UnitId(5)}))
    actor = Actor(account=AccountId(1), login="x", name="x", holdings=(north, crew))
    assert actor.acting(Permission.CASE_DISPATCH, area_code=150, unit=None) == 1
    assert actor.acting(Permission.CASE_DISPATCH, area_code=200, unit=None) is None
    assert actor.acting(Permission.CASE_WORK, area_code=150, unit=UnitId(6)) is None
    assert actor.acting(Permission.CASE_WORK, area_code=None, unit=UnitId(5)) == 2
    assert actor.sight == Sight(areas=(Span(100, 200),), units=frozenset({UnitId(5)}))


def test_no_post_sees_nothing_and_a_post_without_a_place_sees_all() -> None:
    assert not sight(()).covers(area_code=5, unit=UnitId(1))
    assert sight((Holding(post=PostId(1), duty=Duty.VIEWER),)).covers(area_code=None, unit=None)


# ── the same matter ──────────────────────────────────────────────────────────────────


@given(
    east=st.floats(-0.002, 0.002), north=st.floats(-0.002, 0.002),
    hours=st.integers(-300, 6000).map(lambda minutes: minutes / 60), category=st.integers(1, 2), stage=st.sampled_from(Stage),
)  # fmt: skip
def test_only_what_is_near_recent_of_the_class_and_before_handling_is_the_same(
    east: float, north: float, hours: float, category: int, stage: Stage
) -> None:
    here = Point(113.0, 34.0)
    other = replace(
        case_at(S.FILED), stage=stage, lon=113.0 + east, lat=34.0 + north,
        category=CategoryId(category), reported_at=NOW - timedelta(hours=hours),
    )  # fmt: skip
    found = same_matter(
        at=NOW, place=here, category=CategoryId(1), text="路灯", candidates=[other], rule=SameRule()
    )
    metres = ((east * 92_184) ** 2 + (north * 111_195) ** 2) ** 0.5
    if abs(metres - 50) < 0.5:
        return
    expected = (
        metres <= 50 and 0 <= hours <= 72 and category == 1
        and stage in (S.RECEIVED, S.FILED, S.DISPATCHED, S.IN_HAND)
    )  # fmt: skip
    assert bool(found) == expected


# ── words, codes, positions ──────────────────────────────────────────────────────────


def test_words_are_latin_words_and_pairs_of_characters() -> None:
    assert words("The lamp, 路灯不亮!") == ("the", "lamp", "路灯", "灯不", "不亮")
    assert likeness(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)


@given(st.binary(min_size=7, max_size=7))
def test_a_code_typed_as_it_was_shown_is_the_code(random: bytes) -> None:
    code = receipt_code(random)
    assert len(code) == 10
    assert typed_code(shown_code(code).lower()) == code
    assert typed_code(code.replace("0", "O").replace("1", "l")) == code


@given(st.integers(0, 2**60), st.integers(0, 2**60))
def test_a_position_is_read_as_it_was_written(tx: int, fact: int) -> None:
    assert Position.parse(str(Position(tx, fact))) == Position(tx, fact)
