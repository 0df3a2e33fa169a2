"""Taking an act back within its window: a real act, with its fact, that restores what was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from zhongshu.core.access import Actor
from zhongshu.core.cases import Case
from zhongshu.core.cases.undo import NothingToUndo, Undo, undoable
from zhongshu.core.facts import Fact
from zhongshu.flow import acts, browse
from zhongshu.flow.bulk import through
from zhongshu.flow.city import City
from zhongshu.store import facts
from zhongshu.store.db import Tx


def offered(city: City, actor: Actor, said: Sequence[Fact], *, at: datetime) -> Undo | None:
    """Return what the actor may take back of a case with these facts, at this moment."""
    return undoable(said, actor.account, at=at, window=city.undo_window)


def undo(tx: Tx, city: City, actor: Actor, number: str, *, at: datetime) -> Case:
    """Take back the actor's last act on a case in sight, if its window is still open."""
    found = browse.case(tx, actor.sight, number)
    was = offered(city, actor, facts.of_case(tx, found.id), at=at)
    if was is None:
        raise NothingToUndo("case", number)
    # An un-merging locks both cases in an order of its own; what it undoes is looked at again.
    return acts.act(
        tx, city, found.id, was.act, by=through(actor, was.act, found), at=at,
        form=acts.Form(undoes=was.fact.seq),
    )  # fmt: skip
