"""Random joining, merging, un-merging and splitting, beside a slow book of who said what where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.cast import DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from zhongshu.core.cases import Act, Case, Stage, fold
from zhongshu.core.cases.clocks import Clock, ClockState, climbed
from zhongshu.core.intake import OWN
from zhongshu.core.values import CaseId, Refused, ReportId
from zhongshu.flow import acts, browse, climbing
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.flow.intake import Receipt, receive
from zhongshu.store import cases, facts, reports, tasks
from zhongshu.store.db import Tx

#: Nothing joins by the rule: 500 m apart, so that the book knows without doubt.
PLACES = (113.005, 113.0105, 113.016)
NOTHING = Form()


@dataclass
class Written:
    """What the book knows of a case: its own reports, where it went, how it stood before."""

    number: str
    own: list[ReportId] = field(default_factory=list[ReportId])
    into: CaseId | None = None
    before: Case | None = None
    tasks: Any = None


class Book(RuleBasedStateMachine):
    tx: Tx
    city: City

    def __init__(self) -> None:
        super().__init__()
        self.tx.execute("savepoint before")
        self.now, self.random = NOW, same_random(1000)
        self.cases: dict[CaseId, Written] = {}
        self.codes: dict[ReportId, str] = {}
        self.done = 0
        for place in range(3):
            self.report_own(place)
        # Most of the time something with a unit, a task and a clock is merged.
        for n in (0, 1, 1):
            self.goes_on(n)

    def teardown(self) -> None:
        target(float(self.done))
        self.tx.execute("rollback to savepoint before")

    def ids(self, n: int) -> CaseId:
        return list(self.cases)[n % len(self.cases)]

    def now_of(self, case: CaseId) -> Case:
        found = cases.get(self.tx, case)
        assert found is not None
        return found

    def children(self, case: CaseId) -> list[CaseId]:
        return [c for c, w in self.cases.items() if w.into == case]

    def send(self, place: int, joins: str) -> Receipt:
        one = draft("路灯不亮", lon=PLACES[place], joins=joins)
        (answer,) = receive(
            self.tx, self.city, [one], now=self.now, random=self.random, key=KEY
        )  # fmt: skip
        assert isinstance(answer, Receipt), answer
        assert answer.code is not None
        self.codes[answer.report] = answer.code
        return answer

    def act(self, case: CaseId, what: Act, may: bool, form: Form = NOTHING) -> Case | None:
        """Try an act; the book says whether it must be taken or refused."""
        self.tx.execute("savepoint step")
        try:
            after = acts.act(self.tx, self.city, case, what, by=DING, at=self.now, form=form)
        except Refused:
            self.tx.execute("rollback to savepoint step")
            assert not may, what
            return None
        assert may, what
        self.done += 1
        return after

    # ── what may happen ──────────────────────────────────────────────────────────────

    @rule(place=st.integers(0, 2))
    def report_own(self, place: int) -> None:
        receipt = self.send(place, OWN)
        assert receipt.case not in self.cases
        self.cases[receipt.case] = Written(receipt.number, [receipt.report])

    @rule(place=st.integers(0, 2))
    def report(self, place: int) -> None:
        """By the rule: joined to some open case of the place, or a case of its own."""
        receipt = self.send(place, "")
        if receipt.case in self.cases:
            assert self.cases[receipt.case].into is None
            self.cases[receipt.case].own.append(receipt.report)
        else:
            self.cases[receipt.case] = Written(receipt.number, [receipt.report])

    @rule(n=st.integers(0, 20))
    def report_named(self, n: int) -> None:
        """By name: a merged case stands for the one it goes on as."""
        named = self.ids(n)
        goes_on = self.cases[named].into or named
        there = self.now_of(goes_on)
        assert there.lon is not None
        place = min(range(3), key=lambda p: abs(PLACES[p] - (there.lon or 0)))
        receipt = self.send(place, self.cases[named].number)
        assert receipt.case == goes_on
        self.cases[goes_on].own.append(receipt.report)

    @rule(a=st.integers(0, 20), b=st.integers(0, 20))
    def merge(self, a: int, b: int) -> None:
        one, into = self.ids(a), self.ids(b)
        may = (
            one != into and self.cases[one].into is None and self.cases[into].into is None
            and not self.children(one)
        )  # fmt: skip
        before, work = self.now_of(one), tasks.of_case(self.tx, one)
        if self.act(one, Act.MERGE, may, Form(into=into)):
            written = self.cases[one]
            written.into, written.before, written.tasks = into, before, work

    @rule(n=st.integers(0, 20))
    def unmerge(self, n: int) -> None:
        case = self.ids(n)
        written = self.cases[case]
        after = self.act(case, Act.UNMERGE, written.into is not None)
        if after is not None:
            assert written.before is not None
            self.as_it_was(written.before, after)
            assert tasks.of_case(self.tx, case) == written.tasks
            written.into = written.before = written.tasks = None

    @rule(n=st.integers(0, 20), m=st.integers(0, 5))
    def split(self, n: int, m: int) -> None:
        """Any report seen on the case is tried, those of cases merged into it too."""
        case = self.ids(n)
        seen = reports.of_case(self.tx, case)
        chosen = seen[m % len(seen)].id
        own = self.cases[case].own
        may = self.cases[case].into is None and chosen in own and len(own) > 1
        if self.act(case, Act.SPLIT, may, Form(report=chosen)):
            own.remove(chosen)
            voice = reports.get(self.tx, chosen)
            assert voice is not None
            self.cases[voice.case_id] = Written(self.now_of(voice.case_id).number, [chosen])

    @rule(n=st.integers(0, 20))
    def goes_on(self, n: int) -> None:
        """Dispatch, then take on: what is merged has clocks and a task to lose."""
        case = self.now_of(self.ids(n))
        step = {Stage.FILED: (Act.DISPATCH, DING), Stage.DISPATCHED: (Act.ACCEPT, HANA)}
        if case.stage in step:
            what, by = step[case.stage]
            acts.act(self.tx, self.city, case.id, what, by=by, at=self.now)
            self.done += 1

    @rule(hours=st.sampled_from([0.1, 3, 20, 90]))
    def wait(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
        while climbing.climb(self.tx, at=self.now):
            pass

    # ── what must hold ───────────────────────────────────────────────────────────────

    def as_it_was(self, before: Case, after: Case) -> None:
        """Every field but the version; clocks run on as if nothing had been."""
        lost = {"version", "clocks", "overdue_at"}
        for name in Case.__dataclass_fields__.keys() - lost:
            assert getattr(after, name) == getattr(before, name), name
        assert climbed(after.clocks, self.now)[0] == climbed(before.clocks, self.now)[0]

    @invariant()
    def every_report_is_where_the_book_says(self) -> None:
        for case_id, written in self.cases.items():
            case = self.now_of(case_id)
            below = [r for child in self.children(case_id) for r in self.cases[child].own]
            assert {v.id for v in reports.of_case(self.tx, case_id)} == {*written.own, *below}
            assert case.reports == len(written.own) + len(below)
            assert case.merged_into == written.into
            assert (case.stage is Stage.MERGED) == (written.into is not None)

    @invariant()
    def reporters_see_the_case_their_matter_goes_on_as(self) -> None:
        for case_id, written in self.cases.items():
            for report in written.own:
                seen = browse.progress(self.tx, self.codes[report])
                assert seen.case.id == case_id
                assert seen.current.id == (written.into or case_id)

    @invariant()
    def merged_clocks_rest_as_they_were(self) -> None:
        for case_id, written in self.cases.items():
            if written.before is not None:
                ran = [c for c in written.before.clocks if c.state is ClockState.RUNNING]
                rest = [c for c in self.now_of(case_id).clocks if c.state is ClockState.FOLDED]
                assert [known(c) for c in rest] == [known(c) for c in ran]

    @invariant()
    def every_case_is_what_its_facts_say(self) -> None:
        for case_id in self.cases:
            assert fold(case_id, facts.of_case(self.tx, case_id)) == self.now_of(case_id)


def known(clock: Clock) -> tuple[Any, ...]:
    return clock.kind, clock.started_at, clock.due_at, clock.rungs, clock.climbed, clock.length_s


def test_whatever_is_joined_merged_and_undone_nobodys_report_or_time_is_lost(
    tx: Tx, city: City
) -> None:
    made = type("Bound", (Book,), {"tx": tx, "city": city})
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
