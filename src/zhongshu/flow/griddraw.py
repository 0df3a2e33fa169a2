"""A draft of the grid changed by hand: areas split, joined, drawn, renamed, ended; corners moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import shapely
from shapely.geometry.base import BaseGeometry

from zhongshu.core.access import NotFound
from zhongshu.core.grid import Draft, Reading, editing, with_parents
from zhongshu.core.place import Point
from zhongshu.core.values import Name, Refused
from zhongshu.flow.grid import Layer, NoParentHere, change_of, gone_of
from zhongshu.store import grid as store
from zhongshu.store.db import Tx
from zhongshu.store.grid import Change


class CodeTaken(Refused):
    message = "The code “%(value)s” is there already, or is empty."
    remedy = "Give each new area a code of its own."


def _reshaped(there: Layer, shapes: Mapping[str, BaseGeometry]) -> list[Change]:
    return [change_of(replace(there.shall[code], shape=shape)) for code, shape in shapes.items()]


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
    made = [change_of(replace(was, shape=parts[0], households=None))]
    for n, (part, called) in enumerate(zip(parts[1:], new, strict=True), start=2):
        name = Name(f"{was.name.zh}{n}" if was.name.zh else "", f"{was.name.en} {n}" if was.name.en else "")  # fmt: skip
        made.append(change_of(replace(was, code=called, name=name, shape=part, households=None)))
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
    made = [change_of(replace(there.shall[into], shape=shape))]
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
    store.put(tx, version, [change_of(placed.drafts[0])])


def end(tx: Tx, there: Layer, version: int, code: str) -> None:
    """Let an area end with this version."""
    if code not in there.shall:
        raise NotFound("area", code)
    _end(tx, there, version, [code])


def _end(tx: Tx, there: Layer, version: int, codes: Sequence[str]) -> None:
    known = [code for code in codes if code in there.now]
    if known:
        store.put(tx, version, [gone_of(there.shall[code]) for code in known])
    if len(known) < len(codes):
        store.take_out(tx, version, [code for code in codes if code not in there.now])


def rename(tx: Tx, there: Layer, version: int, code: str, name: Name) -> None:
    """Give an area another name with this version."""
    if code not in there.shall:
        raise NotFound("area", code)
    store.put(tx, version, [change_of(replace(there.shall[code], name=name))])


def restore(tx: Tx, version: int, code: str) -> None:
    """Take a change back: the version says nothing of this area any more."""
    store.take_out(tx, version, [code])
