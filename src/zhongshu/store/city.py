"""The city's own data: levels, areas, units, catalogue, calendar, duty rules, backdrop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import shapely
from psycopg.rows import class_row

from zhongshu.core.calendar import Limit, parse_limit
from zhongshu.core.catalogue import Catalogue, Category, Condition, Layer
from zhongshu.core.dispatch import DutyRule, Window
from zhongshu.core.grid import Area, Level
from zhongshu.core.values import AreaId, CategoryId, Name, Span, UnitId
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A duty on an area or in a unit, and how many accounts hold it now."""

    id: int
    duty: str
    name_zh: str
    name_en: str
    phone: str
    area: int | None
    unit: int | None
    held: int


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
    """End the validity of areas on a day; cases keep the version they were filed under."""
    tx.execute(
        "update areas set valid_until = %s where id = any(%s) and valid_from < %s",
        (on, list(ended), on),
    )


# ── units and posts ──────────────────────────────────────────────────────────────────


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


def posts_on(tx: Tx, areas: Sequence[AreaId], unit: UnitId | None) -> list[Post]:
    """Return the posts on these areas and in this unit."""
    return (
        tx.cursor(row_factory=class_row(Post))
        .execute(
            "select p.id, p.duty, p.name_zh, p.name_en, p.phone, p.area, p.unit,"
            " (select count(*)::int from tenures t where t.post = p.id"
            "   and (t.held_until is null or t.held_until > now())) as held"
            " from posts p where p.area = any(%s) or p.unit = %s order by p.id limit 200",
            (list(areas), unit),
        )
        .fetchall()
    )


# ── catalogue, calendar, duty rules ──────────────────────────────────────────────────


def catalogue(tx: Tx, *, on: date) -> Catalogue | None:
    """Return the version of the catalogue in force on a day."""
    head = tx.execute(
        "select version, name, valid_from from catalogues where valid_from <= %s"
        " order by valid_from desc, version desc limit 1",
        (on,),
    ).fetchone()
    if head is None:
        return None
    number, name, valid_from = head
    conditions: dict[int, list[Condition]] = {}
    for category, zh, en, limit, hazard, closing_zh, closing_en in tx.execute(
        "select category, text_zh, text_en, limit_, hazard, closing_zh, closing_en from conditions"
        " where category in (select id from categories where version = %s) order by category, n",
        (number,),
    ):
        conditions.setdefault(category, []).append(
            Condition(
                text=Name(zh, en), limit=parse_limit(limit), hazard=hazard,
                closing=Name(closing_zh, closing_en) if closing_zh or closing_en else None,
            )
        )  # fmt: skip
    rows = tx.execute(
        "select id, code, layer, major_zh, major_en, name_zh, name_en, unit_type, keywords, active"
        " from categories where version = %s order by code, id",
        (number,),
    ).fetchall()
    return Catalogue(
        number, name, valid_from,
        tuple(
            Category(
                id=CategoryId(id_), code=code, layer=Layer(layer), major=Name(major_zh, major_en),
                name=Name(zh, en), unit_type=unit_type, keywords=tuple(keywords), active=active,
                conditions=tuple(conditions.get(id_, ())),
            )
            for id_, code, layer, major_zh, major_en, zh, en, unit_type, keywords, active in rows
        ),
    )  # fmt: skip


def category_names(tx: Tx) -> dict[int, tuple[str, Name]]:
    """Return code and name of every category of every version: old cases keep theirs."""
    rows = tx.execute("select id, code, name_zh, name_en from categories").fetchall()
    return {id_: (code, Name(zh, en)) for id_, code, zh, en in rows}


def add_catalogue(tx: Tx, added: Catalogue) -> None:
    """Write a new version of the catalogue."""
    tx.execute(
        "insert into catalogues (version, name, valid_from) values (%s, %s, %s)",
        (added.version, added.name, added.valid_from),
    )
    add_categories(tx, added.version, added.categories)


def add_categories(tx: Tx, version_: int, added: Sequence[Category]) -> None:
    """Write categories of a version; the database gives them their identities."""
    for category in added:
        row = tx.execute(
            "insert into categories (version, code, layer, major_zh, major_en, name_zh, name_en,"
            " unit_type, keywords, active) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
            (
                version_, category.code, category.layer, category.major.zh, category.major.en,
                category.name.zh, category.name.en, category.unit_type, list(category.keywords),
                category.active,
            ),
        ).fetchone()  # fmt: skip
        assert row is not None
        for n, condition in enumerate(category.conditions, start=1):
            tx.execute(
                "insert into conditions (category, n, text_zh, text_en, limit_, hazard, closing_zh,"
                " closing_en) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    row[0], n, condition.text.zh, condition.text.en, str(condition.limit),
                    condition.hazard, condition.closing.zh if condition.closing else "",
                    condition.closing.en if condition.closing else "",
                ),
            )  # fmt: skip


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


def limits(tx: Tx) -> dict[tuple[CategoryId, bool], Limit]:
    """Return the limits that stand in place of those of the catalogue: (category, hazard)."""
    rows = tx.execute(
        "select category, hazard, limit_ from condition_limits where until_at is null"
    ).fetchall()
    return {(CategoryId(id_), hazard): parse_limit(limit) for id_, hazard, limit in rows}


def end_limit(tx: Tx, category: CategoryId, *, hazard: bool, at: datetime) -> None:
    """Let a category have the limit of its catalogue again."""
    tx.execute(
        "update condition_limits set until_at = %s"
        " where category = %s and hazard = %s and until_at is null",
        (at, category, hazard),
    )


def add_limit(tx: Tx, category: CategoryId, *, hazard: bool, limit: str, at: datetime) -> None:
    """Let a category have another limit than its catalogue says, from a moment on."""
    tx.execute(
        "insert into condition_limits (category, hazard, limit_, from_at)"
        " select %(category)s, %(hazard)s, %(limit)s, %(at)s where %(limit)s is distinct from"
        " (select limit_ from conditions where category = %(category)s and hazard = %(hazard)s"
        "  order by n limit 1)",
        {"category": category, "hazard": hazard, "limit": limit, "at": at},
    )


def duty_rules(tx: Tx) -> list[DutyRule]:
    rows = tx.execute(
        "select id, category, area_lo, area_hi, hours, unit, co_units, forbidden, clause, priority,"
        " auto, valid_from, valid_until, line from duty_rules order by id"
    ).fetchall()
    return [
        DutyRule(
            id=id_, category=category, area=None if lo is None else Span(lo, hi),
            hours=tuple(_window(window) for window in hours or ()), unit=unit,
            co_units=tuple(co_units), forbidden=frozenset(forbidden), clause=clause,
            priority=priority, auto=auto, valid_from=valid_from, valid_until=valid_until, line=line,
        )
        for id_, category, lo, hi, hours, unit, co_units, forbidden, clause, priority, auto,
        valid_from, valid_until, line in rows
    ]  # fmt: skip


def add_duty_rule(tx: Tx, rule: DutyRule) -> int:
    """Write a duty rule; return the identity the database gives it."""
    row = tx.execute(
        "insert into duty_rules (category, area_lo, area_hi, hours, unit, co_units, forbidden,"
        " clause, priority, auto, valid_from, valid_until, line)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
        (
            rule.category, rule.area.lo if rule.area else None, rule.area.hi if rule.area else None,
            json.dumps([_window_json(w) for w in rule.hours]) if rule.hours else None, rule.unit,
            list(rule.co_units), sorted(rule.forbidden), rule.clause, rule.priority, rule.auto,
            rule.valid_from, rule.valid_until, rule.line,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def end_duty_rule(tx: Tx, rule: int, *, on: date) -> None:
    """Let a version of a rule hold until before a day."""
    tx.execute("update duty_rules set valid_until = %s where id = %s", (on, rule))


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
