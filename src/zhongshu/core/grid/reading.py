"""Reading areas from GeoJSON and from lists of codes: datum declared, polygons repaired and
said so, nothing lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import shapely
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from zhongshu.core.grid.areas import Draft
from zhongshu.core.grid.covering import square_metres
from zhongshu.core.place import Floats, Projection
from zhongshu.core.values import Name, Refused


class NotGeoJson(Refused):
    message = "%(field)s: this is not a GeoJSON FeatureCollection (%(value)s)."
    remedy = "Export the layer as GeoJSON with one feature per area."


class NoCrs(Refused):
    message = "%(field)s: the file does not say in which coordinate system it is."
    remedy = "Declare it with --crs: wgs84, cgcs2000, gcj02, bd09 or an EPSG code."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A feature that was not taken, and why."""

    row: int
    code: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A polygon that was not valid and was made so. ``change_m2``: area after less before."""

    code: str
    reason: str
    change_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """An area taken, although more of it lies outside its parent than is tolerated."""

    code: str
    parent: str
    outside_share: float
    outside_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file gave: areas to make, features refused, polygons repaired, areas that
    stick out of their parents.
    """

    drafts: tuple[Draft, ...]
    rejects: tuple[Reject, ...] = ()
    repairs: tuple[Repair, ...] = ()
    strays: tuple[Stray, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which properties of a feature hold what. Empty: not in the file."""

    code: str
    name_zh: str = ""
    name_en: str = ""
    parent: str = ""
    households: str = ""


@dataclass(slots=True)
class _Collected:
    drafts: list[Draft] = field(default_factory=list[Draft])
    rejects: list[Reject] = field(default_factory=list[Reject])
    repairs: list[Repair] = field(default_factory=list[Repair])
    codes: set[str] = field(default_factory=set[str])

    def reading(self) -> Reading:
        return Reading(
            drafts=tuple(self.drafts), rejects=tuple(self.rejects), repairs=tuple(self.repairs)
        )


def read_features(
    data: bytes | Mapping[str, Any], *, kind: str, columns: Columns, crs: str | None = None
) -> Reading:
    """Read the areas of one level.

    The coordinate system is what ``crs`` declares, or the file's own ``crs`` member; with
    neither the file is refused, for a wrong guess moves every border.
    """
    collection = _collection(data)
    project = Projection(_declared(collection, crs))
    out = _Collected()
    for row, feature in enumerate(cast("list[Any]", collection["features"]), start=1):
        _one(out, row, feature, kind=kind, columns=columns, project=project)
    return out.reading()


def read_table(rows: Iterable[Mapping[str, Any]], *, kind: str, columns: Columns) -> Reading:
    """Read areas known only by their codes: no polygons, parents by their codes."""
    out = _Collected()
    for row, properties in enumerate(rows, start=1):
        _coded(out, row, properties, None, kind=kind, columns=columns)
    return out.reading()


def with_parents(reading: Reading, parents: Sequence[Draft], *, tolerated: float = 0.02) -> Reading:
    """Name each area's parent: the one it says, else the one it overlaps most.

    An area that names a parent which is not there is refused, naming both; so is one that
    names none and overlaps none (without any ``parents`` it is a root). Areas with more
    than the share ``tolerated`` outside their parent are taken and reported.
    """
    by_code = {parent.code: parent for parent in parents}
    shaped = [(p.code, p.shape) for p in parents if p.shape is not None]
    tree = shapely.STRtree([shape for _, shape in shaped])
    drafts: list[Draft] = []
    rejects = list(reading.rejects)
    strays: list[Stray] = []
    for draft in reading.drafts:
        code = draft.parent_code
        if code is None and draft.shape is not None:
            code = _most_overlapped(draft.shape, shaped, tree)
        if code is None and len(parents) == 1 and (draft.shape is None or not shaped):
            code = parents[0].code
        if code is None and not parents:
            drafts.append(draft)
            continue
        if code not in by_code:
            rejects.append(_reject(draft.row, draft.code, "parent", _no_parent(code)))
            continue
        drafts.append(replace(draft, parent_code=code))
        stray = _stray(draft, by_code[code])
        if stray is not None and stray.outside_share > tolerated:
            strays.append(stray)
    return replace(
        reading, drafts=tuple(drafts), rejects=tuple(rejects),
        strays=(*reading.strays, *strays),
    )  # fmt: skip


def _no_parent(code: str | None) -> str:
    if code is None:
        return "it names no parent and lies in none of the areas above; give the parent's code"
    return f"its parent “{code}” is not among the areas above; import that level first or correct the code"


def _stray(draft: Draft, parent: Draft) -> Stray | None:
    """Measure how much of an area lies outside its parent."""
    if draft.shape is None or parent.shape is None:
        return None
    outside = square_metres(shapely.difference(draft.shape, parent.shape))
    share = outside / square_metres(draft.shape)
    return Stray(code=draft.code, parent=parent.code, outside_share=share, outside_m2=outside)


def _collection(data: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(data, bytes):
        try:
            data = cast("Mapping[str, Any]", json.loads(data))
        except ValueError as error:
            raise NotGeoJson("file", str(error)) from None
    if not isinstance(cast("Any", data), Mapping) or not isinstance(data.get("features"), list):
        raise NotGeoJson("file", "no “features”")
    return data


def _declared(collection: Mapping[str, Any], crs: str | None) -> str:
    if crs:
        return crs
    member: Any = collection.get("crs")
    try:
        name = str(member["properties"]["name"])
    except (KeyError, TypeError):
        raise NoCrs("crs") from None
    # The one name old GeoJSON uses for longitude and latitude.
    return "wgs84" if name.endswith("CRS84") else name


def _one(
    out: _Collected, row: int, feature: Any, *, kind: str, columns: Columns, project: Projection
) -> None:
    try:
        properties: Any = feature["properties"] or {}
        geometry = feature["geometry"]
    except (KeyError, TypeError):
        properties, geometry = None, None
    if not isinstance(properties, Mapping):
        out.rejects.append(_reject(row, "", "feature", "it has no properties or no geometry"))
        return
    properties = cast("Mapping[str, Any]", properties)
    code = _text(properties, columns.code)
    try:
        shape, repair = _shaped(code, geometry, project)
    except _Unusable as unusable:
        out.rejects.append(_reject(row, code, "geometry", str(unusable)))
        return
    if _coded(out, row, properties, shape, kind=kind, columns=columns) and repair is not None:
        out.repairs.append(repair)


def _coded(
    out: _Collected, row: int, properties: Mapping[str, Any], shape: BaseGeometry | None,
    *, kind: str, columns: Columns,
) -> bool:  # fmt: skip
    """Take an area, or refuse it for its code or its number of households."""
    code = _text(properties, columns.code)
    name_zh, name_en = _text(properties, columns.name_zh), _text(properties, columns.name_en)
    households = _text(properties, columns.households)
    if not code:
        reason = f"its code is empty; the file has: {', '.join(map(str, properties))}"
        out.rejects.append(_reject(row, "", columns.code, reason))
    elif code in out.codes:
        out.rejects.append(_reject(row, code, columns.code, "an earlier row has the same code"))
    elif households and not (households.isascii() and households.isdigit()):
        reason = f"“{households}” is not a number of households; write a whole number or nothing"
        out.rejects.append(_reject(row, code, columns.households, reason))
    else:
        out.codes.add(code)
        out.drafts.append(
            Draft(
                code=code, kind=kind, name=Name(name_zh, name_en or ("" if name_zh else code)),
                parent_code=_text(properties, columns.parent) or None, shape=shape,
                households=int(households) if households else None, row=row,
            )
        )  # fmt: skip
        return True
    return False


class _Unusable(Exception):
    """A geometry that gives no polygon, and why."""


def _shaped(code: str, geometry: Any, project: Projection) -> tuple[BaseGeometry, Repair | None]:
    """Return a valid polygon in WGS-84 degrees, and the repair it took."""
    if not geometry:
        raise _Unusable("it is empty")
    try:
        with np.errstate(invalid="ignore"):
            shape = shape_of(geometry)
        shape = shapely.transform(shape, lambda xy: np.column_stack(project(*_xy(xy))))
    except Exception as error:  # noqa: BLE001 — whatever a foreign file holds is named, not fatal
        raise _Unusable(f"it cannot be read: {error}") from None
    if shape.is_empty:
        raise _Unusable("it is empty")
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise _Unusable(f"it is no polygon but {shape.geom_type}")
    west, south, east, north = shape.bounds
    # Written so that NaN fails too; bounds skip NaN, so the coordinates are asked as well.
    on_earth = west >= -180 and east <= 180 and south >= -90 and north <= 90
    if not on_earth or not np.isfinite(shapely.get_coordinates(shape)).all():
        raise _Unusable(
            f"its coordinates ({west:.6g}, {south:.6g}) … ({east:.6g}, {north:.6g}) are not degrees"
            " on Earth; declare the coordinate system the file is in"
        )
    return (shape, None) if shape.is_valid else _mended(code, shape)


def _mended(code: str, shape: BaseGeometry) -> tuple[BaseGeometry, Repair]:
    reason = shapely.is_valid_reason(shape)
    mended = _polygons(shapely.make_valid(shape))
    if mended is None:
        raise _Unusable(f"it is not valid ({reason}) and nothing with an area is left of it")
    change = square_metres(mended) - square_metres(shape)
    return mended, Repair(code=code, reason=reason, change_m2=change)


def _polygons(shape: BaseGeometry) -> BaseGeometry | None:
    """Keep what has an area: a repaired polygon may come with stray lines."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    flat = [part for part in parts if part.geom_type == "Polygon" and part.area > 0]
    return shapely.union_all(flat) if flat else None


def _most_overlapped(
    shape: BaseGeometry, parents: Sequence[tuple[str, BaseGeometry]], tree: shapely.STRtree
) -> str | None:
    """Return the parent that shares the most area, the lowest code where two share as much."""
    shares: dict[str, float] = {}
    for at in tree.query(shape, predicate="intersects"):
        code, parent = parents[int(at)]
        shared = float(shapely.intersection(shape, parent).area)
        if shared > 0:
            shares[code] = shared
    return max(sorted(shares), key=lambda code: shares[code]) if shares else None


def _xy(xy: Floats) -> tuple[Floats, Floats]:
    return xy[:, 0], xy[:, 1]


def _reject(row: int, code: str, field_: str, reason: str) -> Reject:
    return Reject(row=row, code=code, field=field_, reason=reason)


def _text(properties: Mapping[str, Any], column: str) -> str:
    value = properties.get(column) if column else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
