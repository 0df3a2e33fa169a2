"""Changes of the city's own data undone, of whatever family: each by one more change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zhongshu.core.access import NotFound
from zhongshu.flow import connectors, grid, people, terms
from zhongshu.flow.people import CannotUndo, Hand
from zhongshu.store import city_facts
from zhongshu.store.city_facts import CityFact
from zhongshu.store.db import Tx

#: Beginning of a kind → how such a change is undone.
UNDOING: Mapping[str, Callable[[Tx, Hand, int], None]] = {
    "access:": people.undo, "grid:": grid.undo, "key:": connectors.undo, "words:": terms.undo,
}  # fmt: skip
UNDOABLE = frozenset({*people.UNDO, *grid.UNDO, *connectors.UNDO, *terms.UNDO})


def one(tx: Tx, fact: int) -> CityFact:
    """Return a change."""
    found = city_facts.one(tx, fact)
    if found is None:
        raise NotFound("change", fact)
    return found


def undo(tx: Tx, hand: Hand, fact: CityFact) -> None:
    """Put back what a change changed, where that can be done."""
    if fact.kind not in UNDOABLE:
        raise CannotUndo("change", fact.id)
    next(do for kind, do in UNDOING.items() if fact.kind.startswith(kind))(tx, hand, fact.id)
