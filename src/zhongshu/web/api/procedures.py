"""Procedures of all cases in sight: what waits for a decision or an answer, and what is late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Case, Key
from zhongshu.core.procedures import LEVELS, Procedure, ProcedureFilter, ProcedureKind
from zhongshu.flow import browse
from zhongshu.flow.city import City
from zhongshu.store import procedures as store
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(tags=["procedures"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]


@router.get("/procedures")
def procedures(request: Request, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """List procedures of cases in sight, what is due first first. Filters: `kind`, `level` (of a
    supervision), `unit`, `overdue`, and `ended` for those that came to their end.
    """
    query, city = request.query_params, hub.city()
    asked, size = procedure_filter(query, city, now=hub.clock()), wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        found = browse.listed(tx, actor.sight, asked, after=wanted.after(query), limit=size)
        counts = store.count_by_kind(tx, actor.sight, asked)
    return {
        "procedures": [as_json(p, found.cases[p.case], city) for p in found.procedures],
        "next": str(found.next) if found.next else None, "count": sum(counts.values()),
        "counts": counts,
    }  # fmt: skip


@router.get("/procedures.csv")
def export(request: Request, actor: Exporter, hub: TheHub) -> StreamingResponse:
    """Stream exactly the filtered list as CSV."""
    asked = procedure_filter(request.query_params, hub.city(), now=hub.clock())
    return download("procedures.csv", _rows(actor, hub.city(), asked, hub), _COLUMNS)


_COLUMNS = (
    "id", "case", "kind", "level", "state", "unit", "lead", "opened_at", "due_at", "late_at",
    "ended_at", "reason", "result",
)  # fmt: skip


def _rows(
    actor: Actor, city: City, asked: ProcedureFilter, hub: TheHub
) -> Iterator[dict[str, Any]]:
    """Yield every wanted procedure, page by page."""
    after: Key | None = None
    while True:
        with hub.db.seeing(actor.sight) as tx:
            found = browse.listed(tx, actor.sight, asked, after=after, limit=500)
        for procedure in found.procedures:
            row = as_json(procedure, found.cases[procedure.case], city)
            yield {**row, **{n: procedure.said.get(n) for n in ("reason", "result")}}
        if found.next is None:
            return
        after = found.next


def procedure_filter(query: Mapping[str, str], city: City, *, now: datetime) -> ProcedureFilter:
    """Return the filter a query means; a word that cannot be read is refused by name."""
    kind, level = query.get("kind", ""), query.get("level", "")
    if kind and kind not in list(ProcedureKind):
        raise BadField("kind", kind, why=f"one of: {', '.join(ProcedureKind)}")
    if level and level not in {str(known.number) for known in LEVELS}:
        raise BadField("level", level, why="1, 2 or 3")
    return ProcedureFilter(
        kind=kind, level=int(level) if level else None,
        units=wanted.units(query.get("unit", ""), city),
        late=now if wanted.yes(query.get("overdue", "")) else None,
        ended=wanted.yes(query.get("ended", "")),
    )  # fmt: skip


def as_json(procedure: Procedure, case: Case, city: City) -> dict[str, Any]:
    return {
        "id": procedure.id, "case": case.number, "kind": procedure.kind,
        "level": procedure.level or None, "state": procedure.state,
        "unit": city.code_of(procedure.unit) or None, "lead": city.code_of(case.unit) or None,
        "opened_at": procedure.opened_at, "due_at": procedure.due_at,
        "late_at": procedure.late_at, "ended_at": procedure.ended_at, "said": procedure.said,
    }  # fmt: skip
