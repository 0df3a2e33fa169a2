"""The city's own data: levels, areas, units, calendar, duty rules, backdrop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, LiteralString

import shapely

from zhongshu.core.dispatch import DutyRule, Lead, Window
from zhongshu.core.grid import Area, Level
from zhongshu.core.values import AreaId, Name, Span, UnitId
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An organisation that can be responsible; units form a tree."""

    id: UnitId
    code: str
    parent: UnitId | None
    kind: str
    name: Name
    phone: str = ""
    active: bool = True
    hours: Mapping[str, Any] | None = None


def version(tx: Tx) -> int:
    """Return the number that moves with every change of the city's own data."""
    row = tx.execute("select value from settings where name = 'city_version'").fetchone()
    assert row is not None
    return int(row[0])


def changed(tx: Tx) -> None:
    """Let every process know that the city's own data moved."""
    tx.execute(
        "update settings set value = to_jsonb(value::text::bigint + 1) where name = 'city_version'"
    )


def setting(tx: Tx, name: str) -> Any:
    row = tx.execute("select value from settings where name = %s", (name,)).fetchone()
    return row[0] if row else None


def set_setting(tx: Tx, name: str, value: Any) -> None:
    tx.execute(
        "insert into settings (name, value) values (%s, %s)"
        " on conflict (name) do update set value = excluded.value",
        (name, json.dumps(value, ensure_ascii=False)),
    )


def change(tx: Tx, what: Callable[[dict[str, Any]], None]) -> None:
    """Change the setting “city” in place, as it stands now: the version moves first, so that
    whoever changes the city at the same time waits here, and then reads what this has written.
    """
    changed(tx)
    said: dict[str, Any] = dict(setting(tx, "city") or {})
    what(said)
    set_setting(tx, "city", said)


# ── levels and areas ─────────────────────────────────────────────────────────────────


def levels(tx: Tx) -> list[Level]:
    rows = tx.execute(
        "select kind, name_zh, name_en, rank, overlay from levels order by rank"
    ).fetchall()
    return [
        Level(kind=kind, name=Name(zh, en), rank=rank, overlay=overlay)
        for kind, zh, en, rank, overlay in rows
    ]


def add_levels(tx: Tx, added: Iterable[Level]) -> None:
    for level in added:
        tx.execute(
            "insert into levels (kind, name_zh, name_en, rank, overlay) values (%s, %s, %s, %s, %s)"
            " on conflict (kind) do nothing",
            (level.kind, level.name.zh, level.name.en, level.rank, level.overlay),
        )


def rename_level(tx: Tx, kind: str, *, zh: str, en: str) -> None:
    """Call a level something else."""
    tx.execute("update levels set name_zh = %s, name_en = %s where kind = %s", (zh, en, kind))


def areas(tx: Tx, *, on: date | None = None) -> list[Area]:
    """Return the areas valid on a day (or all versions), in the order of their codes' line."""
    rows = tx.execute(
        "select id, code, kind, name_zh, name_en, parent, lo, hi, shape, official, households,"
        " valid_from, valid_until from areas"
        " where %(on)s::date is null"
        " or (valid_from <= %(on)s and (valid_until is null or valid_until > %(on)s))"
        " order by lo, id",
        {"on": on},
    ).fetchall()
    shapes = shapely.from_wkb([row[8] for row in rows])
    return [
        Area(
            id=AreaId(row[0]), code=row[1], kind=row[2], name=Name(row[3], row[4]), parent=row[5],
            span=Span(row[6], row[7]), shape=shape, official=row[9], households=row[10],
            valid_from=row[11], valid_until=row[12],
        )
        for row, shape in zip(rows, shapes, strict=True)
    ]  # fmt: skip


def area_ids(tx: Tx, count: int) -> list[AreaId]:
    row = tx.execute(
        "select array(select nextval('areas_id_seq') from generate_series(1, %s))", (count,)
    ).fetchone()
    assert row is not None
    return row[0]


def add_areas(tx: Tx, added: Sequence[Area]) -> None:
    """Write new areas; parents stand before their children."""
    shapes = shapely.to_wkb([area.shape for area in added]) if added else []
    with (
        tx.cursor() as cursor,
        cursor.copy(
            "copy areas (id, code, kind, name_zh, name_en, parent, lo, hi, shape, official, households,"
            " valid_from, valid_until) from stdin"
        ) as copy,
    ):
        for area, shape in zip(added, shapes, strict=True):
            copy.write_row(
                (
                    area.id, area.code, area.kind, area.name.zh, area.name.en, area.parent,
                    area.span.lo, area.span.hi, shape, area.official, area.households,
                    area.valid_from, area.valid_until,
                )
            )  # fmt: skip


def end_areas(tx: Tx, ended: Sequence[AreaId], *, on: date) -> None:
    """End the validity of areas on a day, of those that do not end earlier; cases keep the
    version they were filed under.
    """
    tx.execute(
        "update areas set valid_until = %(on)s where id = any(%(ended)s) and valid_from < %(on)s"
        " and (valid_until is null or valid_until > %(on)s)",
        {"on": on, "ended": list(ended)},
    )


# ── units ────────────────────────────────────────────────────────────────────────────


def units(tx: Tx) -> list[Unit]:
    rows = tx.execute(
        "select id, code, parent, kind, name_zh, name_en, phone, active, hours from units order by code"
    ).fetchall()
    return [
        Unit(
            id=id_,
            code=code,
            parent=parent,
            kind=kind,
            name=Name(zh, en),
            phone=phone,
            active=active,
            hours=hours,
        )
        for id_, code, parent, kind, zh, en, phone, active, hours in rows
    ]


def add_unit(
    tx: Tx, *, code: str, name: Name, parent: UnitId | None = None, kind: str = "", phone: str = ""
) -> tuple[UnitId, bool]:
    """Write a unit unless its code is there; return its identity and whether it is new."""
    row = tx.execute(
        "insert into units (code, parent, kind, name_zh, name_en, phone) values (%s, %s, %s, %s, %s, %s)"
        " on conflict (code) do update set code = excluded.code returning id, xmax = 0",
        (code, parent, kind, name.zh, name.en, phone),
    ).fetchone()
    assert row is not None
    return UnitId(row[0]), bool(row[1])


def set_unit_hours(tx: Tx, unit: UnitId, hours: Mapping[str, Any] | None) -> None:
    """Give a unit work hours of its own; none: it keeps the city's."""
    tx.execute(
        "update units set hours = %s where id = %s",
        (None if hours is None else json.dumps(hours, ensure_ascii=False), unit),
    )


# ── calendar, duty rules ──────────────────────────────────────────────────


def calendar_days(tx: Tx) -> dict[date, tuple[str, str]]:
    """Return holidays and make-up workdays as ``{day: (kind, name)}``."""
    rows = tx.execute("select day, kind, name from calendar_days order by day").fetchall()
    return {day: (kind, name) for day, kind, name in rows}


def add_calendar_days(tx: Tx, days: Mapping[date, tuple[str, str]]) -> None:
    """Write days as ``{day: (kind, name)}``; a day known already is put right."""
    for day, (kind, name) in sorted(days.items()):
        tx.execute(
            "insert into calendar_days (day, kind, name) values (%s, %s, %s)"
            " on conflict (day) do update set kind = excluded.kind, name = excluded.name",
            (day, kind, name),
        )


def drop_calendar_day(tx: Tx, day: date) -> None:
    """Make a day an ordinary one again."""
    tx.execute("delete from calendar_days where day = %s", (day,))


def duty_rules(tx: Tx) -> list[DutyRule]:
    rows = tx.execute(
        "select id, category, area_lo, area_hi, hours, unit, co_units, forbidden, clause, priority,"
        " auto, valid_from, valid_until, catalogue, lead, owner, line from duty_rules order by id"
    ).fetchall()
    return [
        DutyRule(
            id=id_, category=category, area=None if lo is None else Span(lo, hi),
            hours=tuple(_window(window) for window in hours or ()), unit=unit,
            co_units=tuple(co_units), forbidden=frozenset(forbidden), clause=clause,
            priority=priority, auto=auto, valid_from=valid_from, valid_until=valid_until,
            catalogue=catalogue, lead=Lead(lead), owner=owner, line=line,
        )
        for id_, category, lo, hi, hours, unit, co_units, forbidden, clause, priority, auto,
        valid_from, valid_until, catalogue, lead, owner, line in rows
    ]  # fmt: skip


def add_duty_rule(tx: Tx, rule: DutyRule) -> int:
    """Write a duty rule; return the identity the database gives it. Its code is one of the
    version of the catalogue it names, or of the one in force.
    """
    row = tx.execute(
        f"insert into duty_rules ({_RULE}) values ({_VALUES}) returning id", _rule_row(rule)
    ).fetchone()
    assert row is not None
    return int(row[0])


def end_duty_rule(tx: Tx, rule: int, *, on: date) -> None:
    """Let a version of a rule hold until before a day."""
    tx.execute("update duty_rules set valid_until = %s where id = %s", (on, rule))


def change_duty_rule(tx: Tx, rule: DutyRule) -> bool:
    """Write a duty rule that is there anew; say whether there is one of its identity."""
    done = tx.execute(
        f"update duty_rules set ({_RULE}) = ({_VALUES}) where id = %s",
        (*_rule_row(rule), rule.id),
    )
    return done.rowcount == 1


_RULE: LiteralString = (
    "category, area_lo, area_hi, hours, unit, co_units, forbidden, clause, priority, auto,"
    " valid_from, valid_until, lead, owner, line, catalogue"
)
_VALUES: LiteralString = (
    "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, ("
    " select version from catalogue_terms where withdrawn_at is null"
    " and valid_from <= current_date order by valid_from desc, id desc limit 1))"
)


def _rule_row(rule: DutyRule) -> tuple[Any, ...]:
    return (
        rule.category, rule.area.lo if rule.area else None, rule.area.hi if rule.area else None,
        json.dumps([_window_json(w) for w in rule.hours]) if rule.hours else None, rule.unit,
        list(rule.co_units), sorted(rule.forbidden), rule.clause, rule.priority, rule.auto,
        rule.valid_from, rule.valid_until, rule.lead, rule.owner, rule.line, rule.catalogue,
    )  # fmt: skip


def backdrops(tx: Tx) -> dict[str, Any]:
    """Return what the map is drawn on: kind of line or surface to GeoJSON."""
    return dict(tx.execute("select kind, shape from backdrops order by kind").fetchall())


def set_backdrop(tx: Tx, kind: str, shape: Mapping[str, Any]) -> None:
    tx.execute(
        "insert into backdrops (kind, shape) values (%s, %s)"
        " on conflict (kind) do update set shape = excluded.shape",
        (kind, json.dumps(shape, ensure_ascii=False)),
    )


def _window(data: Mapping[str, Any]) -> Window:
    return Window(
        days=frozenset(data["days"]),
        start=time.fromisoformat(data["start"]),
        end=time.fromisoformat(data["end"]),
    )


def _window_json(window: Window) -> dict[str, Any]:
    return {
        "days": sorted(window.days),
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
    }
