"""Ten places of a file before and after its datum is converted: whoever brings it sees the shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import numpy as np

from zhongshu.core.place import METRES_PER_DEGREE, Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One corner of a file: as it stands there, and in WGS-84. ``metres``: how far it moved,
    None where the file is not in degrees.
    """

    label: str
    x: float
    y: float
    lon: float
    lat: float
    metres: float | None


def samples(collection: Mapping[str, Any], declared: str | None, *, label: str = "", count: int = 10) -> list[Sample]:  # fmt: skip
    """Return corners of features spread evenly over a file."""
    features = cast("list[Any]", collection.get("features") or [])
    firsts = [(f, pair) for f in features if (pair := _first(f)) is not None]
    if not firsts:
        return []
    at = sorted({round(n) for n in np.linspace(0, len(firsts) - 1, min(count, len(firsts)))})
    chosen = [firsts[n] for n in at]
    x = np.array([pair[0] for _, pair in chosen], dtype=float)
    y = np.array([pair[1] for _, pair in chosen], dtype=float)
    lon, lat = Projection(declared or "wgs84")(x, y)
    return [
        Sample(
            label=str((f.get("properties") or {}).get(label) or n + 1), x=float(x[n]), y=float(y[n]),
            lon=float(lon[n]), lat=float(lat[n]),
            metres=_metres(float(x[n]), float(y[n]), float(lon[n]), float(lat[n])),
        )
        for n, (f, _) in enumerate(chosen)
    ]  # fmt: skip


def _first(feature: Any) -> Sequence[float] | None:
    """Return the first pair of numbers of a feature's geometry; None of what is no feature."""
    geometry, said = _part(feature, "geometry"), _part(feature, "properties")
    found: Any = _part(geometry, "coordinates") if said is None or isinstance(said, dict) else None
    while isinstance(found, list | tuple) and found and isinstance(found[0], list | tuple):
        found = found[0]
    pair = cast("Sequence[Any]", found) if isinstance(found, list | tuple) else ()
    if len(pair) < 2 or not all(isinstance(v, int | float) and isfinite(v) for v in pair[:2]):
        return None
    return [float(pair[0]), float(pair[1])]


def _part(of: Any, name: str) -> Any:
    return cast("dict[str, Any]", of).get(name) if isinstance(of, dict) else None


def _metres(x: float, y: float, lon: float, lat: float) -> float | None:
    if not (-180 <= x <= 180 and -90 <= y <= 90):
        return None
    east = (lon - x) * METRES_PER_DEGREE * np.cos(np.radians(lat))
    return float(np.hypot(east, (lat - y) * METRES_PER_DEGREE))
