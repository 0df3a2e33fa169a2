"""Setting a city up: its name, levels, areas, units, catalogue and choices; all cases, to take along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Filter, Key, Order
from zhongshu.core.catalogue import Catalogue, PhotoRule
from zhongshu.core.dispatch import DutyRule
from zhongshu.core.grid import (
    LEVELS,
    Cover,
    Draft,
    Reading,
    Reject,
    Repair,
    Stray,
    cover,
    with_parents,
)
from zhongshu.core.lottery import ROUNDS
from zhongshu.core.values import Name, Refused, UnitId
from zhongshu.flow import areas, browse
from zhongshu.flow.city import City
from zhongshu.store import catalogues
from zhongshu.store import city as store
from zhongshu.store.db import Database, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an import of areas did."""

    new: int
    known: int
    rejects: tuple[Reject, ...]
    repairs: tuple[Repair, ...]
    covers: tuple[tuple[str, Cover], ...]
    strays: tuple[Stray, ...] = ()


def begin(
    tx: Tx, name: Name, *, zone: str, catalogue: Catalogue, days: Mapping[date, tuple[str, str]]
) -> None:
    """Name the city; give it levels, catalogue and calendar where it has none."""
    named = {"name_zh": name.zh, "name_en": name.en, "zone": zone}
    store.change(tx, lambda said: said.update(named))
    store.add_levels(tx, LEVELS)
    if not catalogues.terms(tx):
        catalogues.add(tx, catalogue)
    store.add_calendar_days(tx, days)


def add_areas(tx: Tx, reading: Reading) -> Told:
    """Add one level below those that are there, and measure how well it tiles them."""
    kind = reading.drafts[0].kind if reading.drafts else ""
    above = _level_above(tx, kind)
    placed = with_parents(reading, above) if above else reading
    added = areas.add(tx, placed.drafts)
    orphans = tuple(
        Reject(
            row=0, code=d.code, field="parent", reason=f"its parent “{d.parent_code}” is not here"
        )
        for d in added.orphans
    )
    return Told(
        new=added.new, known=added.known, rejects=(*placed.rejects, *orphans),
        repairs=placed.repairs, covers=tuple(_covers(above, placed.drafts)),
        strays=placed.strays,
    )  # fmt: skip


def _level_above(tx: Tx, kind: str) -> list[Draft]:
    """Return the areas of the nearest level above that has any."""
    chain = [level.kind for level in store.levels(tx) if not level.overlay]
    position = chain.index(kind) if kind in chain else len(chain)
    here = store.areas(tx)
    for upper in reversed(chain[:position]):
        found = [a for a in here if a.kind == upper]
        if found:
            return [Draft(code=a.code, kind=a.kind, name=a.name, parent_code=None, shape=a.shape) for a in found]  # fmt: skip
    return []


def _covers(above: Sequence[Draft], drafts: Sequence[Draft]) -> Iterator[tuple[str, Cover]]:
    for parent in above:
        children = [d for d in drafts if d.parent_code == parent.code]
        if parent.shape is not None and children:
            yield parent.code, cover(parent.shape, children)


def add_units(
    tx: Tx, rows: Sequence[Mapping[str, Any]]
) -> tuple[int, int, list[tuple[int, str, str, str]]]:
    """Add units and their duty rules; return new, known, and the rows refused with reasons."""
    known = {unit.code: unit.id for unit in store.units(tx)}
    spans = {area.code: area.span for area in store.areas(tx)}
    new = again = 0
    bad: list[tuple[int, str, str, str]] = []
    for n, row in enumerate(rows, start=1):
        said = {k: str(v).strip() for k, v in row.items() if v is not None}
        code, parent, area = said.get("code", ""), said.get("parent", ""), said.get("area", "")
        if not code or not (said.get("name_zh") or said.get("name_en")):
            bad.append((n, "code" if not code else "name_zh", "", "it is empty"))
        elif parent and parent not in known:
            bad.append((n, "parent", parent, "no unit has this code; name it in an earlier row"))
        elif area and area not in spans:
            bad.append((n, "area", area, "no area has this code; import the areas first"))
        else:
            fresh = _add_unit(tx, said, known, spans.get(area))
            new, again = new + fresh, again + (not fresh)
    store.changed(tx)
    return new, again, bad


def _add_unit(tx: Tx, said: Mapping[str, str], known: dict[str, UnitId], area: Any) -> bool:
    unit, fresh = store.add_unit(
        tx, code=said["code"], name=Name(said.get("name_zh", ""), said.get("name_en", "")),
        parent=known.get(said.get("parent", "")), phone=said.get("phone", ""),
    )  # fmt: skip
    known[said["code"]] = unit
    if fresh:
        for category in [c.strip() for c in said.get("categories", "").split(";")]:
            if category or "categories" in said:
                store.add_duty_rule(
                    tx, DutyRule(id=0, unit=unit, category=category.removesuffix("*"), area=area, clause=said.get("clause", ""))
                )  # fmt: skip
    return fresh


class UnknownSetting(Refused):
    message = "%(field)s: there is no choice called “%(value)s”."
    remedy = "Choose one of: %(choices)s."


class BadSetting(Refused):
    message = "%(field)s cannot be “%(value)s”."
    remedy = "It is %(choices)s."


#: What a city chooses beside its data: what it may be, and how it is read.
CHOICES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "photo_rule": (f"one of: {', '.join(PhotoRule)}", lambda text: PhotoRule(text).value),
    "photo_metres": ("a number of metres, 10 to 5000", lambda text: _between(float(text), 10, 5000)),
    "undo_seconds": ("a number of seconds, 0 to 60", lambda text: _between(float(text), 0, 60)),
    **{
        f"lottery.{days}": ("a share from 0 to 1, such as 0.10", lambda text: _between(float(text), 0, 1))
        for days in ROUNDS
    },
}  # fmt: skip


def _between(value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ValueError(value)
    return value


def choose(tx: Tx, name: str, text: str) -> None:
    """Set one of the city's choices."""
    if name not in CHOICES:
        raise UnknownSetting("name", name, choices=", ".join(CHOICES))
    meaning, read = CHOICES[name]
    try:
        value = read(text.strip())
    except ValueError:
        raise BadSetting(name, text, choices=meaning) from None
    group, _, within = name.partition(".")

    def change(said: dict[str, Any]) -> None:
        said[group] = {**said.get(group, {}), within: value} if within else value

    store.change(tx, change)


def all_cases(db: Database, city: City) -> Iterator[dict[str, Any]]:
    """Yield every case as the API shows it, page by page."""
    after: Key | None = None
    while True:
        with db.transaction() as tx:
            found = browse.listing(tx, EVERYTHING, Filter(), order=Order.NEWEST, after=after, limit=2000)  # fmt: skip
        for case in found.cases:
            yield browse.as_json(case, city)
        if found.next is None:
            return
        after = found.next
