"""Freezing what was counted of a period, counting it again, and telling what came later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from zhongshu.core.access import EVERYTHING, Forbidden, NotFound, Permission, Sight
from zhongshu.core.facts import Fact, Position
from zhongshu.core.indicators import (
    INDICATORS,
    Family,
    Indicator,
    Item,
    Known,
    Period,
    Tally,
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
from zhongshu.core.values import AccountId, AreaId, CaseId, Refused, Span
from zhongshu.flow.city import City
from zhongshu.store import facts
from zhongshu.store import indicators as store
from zhongshu.store import snapshots as kept
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope
from zhongshu.store.snapshots import Snapshot

#: A level with more areas than this is no part of a snapshot: nobody reads it as a table.
MOST_AREAS = 400
#: So many items of a period are compared to tell why a figure moved.
MOST_ITEMS = 20_000


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


def only_whole(sight: Sight, span: Span | None = None) -> None:
    """Refuse whoever does not see the whole of what figures are about: the city, or an area."""
    if sight.everything or (span is not None and any(a.holds(span) for a in sight.areas)):
        return
    raise Forbidden("permission", Permission.CASE_READ)


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


def frozen(tx: Tx, city: City, period: Period, *, by: AccountId | None, at: datetime) -> Snapshot:
    """Return the snapshot of a period, made now where there is none."""
    return kept.of_period(tx, period) or freeze(tx, city, period, by=by, at=at)


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
    tallies = {f: store.tallies(tx, EVERYTHING, f, period, scope) for f in Family}
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


def why(tx: Tx, snapshot: Snapshot, indicator: Indicator, *, limit: int = 200) -> list[Why]:
    """Return the cases that an indicator counts otherwise today than in a snapshot, with what
    was written about each of them since.
    """
    said = read(snapshot.document)
    then = _items(tx, indicator.family, said.period, Scope(known=Known(upto=said.upto)))
    now = _items(tx, indicator.family, said.period, Scope())
    wanted = {indicator.of.value, indicator.among.value, *(m.value for m in indicator.without)}
    moved: dict[CaseId, Why] = {}
    for key in sorted(then.keys() | now.keys(), reverse=True):
        was, is_ = then.get(key), now.get(key)
        before = was[0].marks & wanted if was else frozenset[str]()
        after = is_[0].marks & wanted if is_ else frozenset[str]()
        if before != after and key[0] not in moved and len(moved) < limit:
            number = (is_ or was or (None, ""))[1]
            moved[key[0]] = Why(case=key[0], number=number, then=before, now=after, since=())
    late = facts.since(tx, said.upto, list(moved))
    return [
        Why(case=one.case, number=one.number, then=one.then, now=one.now, since=late.get(one.case, ()))
        for one in moved.values()
    ]  # fmt: skip


def _items(
    tx: Tx, family: Family, period: Period, scope: Scope
) -> dict[tuple[CaseId, int], tuple[Item, str]]:
    shown = store.items(tx, EVERYTHING, family, period, scope, carry=(), lack=(), limit=MOST_ITEMS)
    return {(one.item.case, one.item.seq): (one.item, one.number) for one in shown}


def _figures(tallies: Mapping[Family, Sequence[Tally]]) -> dict[str, Any]:
    return figures(measure(one, tallies.get(one.family, ())) for one in INDICATORS)


def _shared(
    tallies: Mapping[Family, Sequence[Tally]], key: Callable[[Tally], Any]
) -> dict[Any, dict[Family, list[Tally]]]:
    """Return the tallies handed out to whom they belong."""
    found: dict[Any, dict[Family, list[Tally]]] = {}
    for family, each in tallies.items():
        for tally in each:
            found.setdefault(key(tally), {}).setdefault(family, []).append(tally)
    return found


def _units(city: City, tallies: Mapping[Family, Sequence[Tally]]) -> list[Row]:
    shares = _shared(tallies, lambda t: t.unit)
    known = sorted((u for u in city.units.values() if u.id in shares), key=lambda u: u.code)
    rows = [
        Row(of="unit", code=u.code, kind=u.kind, zh=u.name.zh, en=u.name.en, figures=_figures(shares[u.id]))
        for u in known
    ]  # fmt: skip
    return rows + ([Row(of="unit", code="-", figures=_figures(shares[None]))] if None in shares else [])  # fmt: skip


def _areas(city: City, tallies: Mapping[Family, Sequence[Tally]]) -> list[Row]:
    """Return the areas of each level below the city that is small enough to be read."""
    rows: list[Row] = []
    for level in [level.kind for level in city.levels if not level.overlay][1:]:
        areas = sorted(city.tree.of_kind(level), key=lambda a: a.code)
        if len(areas) > MOST_AREAS:
            break
        home = {a.id: above.id for a in city.tree for above in city.tree.chain(a.id) if above.kind == level}  # fmt: skip
        shares = _shared(tallies, lambda t, home=home: _home(home, t.area))
        rows += [
            Row(of=level, code=a.code, zh=a.name.zh, en=a.name.en, figures=_figures(shares.get(a.id, {})))
            for a in areas
        ]  # fmt: skip
    return rows


def _home(home: Mapping[AreaId, AreaId], area: AreaId | None) -> AreaId | None:
    return home.get(area) if area is not None else None
