"""Whose matter it is: candidates for a case, the duty catalogue, and what was returned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter
from zhongshu.core.dispatch import RANKS, DutyRule
from zhongshu.core.dutytable import COLUMNS, spell_hours
from zhongshu.flow import browse, duties, returns, things
from zhongshu.flow.candidates import Standing, ranking
from zhongshu.flow.city import City
from zhongshu.store.returns import BY
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(tags=["responsibility"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
CityReader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]
#: How many days of returns are counted where nobody says.
USUAL_DAYS = 90


@router.get("/cases/{number}/candidates")
def candidates(number: str, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return every duty rule that fits a case, in the order of `ranks`: the unit each leads to,
    which conditions spoke, on which of `ranks` it stands before the next, the unit's open load
    and its returns of this class; and the units that may not be given it, with the clause.
    """
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        asset = things.of(tx, found)
        ranked = ranking(tx, city, found, asset, actor.sight, now=hub.clock())
    if ranked is None:
        return {"ranks": RANKS, "candidates": [], "barred": []}
    return {
        "ranks": RANKS, "returns_since": ranked.since,
        "candidates": [_candidate(one, city) for one in ranked.standing],
        "barred": [
            {"unit": city.code_of(unit), "rule": rule.id, "clause": rule.clause}
            for unit, rule in ranked.barred
        ],
    }  # fmt: skip


def _candidate(one: Standing, city: City) -> dict[str, Any]:
    found = one.candidate
    unit = city.units[found.unit]
    return {
        "unit": {"code": unit.code, "zh": unit.name.zh, "en": unit.name.en},
        "rule": found.rule.id, "spoke": found.rule.conditions, "clause": found.rule.clause,
        "ahead_by": found.ahead or None, "barred": found.barred.clause if found.barred else None,
        "load": one.load, "dispatches": one.dispatches, "returns": one.returns,
    }  # fmt: skip


@router.get("/duty-rules")
def duty_rules(hub: TheHub, _: CityReader) -> dict[str, Any]:
    """List the duty rules in the order they rank; `ranks` names what decides between two."""
    city = hub.city()
    return {
        "ranks": RANKS, "rules": [rule_json(r, city) for r in city.rulebook.rules if not r.over(city.day)],
        "idle": [rule_json(rule, city) for rule in city.idle_rules if not rule.over(city.day)],
    }  # fmt: skip


def rule_json(rule: DutyRule, city: City) -> dict[str, Any]:
    return {
        "id": rule.id, "number": rule.number, "category": rule.category,
        "area": duties.area_code(city, rule.area) if rule.area else None,
        "owner": city.code_of(rule.owner) or None, "hours": spell_hours(rule.hours),
        "lead": city.code_of(rule.unit) or rule.lead,
        "co_units": [city.code_of(unit) for unit in rule.co_units],
        "forbidden": sorted(city.code_of(unit) for unit in rule.forbidden), "clause": rule.clause,
        "priority": rule.priority, "auto": rule.auto,
        "valid_from": rule.valid_from, "valid_until": rule.valid_until,
    }  # fmt: skip


@router.get("/duty-rules.csv")
def duty_rules_csv(hub: TheHub, _: CityReader) -> Response:
    """Return the duty catalogue as the table that `zhongshu import duty-rules` reads."""
    with hub.db.transaction() as tx:
        rows = duties.rows(tx, hub.city())
    return download("duty-rules.csv", rows, COLUMNS)


@router.get("/returns")
def returned(request: Request, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Count returns and the dispatches they are of, by unit, class, rule and cause, between
    `since` and `until` (the last 90 days); filters `area`, `category`, `channel`.
    """
    city = hub.city()
    asked, since, until = period(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = returns.statistics(tx, city, actor.sight, asked, since=since, until=until)
    return {
        "since": since, "until": until, "returns": found.returns, "dispatches": found.dispatches,
        "by": {
            name: [
                {"key": line.key, "returns": line.returns, "dispatches": line.dispatches}
                for line in lines
            ]
            for name, lines in found.by.items()
        },
    }  # fmt: skip


@router.get("/returns.csv")
def returned_csv(request: Request, actor: Exporter, hub: TheHub, by: str = "rule") -> Response:
    """Return one of the tables of returns (`by`: unit, category, rule or cause) as CSV."""
    if by not in BY:
        raise BadField("by", by, why=f"one of: {', '.join(BY)}")
    city = hub.city()
    asked, since, until = period(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = returns.statistics(tx, city, actor.sight, asked, since=since, until=until)
    rows = [
        {
            by: line.key, "name_zh": line.name.zh if line.name else "",
            "name_en": line.name.en if line.name else "", "returns": line.returns,
            "dispatches": line.dispatches, "since": since.isoformat(), "until": until.isoformat(),
        }
        for line in found.by[by]
    ]  # fmt: skip
    names = (by, "name_zh", "name_en", "returns", "dispatches", "since", "until")
    return download(f"returns-by-{by}.csv", rows, names)


def period(
    query: Mapping[str, str], city: City, *, now: datetime
) -> tuple[Filter, datetime, datetime]:
    """Return which cases are looked at, and between which moments; the last 90 days where the
    query says none.
    """
    kept = {name: query[name] for name in ("area", "category", "channel") if query.get(name)}
    when = {name: query[name] for name in ("since", "until") if query.get(name)}
    found = wanted.wanted(when, city, now=now)
    until = found.until or now
    since = found.since or until - timedelta(days=USUAL_DAYS)
    return wanted.wanted(kept, city, now=now), since, until
