"""Importing the things of the city: batches, an account that balances, the same file twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zhongshu.core.assets import Known, Unread, read_assets
from zhongshu.core.place import Point
from zhongshu.flow.city import City
from zhongshu.store import assets as store
from zhongshu.store.db import Database, Tx


@dataclass(slots=True)
class Tally:
    """What an import did. Every row read is one of these four."""

    read: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    refused: int = 0

    @property
    def balanced(self) -> bool:
        return self.read == self.new + self.changed + self.known + self.refused


def known(city: City) -> Known:
    """Return what rows may name in this city."""

    def where(place: Point) -> tuple[int, int] | None:
        found = city.where(place)
        return None if found is None else (found["area"], found["area_code"])

    return Known(
        categories={c.code for c in city.catalogue.categories},
        units={unit.code: unit.id for unit in city.units.values()}, where=where,
    )  # fmt: skip


def run(
    db: Database, city: City, batches: Iterable[Sequence[tuple[int, Mapping[str, Any]]]], *,
    crs: str, rejects: Callable[[Sequence[Unread]], None],
    progress: Callable[[int], None] = lambda _: None,
) -> Tally:  # fmt: skip
    """Import batches of numbered rows, each in a transaction of its own."""
    tally, names = Tally(), known(city)
    for batch in batches:
        with db.transaction() as tx:
            refused = put(tx, names, batch, tally, crs=crs)
        rejects(refused)
        progress(len(batch))
    return tally


def put(
    tx: Tx, names: Known, batch: Sequence[tuple[int, Mapping[str, Any]]], tally: Tally, *, crs: str
) -> list[Unread]:
    """Write one batch; a code twice in it is refused the second time."""
    taken, refused = read_assets(batch, names, crs=crs)
    numbers = {str(row.get("code", "")).strip(): n for n, row in reversed(batch)}
    seen: set[str] = set()
    fresh = [a for a in taken if not (a.code in seen or seen.add(a.code))]
    twice = len(taken) - len(fresh)
    if twice:
        again = {a.code for a in taken if sum(b.code == a.code for b in taken) > 1}
        refused += [
            Unread(row=n, code=str(row["code"]).strip(), field="code", value=str(row["code"]), reason="an earlier row has the same code")
            for n, row in batch
            if str(row.get("code", "")).strip() in again and n != numbers[str(row["code"]).strip()]
        ]  # fmt: skip
    new, changed = store.put(tx, fresh)
    tally.read += len(batch)
    tally.new += new
    tally.changed += changed
    tally.refused += len(refused)
    tally.known += len(batch) - new - changed - len(refused)
    return refused
