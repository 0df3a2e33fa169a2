"""Versions of the grid: drafts drawn or brought in, tried on open cases, in force from a day.

A version changes areas of one level. An area that is changed keeps its span, so whatever was
filed, sought or held by it stays with it; the row as it was ends the day before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.access import NotFound
from zhongshu.core.grid import (
    LINE,
    Area,
    Cover,
    Draft,
    Level,
    Reading,
    Tree,
    allot,
    cover,
    editing,
    square_metres,
    with_parents,
)
from zhongshu.core.place import Point
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


class CodeTaken(Refused):
    message = "The code “%(value)s” is there already, or is empty."
    remedy = "Give each new area a code of its own."


class NoParentHere(Refused):
    message = "“%(value)s” lies in no area of the level above."
    remedy = "Draw it inside one of them, or add the area above first."


class HasChildren(Refused):
    status: ClassVar[int] = 409
    message = "“%(value)s” has areas below it: it cannot end before they do."
    remedy = "Bring a version of the level below into force first."


class DayTaken(Refused):
    status: ClassVar[int] = 409
    message = "Another version of %(value)s begins on that day or later."
    remedy = "Choose a later day, or withdraw that version first."


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
    made = [_change_of(d) for d in named_too if _differs(now.get(d.code), d)]
    named = {d.code for d in reading.drafts}
    if whole:
        made += [_gone(d) for code, d in now.items() if code not in named]
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


def _change_of(draft: Draft) -> Change:
    return Change(
        code=draft.code, name=draft.name, parent=draft.parent_code, shape=draft.shape,
        households=draft.households,
    )  # fmt: skip


def _gone(draft: Draft) -> Change:
    return Change(code=draft.code, name=draft.name, parent=draft.parent_code, shape=None, gone=True)


def _reshaped(there: Layer, shapes: Mapping[str, BaseGeometry]) -> list[Change]:
    return [_change_of(replace(there.shall[code], shape=shape)) for code, shape in shapes.items()]


def _shape(there: Layer, code: str) -> BaseGeometry:
    draft = there.shall.get(code)
    if draft is None or draft.shape is None:
        raise NotFound("area", code)
    return draft.shape


def split(
    tx: Tx, there: Layer, version: int, code: str, line: Sequence[Point], codes: Sequence[str]
) -> list[str]:
    """Split an area by a line. The largest part keeps code, span and what is filed there; the
    others get the codes given, or the next free ones. Return the new codes.
    """
    parts = editing.split(code, _shape(there, code), line)
    was = there.shall[code]
    new = [c.strip() for c in codes if c.strip()]
    free = (f"{code}-{n}" for n in range(2, 10_000) if f"{code}-{n}" not in there.shall and f"{code}-{n}" not in there.now)  # fmt: skip
    new += [next(free) for _ in range(len(parts) - 1 - len(new))]
    new = new[: len(parts) - 1]
    _free(there, new)
    made = [_change_of(replace(was, shape=parts[0], households=None))]
    for n, (part, called) in enumerate(zip(parts[1:], new, strict=True), start=2):
        name = Name(f"{was.name.zh}{n}" if was.name.zh else "", f"{was.name.en} {n}" if was.name.en else "")  # fmt: skip
        made.append(_change_of(replace(was, code=called, name=name, shape=part, households=None)))
    store.put(tx, version, made)
    return new


def _free(there: Layer, codes: Sequence[str]) -> None:
    for code in codes:
        if not code or len(code) > 40 or code in there.shall or code in there.now or codes.count(code) > 1:  # fmt: skip
            raise CodeTaken("code", code)


def merge(tx: Tx, there: Layer, version: int, codes: Sequence[str]) -> str:
    """Join neighbours into the first of them; the others end."""
    into, *others = dict.fromkeys(codes)
    shape = editing.merged(codes, [_shape(there, code) for code in (into, *others)])
    made = [_change_of(replace(there.shall[into], shape=shape))]
    store.put(tx, version, made)
    _end(tx, there, version, others)
    return into


def move(
    tx: Tx, there: Layer, version: int, at: Point, to: Point, *, snap_m: float = 0.0
) -> dict[str, BaseGeometry]:
    """Move a corner, with all areas that share it; return the polygons that changed."""
    shapes = there.shapes()
    if snap_m:
        others = {c: s for c, s in shapes.items() if s.boundary.distance(shapely.Point(at.lon, at.lat)) > editing.SAME}  # fmt: skip
        to = editing.snapped(others, to, metres=snap_m)
    changed = editing.moved(shapes, at, to)
    store.put(tx, version, _reshaped(there, changed))
    return changed


def remove_corner(tx: Tx, there: Layer, version: int, at: Point) -> dict[str, BaseGeometry]:
    """Take a corner away from all areas that share it; return the polygons that changed."""
    changed = editing.removed(there.shapes(), at)
    store.put(tx, version, _reshaped(there, changed))
    return changed


def draw(
    tx: Tx, there: Layer, version: int, *, code: str, name: Name, outline: Sequence[Point]
) -> None:
    """Add an area by its corners: it leaves its neighbours what they have, and goes below the
    area it lies in most.
    """
    _free(there, [code])
    shape = editing.drawn(there.shapes(), outline)
    draft = Draft(code=code, kind=there.level.kind, name=name, parent_code=None, shape=shape)
    above = [Draft(code=a.code, kind=a.kind, name=a.name, parent_code=None, shape=a.shape) for a in there.above.values()]  # fmt: skip
    placed = with_parents(Reading(drafts=(draft,)), above) if above else Reading(drafts=(draft,))
    if not placed.drafts:
        raise NoParentHere("outline", code)
    store.put(tx, version, [_change_of(placed.drafts[0])])


def end(tx: Tx, there: Layer, version: int, code: str) -> None:
    """Let an area end with this version."""
    if code not in there.shall:
        raise NotFound("area", code)
    _end(tx, there, version, [code])


def _end(tx: Tx, there: Layer, version: int, codes: Sequence[str]) -> None:
    known = [code for code in codes if code in there.now]
    if known:
        store.put(tx, version, [_gone(there.shall[code]) for code in known])
    if len(known) < len(codes):
        store.take_out(tx, version, [code for code in codes if code not in there.now])


def rename(tx: Tx, there: Layer, version: int, code: str, name: Name) -> None:
    """Give an area another name with this version."""
    if code not in there.shall:
        raise NotFound("area", code)
    store.put(tx, version, [_change_of(replace(there.shall[code], name=name))])


def restore(tx: Tx, version: int, code: str) -> None:
    """Take a change back: the version says nothing of this area any more."""
    store.take_out(tx, version, [code])


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
    taken = store.begun_on(tx, found.kind, codes, day)
    if taken:
        raise DayTaken("day", ", ".join(taken[:5]))
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
    for code, c in there.changes.items():
        if c.gone and code in there.now and city.tree.children(there.now[code].id):
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
            made.append(_change_of(_as_draft(city.tree, was)))
        elif code in there.now:
            made.append(_gone(there.shall[code]))
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
