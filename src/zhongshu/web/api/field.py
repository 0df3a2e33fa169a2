"""The field: tasks to take along, and places that were looked at."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import NEEDS_REASON, Act
from zhongshu.core.procedures import PATHS
from zhongshu.core.values import Name
from zhongshu.flow import browse, field, patrols
from zhongshu.flow.city import City
from zhongshu.flow.once import once
from zhongshu.web.again import RetryKey, sent
from zhongshu.web.api.acts import FIELDS
from zhongshu.web.guard import Needs, TheHub

router = APIRouter(tags=["field"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Checker = Annotated[Actor, Depends(Needs(Permission.CASE_CHECK))]


@router.get("/field/tasks")
def tasks(actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return what your posts may act on now, what expires first first, at most 100, each with
    the acts it allows; `whole` says whether that is all. No position is asked for or taken.
    """
    city, now = hub.city(), hub.clock()
    with hub.db.seeing(actor.sight) as tx:
        found, whole = field.tasks(tx, actor)
    return {"at": now, "whole": whole, "tasks": [as_json(errand, city) for errand in found]}


class LookIn(BaseModel):
    """A place that was looked at: the code of the cell, and the day (today where not said)."""

    model_config = ConfigDict(extra="forbid")

    area: str
    day: date | None = None


@router.get("/patrols")
def coverage(actor: Checker, hub: TheHub, area: str = "", day: date | None = None) -> Any:
    """Return which cells below an area (your own without one) were looked at on a day."""
    city = hub.city()
    today = hub.clock().astimezone(city.zone).date()
    areas = [patrols.covered(city, actor, area)] if area else patrols.own(city, actor)
    with hub.db.transaction() as tx:
        found = [c for one in areas for c in patrols.coverage(tx, city, one, day or today)]
    return {"day": day or today, "cells": [look_json(c) for c in found]}


@router.post("/patrols", status_code=201)
def look(
    body: LookIn, actor: Checker, hub: TheHub, idempotency_key: RetryKey = None
) -> dict[str, Any]:
    """Count that a cell was looked at: the place and the day, and nothing of whoever looked."""
    city, now = hub.city(), hub.clock()
    today = now.astimezone(city.zone).date()
    with hub.db.writing() as tx:
        return once(
            tx, actor.account, idempotency_key, sent(body.area, "look", body), at=now,
            do=lambda: jsonable_encoder(
                look_json(
                    patrols.look(tx, city, actor, body.area, body.day or today, today=today)
                )
            ),
        )  # fmt: skip


def look_json(seen: patrols.Coverage) -> dict[str, Any]:
    return {
        "area": seen.area.code, **_said(seen.area.name), "cells": seen.cells, "seen": seen.seen,
        "times": seen.times, "last": seen.last,
    }  # fmt: skip


def as_json(errand: field.Errand, city: City) -> dict[str, Any]:
    """Return a task with everything a device needs to go on without net."""
    case = errand.case
    category = city.category(case.category)
    closing = category.condition(hazard=case.hazard).closing if category else None
    return {
        **browse.as_json(case, city),
        "since": errand.since, "due_at": errand.due_at,
        "closing": closing and _said(closing),
        "acts": [act_json(case.number, act, errand.then.get(act, ())) for act in errand.acts],
        "procedures": [
            {
                "id": step.procedure.id, "kind": step.procedure.kind,
                "due_at": step.procedure.due_at,
                "moves": [
                    {
                        "move": move,
                        "href": f"/api/v1/cases/{case.number}/procedures/{step.procedure.id}/{move.value}",
                        "fields": PATHS[step.procedure.kind, step.procedure.state, move].asks,
                    }
                    for move in step.moves
                ],
            }
            for step in errand.steps
        ],
    }  # fmt: skip


def act_json(number: str, act: Act, then: tuple[Act, ...] = ()) -> dict[str, Any]:
    return {
        "act": act, "href": f"/api/v1/cases/{number}/acts/{act.value}",
        "fields": [*FIELDS.get(act, ()), *(("reason",) if act in NEEDS_REASON else ())],
        "then": [act_json(number, each) for each in then],
    }  # fmt: skip


def _said(name: Name) -> dict[str, str]:
    return {"zh": name.zh, "en": name.en or name.zh}
