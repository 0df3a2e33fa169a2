"""The formula library 公式库: every indicator in words, with a test vector anybody can work out.

A vector is a month made small: how many items carried which marks, and what the formula must
give of them. Where a city published its figures the vector is that city's. `worked` counts a
vector with the same `measure` that counts the city, step by step, so that what the page of a
formula shows is what the hub does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from zhongshu.core.indicators import (
    BY_CODE,
    Indicator,
    Mark,
    Measured,
    Tally,
    measure,
)
from zhongshu.core.values import Name

#: So many items that carry exactly these marks.
VectorRow = tuple[int, frozenset[Mark]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A month made small, and what a formula gives of it. ``origin`` is whose month it is."""

    rows: Sequence[VectorRow]
    numerator: int
    denominator: int
    percent: str
    origin: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedRow:
    """One row of a vector as the formula takes it: for the numerator, for the denominator, or
    left out for a reason.
    """

    count: int
    marks: frozenset[Mark]
    above: bool
    below: bool
    reason: Mark | None


_MADE = Name("示例（虚构）", "an example, made up")
_TIANMEN = Name("天门市公布的一个月", "one month that Tianmen 天门 published")
_JINHUA = Name(
    "示例（按金华公式：应结案 − 缓办）", "an example, by the formula of Jinhua 金华: due − deferred"
)


def _rows(*said: tuple[int, str]) -> tuple[VectorRow, ...]:
    return tuple((n, frozenset(Mark(word) for word in words.split())) for n, words in said)


#: A month of deadlines: 972 that count (Tianmen's figures), and 30 that do not.
_DUE = _rows(
    (737, "due handled handled_in_time closed closed_in_time"), (174, "due handled closed"),
    (21, "due handled"), (40, "due late_open"), (20, "due held"), (6, "due exempted handled closed"),
    (3, "due merged"), (1, "due rejected"),
)  # fmt: skip
_RECEIVED = _rows(
    (610, "received filed patrolled patrol_valid self_found patrollable answered_in_time"),
    (40, "received filed self_found patrollable answered_in_time"),
    (290, "received filed patrollable missed answered_in_time"), (36, "received filed patrollable missed"),
    (20, "received filed repeat unclocked"), (30, "received patrolled answered_in_time"),
    (28, "received answered_in_time"), (12, "received filed merged patrolled patrol_valid self_found patrollable"),
)  # fmt: skip
_HANDLED = _rows(
    (700, "handled checked checked_in_time"), (50, "handled checked"),
    (90, "handled checked checked_in_time reworked"), (10, "handled checked reworked"),
    (40, "handled unchecked"), (10, "handled unchecked unclocked"), (5, "handled checked unclocked"),
)  # fmt: skip
_CLOSED = _rows(
    (600, "closed solved first_time rated"), (200, "closed solved rated"), (50, "closed stage_result first_time"),
    (70, "closed explained first_time"), (30, "closed cannot"), (20, "closed not_as_reported first_time"),
    (30, "closed no_outcome first_time brought"), (25, "reopened"),
)  # fmt: skip
_DISPATCHED = _rows(
    (920, "dispatched accurate"), (30, "dispatched accurate returned"), (45, "dispatched returned"),
    (5, "dispatched accurate fallback"),
)  # fmt: skip
_RATED = _rows(
    (410, "answered_solved said_solved"), (90, "answered_solved"),
    (360, "answered_satisfied said_satisfied"), (40, "answered_satisfied"),
)  # fmt: skip
_RECHECKED = _rows(
    (88, "rechecked good by_lot"), (8, "rechecked not_good by_lot"), (4, "rechecked good"),
    (5, "rechecked cannot_check by_lot"), (2, "rechecked lapsed"),
)  # fmt: skip


def _v(
    rows: Sequence[VectorRow], numerator: int, denominator: int, percent: str, origin: Name = _MADE
) -> Vector:
    return Vector(
        rows=rows, numerator=numerator, denominator=denominator, percent=percent, origin=origin
    )


#: What must come out, worked out by hand and never by this program.
VECTORS: Mapping[str, Vector] = MappingProxyType(
    {
        "filing": _v(_rows((996, "received filed"), (58, "received")), 996, 1054, "94.50", _TIANMEN),
        "answered_in_time": _v(_RECEIVED, 998, 1034, "96.52"),
        "closing": _v(_DUE, 911, 972, "93.72", _TIANMEN),
        "closing_in_time": _v(_DUE, 737, 972, "75.82", _TIANMEN),
        "handling": _v(_DUE, 932, 972, "95.88", _JINHUA),
        "handling_in_time": _v(_DUE, 737, 972, "75.82", _JINHUA),
        "overdue": _v(_DUE, 40, 972, "4.12", _JINHUA),
        "accurate": _v(_DISPATCHED, 950, 995, "95.48"),
        "return": _v(_DISPATCHED, 75, 1000, "7.50"),
        "check": _v(_HANDLED, 855, 905, "94.48"),
        "check_in_time": _v(_HANDLED, 790, 890, "88.76"),
        "self_found": _v(_RECEIVED, 650, 1054, "61.67"),
        "patrol_valid": _v(_RECEIVED, 610, 640, "95.31"),
        "missed": _v(_RECEIVED, 326, 976, "33.40"),
        "rework": _v(_HANDLED, 100, 855, "11.70"),
        "first_time": _v(_CLOSED, 740, 970, "76.29"),
        "reopened": _v(_CLOSED, 25, 1000, "2.50"),
        "repeat": _v(_RECEIVED, 20, 1054, "1.90"),
        "recheck": _v(_RECHECKED, 92, 100, "92.00"),
        "outcome_solved": _v(_CLOSED, 800, 1000, "80.00"),
        "outcome_stage_result": _v(_CLOSED, 50, 1000, "5.00"),
        "outcome_explained": _v(_CLOSED, 70, 1000, "7.00"),
        "outcome_cannot": _v(_CLOSED, 30, 1000, "3.00"),
        "outcome_not_as_reported": _v(_CLOSED, 20, 1000, "2.00"),
        "outcome_no_outcome": _v(_CLOSED, 30, 1000, "3.00"),
        "answered": _v(_CLOSED, 800, 1000, "80.00"),
        "said_solved": _v(_RATED, 410, 500, "82.00"),
        "said_satisfied": _v(_RATED, 360, 400, "90.00"),
    }
)  # fmt: skip


def tallied(vector: Vector) -> list[Tally]:
    """Return a vector as what the store would have counted."""
    return [
        Tally(unit=None, area=None, marks=frozenset(m.value for m in marks), count=n)
        for n, marks in vector.rows
    ]


def worked(indicator: Indicator) -> tuple[Measured, Sequence[WorkedRow]]:
    """Return what a formula gives of its vector, and how it takes each row."""
    vector = VECTORS[indicator.code]
    rows: list[WorkedRow] = []
    for n, marks in vector.rows:
        reason = next((m for m in indicator.without if m in marks), None)
        counts = reason is None
        rows.append(
            WorkedRow(
                count=n, marks=marks, above=counts and indicator.of in marks,
                below=counts and indicator.among in marks,
                reason=reason if indicator.among in marks else None,
            )
        )  # fmt: skip
    return measure(BY_CODE[indicator.code], tallied(vector)), rows
