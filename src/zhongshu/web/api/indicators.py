"""Indicators: numbers with their numerator, denominator and what was left out, and their cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.facts import Position
from zhongshu.core.grid import Area
from zhongshu.core.indicators import BY_CODE, Indicator, Known, Mark, Measured, Part, Period
from zhongshu.core.values import UnitId
from zhongshu.flow import mirror
from zhongshu.flow.acts import Cause
from zhongshu.flow.city import City
from zhongshu.store.city import Unit
from zhongshu.store.indicators import Key, Scope, Shown
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(tags=["indicators"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]
#: The words of a query that say of what the figures are.
WORDS = ("from", "to", "area", "unit", "category", "known", "upto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a query asks for; ``words`` are those of it that say of what the figures are."""

    period: Period
    scope: Scope
    within: Area | None
    words: Mapping[str, str]

    def link(self, code: str, part: str, **more: str) -> str:
        """Return the query that opens the cases behind a number."""
        return urlencode({**self.words, "code": code, "part": part, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Which number's cases are asked for."""

    indicator: Indicator
    part: Part
    reason: Mark | None
    also: str


@router.get("/indicators")
def indicators(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return the indicators of a period (`from`, `to`: days, both included; this month where
    none is said), of an `area`, a `unit` with those below it, a `category`; whole, by unit and
    by area. Each number's `cases` is where its cases are. `known` (a moment) counts over what
    had happened by then, `upto` (a position of the ledger, as a snapshot has it) over what
    was written by then.
    """
    city = hub.city()
    ask = asked(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = mirror.look(tx, city, actor.sight, ask.period, ask.scope, within=ask.within)
    return {
        "from": ask.period.start, "until": ask.period.until,
        "indicators": [as_json(m, ask) for m in found.whole],
        "units": [
            {
                "unit": row.unit and row.unit.code, "kind": tier,
                "indicators": [as_json(m, ask, brief=True, only=only(row)) for m in row.figures],
            }
            for tier, rows in found.tiers.items() for row in rows
        ],
        "level": found.level,
        "areas": [
            {
                "area": row.area and row.area.code,
                "indicators": [as_json(m, ask, brief=True, **place(row, found.level)) for m in row.figures],
            }
            for row in found.areas
        ],
        "returns": [
            {"unit": city.code_of(unit) or None, "causes": causes}
            for unit, causes in found.causes.items()
        ],
    }  # fmt: skip


@router.get("/indicators.csv")
def table(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Return the same as a table: a row for each indicator, whole, of each unit, of each area."""
    city = hub.city()
    ask = asked(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = mirror.look(tx, city, actor.sight, ask.period, ask.scope, within=ask.within)
    return download("indicators.csv", _rows(found, ask.period), COLUMNS)


#: The columns of the table of figures.
COLUMNS = (
    "of", "code", "name", "from", "until", "indicator", "zh", "en", "numerator", "denominator",
    "percent", "left_out",
)  # fmt: skip


def _rows(found: mirror.Mirror, period: Period) -> Iterator[dict[str, Any]]:
    """Yield a row for each figure: of the whole, of each unit, of each area."""
    of: list[tuple[str, Unit | Area | None, mirror.Figures]] = [
        ("whole", None, found.whole),
        *(("unit", row.unit, row.figures) for each in found.tiers.values() for row in each),
        *((found.level, row.area, row.figures) for row in found.areas),
    ]
    for kind, whose, figures in of:
        for m in figures:
            yield {
                "of": kind, "code": whose.code if whose else "",
                "name": whose.name.zh if whose else "", "from": period.start.isoformat(),
                "until": period.until.isoformat(), "indicator": m.indicator.code,
                "zh": m.indicator.name.zh, "en": m.indicator.name.en, "numerator": m.numerator,
                "denominator": m.denominator, "percent": m.percent,
                "left_out": "; ".join(f"{reason} {n}" for reason, n in m.excluded.items()),
            }  # fmt: skip


@router.get("/indicators/{code}/series")
def series(code: str, request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return an indicator of each part of an `area` (or of the city) for the last twelve
    months, the one under way up to now; areas in the order of their codes.
    """
    found, periods, level = twelve(hub, actor, {**request.query_params, "code": code})
    return {
        "code": code, "level": level,
        "periods": [{"from": one.start, "until": one.until} for one in periods],
        "areas": [
            {
                "area": row.area and row.area.code, "change": row.change,
                "points": [
                    {"numerator": p.numerator, "denominator": p.denominator, "percent": p.percent or None}
                    for p in row.points
                ],
            }
            for row in found
        ],
    }  # fmt: skip


@router.get("/indicators/{code}/series.csv")
def series_table(code: str, request: Request, hub: TheHub, actor: Reader) -> Response:
    """Return the same as a table: a row for each area and month."""
    found, periods, _ = twelve(hub, actor, {**request.query_params, "code": code})
    rows = (
        {
            "area": row.area.code if row.area else "", "name": row.area.name.zh if row.area else "",
            "from": period.start.isoformat(), "until": period.until.isoformat(),
            "numerator": p.numerator, "denominator": p.denominator, "percent": p.percent,
        }
        for row in found for period, p in zip(periods, row.points, strict=True)
    )  # fmt: skip
    return download(f"{code}-series.csv", rows, ("area", "name", "from", "until", "numerator", "denominator", "percent"))  # fmt: skip


def twelve(
    hub: Hub, actor: Actor, query: Mapping[str, str]
) -> tuple[list[mirror.Series], list[Period], str]:  # fmt: skip
    """Return an indicator by area for the last twelve months, those months, and the level."""
    city, now = hub.city(), hub.clock()
    ask, what = (
        asked({k: v for k, v in query.items() if k not in ("from", "to")}, city, now=now),
        opened(query),
    )
    periods = mirror.months(now.astimezone(city.zone))
    with hub.db.seeing(actor.sight) as tx:
        level, found = mirror.series(
            tx, city, actor.sight, what.indicator, periods, ask.scope, within=ask.within
        )
    return found, periods, level


@router.get("/indicators/{code}/cases")
def cases(code: str, request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return what is behind a number, the latest first: `part` is numerator, denominator or
    excluded (then with its `reason`). Pages go on by `next`. A case stands there once for each
    thing that happened to it.
    """
    city, query = hub.city(), {**request.query_params, "code": code}
    ask, what = asked(query, city, now=hub.clock()), opened(query)
    limit = wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        found = mirror.behind(
            tx, actor.sight, ask.period, ask.scope, what.indicator, what.part,
            reason=what.reason, also=what.also, after=after(query), limit=limit + 1,
        )  # fmt: skip
    return {
        "items": [item_json(one, city) for one in found[:limit]],
        "next": str(key_of(found[limit - 1])) if len(found) > limit else None,
    }


@router.get("/indicators/{code}/cases.csv")
def cases_table(code: str, request: Request, hub: TheHub, actor: Exporter) -> Response:
    """Return all that is behind a number as a table."""
    city, query = hub.city(), {**request.query_params, "code": code}
    ask, what = asked(query, city, now=hub.clock()), opened(query)
    return download(f"{code}.csv", _items(hub, actor, city, ask, what))


def asked(query: Mapping[str, str], city: City, *, now: datetime) -> Asked:
    """Return what a query asks for. A period that is not over ends now."""
    usual = mirror.this_month(now.astimezone(city.zone))
    start = wanted.moment("from", query.get("from", ""), city, now) or usual.start
    until = min(wanted.moment("to", query.get("to", ""), city, now) or now, now)
    if start >= until:
        raise BadField(
            "from", query.get("from", ""), why="the period begins before it ends, and before now"
        )
    words = {name: query[name] for name in WORDS if query.get(name)}
    outside = query.get("outside", "")
    narrowed = wanted.wanted(
        {k: v for k, v in words.items() if k in ("area", "category")}, city, now=now
    )
    return Asked(
        period=Period(start=start, until=until), within=city.tree.named(words.get("area", "")),
        scope=Scope(
            cases=narrowed, units=_units(query, city),
            outside=mirror.covered(city, outside) if outside else None,
            known=_known(words, city, now),
        ),
        words=words,
    )  # fmt: skip


def shown_days(query: Mapping[str, str], period: Period, city: City) -> dict[str, str]:
    """Return what a form shows: the days of the period, the last one included."""
    first, last = period.local(city.zone).days
    return {**query, "from": first.isoformat(), "to": last.isoformat()}


def _known(words: Mapping[str, str], city: City, now: datetime) -> Known | None:
    """Read how much of the ledger is to be counted; None: all of it."""
    text = words.get("upto", "")
    try:
        upto = Position.parse(text) if text else None
    except ValueError:
        upto = Position(-1)
    if upto is not None and not (0 <= upto.tx < 2**63 and 0 <= upto.id < 2**63):
        raise BadField("upto", text, why="a position of the ledger, as a snapshot shows it")
    before = wanted.moment("known", words.get("known", ""), city, now)
    return Known(upto=upto, before=before) if upto is not None or before is not None else None


def _units(query: Mapping[str, str], city: City) -> frozenset[UnitId | None] | None:
    """Read `unit` (with those below it) and `only` (exactly one, `-`: nobody)."""
    only = query.get("only", "")
    if only == "-":
        return frozenset({None})
    unit = city.unit_codes.get(only or query.get("unit", ""))
    if unit is None:
        if only or query.get("unit"):
            raise BadField(
                "unit", only or query["unit"], why="no unit has this code; see /api/v1/units"
            )
        return None
    return frozenset({unit.id}) if only else frozenset(city.units_under(unit.id))


def opened(query: Mapping[str, str]) -> Opened:
    """Return which number's cases a query asks for."""
    indicator = BY_CODE.get(query.get("code", ""))
    if indicator is None:
        raise NotFound("indicator", query.get("code", ""))
    try:
        part = Part(query.get("part", "") or Part.NUMERATOR)
    except ValueError:
        raise BadField("part", query["part"], why=f"one of: {', '.join(Part)}") from None
    reason = query.get("reason", "")
    if part is Part.EXCLUDED and reason not in indicator.without:
        choices = ", ".join(indicator.without) or "none: nothing is left out of it"
        raise BadField("reason", reason, why=f"one of: {choices}")
    cause = query.get("cause", "")
    if cause and cause not in list(Cause):
        raise BadField("cause", cause, why=f"one of: {', '.join(Cause)}")
    return Opened(
        indicator=indicator, part=part, reason=Mark(reason) if part is Part.EXCLUDED else None, also=cause
    )  # fmt: skip


def after(query: Mapping[str, str]) -> Key | None:
    """Return the key a page goes on from."""
    text = query.get("after", "")
    try:
        return Key.parse(text) if text else None
    except ValueError:
        raise BadField("after", text, why="use the “next” of the page before") from None


def key_of(one: Shown) -> Key:
    return Key(one.item.at, one.item.case, one.item.seq)


def as_json(m: Measured, ask: Asked, *, brief: bool = False, **of: str) -> dict[str, Any]:
    """Return an indicator with its numbers and where the cases of each are; ``of`` narrows
    the links to one row of a matrix.
    """
    code = m.indicator.code

    def there(part: Part, **more: str) -> str:
        query = urlencode({**ask.words, **of, "part": part.value, **more})
        return f"/api/v1/indicators/{code}/cases?{query}"

    one = m.indicator
    told = {} if brief else {
        "zh": one.name.zh, "en": one.name.en, "group": one.group, "source": one.source,
        "formula": {"zh": one.formula.zh, "en": one.formula.en}, "sample": one.sample,
    }  # fmt: skip
    return {
        "code": code, **told, "numerator": m.numerator, "denominator": m.denominator,
        "percent": m.percent or None, "interval": m.interval,
        "excluded": [
            {"reason": reason, "count": n, "cases": there(Part.EXCLUDED, reason=reason)}
            for reason, n in m.excluded.items()
        ],
        "cases": {"numerator": there(Part.NUMERATOR), "denominator": there(Part.DENOMINATOR)},
    }  # fmt: skip


def item_json(one: Shown, city: City) -> dict[str, Any]:
    area = city.tree.by_id.get(one.item.area) if one.item.area is not None else None
    category = city.category(one.category)
    return {
        "case": one.number, "at": one.item.at, "unit": city.code_of(one.item.unit) or None,
        "area": area and area.code, "category": category and category.code, "title": one.title,
        "stage": one.stage, "reason": one.reason, "repeats": one.repeats,
        "marks": sorted(one.item.marks),
    }  # fmt: skip


def only(row: mirror.UnitRow) -> str:
    """Return the word that narrows a link to a row of the matrix of units."""
    return row.unit.code if row.unit else "-"


def place(row: mirror.AreaRow, level: str) -> dict[str, str]:
    """Return the words that narrow a link to a row of the matrix of areas."""
    return {"area": row.area.code} if row.area else {"outside": level}


def _items(
    hub: TheHub, actor: Actor, city: City, ask: Asked, what: Opened
) -> Iterator[dict[str, Any]]:
    """Yield all that is behind a number, page by page."""
    then: Key | None = None
    while True:
        with hub.db.seeing(actor.sight) as tx:
            found = mirror.behind(
                tx, actor.sight, ask.period, ask.scope, what.indicator, what.part,
                reason=what.reason, also=what.also, after=then, limit=1000,
            )  # fmt: skip
        yield from (item_json(one, city) for one in found)
        if len(found) < 1000:
            return
        then = key_of(found[-1])
