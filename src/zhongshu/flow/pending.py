"""Writing procedures: the row, and the fact on the case that explains it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from zhongshu.core.calendar import due, parse_limit
from zhongshu.core.cases import Case, changed, with_unit
from zhongshu.core.facts import THE_HUB, By, Kind
from zhongshu.core.procedures import DECIDED_WITHIN, Move, Procedure, ProcedureKind, begun
from zhongshu.core.values import UnitId
from zhongshu.flow.city import City, Work
from zhongshu.store import cases, procedures
from zhongshu.store.db import Tx

#: What a procedure names itself as the moment something must have happened by.
_NAMES_MOMENT: Mapping[ProcedureKind, str] = {
    ProcedureKind.CALL: "until", ProcedureKind.SUPERVISION: "until",
}  # fmt: skip


def opened(
    tx: Tx, city: City, case: Case, kind: ProcedureKind, *, by: By, at: datetime,
    said: Mapping[str, Any], unit: UnitId | None = None,
) -> tuple[Case, Procedure]:  # fmt: skip
    """Begin a procedure on a locked case; return the case after, and the procedure."""
    others = procedures.of_case(tx, case.id)
    fresh = begun(
        case, kind, tuple(others), id=procedures.identity(tx), at=at, by=by.account, unit=unit,
        due_at=_due(city, kind, said, unit, at), said=said,
    )  # fmt: skip
    procedures.add(tx, fresh)
    return written(tx, case, [*others, fresh], fresh, Move.OPEN, by=by, at=at), fresh


def written(
    tx: Tx, case: Case, all_of_it: Sequence[Procedure], moved: Procedure, move: Move, *, by: By,
    at: datetime, sets: Mapping[str, Any] | None = None, says: Mapping[str, Any] | None = None,
) -> Case:  # fmt: skip
    """Write the fact of a step, with what it changes on the case."""
    after, fact = changed(
        case, Kind.PROCEDURE,
        {
            "pending": tuple(sorted({p.kind.value for p in all_of_it if p.open})),
            "involved": with_unit(case.involved, moved.unit), **(sets or {}),
        },
        by=by, at=at,
        says={
            "procedure": moved.kind.value, "id": moved.id, "move": move.value,
            "state": moved.state, "unit": moved.unit, "said": dict(moved.said),
            **(says or {}),
        },
    )  # fmt: skip
    cases.save(tx, after, fact)
    return after


def asked(tx: Tx, case: Case) -> set[UnitId | None]:
    """Return the units that have a part of the work still open."""
    if ProcedureKind.ASSIST not in case.pending:
        return set()
    everything = procedures.of_case(tx, case.id)
    return {p.unit for p in everything if p.open and p.kind is ProcedureKind.ASSIST}


def ask_others(tx: Tx, city: City, case: Case, work: Work, *, at: datetime) -> Case:
    """Open the parts of the units that the duty rule names beside the lead. Who has a part still
    open goes on with it; who leads now, or is no longer at work, is asked for none.
    """
    open_parts = asked(tx, case)
    for unit in work.co_units:
        if unit in open_parts or unit == case.unit or not city.units[unit].active:
            continue
        case, _ = opened(
            tx, city, case, ProcedureKind.ASSIST, by=THE_HUB, at=at, unit=unit,
            said={"limit": str(work.limit), "clause": work.pick.rule.clause if work.pick else ""},
        )  # fmt: skip
    return case


def lapsed(tx: Tx, case: Case, kinds: Collection[ProcedureKind], *, by: By, at: datetime) -> Case:
    """End the open procedures of these kinds: what they asked for has lost its meaning."""
    if not {kind.value for kind in kinds}.intersection(case.pending):
        return case
    everything = list(procedures.of_case(tx, case.id))
    for n, one in enumerate(everything):
        if one.open and one.kind in kinds:
            ended = replace(one, state="lapsed", ended_at=at)
            everything[n] = ended
            procedures.save(tx, ended)
            case = written(tx, case, everything, ended, Move.WITHDRAW, by=by, at=at)
    return case


def _due(
    city: City, kind: ProcedureKind, said: Mapping[str, Any], unit: UnitId | None, at: datetime
) -> datetime | None:
    if kind in _NAMES_MOMENT:
        return datetime.fromisoformat(said[_NAMES_MOMENT[kind]])
    text = said["limit"] if kind is ProcedureKind.ASSIST else DECIDED_WITHIN[kind]
    return due(city.hours(unit), at, parse_limit(text))
