"""Areas from drafts: spans allotted, parents named, written once; the same file adds nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from zhongshu.core.grid import LINE, Area, Draft, allot
from zhongshu.core.values import AreaId, Span
from zhongshu.store import city as store
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True)
class Added:
    """How many areas were new, how many there already, and which had no parent here."""

    new: int
    known: int
    orphans: tuple[Draft, ...]


def add(
    tx: Tx, drafts: Sequence[Draft], *, official: bool = True, valid_from: date = date.min
) -> Added:
    """Write areas of one level whose parents are here already (roots name none)."""
    existing = store.areas(tx)
    here = {(a.kind, a.code) for a in existing}
    by_code: dict[str, Area] = {}
    for area in existing:
        by_code.setdefault(area.code, area)
    fresh = [d for d in drafts if (d.kind, d.code) not in here]
    orphans = tuple(d for d in fresh if d.parent_code is not None and d.parent_code not in by_code)
    placed = [d for d in fresh if d.parent_code is None or d.parent_code in by_code]
    store.add_areas(
        tx, _spanned(tx, placed, existing, by_code, official=official, valid_from=valid_from)
    )
    if placed:
        store.changed(tx)
    return Added(len(placed), len(drafts) - len(fresh), orphans)


def _spanned(
    tx: Tx, drafts: Sequence[Draft], existing: Sequence[Area], by_code: dict[str, Area],
    *, official: bool, valid_from: date,
) -> list[Area]:  # fmt: skip
    taken: dict[AreaId | None, list[Span]] = defaultdict(list)
    for area in existing:
        taken[area.parent].append(area.span)
    families: dict[str | None, list[Draft]] = defaultdict(list)
    for draft in drafts:
        families[draft.parent_code].append(draft)
    ids = iter(store.area_ids(tx, len(drafts)))
    made: list[Area] = []
    for parent_code, children in families.items():
        parent = by_code[parent_code] if parent_code is not None else None
        spans = allot(
            parent.span if parent else LINE, taken[parent.id if parent else None], len(children),
            name=parent_code or "",
        )  # fmt: skip
        for draft, span in zip(sorted(children, key=lambda d: d.code), spans, strict=True):
            made.append(
                Area(
                    id=next(ids), code=draft.code, kind=draft.kind, name=draft.name,
                    parent=parent.id if parent else None, span=span, shape=draft.shape,
                    official=official, households=draft.households, valid_from=valid_from,
                )
            )  # fmt: skip
    return made
