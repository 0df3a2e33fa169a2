"""Random lawful and unlawful acts over a few cases: whatever is tried, the promises hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from zhongshu.core.cases import TRANSITIONS, Act, Case, Outcome, Stage, allowed, fold
from zhongshu.core.cases.clocks import ClockKind, ClockState, by_kind
from zhongshu.core.facts import By
from zhongshu.core.place import Point
from zhongshu.core.procedures import PATHS, Move, ProcedureKind, may_begin
from zhongshu.core.values import Refused
from zhongshu.flow import acts, climbing, proceedings
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.store import cases, facts, procedures
from zhongshu.store.db import Tx

PEOPLE: tuple[By, ...] = (ADA, DING, HANA, CHENG)
UNITS = ("U1", "U1-1", "U2")
FORWARD = (Act.FILE, Act.DISPATCH, Act.ACCEPT, Act.HANDLE, Act.PASS, Act.CLOSE)
WORK = frozenset({Stage.DISPATCHED, Stage.IN_HAND, Stage.HANDLED, Stage.CHECKED})


def said(city: City, now: datetime, rating: int) -> dict[str, Any]:
    """Everything a step may ask for."""
    return {
        "reason": "r", "clause": "c", "limit": "4wh", "result": "done", "owner": "o", "plan": "p",
        "next_step": "n", "rating": rating,
        "review_at": (now + timedelta(days=2)).isoformat(),
        "until": (now + timedelta(days=5)).isoformat(),
    }  # fmt: skip


class City2(RuleBasedStateMachine):
    """Three cases, four people, three units, a clock that only goes on."""

    tx: Tx
    city: City

    def __init__(self) -> None:
        super().__init__()
        self.tx.execute("savepoint before")
        self.now = NOW
        self.ids = [
            sent(self.tx, self.city, draft(text, lon=113.005 + 0.01 * n)).id
            for n, text in enumerate(("路灯不亮", "井盖丢了", "有点不对劲"))
        ]
        self.refused = self.done = 0

    def teardown(self) -> None:
        target(float(self.done))
        self.tx.execute("rollback to savepoint before")

    def attempt(self, what: Any) -> None:
        """Try something; a refusal must leave no trace, and the database must not be the one
        that refuses: the flow knows before.
        """
        self.tx.execute("savepoint step")
        try:
            what()
        except Refused:
            self.tx.execute("rollback to savepoint step")
            self.refused += 1
        except psycopg.IntegrityError as error:
            raise AssertionError(f"the database had to refuse: {error}") from None
        else:
            self.done += 1

    def form(self, what: Act, unit: str | None, other: int, n: int) -> Form:
        category = ("C-01-37", "C-01-23")[n % 2]
        return Form(
            reason="r", clause="c", note="n", outcome=list(Outcome)[n % 5], category=category,
            unit=self.city.unit_codes[unit].id if unit else None, into=self.ids[other],
            solved=True, satisfied=3, place=Point(113.01 + 0.01 * other, 34.03),
        )  # fmt: skip

    def do(self, which: int, what: Act, who: By, form: Form) -> None:
        self.attempt(
            lambda: acts.act(
                self.tx, self.city, self.ids[which], what, by=who, at=self.now, form=form
            )
        )

    @rule(
        which=st.integers(0, 2), what=st.sampled_from(Act), who=st.sampled_from(PEOPLE),
        unit=st.sampled_from([None, *UNITS]), other=st.integers(0, 2), n=st.integers(0, 9),
    )  # fmt: skip
    def anything(
        self, which: int, what: Act, who: By, unit: str | None, other: int, n: int
    ) -> None:
        self.do(which, what, who, self.form(what, unit, other, n))

    @rule(
        which=st.integers(0, 2), who=st.sampled_from(PEOPLE), unit=st.sampled_from([None, *UNITS]),
        other=st.integers(0, 2), n=st.integers(0, 99), times=st.integers(1, 4),
    )  # fmt: skip
    def something_lawful(
        self, which: int, who: By, unit: str | None, other: int, n: int, times: int
    ) -> None:
        """Go on with a case by acts the table lists, the usual next one more often."""
        for k in range(times):
            case = cases.get(self.tx, self.ids[which])
            assert case is not None
            listed = allowed(case)
            usual = [a for a in listed if a in FORWARD]
            what = usual[0] if usual and (n + k) % 3 else listed[(n + k) % len(listed)]
            hand = PEOPLE[(PEOPLE.index(who) + k) % len(PEOPLE)]
            self.do(which, what, hand, self.form(what, unit if n % 4 == 0 else None, other, n))

    @rule(
        which=st.integers(0, 2), kind=st.sampled_from(ProcedureKind), who=st.sampled_from(PEOPLE),
        unit=st.sampled_from(UNITS),
    )  # fmt: skip
    def begin(self, which: int, kind: ProcedureKind, who: By, unit: str) -> None:
        self.attempt(
            lambda: proceedings.begin(
                self.tx, self.city, self.locked(which), kind, by=who, at=self.now,
                said=said(self.city, self.now, 4), unit=self.city.unit_codes[unit].id,
            )
        )  # fmt: skip

    @rule(
        which=st.integers(0, 2), nth=st.integers(0, 5), move=st.sampled_from(Move),
        who=st.sampled_from(PEOPLE), unit=st.sampled_from(UNITS),
    )  # fmt: skip
    def move(self, which: int, nth: int, move: Move, who: By, unit: str) -> None:
        kept = procedures.of_case(self.tx, self.ids[which])
        if not kept:
            return
        chosen = kept[nth % len(kept)]
        offered = [m for k, s, m in PATHS if (k, s) == (chosen.kind, chosen.state) and s]
        move = offered[nth % len(offered)] if offered and nth < 4 else move
        ruling = self.city.unit_codes[unit].id if move is Move.RULE else None
        self.attempt(
            lambda: proceedings.take(
                self.tx, self.city, self.locked(which), chosen.id, move, by=who, at=self.now,
                said=said(self.city, self.now, 4), unit=ruling,
            )
        )  # fmt: skip

    @rule(
        which=st.integers(0, 2),
        n=st.integers(0, 20),
        who=st.integers(0, 3),
        steps=st.integers(1, 3),
    )
    def procedure_goes_on(self, which: int, n: int, who: int, steps: int) -> None:
        """Begin what may be begun and take it further, each step by another hand."""
        case = self.locked(which)
        may = [k for k in ProcedureKind if may_begin(case, k, at=self.now)]
        unit = self.city.unit_codes[UNITS[n % 3]].id
        if may:
            kind = may[n % len(may)]
            self.attempt(
                lambda: proceedings.begin(
                    self.tx, self.city, self.locked(which), kind, by=PEOPLE[who], at=self.now,
                    said=said(self.city, self.now, 4), unit=unit,
                )
            )  # fmt: skip
        for k in range(steps):
            still = [p for p in procedures.of_case(self.tx, self.ids[which]) if p.open]
            if still:
                one = still[n % len(still)]
                listed = [m for kind, s, m in PATHS if (kind, s) == (one.kind, one.state)]
                move = listed[0] if (n + k) % 4 else listed[n % len(listed)]
                self.attempt(
                    lambda one=one, move=move, k=k: proceedings.take(
                        self.tx, self.city, self.locked(which), one.id, move,
                        by=PEOPLE[(who + k + 1) % 4], at=self.now,
                        said=said(self.city, self.now, 4), unit=unit if move is Move.RULE else None,
                    )
                )  # fmt: skip

    @rule(lead=st.integers(0, 2), which=st.integers(0, 2), n=st.integers(0, 9))
    def link(self, lead: int, which: int, n: int) -> None:
        """Bring a case as far as a unit's desk and link another to it."""
        for what in (Act.FILE, Act.DISPATCH):
            for one in (lead, which)[: 1 + n % 2]:
                case = cases.get(self.tx, self.ids[one])
                assert case is not None
                if (case.stage, what) in TRANSITIONS:
                    self.do(one, what, PEOPLE[n % 4], self.form(what, None, lead, 0))
        self.do(which, Act.LINK, DING, Form(into=self.ids[lead]))

    @rule(hours=st.sampled_from([1, 5, 30, 200]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        climbing.climb(self.tx, at=self.now)
        proceedings.notice_late(self.tx, self.city, at=self.now)

    def locked(self, which: int) -> Case:
        found = cases.lock(self.tx, self.ids[which])
        assert found is not None
        return found

    # ── the promises ─────────────────────────────────────────────────────────────────

    @invariant()
    def every_case_is_what_its_facts_say(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert fold(case_id, facts.of_case(self.tx, case_id)) == case

    @invariant()
    def work_has_one_lead_and_no_case_is_an_orphan(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            assert (case.unit is not None) or case.stage not in WORK
            if case.stage is Stage.FILED:  # the dispatcher's, and a clock says so
                clock = by_kind(case.clocks, ClockKind.DISPATCH)
                assert clock is not None
                assert clock.state is ClockState.RUNNING
            assert any((case.stage, a) in TRANSITIONS for a in Act)

    @invariant()
    def nobody_checks_his_own_work(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            assert case.checked_by is None or case.checked_by != case.handled_by

    @invariant()
    def clocks_agree_with_the_stage(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            handle = by_kind(case.clocks, ClockKind.HANDLE)
            runs = handle is not None and handle.state is ClockState.RUNNING
            if case.stage in (Stage.DISPATCHED, Stage.IN_HAND):
                shares = handle is not None and handle.state is ClockState.SHARED
                assert not (shares and case.held_at), (case.stage, handle)
                assert (runs or shares) == (case.held_at is None), (case.stage, handle)
            else:
                assert handle is None or handle.state is not ClockState.SHARED
                assert not runs, (case.stage, handle)
            if runs:
                assert handle is not None
                assert case.due_at == handle.due_at
            assert (case.held_at is not None) <= (case.due_at is None)

    @invariant()
    def a_shared_clock_is_that_of_the_leading_case(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            handle = by_kind(case.clocks, ClockKind.HANDLE)
            if handle is None or handle.state is not ClockState.SHARED:
                continue
            assert case.linked_to is not None
            lead = cases.get(self.tx, case.linked_to)
            assert lead is not None
            assert lead.leads
            assert lead.linked_to is None  # no chains
            shown = by_kind(lead.clocks, ClockKind.HANDLE)
            assert shown is not None
            # Not stopped: when the leading case is done, each runs on by itself.
            assert shown.state in (ClockState.RUNNING, ClockState.PAUSED)
            assert (handle.due_at, handle.left_s) == (shown.due_at, shown.left_s)
            assert case.due_at == lead.due_at
            assert handle.own is not None
            assert handle.own.state is ClockState.RUNNING

    @invariant()
    def what_is_pending_is_what_is_open(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            still = {p.kind.value for p in procedures.of_case(self.tx, case_id) if p.open}
            assert set(case.pending) == still

    @invariant()
    def a_closed_case_has_no_part_open_that_a_merge_brought(self) -> None:
        for case_id in self.ids:
            case = cases.get(self.tx, case_id)
            assert case is not None
            if case.stage is Stage.CLOSED:
                merged = cases.merged_into(self.tx, case_id)
                assert not [c for c in merged if ProcedureKind.ASSIST in c.pending]

    @invariant()
    def one_open_task_of_a_kind(self) -> None:
        row = self.tx.execute(
            "select count(*) from (select case_id, kind from tasks where state in ('open', 'accepted')"
            " group by case_id, kind having count(*) > 1) x"
        ).fetchone()
        assert row == (0,)


def test_whatever_is_tried_the_promises_hold(tx: Tx, city: City) -> None:
    made = type("Bound", (City2,), {"tx": tx, "city": city})
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ProcedureKind)
def test_every_procedure_can_be_begun_and_come_to_an_end(kind: ProcedureKind) -> None:
    """In the table: from the first step some end is reached, and every state leads on or ends."""
    starts = [p for (k, s, _), p in PATHS.items() if k is kind and s == ""]
    assert len(starts) == 1
    reach, todo = set[str](), [starts[0].to]
    ends = False
    while todo:
        state = todo.pop()
        if state in reach:
            continue
        reach.add(state)
        for (k, s, _), path in PATHS.items():
            if (k, s) == (kind, state):
                ends = ends or path.ends
                todo.append(path.to)
    assert ends
    assert {s for k, s, _ in PATHS if k is kind and s} <= reach
