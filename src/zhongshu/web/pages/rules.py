"""The workshop's rules: duty catalogue, limits, calendar, as they are and as a draft changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.datastructures import FormData

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.cases.matching import BOUNDS
from zhongshu.core.dispatch import RANKS, DutyRule, Lead
from zhongshu.core.proposals import (
    STAGES,
    Change,
    Subject,
    UnknownSubject,
    at_work,
    present,
    rule_said,
)
from zhongshu.core.values import Refused
from zhongshu.flow import proposals, same, whatif
from zhongshu.flow.city import City
from zhongshu.store import pasts
from zhongshu.store import proposals as store
from zhongshu.web import rulewords, sheets
from zhongshu.web.forms import Sent, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, writes
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False, prefix="/workshop/rules")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]
PAGE = 100
WHICH = ("", "never", "auto", "idle", "timed", "owner")


# ── looking ──────────────────────────────────────────────────────────────────────────


@router.get("")
def catalogue(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the duty catalogue, and how often each rule fired last month."""
    query, city = dict(request.query_params), hub.city()
    since, until = whatif.last_month(city, hub.clock())
    rows = _rows(hub, city, actor, query)
    start = _start(query)
    kept = {name: text for name, text in query.items() if name != "start" and text}
    return page(
        request, "rules.html",
        {
            "rows": rows[start : start + PAGE], "count": len(rows), "start": start, "PAGE": PAGE,
            "asked": query, "kept": kept, "since": since, "until": until, "writes": writes(actor),
            "idle": _idle(city, on=proposals.today(city, hub.clock())),
            "ranks": RANKS, **lists(city),
        },
    )  # fmt: skip


@router.get("/rules.csv")
def catalogue_csv(request: Request, hub: TheHub, actor: Exporter) -> StreamingResponse:
    """Stream the duty catalogue, filtered likewise."""
    rows = _rows(hub, hub.city(), actor, dict(request.query_params))
    return sheets.download(
        "duty-rules.csv",
        (
            {
                "rule": row["rule"].number,
                **{k: v if isinstance(v, str | list) and k != "hours" else str(v or "") for k, v in row["said"].items()},
                "fired_last_month": row["fired"],
            }
            for row in rows
        ),
    )  # fmt: skip


def _idle(city: City, *, on: date) -> list[DutyRule]:
    """Return the rules in force whose unit is no longer at work, each once."""
    known = proposals.directory(city)
    return [r for r in proposals.rule_set(city, on=on).duty if not at_work(r, known)]


def _rows(hub: Hub, city: City, actor: Actor, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rules in force that are wanted, in the order a pick goes through them."""
    since, until = whatif.last_month(city, hub.clock())
    begin, end = whatif.period(city, since, until)
    with hub.db.seeing(actor.sight) as tx:
        fired = pasts.fired(tx, actor.sight, since=begin, until=end)
    counts: dict[int, int] = {}
    for rule in city.written_rules:
        counts[rule.number] = counts.get(rule.number, 0) + fired.get(rule.id, 0)
    known, day = proposals.directory(city), proposals.today(city, hub.clock())
    duty = [(rule, known.read(rule)) for rule in proposals.rule_set(city, on=day).duty]
    duty.sort(key=lambda pair: min(now.rank for now in pair[1]))
    rows = [
        {
            "rule": rule, "said": rule_said(rule, known), "fired": counts[rule.number],
            "idle": not at_work(rule, known), "codes": [now.category for now in read],
        }
        for rule, read in duty
    ]  # fmt: skip
    return [row for row in rows if _wanted(row, query, city)]


def _wanted(row: Mapping[str, Any], query: Mapping[str, str], city: City) -> bool:
    rule: DutyRule = row["rule"]
    said: Mapping[str, Any] = row["said"]
    category, unit, which = (query.get(name, "").strip() for name in ("category", "unit", "which"))
    text, area = query.get("text", "").strip().lower(), query.get("area", "").strip()
    if which not in WHICH:
        raise BadField("which", which, why=f"one of: {', '.join(filter(None, WHICH))}")
    span = city.tree.named(area) if area else None
    if area and span is None:
        raise BadField("area", area, why="no area has this code; see /api/v1/areas")
    return (
        # What touches the category: the rules of it, and those of all it belongs to.
        any(code.startswith(category) or category.startswith(code) for code in row["codes"])
        and (not unit or unit in (said["unit"], said["owner"], *said["co_units"], *said["forbidden"]))
        and (span is None or rule.area is None or span.span.holds(rule.area) or rule.area.holds(span.span))
        and (not text or text in rule.clause.lower() or text == str(rule.number))
        and (which != "never" or not row["fired"])
        and (which != "auto" or rule.auto)
        and (which != "idle" or row["idle"])
        and (which != "timed" or bool(rule.hours))
        and (which != "owner" or rule.by_owner)
    )  # fmt: skip


def _start(query: Mapping[str, str]) -> int:
    text = query.get("start", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


@router.get("/fired/{line}")
def fired(line: int, request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the cases that a rule, in any of its versions, dispatched last month."""
    city = hub.city()
    versions = [rule.id for rule in city.written_rules if rule.number == line]
    if not versions:
        raise NotFound("rule", str(line))
    since, until = whatif.last_month(city, hub.clock())
    begin, end = whatif.period(city, since, until)
    with hub.db.seeing(actor.sight) as tx:
        found = pasts.fired_on(tx, actor.sight, versions, since=begin, until=end)
    return page(
        request, "rules_fired.html",
        {"line": line, "found": found, "since": since, "until": until, "writes": writes(actor)},
    )  # fmt: skip


@router.get("/limits")
def limits(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the limits of categories and of stages."""
    city, text = hub.city(), request.query_params.get("text", "").strip().lower()
    found = [
        c
        for c in city.catalogue.categories
        if c.active and (not text or text in f"{c.code} {c.name.zh} {c.name.en}".lower())
    ]
    return page(
        request, "rules_limits.html",
        {
            "categories": found, "text": text, "writes": writes(actor),
            "stages": [(kind, city.keeper.limits[kind]) for kind in STAGES],
        },
    )  # fmt: skip


@router.get("/calendar")
def calendar(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show work hours, the days that are not as the week says, and what is the same matter."""
    city, lang = hub.city(), language(request)
    today = proposals.today(city, hub.clock())
    rules = proposals.rule_set(city, on=today)
    hours = [
        (city.unit_codes.get(code), {n: rulewords.value(n, v, city, lang) for n, v in said.items()})
        for code, said in sorted(rules.hours.items())
    ]
    return page(
        request, "rules_calendar.html",
        {
            "hours": hours, "writes": writes(actor),
            "same": [
                (key, same.called(city, key), rule, key in rules.same)
                for key, rule in sorted(city.same.rules.items())
            ],
            "categories": [c for c in city.catalogue.categories if c.active],
            "own": set(rules.hours), "units": [u for u in city.units.values() if u.active],
            "days": [(day, *said) for day, said in rules.days.items() if day >= today - timedelta(days=60)],
            "weekday": lambda day: rulewords.weekdays([day.weekday()], lang),
        },
    )  # fmt: skip


@router.get("/history")
def history(request: Request, _: Reader) -> Response:
    """Lead to the one list of changes."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/workshop/history{query}", 303)


# ── changing, into a draft ───────────────────────────────────────────────────────────


@router.get("/change")
def change(request: Request, hub: TheHub, actor: Writer) -> Response:
    """Show the form of one change; nothing is changed but a draft."""
    query = request.query_params
    draft = number(query.get("proposal", ""))
    return _form(
        request, hub, decides(actor), subject_of(query.get("subject", "")), query.get("key", ""), draft
    )  # fmt: skip


@router.post("/change")
def changed(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Put a change into a draft, the one chosen or a new one; show the draft."""
    subject, key = subject_of(text(sent, "subject")), text(sent, "key")
    chosen = number(text(sent, "proposal"))
    by, at, city = decides(actor).account, hub.clock(), hub.city()
    now: dict[str, Any] | None = None
    try:
        if not text(sent, "gone"):
            now = _READ[subject](sent)
        with hub.db.transaction() as tx:
            if not chosen:
                title = text(sent, "title")
                chosen = proposals.make(tx, title=title, by=by, at=at)
            if subject is Subject.RULE and now is not None:
                now = {**_base(city, proposals.get(tx, chosen), subject, key, at), **now}
            proposals.put(
                tx, city, chosen, [Change(subject=subject, key=key, now=now)], at=at
            )  # fmt: skip
    except Refused as refusal:
        if refusal.status != 422:
            raise
        draft = number(text(sent, "proposal"))
        return _form(request, hub, actor, subject, key, draft, refusal=refusal, entered=now, sent=sent)  # fmt: skip
    return RedirectResponse(f"/workshop/rules/proposals/{chosen}", 303)


def _form(
    request: Request, hub: Hub, actor: Actor, subject: Subject, key: str, draft: int, *,
    refusal: Refused | None = None, entered: Mapping[str, Any] | None = None,
    sent: FormData | None = None,
) -> Response:  # fmt: skip
    city, at, lang = hub.city(), hub.clock(), language(request)
    with hub.db.transaction() as tx:
        drafts = [kept for kept in store.listing(tx) if kept.state == "draft"]
        kept = proposals.get(tx, draft) if draft else None
    rules, known = proposals.rule_set(city, on=proposals.today(city, at)), proposals.directory(city)
    was = present(rules, known, subject, key) if key or subject in _CITYWIDE else None
    base = _base(city, kept, subject, key, at)
    about = Change(subject=subject, key=key or "new-1", was=was, now={**base, **(entered or {})})
    if subject in _CITYWIDE:
        about = Change(subject=subject, key=key, was=was, now={**base, **(entered or {})})
    return page(
        request, "rules_change.html",
        {
            "subject": subject, "key": key, "was": was, "shall": about.now, "draft": draft,
            "drafts": drafts, "about": rulewords.title(about, city, lang) if key or was else "",
            "told": rulewords.told(about, city, lang) if was is not None else None,
            "title_given": text(sent, "title") if sent is not None else "",
            "writes": writes(actor), "leads": list(Lead),
            "problem": problem(refusal, lang) if refusal is not None else None,
            **lists(city),
        },
        status=refusal.status if refusal is not None else 200,
    )  # fmt: skip


#: Subjects that have a value for the whole city under an empty key.
_CITYWIDE = frozenset({Subject.HOURS, Subject.SAME})


def _base(
    city: City, kept: store.Kept | None, subject: Subject, key: str, at: datetime
) -> dict[str, Any]:
    """Return what the form begins with: what the draft says already, or how it stands."""
    made = proposals.changes_of(kept).find(subject, key) if kept is not None else None
    if made is not None and made.now is not None:
        return dict(made.now)
    rules = proposals.rule_set(city, on=proposals.today(city, at))
    stands = None if subject is Subject.DAY and not key else present(
        rules, proposals.directory(city), subject, key
    )  # fmt: skip
    if stands is None and subject is Subject.HOURS:
        stands = rules.hours[""]
    if stands is None and subject is Subject.SAME:
        stands = asdict(city.same.of(key))
    return dict(stands or {})


def _rule(sent: FormData) -> dict[str, Any]:
    """Read the fields of the form of a rule."""
    hours: list[dict[str, Any]] = []
    for n in range(20):
        days = [int(day) for day in _many(sent, f"days{n}") if day.isdigit()]
        start, end = text(sent, f"start{n}"), text(sent, f"end{n}")
        if days or start or end:
            hours.append({"days": days, "start": start, "end": end})
    priority = text(sent, "priority") or "0"
    try:
        number = int(priority[:9])
    except ValueError:
        raise BadField("priority", priority, why="a whole number") from None
    lead = text(sent, "lead") or Lead.UNIT.value
    return {
        "lead": lead, "unit": text(sent, "unit") if lead == Lead.UNIT else "",
        "category": text(sent, "category").split(" ")[0],
        "area": text(sent, "area").split(" ")[0], "owner": text(sent, "owner"), "hours": hours,
        "co_units": _many(sent, "co_units"), "forbidden": _many(sent, "forbidden"),
        "clause": text(sent, "clause"), "priority": number, "auto": bool(text(sent, "auto")),
        "valid_until": text(sent, "valid_until") or None,
    }  # fmt: skip


def _hours(sent: FormData) -> dict[str, Any]:
    periods = [
        [edge.strip() for edge in period.replace("–", "-").split("-")]
        for period in text(sent, "periods").replace("，", ",").split(",")
        if period.strip()
    ]
    return {
        "periods": periods, "days_off": [int(d) for d in _many(sent, "days_off") if d.isdigit()],
        "holidays_too": bool(text(sent, "holidays_too")),
    }  # fmt: skip


def _day(sent: FormData) -> dict[str, Any] | None:
    kind = text(sent, "kind")
    return {"kind": kind, "name": text(sent, "name")} if kind else None


def _same(sent: FormData) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in BOUNDS:
        written = text(sent, part)
        if not written:
            continue
        try:
            found[part] = float(written)
        except ValueError:
            raise BadField(part, written, why="a number") from None
    return {**found, "joins": text(sent, "joins") != "no"}


def _limit(sent: FormData) -> dict[str, Any]:
    return {"limit": text(sent, "limit")}


_READ: Mapping[Subject, Any] = {
    Subject.RULE: _rule, Subject.LIMIT: _limit, Subject.STAGE: _limit, Subject.HOURS: _hours,
    Subject.DAY: _day, Subject.SAME: _same,
}  # fmt: skip


def _many(sent: FormData, name: str) -> list[str]:
    return [str(one) for one in cast("Sequence[object]", sent.getlist(name)) if str(one)]


def subject_of(text: str) -> Subject:
    try:
        return Subject(text)
    except ValueError:
        raise UnknownSubject("subject", text, choices=", ".join(Subject)) from None


def number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def lists(city: City) -> dict[str, Any]:
    """Return what a form of rules offers to choose from."""
    kinds = [level.kind for level in city.levels if not level.overlay]
    return {
        "categories": [c for c in city.catalogue.categories if c.active],
        "units": [u for u in city.units.values() if u.active],
        "areas": [a for kind in kinds[:4] for a in city.tree.of_kind(kind)][:400],
    }


def day_of(text: str, field: str, otherwise: date) -> date:
    """Read a day of a form; empty means the other."""
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadField(field, text, why="write it as 2026-12-31") from None
