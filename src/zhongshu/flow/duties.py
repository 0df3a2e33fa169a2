"""The duty catalogue in and out as a table; the same file twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from zhongshu.core.dispatch import DutyRule
from zhongshu.core.dutytable import RowRefused, Spelling, Terms, read_rules, rule_row
from zhongshu.core.grid import Area
from zhongshu.core.values import Span
from zhongshu.flow.city import City
from zhongshu.store import city as store
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an import of duty rules did. Every row read is one of the four."""

    read: int
    new: int
    changed: int
    known: int
    refused: tuple[RowRefused, ...]


def bring_in(tx: Tx, city: City, rows: Iterable[Mapping[str, Any]]) -> Told:
    """Write duty rules: a row with an ``id`` changes that rule, one without adds a new one
    unless the very same is there.
    """
    given = list(rows)
    taken, refused = read_rules(given, _terms(city))
    here = {rule.id: rule for rule in store.duty_rules(tx)}
    alike = {_content(rule) for rule in here.values()}
    new = changed = known = 0
    for row, read in taken:
        # A code in a table is one of the catalogue in force, unless the rule was written before.
        before = here.get(read.id)
        rule = replace(
            read, catalogue=before.catalogue if before else city.lineage.current,
            line=before.line if before else None,
        )  # fmt: skip
        if rule.id and rule.id not in here:
            refused.append(RowRefused(row=row, field="id", value=str(rule.id), reason="no rule has this number; leave it empty for a new one"))  # fmt: skip
        elif rule == before or (not rule.id and _content(rule) in alike):
            known += 1
        elif rule.id:
            store.change_duty_rule(tx, rule)
            changed += 1
        else:
            store.add_duty_rule(tx, rule)
            alike.add(_content(rule))
            new += 1
    if new or changed:
        store.changed(tx)
    refused.sort(key=lambda reject: reject.row)
    return Told(read=len(given), new=new, changed=changed, known=known, refused=tuple(refused))


def rows(tx: Tx, city: City) -> list[dict[str, str]]:
    """Return every duty rule as a row of the table, the oldest first."""
    spelling = Spelling(unit=city.code_of, area=lambda span: area_code(city, span))
    return [rule_row(rule, spelling) for rule in store.duty_rules(tx)]


def area_of(city: City, span: Span) -> Area | None:
    """Return the area that owns a span."""
    return next((area for area in city.tree if area.span == span), None)


def area_code(city: City, span: Span) -> str:
    """Return what an area is written as: its code, with its level where another shares it.

    An area that is no longer valid is written as its span.
    """
    area = area_of(city, span)
    if area is None:
        return f"{span.lo}-{span.hi}"
    return area.code if city.tree.named(area.code) == area else f"{area.kind}:{area.code}"


def _terms(city: City) -> Terms:
    across = {level.kind for level in city.levels if level.overlay}
    spans = {rule.area for rule in (*city.rulebook.rules, *city.idle_rules)}

    def area(code: str) -> Span | None:
        kind, _, rest = code.rpartition(":")
        found = city.tree.by_code.get((kind, rest)) if kind else city.tree.named(code)
        if found is not None:
            return None if found.kind in across else found.span
        return next((span for span in spans if span and code == f"{span.lo}-{span.hi}"), None)

    return Terms(
        categories={category.code for category in city.catalogue.categories},
        units={unit.code: unit.id for unit in city.units.values()}, area=area,
    )  # fmt: skip


def _content(rule: DutyRule) -> DutyRule:
    return replace(rule, id=0, line=None)
