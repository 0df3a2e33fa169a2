"""Statistics of returns: by unit, class, rule and cause, so that the duty catalogue can be mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zhongshu.core.access import Sight
from zhongshu.core.cases import Case, Filter
from zhongshu.core.dispatch import DutyRule
from zhongshu.core.values import Name, Refused
from zhongshu.flow.acts import Cause
from zhongshu.flow.city import City
from zhongshu.store import returns as store
from zhongshu.store.db import Tx

KINDS: Mapping[str, str] = {"returned": "case:returned", "dispatched": "case:dispatched"}


class UnknownKey(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Follow a number of the page of returns."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Returns under one key and the dispatches they are of. ``name`` is what the key is called,
    where it is a unit or a class; ``rule`` the duty rule, where it is one that is still there.
    """

    key: str
    returns: int
    dispatches: int
    name: Name | None = None
    rule: DutyRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """The returns of a period. Dispatches are counted in the same period and the same cases."""

    returns: int
    dispatches: int
    by: Mapping[str, Sequence[Line]]


def statistics(
    tx: Tx, city: City, sight: Sight, wanted: Filter, *, since: datetime, until: datetime
) -> Returns:
    """Count the returns and dispatches of the wanted cases in a period, by everything there is."""
    counted = store.counted(tx, sight, wanted, since=since, until=until)
    by = {name: _lines(city, name, rows) for name, rows in counted.items()}
    return Returns(
        returns=sum(line.returns for line in by["unit"]),
        dispatches=sum(line.dispatches for line in by["unit"]), by=by,
    )  # fmt: skip


def behind(
    tx: Tx, city: City, sight: Sight, wanted: Filter, *, kind: str, by: str, key: str,
    since: datetime, until: datetime,
) -> Sequence[Case]:  # fmt: skip
    """Return the cases behind a number of `statistics`, at most 500, the newest first."""
    if kind not in KINDS:
        raise UnknownKey("kind", kind, choices=", ".join(KINDS))
    if by and by not in store.BY:
        raise UnknownKey("by", by, choices=", ".join(store.BY))
    if kind == "dispatched" and by == "cause":
        by = ""  # a dispatch has no cause: the number is of all of them
    return store.behind(
        tx, sight, wanted, kind=KINDS[kind], by=by, keys=_keys(city, by, key), since=since,
        until=until,
    )  # fmt: skip


def _lines(city: City, by: str, rows: Sequence[store.Row]) -> Sequence[Line]:
    """Put codes for identities; classes of several versions with one code are one line."""
    found: dict[str, Line] = {}
    for row in rows:
        key, name, rule = _called(city, by, row.key)
        before = found.get(key)
        found[key] = Line(
            key=key, name=name, rule=rule, returns=row.returns + (before.returns if before else 0),
            dispatches=row.dispatches + (before.dispatches if before else 0),
        )  # fmt: skip
    return sorted(found.values(), key=lambda line: (-line.returns, -line.dispatches, line.key))


def _called(city: City, by: str, key: Any) -> tuple[str, Name | None, DutyRule | None]:
    if key is None:
        return "", None, None
    match by:
        case "unit" if key in city.units:
            return city.units[key].code, city.units[key].name, None
        case "category" if key in city.names:
            return (*city.names[key], None)
        case "rule":
            rules = (*city.rulebook.rules, *city.idle_rules)
            return str(key), None, next((rule for rule in rules if rule.id == key), None)
        case _:
            return str(key), None, None


def _keys(city: City, by: str, key: str) -> list[Any] | None:
    """Return the identities a key stands for; None for “has none”."""
    if not key:
        return None
    match by:
        case "unit":
            unit = city.unit_codes.get(key)
            return [unit.id] if unit else []
        case "category":
            return [id_ for id_, (code, _) in city.names.items() if code == key]
        case "rule":
            return [int(key)] if key.isascii() and key.isdigit() and len(key) < 18 else []
        case "cause":
            return [cause for cause in Cause if cause == key]
        case _:
            return None
