"""A soft lock: whoever opens a case to work on it is seen there by others, for a few minutes.

It keeps nobody out: the first to write wins (`acts.Moved`). Nothing of it is kept. Who only looks
through a post is at no case: it is not his work, and the hub writes nothing for him.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from zhongshu.core.access import Actor
from zhongshu.core.cases import Act
from zhongshu.core.values import CaseId
from zhongshu.flow.browse import Sheet
from zhongshu.store import openings
from zhongshu.store.db import Tx

#: How long somebody is shown at a case after opening it.
FOR = timedelta(minutes=3)


def opened(tx: Tx, actor: Actor, sheet: Sheet, *, at: datetime) -> Sequence[str]:
    """Let others see that the actor has a case open, where there is something for him to do on
    it; return the names of those who have it open too.
    """
    if actor.viewing is None and set(sheet.acts) - {Act.NOTE}:
        openings.put(tx, actor.account, sheet.case.id, until=at + FOR)
    elif actor.viewing is None:
        openings.drop(tx, actor.account)
    return here(tx, actor, [sheet.case.id], at=at).get(sheet.case.id, ())


def still(tx: Tx, actor: Actor, case: CaseId, *, at: datetime) -> None:
    """Let an opening go on, if it is still the actor's."""
    if actor.viewing is None:
        openings.go_on(tx, actor.account, case, until=at + FOR)


def here(
    tx: Tx, actor: Actor, cases: Sequence[CaseId], *, at: datetime
) -> Mapping[CaseId, Sequence[str]]:
    """Return who else has these cases open, which the actor sees already."""
    return openings.others(tx, cases, but=actor.account, at=at) if cases else {}


def forget(tx: Tx, *, at: datetime) -> int:
    """Delete what is over; return how many."""
    return openings.forget(tx, before=at)
