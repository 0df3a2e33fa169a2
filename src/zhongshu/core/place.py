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


def squares(place: Point, within_m: float) -> tuple[int, ...]:
    """Return the squares that hold everything within a distance of a place."""
    up = math.ceil(within_m * _PER_DEGREE / METRES_PER_DEGREE)
    narrow = max(math.cos(math.radians(place.lat)), 0.01)
    across = math.ceil(within_m * _PER_DEGREE / METRES_PER_DEGREE / narrow)
    row, column = divmod(tile(place.lon, place.lat), _ROW)
    return tuple(
        (row + north) * _ROW + (column + east) % _COLUMNS_AROUND
        for north in range(-up, up + 1)
        for east in range(-across, across + 1)
    )


# ── datums ───────────────────────────────────────────────────────────────────────────

_A = 6_378_245.0  # Krasovsky 1940, the ellipsoid the published shift is written on
_EE = 0.006_693_421_622_965_943
_BD_TURN = math.pi * 3000.0 / 180.0
#: A coarse outline of mainland China with Hainan (lon, lat), drawn a little outside the
#: border so that every county seat is in: nothing outside is shifted. Hong Kong, Macao,
#: Taiwan and the islands of the South China Sea lie outside; the shift is not applied there.
_CHINA = np.array(
    [
        (73.3, 39.5), (74.7, 37.0), (78.0, 34.2), (78.7, 31.3), (81.0, 29.9), (85.0, 28.0),
        (86.0, 27.8), (88.0, 27.8), (88.8, 27.2), (89.1, 27.3), (89.6, 28.1), (91.8, 27.6),
        (94.2, 29.0), (97.4, 27.9), (98.6, 25.8), (97.5, 24.8), (97.5, 23.8), (98.8, 23.2),
        (99.0, 22.0), (100.1, 21.4), (101.7, 21.0), (105.4, 23.0), (106.6, 21.9), (108.0, 21.4),
        (108.3, 18.0), (109.6, 18.0), (111.3, 18.4), (111.4, 21.3), (113.3, 21.9),
        (113.53, 22.07), (113.542, 22.15), (113.535, 22.205), (113.56, 22.214), (113.65, 22.2),
        (113.8, 22.3), (113.95, 22.49), (114.05, 22.505), (114.12, 22.53), (114.23, 22.555),
        (114.35, 22.57), (114.55, 22.4), (117.0, 23.1), (118.3, 24.35), (119.95, 25.3),
        (121.8, 27.5), (122.9, 30.1), (122.0, 32.0), (120.5, 34.4), (119.7, 35.2), (122.8, 36.7),
        (122.9, 37.6), (120.9, 38.4), (121.2, 38.6), (124.2, 39.6), (126.9, 41.4), (128.2, 41.3),
        (128.3, 41.9), (130.7, 42.3), (131.4, 44.8), (133.3, 45.0), (135.1, 48.5), (130.9, 48.1),
        (130.6, 49.0), (129.6, 49.45), (128.6, 49.7), (127.8, 49.8), (127.65, 50.3), (126.9, 51.5), (125.6, 53.2), (123.5, 53.7), (120.9, 53.4),
        (119.9, 52.4), (119.1, 50.2), (117.3, 49.7), (115.8, 48.2), (115.6, 47.6), (119.6, 46.8),
        (115.8, 45.4), (111.8, 45.1), (111.8, 43.6), (105.0, 41.5), (96.4, 42.8), (91.1, 45.3),
        (91.1, 46.7), (90.2, 47.7), (87.8, 49.3), (85.5, 48.2), (85.5, 47.2), (83.0, 47.3), (82.2, 45.6), (79.8, 45.0),
        (80.3, 44.3), (80.1, 42.1), (76.8, 40.8), (73.6, 40.1),
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
    formula = _FORMULAS.get(datum)
    if formula is None:
        return lon, lat
    here = in_china(lon, lat)
    x, y = lon.copy(), lat.copy()
    x[here], y[here] = formula(lon[here], lat[here])
    return x, y


def many_to_wgs84(lon: Floats, lat: Floats, datum: Datum) -> tuple[Floats, Floats]:
    """Return many places in WGS-84, given in ``datum``; exact to less than a millimetre.

    The published shift has no closed inverse: it is found by fixed-point steps, each of
    which shrinks the error a hundredfold. Whether a place is shifted at all is judged by
    where it comes out, for that is where it was judged going in.
    """
    formula = _FORMULAS.get(datum)
    if formula is None:
        return lon, lat
    x, y = lon.copy(), lat.copy()
    near = _near_china(lon, lat)
    given_x, given_y = lon[near], lat[near]
    back_x, back_y = given_x.copy(), given_y.copy()
    for _ in range(6):
        there_x, there_y = formula(back_x, back_y)
        back_x, back_y = back_x + (given_x - there_x), back_y + (given_y - there_y)
    shifted = in_china(back_x, back_y)
    x[near] = np.where(shifted, back_x, given_x)
    y[near] = np.where(shifted, back_y, given_y)
    return x, y


def in_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Say for each place whether the shifted datums apply there (even-odd rule)."""
    inside = np.zeros(lon.shape, dtype=bool)
    near = _near_china(lon, lat)
    x, y = lon[near], lat[near]
    within = np.zeros(x.shape, dtype=bool)
    x1, y1 = _CHINA[-1]
    for x2, y2 in _CHINA:
        if y1 != y2:
            within ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        x1, y1 = x2, y2
    inside[near] = within
    return inside


def _near_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Say which places lie in the outline's box and a bit (the shifts are below 0.02°)."""
    (west, south), (east, north) = _CHINA.min(axis=0) - 0.02, _CHINA.max(axis=0) + 0.02
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _gcj_of_wgs(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """WGS-84 to GCJ-02, by the formula in public use, wherever it is."""
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
    return lon + dlon, lat + dlat


def _bd_of_wgs(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """WGS-84 to BD-09: Baidu's turn on top of GCJ-02."""
    x, y = _gcj_of_wgs(lon, lat)
    z = np.sqrt(x * x + y * y) + 0.00002 * np.sin(y * _BD_TURN)
    theta = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_TURN)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


_FORMULAS = {Datum.GCJ02: _gcj_of_wgs, Datum.BD09: _bd_of_wgs}


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
