"""Which reports hear of what, through joining, splitting, merging and undoing it.

The oracle keeps the sets of reports by hand while a random story is told.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from zhongshu.core.cases.voices import STEPS, absorbed, heard_by, own
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.values import CaseId

A, B = CaseId(1), CaseId(2)


class Story:
    """Two cases, each begun by a report; what is told is kept twice: as facts and by hand."""

    def __init__(self) -> None:
        self.facts: dict[CaseId, list[Fact]] = {A: [], B: []}
        self.own: dict[CaseId, set[int]] = {A: set(), B: set()}
        self.merged = False
        self.next = 1
        #: What the oracle says each fact was heard by.
        self.heard: list[tuple[Fact, set[int]]] = []
        for case in (A, B):
            self.join(case, Kind.REPORTED)

    def tell(self, case: CaseId, kind: Kind, heard: set[int], /, **says: int) -> None:
        fact = Fact(
            case=case, seq=len(self.facts[case]) + 1, kind=kind, at=NOW, says=says,
            sets={"merged_into": B} if kind is Kind.MERGED else {},
        )  # fmt: skip
        self.facts[case].append(fact)
        self.heard.append((fact, set(heard)))

    def join(self, case: CaseId, kind: Kind = Kind.JOINED) -> None:
        if self.merged and case == A:
            return
        report, self.next = self.next, self.next + 1
        self.own[case].add(report)
        self.tell(case, kind, {report}, report=report)

    def split(self, case: CaseId) -> None:
        if len(self.own[case]) < 2 or (self.merged and case == A):
            return
        report = max(self.own[case])
        self.own[case].discard(report)
        self.tell(case, Kind.SPLIT, {report}, report=report)

    def everybody(self, case: CaseId) -> set[int]:
        return self.own[case] | (self.own[A] if self.merged and case == B else set())

    def step(self, case: CaseId, kind: Kind) -> None:
        self.tell(case, kind, self.everybody(case) if kind in STEPS else set())

    def merge(self) -> None:
        """Merge A into B, or undo it."""
        self.tell(A, Kind.UNMERGED if self.merged else Kind.MERGED, self.own[A])
        self.tell(B, Kind.RELEASED if self.merged else Kind.ABSORBED, set(), case=A)
        self.merged = not self.merged


moves: list[Callable[[Story], None]] = [
    lambda s: s.join(A), lambda s: s.join(B), lambda s: s.split(A), lambda s: s.split(B),
    lambda s: s.step(A, Kind.DISPATCHED), lambda s: s.step(B, Kind.HANDLED),
    lambda s: s.step(B, Kind.CLOSED), lambda s: s.step(B, Kind.NOTED),
    lambda s: s.step(A, Kind.CLIMBED), Story.merge,
]  # fmt: skip


@given(st.lists(st.sampled_from(moves), max_size=40))
def test_each_step_is_heard_by_exactly_the_reports_that_were_one_matter_then(
    told: list[Callable[[Story], None]],
) -> None:
    story = Story()
    for move in told:
        move(story)
    # Asked only now, at the end: the answer is of the moment of each fact.
    for fact, expected in story.heard:
        assert set(heard_by(fact, story.facts[fact.case], story.facts)) == expected, fact
    assert set(own(story.facts[A])) == story.own[A]
    assert absorbed(story.facts[B]) == (frozenset({A}) if story.merged else frozenset())
