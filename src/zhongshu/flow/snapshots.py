"""Freezing what was counted of a period, counting it again, and telling what came later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from zhongshu.core.access import EVERYTHING, Actor, Forbidden, NotFound, Permission, Sight
from zhongshu.core.facts import Fact, Position
from zhongshu.core.indicators import (
    INDICATORS,
    Family,
    Indicator,
    Known,
    Period,
    measure,
)
from zhongshu.core.snapshots import (
    Counted,
    Difference,
    Row,
    SnapshotFlaw,
    differences,
    digest,
    figures,
    formulas,
    months_to_freeze,
    read,
    written,
)
from zhongshu.core.values import AccountId, CaseId, Refused, Span
from zhongshu.flow import mirror
from zhongshu.flow.city import City
from zhongshu.flow.mirror import Tallies
from zhongshu.store import facts
from zhongshu.store import indicators as store
from zhongshu.store import snapshots as kept
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope
from zhongshu.store.snapshots import Snapshot

#: A level with more areas than this is no part of a snapshot: nobody reads it as a table.
MOST_AREAS = 400
#: Of so many cases it is told why a figure moved.
MOST_WHY = 200


class NotOver(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s: the period ends on %(value)s, and is not over."
    remedy = "Freeze it when it is over, or choose an earlier end."


class FrozenAlready(Refused):
    status: ClassVar[int] = 409
    message = "This period is frozen already, as snapshot %(value)s."
    remedy = "Look at that snapshot: it shows what is counted otherwise today, and why."


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A case that is counted otherwise today: as what it was counted then, as what now, and
    what has been written about it since.
    """

    case: CaseId
    number: str
    then: frozenset[str]
    now: frozenset[str]
    since: Sequence[Fact]


def whole(sight: Sight, span: Span | None = None) -> bool:
    """Say whether all of what figures are about is in sight: the city (None), or an area."""
    return sight.everything or (span is not None and any(a.holds(span) for a in sight.areas))


def only_whole(
    actor: Actor, span: Span | None = None, *, to: Permission = Permission.CASE_READ
) -> None:
    """Refuse whoever has no such permission for the whole of what figures are about."""
    if not whole(actor.sight_for(to), span):
        raise Forbidden("permission", to)


def freeze(
    tx: Tx, city: City, period: Period, *, by: AccountId | None, at: datetime
) -> Snapshot:  # fmt: skip
    """Freeze a period that is over, as the ledger stands now; it is frozen once."""
    if period.until > at:
        raise NotOver("until", f"{period.until.astimezone(city.zone):%Y-%m-%d %H:%M}")
    before = kept.of_period(tx, period)
    if before is not None:
        raise FrozenAlready("period", before.id)
    counted = count(tx, city, period, upto=facts.newest(tx), at=at)
    document = written(counted)
    made = kept.add(
        tx, period, counted.upto, at=at, by=by, document=document, sha256=digest(document)
    )
    found = kept.get(tx, made) if made is not None else kept.of_period(tx, period)
    assert found is not None
    return found


def due(tx: Tx, city: City, *, at: datetime) -> Period | None:
    """Return the oldest month that is over and to be frozen by the hub itself."""
    months = months_to_freeze(kept.last_month_until(tx), at.astimezone(city.zone))
    for month in months:
        if kept.of_period(tx, month) is None and kept.anything_before(tx, month.until):
            return month
    return None


def find(tx: Tx, identity: int) -> Snapshot:
    found = kept.get(tx, identity)
    if found is None:
        raise NotFound("snapshot", identity)
    return found


def count(tx: Tx, city: City, period: Period, *, upto: Position | None, at: datetime) -> Counted:
    """Count a period over the ledger up to a position (None: as it stands)."""
    known = None if upto is None else Known(upto=upto)
    scope = Scope(known=known)
    tallies = mirror.tallied(tx, EVERYTHING, period, scope)
    return Counted(
        period=period, upto=upto or facts.newest(tx), at=at, zone=str(city.zone),
        formulas=formulas(),
        rows=[
            Row(of="whole", zh=city.name.zh, en=city.name.en, figures=_figures(tallies)),
            *_units(city, tallies), *_areas(city, tallies),
        ],
    )  # fmt: skip


def checked(
    tx: Tx, city: City, snapshot: Snapshot
) -> tuple[tuple[SnapshotFlaw, ...], list[Difference]]:
    """Work a snapshot out again: its hash from its document, its figures from the ledger up to
    its position. Return what is wrong, and the figures that do not come out.
    """
    if digest(snapshot.document) != snapshot.sha256:
        return (SnapshotFlaw.HASH_WRONG,), []
    said = read(snapshot.document)
    again = count(tx, city, said.period, upto=said.upto, at=said.at)
    # Units and areas may have been renamed or moved about since: what the whole city counted
    # cannot have been.
    found = differences(said, again)
    wrong = any(one.row.of == "whole" for one in found)
    return ((SnapshotFlaw.RECOUNT_DIFFERS,) if wrong else ()), found


def since_then(tx: Tx, city: City, snapshot: Snapshot, *, at: datetime) -> list[Difference]:
    """Return every figure of a snapshot that is counted otherwise today."""
    said = read(snapshot.document)
    return differences(said, count(tx, city, said.period, upto=None, at=at))


def why(
    tx: Tx, snapshot: Snapshot, indicator: Indicator, *, limit: int = MOST_WHY
) -> list[Why]:  # fmt: skip
    """Return the first cases that an indicator counts otherwise today than in a snapshot, with
    what was written about each of them since.
    """
    said = read(snapshot.document)
    then = _marks(tx, indicator, said, Known(upto=said.upto))
    now = _marks(tx, indicator, said, None)
    nothing = frozenset[str]()
    moved: dict[CaseId, Why] = {}
    for key in sorted(then.keys() | now.keys(), reverse=True):
        (case, _, number), before, after = key, then.get(key, nothing), now.get(key, nothing)
        if before != after and case not in moved and len(moved) < limit:
            moved[case] = Why(case=case, number=number, then=before, now=after, since=())
    late = facts.since(tx, said.upto, list(moved))
    return [replace(one, since=late.get(one.case, ())) for one in moved.values()]


def _marks(
    tx: Tx, indicator: Indicator, said: Counted, known: Known | None
) -> dict[tuple[CaseId, int, str], frozenset[str]]:
    """Return as what an indicator counts each item (case, fact, number of the case) of a
    snapshot's period, of the cases that something was written about since: those alone can be
    counted otherwise.
    """
    wanted = {indicator.of.value, indicator.among.value, *(m.value for m in indicator.without)}
    found: dict[tuple[CaseId, int, str], frozenset[str]] = {}
    for one in store.items(
        tx, EVERYTHING, indicator.family, said.period, Scope(known=known, moved=said.upto),
        carry=(), lack=(), limit=None,
    ):  # fmt: skip
        # Of a case its last answers count, whichever rating gave them: one item for each question.
        seq = 0 if indicator.family is Family.RATED else one.item.seq
        key = (one.item.case, seq, one.number)
        found[key] = found.get(key, frozenset[str]()) | (one.item.marks & wanted)
    return found


def _figures(tallies: Tallies) -> dict[str, Any]:
    return figures(measure(one, tallies.get(one.family, ())) for one in INDICATORS)


def _units(city: City, tallies: Tallies) -> list[Row]:
    shares = mirror.shared(tallies, lambda t: t.unit)
    known = sorted((u for u in city.units.values() if u.id in shares), key=lambda u: u.code)
    rows = [
        Row(of="unit", code=u.code, kind=u.kind, zh=u.name.zh, en=u.name.en, figures=_figures(shares[u.id]))
        for u in known
    ]  # fmt: skip
    return rows + ([Row(of="unit", code="-", figures=_figures(shares[None]))] if None in shares else [])  # fmt: skip


def _areas(city: City, tallies: Tallies) -> list[Row]:
    """Return the areas of each level below the city that is small enough to be read."""
    rows: list[Row] = []
    for level in [level.kind for level in city.levels if not level.overlay][1:]:
        areas = sorted(city.tree.of_kind(level), key=lambda a: a.code)
        if len(areas) > MOST_AREAS:
            break
        homes = city.tree.homes(level)
        shares = mirror.shared(tallies, lambda t, homes=homes: homes.get(t.area))
        rows += [
            Row(of=level, code=a.code, zh=a.name.zh, en=a.name.en, figures=_figures(shares.get(a.id, {})))
            for a in areas
        ]  # fmt: skip
    return rows
