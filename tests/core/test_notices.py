"""What one fact tells: to whom, once each, at which hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_escalation import HERE, posts
from tests.factories import NOW
from zhongshu.core.access import Duty
from zhongshu.core.cases import Case, Stage
from zhongshu.core.cases.clocks import Clock, ClockKind, ClockState, Rung
from zhongshu.core.escalation import LADDER, Audience, Directory, Post, Quiet, RungRule, sought
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.notices import (
    MANDATORY,
    TELLINGS,
    Notice,
    NoticeKind,
    Rules,
    concerns,
    happenings,
    heard,
    notices,
    released,
    tellings,
)
from zhongshu.core.procedures import PATHS, Move, ProcedureKind
from zhongshu.core.values import AccountId, AreaId, CaseId, Name, PostId, UnitId

RULES = Rules(ladder=LADDER, tellings=TELLINGS)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CASE = Case(
    id=CaseId(7), number="261124-7", stage=Stage.IN_HAND, reported_at=NOW, unit=UnitId(21),
    area=AreaId(12), clocks=tuple(
        Clock(kind=k, state=ClockState.RUNNING, limit="4uh", started_at=NOW, length_s=14400.0, due_at=NOW + timedelta(hours=4))
        for k in (ClockKind.HANDLE, ClockKind.WHOLE)
    ),
)  # fmt: skip


def climbed(seq: int = 2, **clocks: list[Rung]) -> Fact:
    return Fact(
        case=CASE.id, seq=seq, kind=Kind.CLIMBED, at=NOW, by=By(rule="deadline"),
        says={"clocks": {k: r[-1] for k, r in clocks.items()}, "passed": clocks},
    )  # fmt: skip


def post(
    n: int, duty: Duty, *holders: int, area: int | None = None, unit: int | None = None
) -> Post:
    return Post(
        id=PostId(n), duty=duty, name=Name(f"岗{n}"), area=None if area is None else AreaId(area),
        unit=None if unit is None else UnitId(unit), holders=tuple(AccountId(h) for h in holders),
    )  # fmt: skip


def told(fact: Fact, *everybody: Post, case: Case = CASE, rules: Rules = RULES) -> list[Notice]:
    return list(notices(fact, case, HERE, Directory(everybody), rules))


HANDLER, DISPATCHER = post(1, Duty.HANDLER, 1, unit=21), post(2, Duty.DISPATCHER, 2)
LEAD, CHIEF = post(3, Duty.GRID_LEAD, 3, area=12), post(4, Duty.SUPERVISOR, 4)
STAFF = (HANDLER, DISPATCHER, LEAD, CHIEF)


@pytest.mark.parametrize(
    ("rung", "accounts"),
    [
        (Rung.WARN, {1}), (Rung.RED, {1, 2}), (Rung.OVERDUE, {1, 2, 3}), (Rung.HIGHER, {4}),
        (Rung.HIGHEST, {4}),
    ],
)  # fmt: skip
def test_the_handling_clock_tells_higher_and_higher(rung: Rung, accounts: set[int]) -> None:
    assert {n.account for n in told(climbed(handle=[rung]), *STAFF)} == accounts


def test_passing_several_rungs_at_once_tells_everybody_named_and_each_of_the_highest() -> None:
    found = told(climbed(handle=list(Rung)), *STAFF)
    assert {n.account: n.says["rung"] for n in found} == {1: "overdue", 2: "overdue", 3: "overdue", 4: "highest"}  # fmt: skip
    assert len(found) == 4


clocks = st.dictionaries(
    st.sampled_from([ClockKind.HANDLE.value, ClockKind.WHOLE.value]),
    st.integers(0, 4).flatmap(lambda a: st.integers(a, 4).map(lambda b: list(Rung)[a : b + 1])),
    min_size=1,
)
rows = st.lists(st.sampled_from(Audience), max_size=5, unique=True)


@given(posts, clocks, st.dictionaries(st.sampled_from(sorted(LADDER)), rows, max_size=6))
def test_nobody_is_told_twice_of_one_rung_whatever_the_ladder_and_nobody_named_is_left_out(
    everybody: list[Post], passed: dict[str, list[Rung]], changed: dict[tuple[ClockKind, Rung], list[Audience]],
) -> None:  # fmt: skip
    rows = {**LADDER, **{key: RungRule(told=tuple(who)) for key, who in changed.items()}}
    found = told(climbed(**passed), *everybody, rules=Rules(ladder=rows, tellings=TELLINGS))
    once = [(n.says["clock"], n.account, n.post.id if n.account is None else 0) for n in found]
    assert len(once) == len(set(once))
    assert len({(n.about, n.account, n.post.id) for n in found}) == len(found)
    for kind, rungs in passed.items():
        for rung in rungs:
            for audience in rows[ClockKind(kind), rung].told:
                for one in sought(audience, HERE, Directory(everybody)).posts:
                    for account in one.holders:
                        assert (kind, account, 0) in once


def test_who_did_it_is_not_told_of_it() -> None:
    fact = Fact(case=CASE.id, seq=3, kind=Kind.RETURNED, at=NOW, by=By(account=AccountId(1)))
    both = post(2, Duty.DISPATCHER, 1, 2)
    assert [n.account for n in told(fact, both)] == [2]
    # The only one who could be told knows it already: nobody above is troubled.
    assert told(fact, post(2, Duty.DISPATCHER, 1), CHIEF) == []


def test_a_vacant_post_is_named_to_whoever_hears_instead() -> None:
    empty = post(1, Duty.HANDLER, unit=21)
    (one,) = told(climbed(handle=[Rung.WARN]), empty, CHIEF)
    assert (one.account, one.says["instead"]) == (4, "unit_above")
    assert one.says["vacant"] == [{"id": 1, "zh": "岗1", "en": "", "area": None, "unit": 21}]


def test_where_nobody_at_all_holds_a_post_it_waits_for_whoever_takes_it() -> None:
    (one,) = told(climbed(handle=[Rung.WARN]), post(1, Duty.HANDLER, unit=21))
    assert (one.account, one.post.id) == (None, 1)


def test_of_two_vacant_posts_that_pass_to_one_account_both_are_named() -> None:
    fact = climbed(handle=[Rung.OVERDUE])
    found = told(fact, HANDLER, post(3, Duty.GRID_LEAD, area=12), post(5, Duty.CHAIN_ESTATE, area=12), CHIEF)  # fmt: skip
    by = {n.account: [v["id"] for v in n.says.get("vacant", [])] for n in found}
    assert by == {1: [], 4: [3, 5]}


# ── what happens besides the clocks ──────────────────────────────────────────────────


def step(
    kind: ProcedureKind, move: Move, state: str, rule: str | None = None, **said: object
) -> Fact:
    return Fact(
        case=CASE.id, seq=4, kind=Kind.PROCEDURE, at=NOW, by=By(rule=rule),
        says={"procedure": kind.value, "move": move.value, "state": state, "unit": 23, "said": said},
    )  # fmt: skip


def test_every_step_of_a_procedure_has_a_name_and_every_name_is_one_that_can_happen() -> None:
    names = {
        happenings(step(kind, move, path.to, level=level))[0]
        for (kind, _, move), path in PATHS.items()
        for level in (1, 2, 3)
    } | {f"{kind.value}:late" for kind in ProcedureKind}
    asked_and_told_nobody = {"hold:reviewed", "call:rated", "assist:accepted"}
    withdrawn = {f"{k.value}:withdrawn" for k in (ProcedureKind.EXTENSION, ProcedureKind.HOLD)}
    assert {n for n in TELLINGS if not n.startswith(("case:", "hazard"))} == (
        names - asked_and_told_nobody - withdrawn
    )
    assert {n for n in TELLINGS if n.startswith("case:")} <= {k.value for k in Kind} | {"case:revived"}  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "kind", "accounts"),
    [
        (step(ProcedureKind.ASSIST, Move.OPEN, "asked"), NoticeKind.PART, {9}),
        (step(ProcedureKind.CALL, Move.OPEN, "called"), NoticeKind.PART, {9}),
        (step(ProcedureKind.EXTENSION, Move.OPEN, "asked"), NoticeKind.DECIDE, {2}),
        (step(ProcedureKind.HOLD, Move.APPROVE, "seconded"), NoticeKind.DECIDE, {4}),
        (step(ProcedureKind.EXTENSION, Move.REFUSE, "refused"), NoticeKind.DECIDED, {1}),
        (step(ProcedureKind.SUPERVISION, Move.OPEN, "open"), NoticeKind.SUPERVISED, {1, 2}),
        (step(ProcedureKind.SUPERVISION, Move.RAISE, "open", level=3), NoticeKind.SUPERVISED, {1, 2, 3, 4}),
        (step(ProcedureKind.SUPERVISION, Move.ANSWER, "answered"), NoticeKind.DECIDE, {4}),
        (step(ProcedureKind.EXTENSION, Move.OPEN, "asked", rule="deadline"), NoticeKind.LATE, {2, 4}),
        (step(ProcedureKind.ASSIST, Move.WITHDRAW, "lapsed"), None, set()),
    ],
)  # fmt: skip
def test_procedures_tell_who_has_to_do_something_and_who_asked(
    fact: Fact, kind: NoticeKind | None, accounts: set[int]
) -> None:
    found = told(fact, *STAFF, post(9, Duty.HANDLER, 9, unit=23))
    assert {n.account for n in found} == accounts
    assert {n.kind for n in found} == ({kind} if kind else set())
    assert concerns(fact, RULES) == (kind is not None)


def test_danger_is_told_beside_what_happened_and_a_city_may_tell_others() -> None:
    fact = Fact(case=CASE.id, seq=1, kind=Kind.REPORTED, at=NOW, sets={"hazard": True})
    assert {(n.kind, n.account) for n in told(fact, *STAFF)} == {(NoticeKind.HAZARD, 2), (NoticeKind.HAZARD, 3)}  # fmt: skip
    assert not concerns(replace(fact, sets={}), RULES)
    ours = Rules(ladder=LADDER, tellings=tellings({"hazard": ["city"]}))  # fmt: skip
    assert {n.account for n in told(fact, *STAFF, rules=ours)} == {4}
    silent = Rules(ladder=LADDER, tellings=tellings({"hazard": []}))
    assert not concerns(fact, silent)


# ── hours ────────────────────────────────────────────────────────────────────────────


@given(
    quiet=st.one_of(st.none(), st.tuples(st.integers(0, 23), st.integers(0, 23))),
    minutes=st.integers(0, 60 * 24 * 3), hazard=st.booleans(), priority=st.integers(1, 4),
)  # fmt: skip
def test_nobody_is_disturbed_in_quiet_hours_unless_it_is_urgent(
    quiet: tuple[int, int] | None,
    minutes: int,
    hazard: bool,
    priority: int,
) -> None:
    hours = Quiet(time(quiet[0]), time(quiet[1])) if quiet and quiet[0] != quiet[1] else None
    now = datetime(2026, 11, 24, tzinfo=UTC) + timedelta(minutes=minutes)
    case = replace(CASE, hazard=hazard, priority=priority)
    (one,) = told(climbed(handle=[Rung.WARN]), replace(HANDLER, quiet=hours), case=case)
    at = released(one, now, SHANGHAI)
    assert one.urgent == (hazard or priority == 1)
    if one.urgent or hours is None or not hours.holds(now.astimezone(SHANGHAI).time()):
        assert at == now
    else:
        assert now < at <= now + timedelta(days=1)
        assert not hours.holds(at.astimezone(SHANGHAI).time())


def test_what_is_switched_off_is_left_out_but_not_what_nobody_may_switch_off() -> None:
    fact = Fact(case=CASE.id, seq=3, kind=Kind.RETURNED, at=NOW)
    (one,) = told(fact, DISPATCHER)
    assert one.kind not in MANDATORY
    assert heard([one], frozenset({(AccountId(2), "returned")})) == []
    assert heard([one], frozenset({(AccountId(9), "returned"), (AccountId(2), "clock")})) == [one]
    (rung,) = told(climbed(handle=[Rung.WARN]), HANDLER)
    assert heard([rung], frozenset({(AccountId(1), "clock")})) == [rung]
