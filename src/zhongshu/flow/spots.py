"""Where a caller means: things by their code, addresses the hub has met before, areas by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter, Order
from zhongshu.core.grid import Area
from zhongshu.core.place import Point
from zhongshu.core.values import Name, Refused
from zhongshu.flow.city import City
from zhongshu.store import assets, cases
from zhongshu.store.db import Tx

#: How many of each are offered, and in how many of the newest cases an address is looked for.
MOST, NEWEST = 4, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place that may be meant. An area has no point: it only says where about."""

    name: Name
    detail: str = ""
    asset: str = ""
    area: str = ""
    lon: float | None = None
    lat: float | None = None

    @property
    def key(self) -> str:
        """What a form sends to choose it."""
        if self.asset:
            return f"asset:{self.asset}"
        return f"area:{self.area}" if self.area else f"{self.lon},{self.lat}"


class NotOffered(Refused):
    message = "%(field)s: “%(value)s” is none of the places that were offered."
    remedy = "Choose one of the places shown, or none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What somebody chose: a point, a thing with its point, or an area, which has none."""

    place: Point | None = None
    asset: str | None = None
    area: Area | None = None


def meant(tx: Tx, city: City, key: str) -> Meant:
    """Return what the key of a spot says; an empty one says nothing."""
    kind, _, code = key.partition(":")
    if kind == "asset":
        found = assets.get(tx, code)
        return Meant(place=found.place if found else None, asset=code)
    if not key or kind == "area":
        return Meant(area=city.tree.named(code) if key else None)
    lon, _, lat = key.partition(",")
    try:
        return Meant(place=Point(float(lon), float(lat)))
    except ValueError:
        raise NotOffered("place", key) from None


def places(tx: Tx, city: City, sight: Sight, text: str) -> Sequence[Spot]:
    """Return the places a few words may mean: a thing, then addresses, then areas."""
    said = " ".join(text.split())[:100]
    if len(said) < 2:
        return ()
    return [*_thing(tx, said), *_addresses(tx, sight, said), *_areas(city, said)]


def _thing(tx: Tx, said: str) -> list[Spot]:
    found = assets.get(tx, said)
    if found is None:
        return []
    return [Spot(name=found.name, detail=found.code, asset=found.code)]


def _addresses(tx: Tx, sight: Sight, said: str) -> list[Spot]:
    """Return addresses of earlier cases in sight that hold all the words, each once."""
    found = cases.page(tx, sight, Filter(text=said), order=Order.NEWEST, after=None, limit=NEWEST)
    spots: dict[str, Spot] = {}
    for case in found:
        parts = said.lower().split()
        if case.lon is not None and all(part in case.address.lower() for part in parts):
            spots.setdefault(
                case.address, Spot(name=Name(case.address), lon=case.lon, lat=case.lat)
            )
    return list(spots.values())[:MOST]


def _areas(city: City, said: str) -> list[Spot]:
    word = said.lower()
    return [
        Spot(name=area.name, detail=area.code, area=area.code)
        for area in city.tree.by_id.values()
        if word in area.name.zh.lower() or word in area.name.en.lower() or word == area.code.lower()
    ][:MOST]
