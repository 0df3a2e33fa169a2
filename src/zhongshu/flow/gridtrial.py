"""A version of the grid tried on the cases that are open: which would lie in another cell, go
to another unit, or be another post's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import shapely

from zhongshu.core.access import EVERYTHING
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Case, Filter, Order
from zhongshu.core.grid import Area, Locator, Tree
from zhongshu.core.place import Point
from zhongshu.core.values import AreaId, Span, UnitId
from zhongshu.flow.city import City
from zhongshu.flow.grid import Layer
from zhongshu.flow.things import Things
from zhongshu.store import accounts, cases
from zhongshu.store.accounts import Post
from zhongshu.store.db import Tx

#: So many open cases are looked at, what expires first first.
MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One open case, where it lies and whose it is as things stand and as the version has it."""

    case: Case
    was: Area | None
    shall: Area | None
    unit: UnitId | None
    unit_shall: UnitId | None
    posts: Sequence[Post]
    posts_shall: Sequence[Post]

    @property
    def cell(self) -> bool:
        return (self.was.code if self.was else "") != (self.shall.code if self.shall else "")

    @property
    def moves_unit(self) -> bool:
        return self.unit != self.unit_shall

    @property
    def moves_post(self) -> bool:
        return [p.id for p in self.posts] != [p.id for p in self.posts_shall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a version would mean for the open cases."""

    looked_at: int
    cut_off: bool
    turns: Sequence[Turn]

    @property
    def cell(self) -> list[Turn]:
        return [t for t in self.turns if t.cell]

    @property
    def unit(self) -> list[Turn]:
        return [t for t in self.turns if t.moves_unit]

    @property
    def post(self) -> list[Turn]:
        return [t for t in self.turns if t.moves_post]


def tried(tx: Tx, city: City, there: Layer, *, now: datetime) -> Trial:
    """Look at every open case with a place near what the version changes."""
    then = as_it_would_be(city, there)
    found = cases.page(tx, EVERYTHING, Filter(open_only=True), order=Order.DUE, after=None, limit=MOST)  # fmt: skip
    placed = [c for c in found if c.lon is not None and c.lat is not None]
    shapes = [s for c in there.changes.values() for s in (c.shape, there.now[c.code].shape if c.code in there.now else None) if s is not None]  # fmt: skip
    touched = shapely.union_all(shapes) if shapes else None
    near = _near(placed, touched)
    posts = [p for p in accounts.posts(tx) if p.area is not None and p.ended_at is None]
    held = [(side, _by_area(side, posts)) for side in (city, then)]
    known = Things(tx, near)
    turns = [_turn(held, case, known(case), now) for case in near]
    return Trial(
        looked_at=len(placed), cut_off=len(found) >= MOST,
        turns=[t for t in turns if t.cell or t.moves_unit or t.moves_post],
    )  # fmt: skip


def _near(placed: Sequence[Case], touched: shapely.Geometry | None) -> list[Case]:
    if touched is None or not placed:
        return []
    shapely.prepare(touched)
    inside = shapely.intersects_xy(
        touched, np.array([c.lon for c in placed], float), np.array([c.lat for c in placed], float)
    )
    return [case for case, here in zip(placed, inside, strict=True) if here]


def as_it_would_be(city: City, there: Layer) -> City:
    """Return the city with the level as the version has it. New areas take numbers of their own
    and a span of their own at the end of their parent's, for this trial only.
    """
    kept = [area for area in city.tree if area.kind != there.level.kind or area.code not in there.changes]  # fmt: skip
    made: list[Area] = []
    for n, (code, c) in enumerate(sorted(there.changes.items()), start=1):
        if c.gone:
            continue
        was, parent = there.now.get(code), there.above.get(c.parent or "")
        home = parent.span if parent else Span(0, 2**62)
        made.append(
            Area(
                id=was.id if was else AreaId(-n), code=code, kind=there.level.kind, name=c.name,
                parent=parent.id if parent else None, shape=c.shape,
                span=was.span if was else Span(home.hi - n - 1, home.hi - n),
            )
        )  # fmt: skip
    areas, ended = [*kept, *made], [there.now[code] for code in there.changes if code in there.now]
    tree = Tree(areas, former=[*city.tree.former, *ended])
    return replace(city, tree=tree, locator=Locator(areas, city.levels))


_Side = tuple[City, Mapping[AreaId, Sequence[Post]]]


def _turn(held: Sequence[_Side], case: Case, asset: Asset | None, now: datetime) -> Turn:
    place = Point(case.lon or 0.0, case.lat or 0.0)
    sides: list[tuple[Area | None, UnitId | None, Sequence[Post]]] = []
    for side, posts in held:
        where = side.where(place) or {"area": None, "area_code": None, "cells": ()}
        work = side.work(replace(case, **where), at=now, asset=asset)
        chain = side.tree.chain(where["area"]) if where["area"] is not None else ()
        nearest = next((posts[a.id] for a in reversed(chain) if a.id in posts), ())
        sides.append((chain[-1] if chain else None, work.unit if work else None, nearest))
    (was, unit, some), (shall, unit_shall, some_shall) = sides
    return Turn(
        case=case, was=was, shall=shall, unit=unit, unit_shall=unit_shall, posts=some,
        posts_shall=some_shall,
    )  # fmt: skip


def _by_area(city: City, posts: Sequence[Post]) -> dict[AreaId, list[Post]]:
    found: dict[AreaId, list[Post]] = {}
    for post in posts:
        area = city.tree.by_id.get(AreaId(post.area)) if post.area is not None else None
        if area is not None:
            found.setdefault(area.id, []).append(post)
    return found
