"""Places: one datum inside, every other converted once at the edge.

All coordinates of the hub are WGS-84 longitude and latitude in degrees; CGCS2000 is
treated as equal (they differ by centimetres). GCJ-02 and BD-09 are the shifted datums of
Chinese web maps: hundreds of metres off, so a report in the wrong one gets the wrong owner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from zhongshu.core.values import Refused

Floats = NDArray[np.float64]

#: Mean metres of one degree of latitude (WGS-84, error below 0.6 %).
METRES_PER_DEGREE = 111_195.0


class Datum(StrEnum):
    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


class NoSuchPlace(Refused):
    message = "%(field)s: %(value)s is not a coordinate on Earth."
    remedy = "Longitude lies between -180 and 180, latitude between -90 and 90, in degrees."


class UnknownCrs(Refused):
    message = "%(field)s: “%(value)s” is not a coordinate system that is known here."
    remedy = "Declare one: wgs84, cgcs2000, gcj02, bd09, or a code such as EPSG:4490 or EPSG:3857."


@dataclass(frozen=True, slots=True)
class Point:
    """A place in WGS-84 degrees."""

    lon: float
    lat: float

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        if not -180.0 <= self.lon <= 180.0:
            raise NoSuchPlace("lon", self.lon)
        if not -90.0 <= self.lat <= 90.0:
            raise NoSuchPlace("lat", self.lat)


def metres(one: Point, other: Point) -> float:
    """Return the distance in metres (equirectangular; below 0.6 % off within a city)."""
    north = (other.lat - one.lat) * METRES_PER_DEGREE
    turn = (other.lon - one.lon + 180.0) % 360.0 - 180.0
    east = turn * METRES_PER_DEGREE * math.cos(math.radians((one.lat + other.lat) / 2))
    return math.hypot(north, east)


# ── squares of about 100 m, for finding what is near ─────────────────────────────────

#: Squares per degree of latitude: each is 0.001° (111 m) high.
_PER_DEGREE = 1000
_ROW = 1_000_000
_COLUMNS_AROUND = 360 * _PER_DEGREE


def tile(lon: float, lat: float) -> int:
    """Return the number of the square a place lies in.

    Squares are 0.001° high; they grow narrower than 50 m only beyond 63° of latitude.
    """
    row = math.floor((lat + 90.0) * _PER_DEGREE)
    column = math.floor((lon + 180.0) * _PER_DEGREE) % _COLUMNS_AROUND
    return row * _ROW + column


def tiles(lon: Floats, lat: Floats) -> NDArray[np.int64]:
    """Return `tile` of many places at once."""
    row = np.floor((lat + 90.0) * _PER_DEGREE).astype(np.int64)
    column = np.floor((lon + 180.0) * _PER_DEGREE).astype(np.int64) % _COLUMNS_AROUND
    return row * _ROW + column


def neighbours(square: int) -> tuple[int, ...]:
    """Return the square and the eight around it: whatever is within 50 m lies in one of them."""
    row, column = divmod(square, _ROW)
    return tuple(
        (row + up) * _ROW + (column + right) % _COLUMNS_AROUND
        for up in (-1, 0, 1)
        for right in (-1, 0, 1)
    )


# ── datums ───────────────────────────────────────────────────────────────────────────

_A = 6_378_245.0  # Krasovsky 1940, the ellipsoid the published shift is written on
_EE = 0.006_693_421_622_965_943
_BD_TURN = math.pi * 3000.0 / 180.0
#: A coarse outline of mainland China with Hainan (lon, lat): nothing outside is shifted.
#: Hong Kong, Macao and Taiwan lie outside: the shift is not applied there.
_CHINA = np.array(
    [
        (73.4, 39.4), (74.9, 37.0), (78.0, 34.2), (78.7, 31.3), (81.2, 29.9), (85.0, 28.2),
        (88.1, 27.8), (91.8, 27.6), (94.2, 29.1), (97.4, 27.9), (98.7, 25.8), (97.5, 23.9),
        (99.4, 22.0), (101.7, 21.1), (105.4, 23.2), (106.7, 21.9), (108.0, 21.4), (108.3, 18.1),
        (111.3, 18.4), (111.4, 21.3), (113.5, 22.1), (114.5, 22.55), (117.0, 23.2), (118.5, 24.3),
        (119.8, 25.4), (121.7, 27.5), (122.8, 30.1), (121.9, 32.0), (120.4, 34.4), (119.6, 35.2),
        (122.8, 37.2), (120.9, 38.4), (121.4, 38.6), (124.2, 39.7), (126.9, 41.6), (128.2, 41.9),
        (130.7, 42.3), (131.4, 44.8), (133.2, 45.0), (134.8, 48.4), (130.9, 47.8), (127.6, 49.9),
        (125.4, 53.1), (120.9, 53.4), (119.9, 52.4), (117.6, 49.6), (116.0, 48.0), (119.9, 46.8),
        (115.8, 45.4), (111.9, 45.1), (111.9, 43.7), (105.0, 41.5), (96.4, 42.8), (91.0, 45.3),
        (87.8, 49.2), (85.5, 47.1), (82.3, 45.6), (80.2, 42.1), (76.8, 40.4), (73.7, 39.9),
    ]
)  # fmt: skip


def to_wgs84(point: Point, datum: Datum) -> Point:
    """Return a place given in ``datum`` in the hub's own datum."""
    if datum in (Datum.WGS84, Datum.CGCS2000):
        return point
    lon, lat = many_to_wgs84(np.array([point.lon]), np.array([point.lat]), datum)
    return Point(float(lon[0]), float(lat[0]))


def from_wgs84(point: Point, datum: Datum) -> Point:
    """Return a place of the hub in another datum (for links out to web maps)."""
    lon, lat = many_from_wgs84(np.array([point.lon]), np.array([point.lat]), datum)
    return Point(float(lon[0]), float(lat[0]))


def many_from_wgs84(lon: Floats, lat: Floats, datum: Datum) -> tuple[Floats, Floats]:
    """Return many places in ``datum``, given in WGS-84."""
    match datum:
        case Datum.WGS84 | Datum.CGCS2000:
            return lon, lat
        case Datum.GCJ02:
            return _shifted(lon, lat)
        case Datum.BD09:
            return _gcj_to_bd(*_shifted(lon, lat))


def many_to_wgs84(lon: Floats, lat: Floats, datum: Datum) -> tuple[Floats, Floats]:
    """Return many places in WGS-84, given in ``datum``; exact to less than a millimetre.

    The published shift has no closed inverse: it is found by fixed-point steps, each of
    which shrinks the error a hundredfold.
    """
    match datum:
        case Datum.WGS84 | Datum.CGCS2000:
            return lon, lat
        case Datum.GCJ02:
            forward = _shifted
        case Datum.BD09:
            forward = _bd_of_wgs
    x, y = lon.copy(), lat.copy()
    for _ in range(6):
        there_x, there_y = forward(x, y)
        x, y = x + (lon - there_x), y + (lat - there_y)
    return x, y


def in_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Say for each place whether the shifted datums apply there (even-odd rule)."""
    inside = np.zeros(lon.shape, dtype=bool)
    x1, y1 = _CHINA[-1]
    for x2, y2 in _CHINA:
        crosses = (y1 > lat) != (y2 > lat)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (x2 - x1) * (lat - y1) / (y2 - y1) + x1
        inside ^= crosses & (lon < at)
        x1, y1 = x2, y2
    return inside


def _shifted(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """WGS-84 to GCJ-02, by the formula in public use."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave * 2 / 3
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2 / 3
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2 / 3
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave * 2 / 3
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2 / 3
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _EE * np.sin(phi) ** 2
    dlat = north * 180.0 / (_A * (1 - _EE) / (magic * np.sqrt(magic)) * np.pi)
    dlon = east * 180.0 / (_A / np.sqrt(magic) * np.cos(phi) * np.pi)
    here = in_china(lon, lat)
    return lon + np.where(here, dlon, 0.0), lat + np.where(here, dlat, 0.0)


def _gcj_to_bd(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    z = np.sqrt(lon * lon + lat * lat) + 0.00002 * np.sin(lat * _BD_TURN)
    theta = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    here = in_china(lon, lat)
    return (
        np.where(here, z * np.cos(theta) + 0.0065, lon),
        np.where(here, z * np.sin(theta) + 0.006, lat),
    )


def _bd_of_wgs(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    return _gcj_to_bd(*_shifted(lon, lat))


class Projection:
    """A declared coordinate system, turned into WGS-84: `Projection("EPSG:3857")(x, y)`."""

    def __init__(self, declared: str | None) -> None:
        name = (declared or "").strip()
        self._datum = Datum(name.lower()) if name.lower() in set(Datum) else None
        self._transform: Transformer | None = None
        if self._datum is None:
            try:
                self._transform = Transformer.from_crs(
                    CRS.from_user_input(name), 4326, always_xy=True
                )
            except CRSError:
                raise UnknownCrs("crs", declared or "") from None

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes in WGS-84 degrees."""
        if self._datum is not None:
            return many_to_wgs84(x, y, self._datum)
        assert self._transform is not None
        lon: Any
        lat: Any
        lon, lat = self._transform.transform(x, y)
        return np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
