"""Campaigns: made, taken on, joined by hand, acted on, and compared with before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.calendar import parse_limit
from zhongshu.core.campaigns import Campaign, CampaignState, CampaignStep, steps_of
from zhongshu.core.cases import Act, Case, Stage
from zhongshu.core.facts import By
from zhongshu.core.values import AreaId, Name, UnitId
from zhongshu.flow import acts, browse, bulk, campaigns
from zhongshu.flow.campaigns import Comparison
from zhongshu.flow.city import City
from zhongshu.store import campaigns as store
from zhongshu.store import cases as case_store
from zhongshu.store.db import Tx
from zhongshu.web.api.joint import lines_json
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(tags=["campaigns"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Maker = Annotated[Actor, Depends(Needs(Permission.CASE_SUPERVISE))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]
NUMBERS = ("new", "closed", "open", "overdue", "repeat", "left_out")
#: What may be done to many cases of a campaign, and at which stages they stand for it.
BULK: Mapping[str, frozenset[Stage]] = {
    "dispatch": frozenset({Stage.FILED}),
    "assist": frozenset({Stage.DISPATCHED, Stage.IN_HAND}),
    "note": frozenset(
        {Stage.RECEIVED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND, Stage.HANDLED, Stage.CHECKED}
    ),
}


class CampaignIn(BaseModel):
    """A campaign. Days are the city's, and `until` is the last of them; areas, categories and
    units are codes. A change needs only what it changes.
    """

    model_config = ConfigDict(extra="forbid")

    name_zh: str | None = None
    name_en: str | None = None
    purpose: str | None = None
    since: str | None = None
    until: str | None = None
    areas: list[str] | None = None
    categories: list[str] | None = None
    units: list[str] | None = None
    lead: str | None = None
    version: int | None = None


class StepIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    summary: str = ""


class MembersIn(BaseModel):
    """Cases let in by hand (`joined`), or kept out, whatever the rule says."""

    model_config = ConfigDict(extra="forbid")

    cases: list[str]
    joined: bool = True
    reason: str = ""


class BulkIn(BaseModel):
    """One act (`dispatch`, `assist`, `note`) on many cases of a campaign: on those named, or on
    all that stand at the stage for it. `preview` tries everything and keeps nothing.
    """

    model_config = ConfigDict(extra="forbid")

    act: str
    cases: list[str] | None = None
    unit: str = ""
    limit: str = ""
    note: str = ""
    preview: bool = False


@router.get("/campaigns")
def listed(hub: TheHub, _: Reader, state: str = "") -> list[dict[str, Any]]:
    """List campaigns, the newest first; filter `state`."""
    with hub.db.transaction() as tx:
        found = store.page(tx, state=state_of(state))
    return [as_json(one, hub.city()) for one in found]


def state_of(text: str) -> CampaignState | None:
    if text and text not in list(CampaignState):
        raise BadField("state", text, why=f"one of: {', '.join(CampaignState)}")
    return CampaignState(text) if text else None


@router.post("/campaigns", status_code=201)
def make(body: CampaignIn, hub: TheHub, _: Maker) -> dict[str, Any]:
    """Make a campaign; it is in preparation until it is started."""
    city = hub.city()
    with hub.db.transaction() as tx:
        made = campaigns.make(tx, campaign_of(body, city))
    return as_json(made, city)


@router.get("/campaigns/{identity}")
def one(identity: int, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return a campaign with its comparison, as it stands now and as it was reported."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = campaigns.find(tx, identity)
        compared = campaigns.compared(tx, city, actor.sight, found, now=hub.clock())
    now = campaigns.frozen_json(compared, city, at=hub.clock())
    return {**as_json(found, city), "comparison": now, "reported": found.frozen}


@router.put("/campaigns/{identity}")
def change(identity: int, body: CampaignIn, hub: TheHub, _: Maker) -> dict[str, Any]:
    """Change what may still be changed; what is counted stays once a campaign is under way."""
    city = hub.city()
    with hub.db.transaction() as tx:
        before = campaigns.find(tx, identity)
        after = campaigns.change(tx, identity, said(body, city, before), version=body.version)
    return as_json(after, city)


@router.post("/campaigns/{identity}/steps/{move}")
def step(identity: int, move: str, body: StepIn, hub: TheHub, actor: Maker) -> dict[str, Any]:
    """Start a campaign, end it, or report it: reporting freezes its numbers."""
    with hub.db.transaction() as tx:
        after = stepped(tx, hub, actor, identity, move, body.summary)
    return as_json(after, hub.city())


def stepped(tx: Tx, hub: Hub, actor: Actor, identity: int, move: str, summary: str) -> Campaign:
    try:
        what = CampaignStep(move)
    except ValueError:
        raise BadField("move", move, why=f"one of: {', '.join(CampaignStep)}") from None
    return campaigns.step(
        tx, hub.city(), identity, what, at=hub.clock(), by=By(account=actor.account),
        summary=summary.strip()[:5000],
    )  # fmt: skip


@router.post("/campaigns/{identity}/cases")
def members(identity: int, body: MembersIn, hub: TheHub, actor: Maker) -> dict[str, Any]:
    """Let cases in by hand, or keep them out; a number that is none is named, the others go on."""
    with hub.db.transaction() as tx:
        unknown = put(tx, hub, actor, identity, body)
    return {"put": len(set(body.cases)) - len(unknown), "unknown": unknown}


def put(tx: Tx, hub: Hub, actor: Actor, identity: int, body: MembersIn) -> list[str]:
    """Let cases in, or keep them out; return the numbers that are none."""
    campaign = campaigns.find(tx, identity, lock=True)
    found: list[Case] = []
    unknown: list[str] = []
    for number in dict.fromkeys(body.cases[: bulk.MOST]):
        try:
            found.append(browse.case(tx, actor.sight, number))
        except NotFound:
            unknown.append(number)
    campaigns.put(
        tx, campaign, found, joined=body.joined, reason=body.reason.strip()[:300], at=hub.clock(),
        by=By(account=actor.account),
    )  # fmt: skip
    return unknown


@router.post("/campaigns/{identity}/bulk")
def many(
    request: Request, identity: int, body: BulkIn, hub: TheHub, actor: Reader
) -> dict[str, Any]:
    """Do one act to many cases of a campaign, each on its own and by its own permission; the
    answer has a line for each.
    """
    lines, _ = acted(hub, actor, identity, body)
    return {"lines": lines_json(lines, hub.city(), language(request))}


def acted(
    hub: Hub, actor: Actor, identity: int, body: BulkIn
) -> tuple[list[bulk.Line], dict[str, int]]:
    """Do, or try, one act to many cases; return a line for each, and the versions that were seen."""
    if body.act not in BULK:
        raise BadField("act", body.act, why=f"one of: {', '.join(BULK)}")
    deed = _deed(hub, actor, body)
    with hub.db.seeing(actor.sight) as tx:
        campaign = campaigns.find(tx, identity)
        found = campaigns.members(
            tx, actor.sight, campaign, now=hub.clock(), stages=BULK[body.act],
            limit=campaigns.MOST_CASES,
        )  # fmt: skip
    seen = {case.number: case.version for case in found}
    numbers = list(seen) if body.cases is None else body.cases
    return bulk.each(hub.db, actor.sight, numbers, deed, pretend=body.preview), seen


def _deed(hub: Hub, actor: Actor, body: BulkIn) -> bulk.Deed:
    city, at, note = hub.city(), hub.clock(), body.note.strip()[:2000]
    unit = city.unit_codes.get(body.unit)
    if body.unit and unit is None:
        raise BadField("unit", body.unit, why="no unit has this code; see /api/v1/units")
    if body.act == "note":
        if not note:
            raise BadField("note", "", why="say something")
        return bulk.acting(city, actor, Act.NOTE, acts.Form(note=note), at=at)
    if body.act == "dispatch":
        form = acts.Form(note=note, unit=unit.id if unit else None)
        return bulk.acting(city, actor, Act.DISPATCH, form, at=at)
    said = {"limit": str(parse_limit(body.limit)), **({"reason": note} if note else {})}
    return bulk.assisting(city, actor, unit.id if unit else None, said, at=at)


@router.get("/campaigns/{identity}/comparison.csv")
def comparison_csv(identity: int, hub: TheHub, actor: Exporter) -> Response:
    """Return the comparison as CSV: a row for each area and period."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = campaigns.find(tx, identity)
        compared = campaigns.compared(tx, city, actor.sight, found, now=hub.clock())
    header = (
        "area",
        "name_zh",
        "name_en",
        "period",
        "since",
        "until",
        "over",
        *NUMBERS,
        "median_s",
    )
    return download(f"campaign-{identity}.csv", _rows(compared), header)


def _rows(found: Comparison) -> Iterable[dict[str, Any]]:
    for column in found.columns:
        if not column.begun:
            continue
        when = {
            "period": column.period.value, "since": column.since.isoformat(),
            "until": column.until.isoformat(), "over": "yes" if column.over else "no",
        }  # fmt: skip
        yield {"area": "", **when, **campaigns.numbers(column.whole)}
        for area in found.areas:
            measured = column.by_area.get(area.id)
            if measured is not None:
                names = {"area": area.code, "name_zh": area.name.zh, "name_en": area.name.en}
                yield {**names, **when, **campaigns.numbers(measured)}


# ── what was said, and what is shown ─────────────────────────────────────────────────


def campaign_of(body: CampaignIn, city: City) -> Campaign:
    """Return the new campaign that was described."""
    for name in ("since", "until"):
        if not getattr(body, name):
            raise BadField(name, None, why="a campaign needs its first and its last day")
    return Campaign(id=0, **said(body, city, None))


def said(body: CampaignIn, city: City, before: Campaign | None) -> dict[str, Any]:
    """Return what was said as the fields of a campaign: codes become identities."""
    made: dict[str, Any] = {}
    if body.name_zh is not None or body.name_en is not None or before is None:
        made["name"] = _name(body, before)
    if body.purpose is not None:
        made["purpose"] = body.purpose.strip()[:5000]
    for field, last in (("since", False), ("until", True)):
        text = getattr(body, field)
        if text:
            made[field] = _day(field, text, city, last=last)
    if body.areas is not None:
        made["areas"] = tuple(_area(code, city) for code in body.areas if code)
    if body.categories is not None:
        made["categories"] = tuple(_category(code, city) for code in body.categories if code)
    if body.units is not None:
        made["units"] = tuple(_unit("units", code, city) for code in body.units if code)
    if body.lead is not None:
        made["lead"] = _unit("lead", body.lead, city) if body.lead else None
    return made


def _name(body: CampaignIn, before: Campaign | None) -> Name:
    zh = body.name_zh if body.name_zh is not None else before.name.zh if before else ""
    en = body.name_en if body.name_en is not None else before.name.en if before else ""
    if not (zh.strip() or en.strip()):
        raise BadField("name_zh", "", why="give it a name")
    return Name(zh.strip()[:120], en.strip()[:120])


def _day(field: str, text: str, city: City, *, last: bool) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if len(text) == 10:
            at = at.replace(tzinfo=city.zone) + timedelta(days=last)
        return at if at.tzinfo else at.replace(tzinfo=city.zone)
    except (ValueError, OverflowError):
        raise BadField(field, text, why="write a day as 2026-11-24") from None


def _area(code: str, city: City) -> AreaId:
    found = city.tree.named(code)
    if found is None:
        raise BadField("areas", code, why="no area has this code; see /api/v1/areas")
    return found.id


def _category(code: str, city: City) -> str:
    begins = code.removesuffix("*")
    if not any(known.startswith(begins) for known, _ in city.names.values()):
        raise BadField(
            "categories", code, why="no category begins like this; see /api/v1/categories"
        )
    return begins


def _unit(field: str, code: str, city: City) -> UnitId:
    unit = city.unit_codes.get(code)
    if unit is None:
        raise BadField(field, code, why="no unit has this code; see /api/v1/units")
    return unit.id


def as_json(found: Campaign, city: City) -> dict[str, Any]:
    return {
        "id": found.id, "zh": found.name.zh, "en": found.name.en, "purpose": found.purpose,
        "since": found.since.astimezone(city.zone), "until": found.until.astimezone(city.zone),
        "state": found.state,
        "areas": [city.tree.by_id[a].code for a in found.areas if a in city.tree.by_id],
        "categories": found.categories, "units": [city.code_of(unit) for unit in found.units],
        "lead": city.code_of(found.lead) or None, "summary": found.summary,
        "steps": [{"step": s["step"], "at": s["at"]} for s in found.steps],
        "may": steps_of(found), "cases": f"/api/v1/cases?campaign={found.id}",
        "version": found.version,
    }  # fmt: skip


def number_of_cases(
    tx: Tx, actor: Actor, found: Sequence[Campaign], now: datetime
) -> dict[int, int]:
    """Return how many cases in sight each campaign has."""
    return {
        one.id: case_store.count(tx, actor.sight, campaigns.belonging(one, now=now))
        for one in found
    }
