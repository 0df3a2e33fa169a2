"""The thing a case is about: looked up, named by a person, suggested from what stands near."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zhongshu.core.assets import Asset
from zhongshu.core.cases import Case
from zhongshu.core.place import Point
from zhongshu.core.values import Refused
from zhongshu.flow.city import City
from zhongshu.store import assets
from zhongshu.store.db import Tx

#: How far from a case a thing may stand to be offered for it.
NEAR_M = 30.0


class NoSuchAsset(Refused):
    message = "%(field)s: there is no thing with the code “%(value)s”."
    remedy = "Read the code on its plate again, or leave it out."


def of(tx: Tx, case: Case) -> Asset | None:
    """Return the thing a case names, if it names one."""
    return None if case.asset is None else assets.get(tx, case.asset)


class Things:
    """Looks things of the city up as cases name them, each once; those of ``cases`` all at once."""

    def __init__(self, tx: Tx, cases: Iterable[Case] = ()) -> None:
        self._tx = tx
        codes = {case.asset for case in cases if case.asset is not None}
        self._known: dict[str, Asset | None] = dict.fromkeys(codes)
        if codes:
            self._known |= assets.some(tx, sorted(codes))

    def __call__(self, case: Case) -> Asset | None:
        if case.asset is None:
            return None
        if case.asset not in self._known:
            self._known[case.asset] = assets.get(self._tx, case.asset)
        return self._known[case.asset]


def named(tx: Tx, code: str | None) -> dict[str, Any]:
    """Return what naming a thing changes on a case: nothing where no code is given, none
    where it is empty.
    """
    if code is None:
        return {}
    if not code:
        return {"asset": None}
    if assets.get(tx, code) is None:
        raise NoSuchAsset("asset", code)
    return {"asset": code}


def near(tx: Tx, city: City, case: Case, *, most: int = 6) -> Sequence[tuple[Asset, float]]:
    """Return the things within 30 m a case may be about, the nearest first: those of its class,
    or of every class while its own is open.
    """
    if case.lon is None or case.lat is None:
        return ()
    category = city.category(case.category)
    if category is None and case.category is not None:
        return ()
    return assets.near(
        tx, Point(case.lon, case.lat), category=category.code if category else None,
        within_m=NEAR_M,
    )[:most]  # fmt: skip
