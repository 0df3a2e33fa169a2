"""部件, assets: things of the city with a place, an owner and a maintainer.

Read from a table or from GeoJSON features; a row that cannot be used is named with field,
value and reason, and the rest goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, cast

import numpy as np
import shapely

from zhongshu.core.grid import NotGeoJson
from zhongshu.core.place import NoSuchPlace, Point, Projection
from zhongshu.core.values import Name, UnitId


class AssetState(StrEnum):
    """The state a survey finds a thing in (as CJ/T 214 and GB/T 30428.2 list them)."""

    GOOD = "good"  # 完好
    DAMAGED = "damaged"  # 破损
    LOST = "lost"  # 丢失
    ABANDONED = "abandoned"  # 废弃
    REMOVED = "removed"  # 移除


_STATES = {
    "": AssetState.GOOD, "完好": AssetState.GOOD, "破损": AssetState.DAMAGED,
    "丢失": AssetState.LOST, "废弃": AssetState.ABANDONED, "移除": AssetState.REMOVED,
    **{state.value: state for state in AssetState},
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One thing. ``category`` is a code of the catalogue; ``area`` and ``area_code`` are the
    deepest cell it stands in and that cell's place on the tree's line.
    """

    code: str
    category: str
    name: Name
    place: Point
    area: int
    area_code: int
    owner: UnitId | None = None
    maintainer: UnitId | None = None
    state: AssetState = AssetState.GOOD
    surveyed: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A row that was not taken (1 is the first of the file), and why."""

    row: int
    code: str
    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a row may name: categories and units by code, and where a place lies."""

    categories: Collection[str]
    units: Mapping[str, UnitId]
    where: Callable[[Point], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class _Bad(Exception):
    field: str
    value: str
    reason: str


def read_assets(
    rows: Iterable[tuple[int, Mapping[str, Any]]], known: Known, *, crs: str
) -> tuple[list[Asset], list[Unread]]:
    """Read assets from numbered rows with ``code, category, name_zh, name_en, lon, lat,
    owner, maintainer, state, surveyed``; ``crs`` says what lon and lat are in.
    """
    project = Projection(crs)
    taken: list[Asset] = []
    refused: list[Unread] = []
    for number, row in rows:
        said = {k: "" if v is None else str(v).strip() for k, v in row.items()}
        try:
            taken.append(_asset(said, known, project))
        except _Bad as bad:
            refused.append(
                Unread(
                    row=number, code=said.get("code", ""), field=bad.field, value=bad.value,
                    reason=bad.reason,
                )
            )  # fmt: skip
    return taken, refused


def feature_rows(data: bytes) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of a GeoJSON file (a line or surface stands where its middle lies), and
    the coordinate system the file itself declares.
    """
    try:
        collection = json.loads(data)
        features = cast("list[Mapping[str, Any]]", collection["features"])
    except (ValueError, KeyError, TypeError):
        raise NotGeoJson("file") from None
    declared = (collection.get("crs") or {}).get("properties", {}).get("name")
    return [dict(_feature(feature)) for feature in features], declared


def _feature(feature: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (feature.get("properties") or {}).items()
    try:
        middle = shapely.point_on_surface(shapely.from_geojson(json.dumps(feature["geometry"])))
        yield "lon", middle.x
        yield "lat", middle.y
    except (shapely.errors.ShapelyError, KeyError, AttributeError, ValueError):
        yield "lon", None
        yield "lat", None


def _asset(said: Mapping[str, str], known: Known, project: Projection) -> Asset:
    code, category = said.get("code", ""), said.get("category", "")
    if not code:
        raise _Bad("code", "", "it is empty: every thing needs a code of its own")
    if len(code) > 60:
        raise _Bad("code", code[:60], "it has more than 60 characters")
    if category not in known.categories:
        raise _Bad("category", category, "the catalogue in force has no such code")
    name = Name(said.get("name_zh", "") or said.get("name_en", "") or code, said.get("name_en", ""))
    place = _place(said, project)
    found = known.where(place)
    if found is None:
        raise _Bad("lon", f"{place.lon:.6f}, {place.lat:.6f}", "it lies outside the city")
    return Asset(
        code=code, category=category, name=name, place=place, area=found[0], area_code=found[1],
        owner=_unit("owner", said, known), maintainer=_unit("maintainer", said, known),
        state=_state(said.get("state", "")), surveyed=_day(said.get("surveyed", "")),
    )  # fmt: skip


def _place(said: Mapping[str, str], project: Projection) -> Point:
    numbers: list[float] = []
    for field in ("lon", "lat"):
        try:
            numbers.append(float(said.get(field, "")))
        except ValueError:
            raise _Bad(
                field, said.get(field, ""), "a thing needs a place: write a number"
            ) from None
    try:
        lon, lat = project(np.array([numbers[0]]), np.array([numbers[1]]))
        return Point(float(lon[0]), float(lat[0]))
    except NoSuchPlace as refusal:
        raise _Bad("lon", f"{numbers[0]}, {numbers[1]}", str(refusal)) from None


def _unit(field: str, said: Mapping[str, str], known: Known) -> UnitId | None:
    code = said.get(field, "")
    if not code:
        return None
    if code not in known.units:
        raise _Bad(field, code, "no unit has this code; import the units first")
    return known.units[code]


def _state(text: str) -> AssetState:
    if text not in _STATES:
        raise _Bad("state", text, f"one of: {', '.join(AssetState)} (完好, 破损, 丢失, 废弃, 移除)")
    return _STATES[text]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise _Bad("surveyed", text, "write a day as 2026-11-24") from None


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Which assets somebody looks for. ``box`` is west, south, east, north in degrees."""

    text: str = ""
    category: str = ""
    area: tuple[int, int] | None = None
    owner: UnitId | None = None
    maintainer: UnitId | None = None
    state: AssetState | None = None
    box: tuple[float, float, float, float] | None = None
