"""The same matter twice: what is known near a place, and the rules a city sets for it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases.matching import SameRule
from zhongshu.core.intake import Draft, read
from zhongshu.flow import same
from zhongshu.flow.city import City
from zhongshu.store.db import Tx
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["same matter"])
Public = Annotated[Actor | None, Depends(Anybody())]
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
MOST = 10
MOST_TEXT = 500


@router.get("/matters/near")
def near(
    hub: TheHub, _: Public, lon: float, lat: float, datum: str = "wgs84", category: str = "",
    text: str = "", limit: int = same.TO_REPORTER,
) -> dict[str, Any]:  # fmt: skip
    """Return open matters that a report at this place may be about, the most alike first:
    coarse, without a word or a photo of any reporter. `joins` of a report takes a number.
    """
    if not 1 <= limit <= MOST:
        raise BadField("limit", limit, why=f"1 to {MOST}")
    if len(text) > MOST_TEXT:
        raise BadField("text", text, why=f"at most {MOST_TEXT} characters")
    city = hub.city()
    asked = read(Draft(text=text or "…", lon=lon, lat=lat, datum=datum), now=hub.clock())
    assert asked.place is not None
    code = _code(city, category, text)
    with hub.db.transaction() as tx:
        found = same.known_here(
            tx, city, asked.place, at=asked.at, text=asked.text, code=code, most=limit
        )
    told = [same.told(match, city) for match in found]
    return {
        "category": code or None,
        "matters": [
            {
                "number": k.number, "stage": k.stage, "likely": k.likely, "metres": k.metres,
                "hours": k.hours, "reports": k.reports,
                "zh": k.name.said("zh") if k.name else "", "en": k.name.said("en") if k.name else "",
            }
            for k in told
        ],
    }  # fmt: skip


def _code(city: City, category: str, text: str) -> str:
    """Return the category asked for, else what the words of the text point at."""
    if category:
        if city.catalogue.by_code(category) is None:
            raise BadField(
                "category", category, why="no category has this code; see /api/v1/categories"
            )
        return category
    guesses = city.guesses(text) if text else ()
    return guesses[0].category.code if guesses else ""


class SameIn(BaseModel):
    """What a rule for the same matter says; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    metres: float | None = None
    hours: float | None = None
    apart: float | None = None
    least: float | None = None
    words: float | None = None
    joins: bool | None = None
    near_metres: float | None = None
    near_hours: float | None = None


class RuleIn(SameIn):
    """A rule for the beginning of a category's code."""

    category: str = ""


@router.get("/same-rules")
def rules(hub: TheHub, _: Reader) -> list[dict[str, Any]]:
    """Return every rule for the same matter; of codes that begin alike the longest wins."""
    with hub.db.transaction() as tx:
        found = same.book(tx, hub.city(), now=hub.clock())
    return [
        {
            "category": r.category, "zh": r.name.said("zh"), "en": r.name.said("en"), "own": r.own,
            **asdict(r.rule), "reports_30d": r.reports, "joined_30d": r.joined,
        }
        for r in found
    ]  # fmt: skip


@router.put("/same-rules")
def set_rule(hub: TheHub, actor: Writer, body: RuleIn) -> dict[str, Any]:
    """Set the rule for a beginning of a code; it holds from the next report on."""
    with hub.db.transaction() as tx:
        rule = changed_rule(tx, body)
        same.set_rule(
            tx, hub.city(), body.category, rule, by=actor.account, at=hub.clock()
        )  # fmt: skip
    return {"category": body.category, "own": True, **asdict(rule)}


def changed_rule(tx: Tx, body: RuleIn) -> SameRule:
    """Return the rule that holds now for a beginning of a code, with what was sent changed."""
    said = body.model_dump(exclude={"category"}, exclude_none=True)
    return replace(same.rule_now(tx, body.category), **said)


@router.delete("/same-rules")
def drop_rule(hub: TheHub, actor: Writer, category: str = "") -> Response:
    """Take a rule of the city's own back; what ships with the hub holds again."""
    with hub.db.transaction() as tx:
        same.drop_rule(tx, category, by=actor.account, at=hub.clock())
    return Response(status_code=204)
