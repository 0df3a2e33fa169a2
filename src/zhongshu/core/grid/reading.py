"""Reading areas from GeoJSON: datum declared, polygons repaired and said so, nothing lost."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import shapely
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from zhongshu.core.place import METRES_PER_DEGREE, Floats, Projection, UnknownCrs
from zhongshu.core.values import Name, Refused


class NotGeoJson(Refused):
    message = "%(field)s: this is not a GeoJSON FeatureCollection (%(value)s)."
    remedy = "Export the layer as GeoJSON with one feature per area."


class NoCrs(Refused):
    message = "%(field)s: the file does not say in which coordinate system it is."
    remedy = "Declare it with --crs: wgs84, cgcs2000, gcj02, bd09 or an EPSG code."


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An area as a file tells it, before it has an identity and a span."""

    code: str
    kind: str
    name: Name
    parent_code: str | None
    shape: BaseGeometry | None
    households: int | None = None


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
class Reading:
    """What a file gave: areas to make, features refused, polygons repaired."""

    drafts: tuple[Draft, ...]
    rejects: tuple[Reject, ...] = ()
    repairs: tuple[Repair, ...] = ()


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
    return Reading(drafts=tuple(out.drafts), rejects=tuple(out.rejects), repairs=tuple(out.repairs))


def with_parents(reading: Reading, parents: Sequence[Draft]) -> Reading:
    """Name each area's parent: the one it says, else the one it overlaps most.

    An area that names a parent which is not there is refused, naming both.
    """
    known = {parent.code for parent in parents}
    shaped = [parent for parent in parents if parent.shape is not None]
    tree = shapely.STRtree([p.shape for p in shaped if p.shape is not None]) if shaped else None
    drafts: list[Draft] = []
    rejects = list(reading.rejects)
    for row, draft in enumerate(reading.drafts, start=1):
        code = draft.parent_code
        if code is not None and code not in known:
            rejects.append(
                Reject(row=row, code=draft.code, field="parent",
                       reason=f"its parent “{code}” is not among the areas above; import that level first or correct the code")
            )  # fmt: skip
            continue
        if code is None and tree is not None and draft.shape is not None:
            code = _most_overlapped(draft.shape, shaped, tree)
        if code is None and len(parents) == 1:
            code = parents[0].code
        drafts.append(
            Draft(code=draft.code, kind=draft.kind, name=draft.name, parent_code=code,
                  shape=draft.shape, households=draft.households)
        )  # fmt: skip
    return Reading(drafts=tuple(drafts), rejects=tuple(rejects), repairs=reading.repairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """How well children tile their parent, in square metres."""

    overlap_m2: float
    gap_m2: float
    outside_m2: float
    worst: tuple[tuple[str, str, float], ...] = ()


def cover(parent: BaseGeometry, children: Sequence[Draft], *, worst: int = 5) -> Cover:
    """Measure overlaps between children, gaps left in the parent, and what sticks out."""
    shaped = [(child.code, child.shape) for child in children if child.shape is not None]
    if not shaped:
        return Cover(overlap_m2=0.0, gap_m2=square_metres(parent), outside_m2=0.0)
    shapes = [shape for _, shape in shaped]
    tree = shapely.STRtree(shapes)
    pairs: list[tuple[str, str, float]] = []
    for one, other in zip(*tree.query(shapes, predicate="intersects"), strict=True):
        if one < other:
            shared = square_metres(shapely.intersection(shapes[one], shapes[other]))
            if shared > 1.0:
                pairs.append((shaped[one][0], shaped[other][0], shared))
    together = shapely.union_all(shapes)
    pairs.sort(key=lambda pair: -pair[2])
    return Cover(
        overlap_m2=sum(pair[2] for pair in pairs),
        gap_m2=square_metres(shapely.difference(parent, together)),
        outside_m2=square_metres(shapely.difference(together, parent)),
        worst=tuple(pairs[:worst]),
    )


def square_metres(shape: BaseGeometry) -> float:
    """Return the area of a polygon in degrees, in m² (below 1 % off within a city)."""
    if shape.is_empty:
        return 0.0
    middle = (shape.bounds[1] + shape.bounds[3]) / 2
    return float(shape.area) * METRES_PER_DEGREE**2 * math.cos(math.radians(middle))


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
        properties: Mapping[str, Any] = feature["properties"] or {}
        geometry = feature["geometry"]
    except (KeyError, TypeError):
        out.rejects.append(_reject(row, "", "feature", "it has no properties or no geometry"))
        return
    code = _text(properties, columns.code)
    name = Name(
        _text(properties, columns.name_zh), _text(properties, columns.name_en) or code or "?"
    )
    if not code:
        out.rejects.append(
            _reject(
                row, "", columns.code, f"its code is empty; the file has: {', '.join(properties)}"
            )
        )
    elif code in out.codes:
        out.rejects.append(_reject(row, code, columns.code, "an earlier feature has the same code"))
    else:
        _shaped(out, row, code, name, geometry, properties, kind, columns, project)


def _shaped(
    out: _Collected, row: int, code: str, name: Name, geometry: Any,
    properties: Mapping[str, Any], kind: str, columns: Columns, project: Projection,
) -> None:  # fmt: skip
    try:
        shape = shape_of(geometry)
        shape = shapely.transform(shape, lambda xy: np.column_stack(project(*_xy(xy))))
    except UnknownCrs:
        raise
    except Exception as error:  # noqa: BLE001 — whatever a foreign file holds is named, not fatal
        out.rejects.append(_reject(row, code, "geometry", f"it cannot be read: {error}"))
        return
    if shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
        out.rejects.append(
            _reject(row, code, "geometry", f"it is no polygon but {shape.geom_type}")
        )
        return
    if not shape.is_valid:
        reason = shapely.is_valid_reason(shape)
        mended = _polygons(shapely.make_valid(shape))
        change = square_metres(mended) - square_metres(shape)
        out.repairs.append(Repair(code=code, reason=reason, change_m2=change))
        shape = mended
    out.codes.add(code)
    out.drafts.append(
        Draft(
            code=code, kind=kind, name=name, parent_code=_text(properties, columns.parent) or None,
            shape=shape, households=_whole(properties.get(columns.households)),
        )
    )  # fmt: skip


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Keep what has an area: a repaired polygon may come with stray lines."""
    parts = [part for part in shapely.get_parts(shape) if part.area > 0]
    flat = [p for part in parts for p in shapely.get_parts(part) if p.geom_type == "Polygon"]
    return shapely.union_all(flat) if flat else shape


def _most_overlapped(
    shape: BaseGeometry, parents: Sequence[Draft], tree: shapely.STRtree
) -> str | None:
    shares: Counter[str] = Counter()
    for at in tree.query(shape, predicate="intersects"):
        parent = parents[int(at)]
        assert parent.shape is not None
        shares[parent.code] += shapely.intersection(shape, parent.shape).area  # pyright: ignore[reportArgumentType] # a Counter of floats
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


def _whole(value: Any) -> int | None:
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        return None
