"""Rule proposals: made, run over a past, switched on and off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.faults import faults
from zhongshu.core.proposals import Change, Subject
from zhongshu.core.values import Lang, Refused
from zhongshu.core.whatif import JoinChange
from zhongshu.flow import proposals, whatif
from zhongshu.flow.city import City
from zhongshu.store import proposals as store
from zhongshu.store.proposals import Among, Differing, Kept, Run
from zhongshu.web import wanted
from zhongshu.web.api.same import SameIn
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides
from zhongshu.web.look import language
from zhongshu.web.problems import BadField, problem

router = APIRouter(tags=["proposals"])
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


class WindowIn(BaseModel):
    """Hours of a week; days from 0 (Monday). An end before the start is that of the next day."""

    days: list[int]
    start: str = Field(examples=["22:00"])
    end: str = Field(examples=["06:00"])


class RuleNow(BaseModel):
    """What a duty rule shall say; what is left out is empty. Codes of units and areas. `lead` is
    unit (then `unit` names it), owner or maintainer of the thing a case is about.
    """

    model_config = ConfigDict(extra="allow")

    unit: str = ""
    lead: Literal["unit", "owner", "maintainer"] = "unit"
    category: str = Field("", description="a category's code or the beginning of one")
    area: str = ""
    owner: str = Field("", description="a unit that owns the thing, itself or by one below it")
    hours: list[WindowIn] = []
    co_units: list[str] = []
    forbidden: list[str] = []
    clause: str = ""
    priority: int = 0
    auto: bool = False
    valid_until: str | None = None


class RuleChange(BaseModel):
    subject: Literal["rule"]
    key: str = Field("", description="the rule's number; empty for a new rule")
    now: RuleNow | None = Field(description="null retires the rule")


class LimitNow(BaseModel):
    limit: str = Field(examples=["2uh", "3wd"])


class LimitChange(BaseModel):
    subject: Literal["limit"]
    key: str = Field(description="category code; with :2 for its second condition, and so on")
    now: LimitNow


class StageChange(BaseModel):
    subject: Literal["stage"]
    key: Literal["accept", "dispatch", "check", "whole"]
    now: LimitNow


class HoursNow(BaseModel):
    periods: list[tuple[str, str]] = Field(examples=[[["08:00", "12:00"], ["14:00", "18:00"]]])
    days_off: list[int] = [5, 6]
    holidays_too: bool = False


class HoursChange(BaseModel):
    subject: Literal["hours"]
    key: str = Field("", description="code of a unit; empty for the city")
    now: HoursNow | None = Field(description="null: the unit keeps the city's hours")


class DayNow(BaseModel):
    kind: Literal["holiday", "workday"]
    name: str = ""


class DayChange(BaseModel):
    subject: Literal["day"]
    key: str = Field(examples=["2026-12-31"])
    now: DayNow | None = Field(description="null: an ordinary day")


class SameChange(BaseModel):
    subject: Literal["same"]
    key: str = Field("", description="the beginning of a category's code; empty for everything")
    now: SameIn | None = Field(description="null takes back what the city set")


ChangeIn = Annotated[
    RuleChange | LimitChange | StageChange | HoursChange | DayChange | SameChange,
    Field(discriminator="subject"),
]


class ProposalIn(BaseModel):
    """A proposal; `version` refuses it (409) when somebody changed the draft meanwhile."""

    model_config = ConfigDict(extra="forbid")

    title: str
    changes: list[ChangeIn] = []
    version: int | None = None


class PeriodIn(BaseModel):
    """Days of the city, both included."""

    model_config = ConfigDict(extra="forbid")

    since: date
    until: date


class SwitchIn(BaseModel):
    """Why; and for switching on, from which day (today where none is said)."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    starts_on: date | None = None
    version: int | None = None


@router.get("/proposals")
def listing(hub: TheHub, _: Reader) -> dict[str, Any]:
    """List the proposals, the newest first."""
    with hub.db.transaction() as tx:
        return {"proposals": [_brief(kept) for kept in store.listing(tx)]}


@router.post("/proposals", status_code=201)
def make(body: ProposalIn, request: Request, hub: TheHub, actor: Writer) -> dict[str, Any]:
    """Make a draft. Nothing of the city changes until it is switched on."""
    city, at = hub.city(), hub.clock()
    with hub.db.transaction() as tx:
        number = proposals.make(tx, title=body.title, by=decides(actor).account, at=at)
        kept = proposals.put(tx, city, number, _changes(body), at=at)
    return as_json(kept, city, at, language(request))


@router.get("/proposals/{proposal}")
def proposal(proposal: int, request: Request, hub: TheHub, _: Reader) -> dict[str, Any]:
    """Return a proposal: its changes, each with what was and what shall be, what speaks
    against switching it on (`faults`), and its runs.
    """
    with hub.db.transaction() as tx:
        kept = proposals.get(tx, proposal)
        runs = store.runs(tx, proposal)
    return {
        **as_json(kept, hub.city(), hub.clock(), language(request)),
        "runs": [_run(run, whole=False) for run in runs],
    }


@router.put("/proposals/{proposal}")
def change(
    proposal: int, body: ProposalIn, request: Request, hub: TheHub, actor: Writer
) -> dict[str, Any]:
    """Let a draft have just these changes."""
    decides(actor)
    city, at = hub.city(), hub.clock()
    with hub.db.transaction() as tx:
        kept = proposals.set_changes(
            tx, city, proposal, _changes(body), at=at, title=body.title, version=body.version
        )
    return as_json(kept, city, at, language(request))


@router.post("/proposals/{proposal}/runs", status_code=202)
def run(proposal: int, body: PeriodIn, hub: TheHub, actor: Writer) -> dict[str, Any]:
    """Ask for a run over the cases dispatched in a period. Look at it until it is `done`."""
    city = hub.city()
    with hub.db.transaction() as tx:
        number = whatif.ask(
            tx, city, proposal, since=body.since, until=body.until, by=decides(actor).account,
            at=hub.clock(),
        )  # fmt: skip
        return _run(whatif.get(tx, proposal, number), whole=True)


@router.get("/proposals/{proposal}/runs/{run}")
def result(proposal: int, run: int, hub: TheHub, _: Reader) -> dict[str, Any]:
    """Return how far a run is, and what it found: `tags` counts cases by how they would fare,
    `moves` from unit to unit, `clocks` says deadlines (hours earlier are less than nothing) and
    lateness before and after of those `timed`, `load` is cases and hours of each unit.
    """
    city = hub.city()
    with hub.db.transaction() as tx:
        found = whatif.get(tx, proposal, run)
    return _with_codes(_run(found, whole=True), city)


@router.get("/proposals/{proposal}/runs/{run}/cases")
def run_cases(
    proposal: int, run: int, request: Request, hub: TheHub, actor: Reader
) -> dict[str, Any]:
    """List the cases in sight that would fare otherwise: `tag` of the result, `late` as
    `handle:before` or `handle:after`, `from` and `to` as codes of units (`-` for none);
    `alike=1` takes in those that would fare as they did.
    """
    query, city = request.query_params, hub.city()
    size = wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        whatif.get(tx, proposal, run)
        found = store.differing(
            tx, actor.sight, run, among(query, city), after=after(query), limit=size + 1
        )
    return {
        "cases": [case_json(case, city) for case in found[:size]],
        "next": str(found[size - 1].case_id) if len(found) > size else None,
    }


@router.get("/proposals/{proposal}/runs/{run}/reports")
def run_reports(
    proposal: int, run: int, request: Request, hub: TheHub, actor: Reader
) -> dict[str, Any]:
    """List the reports that would join otherwise: `kind` is joins, parts or elsewhere."""
    query, kind = request.query_params, join_kind(request.query_params)
    size = wanted.limit(query)
    with hub.db.seeing(actor.sight) as tx:
        whatif.get(tx, proposal, run)
        found = store.joining(
            tx, actor.sight, run, kind=kind, after=after(query), limit=size + 1
        )  # fmt: skip
    return {
        "reports": [
            {
                "report": one.report, "kind": one.kind, "case": one.number,
                "joined_before": one.before_number, "joined_after": one.after_number,
                "metres": one.metres, "hours": one.hours,
            }
            for one in found[:size]
        ],
        "next": str(found[size - 1].report) if len(found) > size else None,
    }  # fmt: skip


@router.post("/proposals/{proposal}/switch-on")
def switch_on(
    proposal: int, body: SwitchIn, request: Request, hub: TheHub, actor: Writer
) -> dict[str, Any]:
    """Put it in force from a day on. Cases dispatched already keep their unit and clocks."""
    with hub.db.transaction() as tx:
        kept = proposals.switch_on(
            tx, proposal, starts_on=body.starts_on, reason=body.reason, version=body.version,
            by=decides(actor).account, at=hub.clock(),
        )  # fmt: skip
    return as_json(kept, hub.city(), hub.clock(), language(request))


@router.post("/proposals/{proposal}/switch-off")
def switch_off(
    proposal: int, body: SwitchIn, request: Request, hub: TheHub, actor: Writer
) -> dict[str, Any]:
    """Let the rules be again as they were before it, from now on."""
    with hub.db.transaction() as tx:
        kept = proposals.switch_off(
            tx, proposal, reason=body.reason, by=decides(actor).account, at=hub.clock()
        )
    return as_json(kept, hub.city(), hub.clock(), language(request))


# ── what goes in and out ─────────────────────────────────────────────────────────────


def _changes(body: ProposalIn) -> list[Change]:
    return [
        Change(
            subject=Subject(change.subject), key=change.key,
            now=None if change.now is None else change.now.model_dump(exclude_unset=True, mode="json"),
        )
        for change in body.changes
    ]  # fmt: skip


def after(query: Mapping[str, str]) -> int:
    """Return the identity a page of a list goes on from."""
    text = query.get("after", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadField("after", text, why="use the “next” of the page before")
    return int(text or 0)


def among(query: Mapping[str, str], city: City) -> Among:
    """Return which cases of a run a query means."""
    late = query.get("late", "")
    if late and late not in {
        f"{kind}:{side}" for kind in ClockKind for side in ("before", "after")
    }:
        raise BadField("late", late, why="a clock and a side, such as handle:before")
    return Among(
        tag=query.get("tag", ""), late=late, source=_unit("from", query, city),
        target=_unit("to", query, city), alike=query.get("alike", "") == "1",
    )  # fmt: skip


def _unit(field: str, query: Mapping[str, str], city: City) -> int | None:
    code = query.get(field, "")
    if code in ("", "-"):
        return 0 if code else None
    unit = city.unit_codes.get(code)
    if unit is None:
        raise BadField(field, code, why="no unit has this code; see /api/v1/units")
    return unit.id


def join_kind(query: Mapping[str, str]) -> str:
    kind = query.get("kind", "")
    if kind and kind not in list(JoinChange):
        raise BadField("kind", kind, why=f"one of: {', '.join(JoinChange)}")
    return kind


def _brief(kept: Kept) -> dict[str, Any]:
    return {
        "proposal": kept.id, "title": kept.title, "state": kept.state, "version": kept.version,
        "made_at": kept.made_at, "starts_on": kept.starts_on, "reason": kept.reason,
    }  # fmt: skip


def as_json(kept: Kept, city: City, at: datetime, lang: Lang) -> dict[str, Any]:
    """Return a proposal with its changes and, while it is a draft, what is wrong with it."""
    found: tuple[Refused, ...] = ()
    if kept.state == "draft":
        day = proposals.today(city, at)
        rules, known = proposals.rule_set(city, on=day), proposals.directory(city)
        found = faults(rules, proposals.changes_of(kept), known, on=day)
    return {
        **_brief(kept), "changes": list(kept.changes), "rules": dict(kept.rules),
        "faults": [problem(fault, lang) for fault in found],
    }  # fmt: skip


def _run(run: Run, *, whole: bool) -> dict[str, Any]:
    return {
        "run": run.id, "proposal": run.proposal, "version": run.version, "since": run.since,
        "until": run.until, "state": run.state, "done": run.done, "total": run.total,
        "asked_at": run.asked_at, "ended_at": run.ended_at, "problem": run.problem,
        **({"result": run.result} if whole else {}),
    }  # fmt: skip


def _with_codes(said: dict[str, Any], city: City) -> dict[str, Any]:
    """Return a run with its units by their codes."""
    result = said["result"]
    if result is None:
        return said
    code = lambda unit: city.code_of(unit) or None
    names = ("cases", "timed", "hours")
    return {
        **said,
        "result": {
            **result,
            "moves": [{"from": code(a), "to": code(b), "cases": n} for a, b, n in result["moves"]],
            "load": [
                {
                    "unit": code(unit), "before": dict(zip(names, before, strict=True)),
                    "after": dict(zip(names, would, strict=True)),
                }
                for unit, before, would in result["load"]
            ],
        },
    }  # fmt: skip


def case_json(case: Differing, city: City) -> dict[str, Any]:
    """Return a case of a run, before and after, as list and export have it."""
    says = case.says or _ALIKE
    return {
        "case": case.number, "title": case.title, "tags": list(case.tags),
        "unit_before": city.code_of(case.unit_before) or None,  # type: ignore[arg-type]
        "unit_after": city.code_of(case.unit_after) or None,  # type: ignore[arg-type]
        "limit_before": says["limit"][0], "limit_after": says["limit"][1],
        "due_before": says["due"][0], "due_after": says["due"][1],
        "auto_before": says["auto"][0], "auto_after": says["auto"][1],
        "handled_at": says["handled_at"], "returned": says["returned"],
        "sent_to": city.code_of(says["sent_to"]) or None,
    }  # fmt: skip


#: What a case that would fare alike says of itself in a list: nothing.
_ALIKE: Mapping[str, Any] = {
    "limit": (None, None), "due": (None, None), "auto": (None, None), "handled_at": None,
    "returned": None, "sent_to": None,
}  # fmt: skip
