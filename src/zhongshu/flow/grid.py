"""Versions of the grid: drafts drawn or brought in, tried on open cases, in force from a day.

A version changes areas of one level. An area that is changed keeps its span, so whatever was
filed, sought or held by it stays with it; the row as it was ends the day before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.access import NotFound
from zhongshu.core.grid import (
    LINE,
    Area,
    Columns,
    Cover,
    Draft,
    Level,
    Reading,
    Tree,
    allot,
    cover,
    read_features,
    samples,
    square_metres,
    with_parents,
)
from zhongshu.core.values import AreaId, Name, Refused
from zhongshu.flow.city import City
from zhongshu.flow.people import Hand
from zhongshu.store import city as city_store
from zhongshu.store import city_facts
from zhongshu.store import grid as store
from zhongshu.store.db import Tx
from zhongshu.store.grid import Change, Version


class GridFact(StrEnum):
    """What happens to versions of the grid."""

    MADE = "grid:made"
    BROUGHT = "grid:brought"
    SET = "grid:set"
    WITHDRAWN = "grid:withdrawn"
    DROPPED = "grid:dropped"


class NotADraft(Refused):
    status: ClassVar[int] = 409
    message = "Version %(value)s is not a draft any more."
    remedy = "Begin a new draft; what is in force is its beginning."


class Moved(Refused):
    status: ClassVar[int] = 409
    message = "Somebody else changed version %(value)s meanwhile."
    remedy = "Look at it again, then repeat your change."


class NothingChanged(Refused):
    message = "Version %(value)s changes nothing."
    remedy = "Draw something, or drop the draft."


class NoParentHere(Refused):
    message = "“%(value)s” lies in no area of the level above."
    remedy = "Draw it inside one of them, or add the area above first."


class HasChildren(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” has areas below it: it can neither end nor go to another area above."
    remedy = "Bring a version of the level below into force first, in which they end."


class StillToBegin(Refused):
    status: ClassVar[int] = 409
    message = "Another version of %(value)s is still to begin."
    remedy = "Withdraw that version first, or wait until it is in force."


class BegunToday(Refused):
    status: ClassVar[int] = 409
    message = "A version of %(value)s begins today already."
    remedy = "Choose a later day."


class PastDay(Refused):
    message = "%(field)s: %(value)s is past."
    remedy = "Choose today or a later day."


class TooLateToWithdraw(Refused):
    status: ClassVar[int] = 409
    message = "Version %(value)s is in force already, or was never set."
    remedy = "Use “back to how it was”: it makes a draft that undoes it from a day on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One level as it stands and as a version would have it, by code."""

    level: Level
    now: Mapping[str, Area]
    shall: Mapping[str, Draft]
    changes: Mapping[str, Change]
    above: Mapping[str, Area]

    def shapes(self) -> dict[str, BaseGeometry]:
        """Return the polygons as the version would have them."""
        return {code: d.shape for code, d in self.shall.items() if d.shape is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a version changes of one area, with sizes in m²."""

    code: str
    name: Name
    kind: str  # added, ended, changed, named
    was_m2: float
    shall_m2: float
    moved_m2: float


def layer(city: City, version: Version, changes: Sequence[Change]) -> Layer:
    """Return the level a version is about, as it stands today and as it would be."""
    level = next((x for x in city.levels if x.kind == version.kind), None)
    if level is None:
        raise NotFound("level", version.kind)
    now = {area.code: area for area in city.tree.of_kind(version.kind)}
    said = {c.code: c for c in changes}
    shall = {code: _as_draft(city.tree, area) for code, area in now.items() if code not in said}
    for c in changes:
        if not c.gone:
            shall[c.code] = Draft(
                code=c.code, kind=version.kind, name=c.name, parent_code=c.parent, shape=c.shape,
                households=c.households,
            )  # fmt: skip
    return Layer(
        level=level, now=now, shall=shall, changes=said,
        above={area.code: area for area in _above(city, level)},
    )  # fmt: skip


def _as_draft(tree: Tree, area: Area) -> Draft:
    parent = tree.by_id[area.parent].code if area.parent is not None else None
    return Draft(
        code=area.code, kind=area.kind, name=area.name, parent_code=parent, shape=area.shape,
        households=area.households,
    )  # fmt: skip


def _above(city: City, level: Level) -> Sequence[Area]:
    """Return the areas of the nearest level above that has any."""
    ranks = [x for x in sorted(city.levels, key=lambda x: -x.rank) if not x.overlay and x.rank < level.rank]  # fmt: skip
    if level.overlay:
        ranks = ranks[-1:]
    return next((found for x in ranks if (found := city.tree.of_kind(x.kind))), ())


# ── drafts ───────────────────────────────────────────────────────────────────────────


def get(tx: Tx, version: int) -> Version:
    found = store.get(tx, version)
    if found is None:
        raise NotFound("version", version)
    return found


def editing_of(tx: Tx, version: int, *, seen: int | None = None) -> Version:
    """Return a draft for changing it; refused where it is none, or was changed meanwhile."""
    found = store.get(tx, version, lock=True)
    if found is None:
        raise NotFound("version", version)
    if found.state != "draft":
        raise NotADraft("version", version)
    if seen is not None and seen != found.version:
        raise Moved("version", version)
    return found


def make(tx: Tx, city: City, hand: Hand, *, title: str, kind: str) -> int:
    """Begin a draft of one level, which changes nothing yet."""
    if kind not in {level.kind for level in city.levels}:
        raise NotFound("level", kind)
    number = store.make(tx, title=_title(title, kind), kind=kind, at=hand.at, by=hand.account)
    _told(tx, GridFact.MADE, hand, number, title=_title(title, kind))
    return number


def bring(
    tx: Tx, city: City, hand: Hand, reading: Reading, *, title: str, kind: str, whole: bool,
    account: Mapping[str, Any],
) -> int:  # fmt: skip
    """Make a draft of a file: what differs from today is changed, what is new is added and,
    where the file is the ``whole`` level, what it leaves out ends.
    """
    level = next((x for x in city.levels if x.kind == kind), None)
    if level is None:
        raise NotFound("level", kind)
    above = [_as_draft(city.tree, area) for area in _above(city, level)]
    placed = with_parents(reading, above) if above else reading
    now = {area.code: _as_draft(city.tree, area) for area in city.tree.of_kind(kind)}
    named_too = [_named_as_now(now.get(d.code), d) for d in placed.drafts]
    made = [change_of(d) for d in named_too if _differs(now.get(d.code), d)]
    named = {d.code for d in reading.drafts}
    if whole:
        made += [gone_of(d) for code, d in now.items() if code not in named]
    told = {
        **account,
        "read": len(reading.drafts) + len(reading.rejects), "taken": len(placed.drafts),
        "same": len(placed.drafts) - sum(not c.gone for c in made),
        "refused": [{"row": r.row, "code": r.code, "field": r.field, "reason": r.reason} for r in placed.rejects],
        "repaired": [{"code": r.code, "reason": r.reason, "m2": round(r.change_m2, 1)} for r in placed.repairs],
        "strays": [{"code": s.code, "parent": s.parent, "share": round(s.outside_share, 4)} for s in placed.strays],
    }  # fmt: skip
    number = store.make(tx, title=_title(title, kind), kind=kind, at=hand.at, by=hand.account, account=told)  # fmt: skip
    if made:
        store.put(tx, number, made)
    _told(tx, GridFact.BROUGHT, hand, number, title=_title(title, kind), areas=len(made))
    return number


def brought(
    tx: Tx, city: City, hand: Hand, features: Mapping[str, Any], *, title: str, kind: str, crs: str,
    columns: Columns, whole: bool,
) -> int:  # fmt: skip
    """Make a draft of features, and keep ten sample places before and after conversion."""
    reading = read_features(features, kind=kind, columns=columns, crs=crs or None)
    sampled = samples(features, crs or "wgs84", label=columns.code)
    account = {
        "crs": crs,
        "samples": [
            {"label": s.label, "x": s.x, "y": s.y, "lon": s.lon, "lat": s.lat, "metres": s.metres}
            for s in sampled
        ],
    }
    return bring(tx, city, hand, reading, title=title, kind=kind, whole=whole, account=account)


def _title(title: str, kind: str) -> str:
    return title.strip()[:120] or kind


def _named_as_now(was: Draft | None, shall: Draft) -> Draft:
    """Return an area of a file with the names of today where the file says none or only one."""
    if was is None:
        return shall
    told = shall.name
    en = was.name.en if told.en in ("", shall.code) else told.en
    return replace(shall, name=Name(told.zh or was.name.zh, en), households=shall.households if shall.households is not None else was.households)  # fmt: skip


def _differs(was: Draft | None, shall: Draft) -> bool:
    if was is None or was.name != shall.name or was.parent_code != shall.parent_code:
        return True
    if was.shape is None or shall.shape is None:
        return was.shape is not shall.shape
    apart: bool = not shapely.equals_exact(shapely.normalize(was.shape), shapely.normalize(shall.shape), 1e-7)  # fmt: skip
    return apart


def change_of(draft: Draft) -> Change:
    return Change(
        code=draft.code, name=draft.name, parent=draft.parent_code, shape=draft.shape,
        households=draft.households,
    )  # fmt: skip


def gone_of(draft: Draft) -> Change:
    return Change(code=draft.code, name=draft.name, parent=draft.parent_code, shape=None, gone=True)


# ── looking at a draft ───────────────────────────────────────────────────────────────


def differences(there: Layer) -> list[Difference]:
    """Return what a version changes, by code."""
    found: list[Difference] = []
    for code, c in sorted(there.changes.items()):
        was = there.now.get(code)
        before = was.shape if was is not None else None
        after = None if c.gone else c.shape
        sizes = [square_metres(s) if s is not None else 0.0 for s in (before, after)]
        apart = (
            square_metres(shapely.symmetric_difference(before, after))
            if before is not None and after is not None
            else max(sizes)
        )
        kind = "ended" if c.gone else "added" if was is None else "changed" if apart > 1 else "named"  # fmt: skip
        found.append(Difference(code=code, name=c.name, kind=kind, was_m2=sizes[0], shall_m2=sizes[1], moved_m2=apart))  # fmt: skip
    return found


def covers(there: Layer) -> list[tuple[Area, Cover]]:
    """Return how well the areas tile each area above that the version touches."""
    touched = {c.parent for c in there.changes.values()}
    touched |= {there.shall[code].parent_code for code in there.changes if code in there.shall}
    found: list[tuple[Area, Cover]] = []
    for code in sorted(filter(None, touched)):
        above = there.above.get(code)
        children = [d for d in there.shall.values() if d.parent_code == code]
        if above is not None and above.shape is not None:
            found.append((above, cover(above.shape, children)))
    return found


# ── in force, and back ───────────────────────────────────────────────────────────────


def enact(tx: Tx, city: City, hand: Hand, version: int, day: date, *, seen: int | None = None) -> int:  # fmt: skip
    """Let a draft be in force from a day on; return how many areas that changes."""
    found = editing_of(tx, version, seen=seen)
    there = layer(city, found, store.changes(tx, version))
    codes = sorted(there.changes)
    if not codes:
        raise NothingChanged("version", version)
    if day < hand.today:
        raise PastDay("day", day.isoformat())
    store.lock_areas(tx)
    # One version waits at most: two would both have been made of the level as it stands today.
    begun = store.begun_from(tx, found.kind, codes, day=min(day, hand.today + timedelta(days=1)))
    if waiting := [code for code, since in begun.items() if since > hand.today]:
        raise StillToBegin("day", ", ".join(waiting[:5]))
    if begun:
        raise BegunToday("day", ", ".join([*begun][:5]))
    _childless(city, there)
    made = _areas(tx, city, there, day)
    ended = [there.now[code].id for code in codes if code in there.now]
    city_store.end_areas(tx, ended, on=day)
    city_store.add_areas(tx, made)
    store.stand(tx, version, "set", starts_on=day)
    _told(tx, GridFact.SET, hand, version, title=found.title, areas=len(codes), **{"from": day.isoformat()})  # fmt: skip
    city_store.changed(tx)
    return len(codes)


def _childless(city: City, there: Layer) -> None:
    """Refuse to end or to move below another area what has areas below it: their spans lie in its."""
    for code, c in there.changes.items():
        was = there.now.get(code)
        leaves = was is not None and (c.gone or c.parent != _as_draft(city.tree, was).parent_code)
        if was is not None and leaves and city.tree.children(was.id):
            raise HasChildren("area", code)


def _areas(tx: Tx, city: City, there: Layer, day: date) -> list[Area]:
    """Return the rows a version adds: known areas keep their span, new ones get one."""
    wanted = [c for c in there.changes.values() if not c.gone]
    ids = iter(city_store.area_ids(tx, len(wanted)))
    every = city_store.areas(tx)
    taken: dict[AreaId | None, list[Any]] = {}
    for area in every:
        above = city.tree.by_id.get(area.parent) if area.parent is not None else None
        taken.setdefault(above.id if above else None, []).append(area.span)
    made: list[Area] = []
    for c in sorted(wanted, key=lambda c: c.code):
        was, parent = there.now.get(c.code), there.above.get(c.parent or "")
        if parent is None and c.parent is not None:
            raise NoParentHere("parent", c.code)
        home = parent.id if parent else None
        stays = was is not None and (city.tree.by_id[was.parent].id if was.parent is not None else None) == home  # fmt: skip
        if was is not None and stays:
            span = was.span
        else:
            span = allot(parent.span if parent else LINE, taken.setdefault(home, []), 1, name=c.parent or "")[0]  # fmt: skip
            taken[home].append(span)
        made.append(
            Area(
                id=next(ids), code=c.code, kind=there.level.kind, name=c.name, parent=home, span=span,
                shape=c.shape, households=c.households, official=was.official if was else True,
                valid_from=day,
            )
        )  # fmt: skip
    return made


def withdraw(tx: Tx, hand: Hand, version: int) -> None:
    """Take back a version before its day: as if it had not been set."""
    found = store.get(tx, version, lock=True)
    if found is None:
        raise NotFound("version", version)
    if found.state != "set" or found.starts_on is None or found.starts_on <= hand.today:
        raise TooLateToWithdraw("version", version)
    store.lock_areas(tx)
    codes = [c.code for c in store.changes(tx, version)]
    store.take_back(tx, found.kind, codes, found.starts_on)
    store.stand(tx, version, "withdrawn", starts_on=found.starts_on)
    _told(tx, GridFact.WITHDRAWN, hand, version, title=found.title)
    city_store.changed(tx)


def back(tx: Tx, city: City, hand: Hand, version: int) -> int:
    """Make a draft that puts back, from a day still to be chosen, what a version in force changed."""
    found = get(tx, version)
    if found.state != "set" or found.starts_on is None or found.starts_on > hand.today:
        raise TooLateToWithdraw("version", version)
    there = layer(city, found, store.changes(tx, version))
    before = {
        a.code: a
        for a in city_store.areas(tx)
        if a.kind == found.kind and a.valid_until == found.starts_on
    }
    made: list[Change] = []
    for code in sorted(there.changes):
        was = before.get(code)
        if was is not None:
            made.append(change_of(_as_draft(city.tree, was)))
        elif code in there.now:
            made.append(gone_of(there.shall[code]))
    number = store.make(tx, title=found.title, kind=found.kind, at=hand.at, by=hand.account, account={"back": version})  # fmt: skip
    if made:
        store.put(tx, number, made)
    _told(tx, GridFact.MADE, hand, number, title=found.title, back=version)
    return number


def drop(tx: Tx, hand: Hand, version: int) -> None:
    """Put a draft away. What it said is kept."""
    found = editing_of(tx, version)
    store.stand(tx, version, "dropped", starts_on=None)
    _told(tx, GridFact.DROPPED, hand, version, title=found.title)


def pick_up(tx: Tx, hand: Hand, version: int) -> None:
    """Make a draft again of what was put away or withdrawn."""
    found = store.get(tx, version, lock=True)
    if found is None:
        raise NotFound("version", version)
    if found.state not in ("dropped", "withdrawn"):
        raise NotADraft("version", version)
    store.stand(tx, version, "draft", starts_on=None)
    _told(tx, GridFact.MADE, hand, version, title=found.title)


#: What can be undone from the list of changes.
UNDO = frozenset({GridFact.MADE, GridFact.BROUGHT, GridFact.SET, GridFact.DROPPED})


def undo(tx: Tx, hand: Hand, fact: int) -> None:
    """Undo what happened to a version: a draft is dropped, a day taken back, a dropped one is again."""
    found = city_facts.one(tx, fact)
    if found is None:
        raise NotFound("change", fact)
    number = int(found.says["version"])
    if found.kind == GridFact.SET:
        withdraw(tx, hand, number)
    elif found.kind == GridFact.DROPPED:
        pick_up(tx, hand, number)
    else:
        drop(tx, hand, number)


def _told(tx: Tx, kind: GridFact, hand: Hand, version: int, **says: Any) -> None:
    city_facts.add(tx, kind, {"version": version, **says}, account=hand.account, at=hand.at)
