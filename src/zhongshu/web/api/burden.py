"""The burden meter: what the city's own rules cost whoever works on a case; never of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.burden import GAUGES, Burden, Load
from zhongshu.flow.city import City
from zhongshu.store import burden as store
from zhongshu.store.burden import Done
from zhongshu.store.indicators import Key
from zhongshu.web import wanted
from zhongshu.web.api import indicators
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(tags=["burden"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


@router.get("/burden")
def meter(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return what acts, forms, fields, repeated questions, returns and dispatches in vain cost
    for each case, of all and of each unit; the same words as for indicators narrow it. Each
    number's `cases` is where its cases are.
    """
    city = hub.city()
    ask = indicators.asked(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        whole, units = store.counts(tx, actor.sight, ask.period, ask.scope)
    return {
        "from": ask.period.start, "until": ask.period.until,
        "gauges": [
            {
                "code": one.code, "of": one.of, "among": one.among, "zh": one.name.zh, "en": one.name.en,
                "formula": {"zh": one.formula.zh, "en": one.formula.en},
            }
            for one in GAUGES.values()
        ],
        "whole": burden_json(whole, ask.words),
        "units": [
            {"unit": code, **burden_json(one, {**ask.words, "only": code or "-"})}
            for one in units for code in (city.code_of(one.unit) or None,)
        ],
    }  # fmt: skip


@router.get("/burden.csv")
def table(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Return the same as a table: a row for all, and one for each unit."""
    city = hub.city()
    ask = indicators.asked(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        whole, units = store.counts(tx, actor.sight, ask.period, ask.scope)
    rows = (
        {
            "unit": "" if one is whole else city.code_of(one.unit) or "-",
            **{str(k): n for k, n in one.counts.items()},
        }
        for one in (whole, *units)
    )
    return download("burden.csv", rows, ("unit", *Load))


@router.get("/burden/cases")
def cases(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return what is behind a number (`load`), the latest first. Pages go on by `next`."""
    query, city = request.query_params, hub.city()
    ask = indicators.asked(query, city, now=hub.clock())
    limit = wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        found = store.behind(
            tx, actor.sight, ask.period, ask.scope, load_of(query), after=indicators.after(query),
            limit=limit + 1,
        )  # fmt: skip
    return {
        "items": [done_json(one, city) for one in found[:limit]],
        "next": str(key_of(found[limit - 1])) if len(found) > limit else None,
    }


def load_of(query: Mapping[str, str]) -> Load:
    try:
        return Load(query.get("load", "") or Load.ACT)
    except ValueError:
        raise BadField("load", query["load"], why=f"one of: {', '.join(Load)}") from None


def key_of(one: Done) -> Key:
    return Key(one.at, one.case_id, one.seq)


def burden_json(one: Burden, words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "counts": {load.value: n for load, n in one.counts.items()},
        "cases": {
            load.value: f"/api/v1/burden/cases?{urlencode({**words, 'load': load.value})}" for load in Load
        },
        "per": {code: one.per(gauge) for code, gauge in GAUGES.items()},
    }  # fmt: skip


def done_json(one: Done, city: City) -> dict[str, Any]:
    return {
        "case": one.number, "at": one.at, "what": one.what, "unit": city.code_of(one.unit) or None,
        "fields": list(one.fields), "title": one.title, "stage": one.stage,
    }  # fmt: skip
