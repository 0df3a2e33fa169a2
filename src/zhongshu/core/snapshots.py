"""Frozen snapshots 冻结快照: what was counted of a period, written once, with its hash.

A snapshot is a document of numbers: the indicators of the whole city, of each unit and area,
the version of every formula, and the place in the ledger up to which was counted. Counting
over the ledger up to there gives the same again; counting today may not, and the difference
is what came later. Nothing in it is of a person.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from zhongshu.core.facts import Position
from zhongshu.core.indicators import BY_CODE, Measured, Period

FORMAT = "zhongshu-snapshot-1"
#: One indicator as a document keeps it: numerator, denominator, what was left out by reason.
Figure = tuple[int, int, dict[str, int]]


class SnapshotFlaw(StrEnum):
    """What may be wrong with a snapshot."""

    HASH_WRONG = "hash_wrong"  # the document is not the one the hash is of
    RECOUNT_DIFFERS = "recount_differs"  # the ledger up to its position adds up to something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The figures of one part: the whole, a unit, an area. ``of`` is `whole`, `unit` or the
    level of the area; ``code`` and names are as they were then.
    """

    of: str
    code: str = ""
    kind: str = ""
    zh: str = ""
    en: str = ""
    figures: Mapping[str, Figure]

    @property
    def key(self) -> tuple[str, str]:
        return self.of, self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a snapshot says."""

    period: Period
    upto: Position
    at: datetime
    zone: str
    formulas: Mapping[str, int]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure that is counted otherwise today."""

    row: Row
    indicator: str
    then: Figure
    now: Figure


def figure(measured: Measured) -> Figure:
    """Return an indicator's numbers as they are kept."""
    return (
        measured.numerator, measured.denominator,
        {reason.value: n for reason, n in sorted(measured.excluded.items())},
    )  # fmt: skip


def figures(measured: Iterable[Measured]) -> dict[str, Figure]:
    """Return the numbers of some indicators by code; those of nothing are left out."""
    kept = {m.indicator.code: figure(m) for m in measured}
    return {code: one for code, one in kept.items() if any(one[:2]) or one[2]}


def canonical(document: Mapping[str, Any]) -> str:
    """Return a document as the one text it has: keys in order, no blanks, nothing escaped that
    need not be. Its hash is of these bytes in UTF-8.
    """
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def digest(text: str) -> bytes:
    """Return the SHA-256 of a document."""
    return hashlib.sha256(text.encode()).digest()


def written(counted: Counted) -> str:
    """Return a snapshot as its canonical document."""
    return canonical(
        {
            "format": FORMAT, "from": counted.period.start.isoformat(),
            "until": counted.period.until.isoformat(), "position": str(counted.upto),
            "counted_at": counted.at.isoformat(), "zone": counted.zone,
            "formulas": dict(counted.formulas),
            "rows": [
                {
                    "of": row.of, "code": row.code, "kind": row.kind, "zh": row.zh, "en": row.en,
                    "figures": {code: list(one) for code, one in row.figures.items()},
                }
                for row in counted.rows
            ],
        }
    )  # fmt: skip


def read(text: str) -> Counted:
    """Undo `written`."""
    said = json.loads(text)
    return Counted(
        period=Period(
            start=datetime.fromisoformat(said["from"]), until=datetime.fromisoformat(said["until"])
        ),
        upto=Position.parse(said["position"]), at=datetime.fromisoformat(said["counted_at"]),
        zone=said["zone"], formulas=said["formulas"],
        rows=[
            Row(
                **{name: row[name] for name in ("of", "code", "kind", "zh", "en")},
                figures={code: (n, d, out) for code, (n, d, out) in row["figures"].items()},
            )
            for row in said["rows"]
        ],
    )  # fmt: skip


def differences(then: Counted, now: Counted) -> list[Difference]:
    """Return every figure that is another now, in the order of the snapshot; a figure whose
    formula has another version now is no difference but another question.
    """
    nothing: Figure = (0, 0, {})
    today = {row.key: row for row in now.rows}
    before = {row.key for row in then.rows}
    pairs = [(row, today.get(row.key)) for row in then.rows]
    pairs += [(row, row) for row in now.rows if row.key not in before]
    found: list[Difference] = []
    for row, current in pairs:
        was = row.figures if row.key in before else {}
        are = current.figures if current is not None else {}
        for code in then.formulas:
            if then.formulas[code] != now.formulas.get(code):
                continue
            a, b = was.get(code, nothing), are.get(code, nothing)
            if a != b:
                found.append(Difference(row=row, indicator=code, then=a, now=b))
    return found


def formulas() -> dict[str, int]:
    """Return the version of every formula, by its indicator's code."""
    return {one.code: one.version for one in BY_CODE.values()}


def months_to_freeze(after: datetime | None, now: datetime) -> Iterator[Period]:
    """Yield the whole months, in the city's own time, that are over and not frozen yet: those
    since ``after`` (where the last frozen month ended), or only the last one. ``now`` carries
    the city's zone.
    """
    first = Period.month(now).start
    month = Period.month(now).before() if after is None else Period.month(after.astimezone(now.tzinfo))  # fmt: skip
    while month.start < first:
        yield month
        month = Period.month(month.until)
