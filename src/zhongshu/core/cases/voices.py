"""Which reports hear of what happens to a case: its own, those that joined, those merged in.

Who is heard at a moment is read from the facts up to then, so that it comes out the same
however late it is asked, and an undone merge leaves each case its own reports again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zhongshu.core.facts import Fact, Kind
from zhongshu.core.values import CaseId, ReportId

#: What is a step to those who reported a matter. The rest is the staff's own: clocks,
#: procedures, notes, and who looked at a contact.
STEPS: frozenset[Kind] = frozenset(
    {
        Kind.REPORTED, Kind.JOINED, Kind.IMPORTED, Kind.LOCATED, Kind.CLASSIFIED, Kind.FILED,
        Kind.REJECTED, Kind.DISPATCHED, Kind.ACCEPTED, Kind.RETURNED, Kind.HANDLED, Kind.PASSED,
        Kind.FAILED, Kind.CLOSED, Kind.REOPENED, Kind.RATED, Kind.MERGED, Kind.UNMERGED,
        Kind.SPLIT,
    }
)  # fmt: skip
#: Steps that concern one report only, which they name.
OF_ONE: frozenset[Kind] = frozenset({Kind.REPORTED, Kind.JOINED, Kind.IMPORTED, Kind.SPLIT})
#: Steps that say their reason to the reporter: the city's answer, never a colleague's remark.
WITH_REASON: frozenset[Kind] = frozenset({Kind.REJECTED, Kind.CLOSED})


def own(story: Iterable[Fact]) -> frozenset[ReportId]:
    """Return the reports that speak of a case itself after these facts of it."""
    found: set[ReportId] = set()
    for fact in story:
        report = fact.says.get("report")
        if report is None:
            continue
        if fact.kind is Kind.SPLIT:
            found.discard(ReportId(report))
        elif fact.kind in OF_ONE:
            found.add(ReportId(report))
    return frozenset(found)


def absorbed(story: Iterable[Fact]) -> frozenset[CaseId]:
    """Return the cases that go on in a case after these facts of it."""
    found: set[CaseId] = set()
    for fact in story:
        if fact.kind is Kind.ABSORBED:
            found.add(CaseId(fact.says["case"]))
        elif fact.kind is Kind.RELEASED:
            found.discard(CaseId(fact.says["case"]))
    return frozenset(found)


def heard_by(
    fact: Fact, story: Sequence[Fact], others: Mapping[CaseId, Sequence[Fact]]
) -> frozenset[ReportId]:  # fmt: skip
    """Return the reports to be told of a fact.

    ``story`` are the facts of its case, ``others`` those of cases that were ever merged in.
    """
    if fact.kind not in STEPS:
        return frozenset()
    if fact.kind in OF_ONE:
        report = fact.says.get("report")
        return frozenset() if report is None else frozenset({ReportId(report)})
    until = [f for f in story if f.seq <= fact.seq]
    merged = (own(_when_merged(case, until, others.get(case, ()))) for case in absorbed(until))
    return own(until).union(*merged)


def _when_merged(
    case: CaseId, story: Sequence[Fact], its_own: Sequence[Fact]
) -> Sequence[Fact]:  # fmt: skip
    """Return a case's own facts up to the merge that another case's facts end with: what it
    heard of later, on its own again, was never the other's.
    """
    times = sum(f.kind is Kind.ABSORBED and f.says["case"] == case for f in story)
    into = story[-1].case
    merges = [
        n for n, f in enumerate(its_own, start=1)
        if f.kind is Kind.MERGED and f.sets.get("merged_into") == into
    ]  # fmt: skip
    return its_own[: merges[times - 1]] if times <= len(merges) else ()
