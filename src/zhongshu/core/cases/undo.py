"""What may be taken back at once by whoever did it, and which facts thereby never counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar

from zhongshu.core.cases.lifecycle import Act
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.values import AccountId, Refused

#: What can be taken back, and the act that does it.
UNDOES: Mapping[Kind, Act] = MappingProxyType(
    {Kind.DISPATCHED: Act.WITHDRAW, Kind.MERGED: Act.UNMERGE}
)
#: How long, in seconds, where the city says nothing; so long nobody is told of it.
SECONDS = 10.0
#: What a reporter adds is no act on the case.
_NO_ACT = frozenset({Kind.JOINED})


class NothingToUndo(Refused):
    status: ClassVar[int] = 409
    message = "There is nothing of yours on this case that can still be taken back."
    remedy = (
        "Look at the case as it is now. A unit can return it; a merge can be undone by its own act."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """An act that may still be taken back: the fact of it, what takes it back, until when."""

    fact: Fact
    act: Act
    until: datetime


def undoable(
    facts: Sequence[Fact], account: AccountId | None, *, at: datetime, window: timedelta
) -> Undo | None:
    """Return what an account may take back now: the last act on the case, if it was its own,
    younger than the window, and nobody has acted since.
    """
    acts = [f for f in facts if f.by.rule is None and f.kind not in _NO_ACT]
    if not acts or account is None or acts[-1].by.account != account:
        return None
    last = acts[-1]
    if last.kind not in UNDOES or at >= last.at + window:
        return None
    return Undo(fact=last, act=UNDOES[last.kind], until=last.at + window)


def taken_back(
    number: str, facts: Sequence[Fact], by: By, what: Act, seq: int | None, *, at: datetime,
    window: timedelta,
) -> Undo:  # fmt: skip
    """Return what an act takes back of a case that is locked, or refuse it: it may have been the
    fact ``seq`` when somebody looked, and not be it any more.
    """
    was = undoable(facts, by.account, at=at, window=window)
    if was is None or was.act is not what or seq not in (None, was.fact.seq):
        raise NothingToUndo("case", number)
    return was


def waits(fact: Fact, *, at: datetime, window: timedelta) -> bool:
    """Say whether a fact may still be taken back, so that nobody is told of it yet."""
    return fact.kind in UNDOES and fact.by.account is not None and at < fact.at + window


def undone(facts: Sequence[Fact]) -> frozenset[int]:
    """Return the numbers of a case's facts that were taken back, and of those that did it.

    A merge taken back also never counted for the case it went into.
    """
    found: set[int] = set()
    for fact in facts:
        first = fact.says.get("undoes")
        if first is not None:
            found.update(range(first, fact.seq + 1))
        elif fact.kind is Kind.RELEASED and fact.says.get("undone"):
            found |= {fact.seq, *_absorbing(facts, fact)}
    return frozenset(found)


def _absorbing(facts: Sequence[Fact], released: Fact) -> list[int]:
    """Return the last fact before this one by which the same case was taken in."""
    return [
        f.seq for f in facts
        if f.seq < released.seq and f.kind is Kind.ABSORBED
        and f.says.get("case") == released.says.get("case")
    ][-1:]  # fmt: skip
