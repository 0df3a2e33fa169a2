"""The live screen: one look at the whole city, now or at any past moment, each number with its cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter
from zhongshu.core.grid import Area
from zhongshu.core.indicators import Measured, Period
from zhongshu.core.presets import Preset
from zhongshu.core.values import AreaId, CaseId
from zhongshu.flow import browse, presets, screen
from zhongshu.flow.city import City
from zhongshu.flow.screen import STAGES, Screen, State
from zhongshu.store import accounts, facts, moments, playback
from zhongshu.store.db import Tx
from zhongshu.store.moments import Stood
from zhongshu.web import wanted
from zhongshu.web.api.playback import asked, drawn, moment_of
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.plan import plan
from zhongshu.web.problems import BadField
from zhongshu.web.sheets import download

router = APIRouter(include_in_schema=False)
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]
PAGE = 100
#: What the feed tells.
KINDS = (
    "case:reported", "case:joined", "case:filed", "case:dispatched", "case:accepted", "case:handled",
    "case:passed", "case:failed", "case:closed", "case:returned", "case:reopened", "case:overdue",
    "case:rejected", "case:merged",
)  # fmt: skip
#: How long a bar of the histogram may be, in seconds; the first that makes few enough is taken.
BARS = (3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
MOST_BARS = 170
#: How many areas the plan has room for.
MOST_PLANNED = 120
#: How far back the feed looks.
RECENT = timedelta(hours=3)
#: From how many open cases on the finest cells have each colour; fixed, for a scale that moves
#: with the numbers would lie.
FEW = (1, 2, 3, 5)


@router.get("/wall")
def wall(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the screen: now, or with `at` a past moment."""
    city, levels = hub.city(), drawn(hub.city())
    return page(
        request, "wall.html",
        {
            **_view(request, hub, actor), "levels": levels, "kiosk": "kiosk" in request.query_params,
            "level_names": {x.kind: x.name.said(language(request)) for x in city.levels},
            "classes": _classes(city),
        },
    )  # fmt: skip


@router.get("/wall/tiles")
def tiles(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show the numbers alone; the screen fetches them anew every few seconds."""
    return page(request, "wall_parts.html", _view(request, hub, actor))


@router.get("/wall/area/{code}")
def area(code: str, request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show one area: how its cases stand, and whom to call, by post."""
    city, now = hub.city(), hub.clock()
    found = city.tree.named(code)
    if found is None:
        raise BadField("area", code, why="no area has this code; see /api/v1/areas")
    at = moment_of(request.query_params, city, now=now)
    with hub.db.seeing(actor.sight) as tx:
        stood = (moments.standing if at else moments.standing_now)(tx, actor.sight, at=at or now)
        chain = city.tree.chain(found.id)
        posts = accounts.posts_on(tx, city.tree.versions(a.id for a in chain), None, now=now)
    known = city.tree.by_id
    inside = [
        s for s in stood
        if s.area is not None and s.area in known and found.span.holds(known[s.area].span)
    ]  # fmt: skip
    counts = {state: screen.counted(state, inside) for state in State}
    return page(
        request, "wall_area.html",
        {
            "area": found, "chain": chain, "counts": counts, "at": at, "link": _linker(at),
            "posts": [(known[p.area], p) for p in posts if p.phone and p.area in known],  # type: ignore[index]
        },
    )  # fmt: skip


@router.get("/wall/cases")
def stood(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show exactly the cases behind a number of a moment, as they stood then."""
    query, city = dict(request.query_params), hub.city()
    found, at, state = _stood(query, hub, actor, city, limit=PAGE + 1)
    kept = {k: v for k, v in query.items() if k in ("at", "state", "area", "category")}
    return page(
        request, "wall_cases.html",
        {
            "shown": found[:PAGE], "at": at, "state": state, "words": urlencode(kept),
            "area": city.tree.named(query.get("area", "")),
            "next": urlencode({**kept, "after": found[PAGE - 1].id}) if len(found) > PAGE else "",
        },
    )  # fmt: skip


@router.get("/wall/cases.csv")
def stood_table(request: Request, hub: TheHub, actor: Exporter) -> Response:
    """Return the same as a table, whole."""
    query, city = dict(request.query_params), hub.city()
    _stood(query, hub, actor, city, limit=1)  # what cannot be read is refused before the first line
    return download("cases-then.csv", _lines(query, hub, actor, city), COLUMNS)


@router.get("/wall/case/{case}")
def one(case: int, hub: TheHub, actor: Reader) -> Response:
    """Lead to a case by its identity: what the map knows of it."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.seen(tx, actor.sight, CaseId(case))
    return RedirectResponse(f"/cases/{found.number}", 303)


COLUMNS = ("number", "stage", "late", "category", "title", "area", "unit", "reported_at", "due_at")


def _lines(query: dict[str, str], hub: Hub, actor: Actor, city: City) -> Iterator[dict[str, Any]]:
    known = city.tree.by_id
    while True:
        found, _, _ = _stood(query, hub, actor, city, limit=2000)
        for each in found:
            category = city.names.get(each.category) if each.category is not None else None
            yield {
                "number": each.number, "stage": each.stage, "late": each.late,
                "category": category[0] if category else "", "title": each.title,
                "area": known[each.area].code if each.area is not None and each.area in known else "",
                "unit": city.code_of(each.unit), "reported_at": each.reported_at.isoformat(),
                "due_at": each.due_at and each.due_at.isoformat(),
            }  # fmt: skip
        if len(found) < 2000:
            return
        query = {**query, "after": str(found[-1].id)}


def _stood(
    query: Mapping[str, str], hub: Hub, actor: Actor, city: City, *, limit: int
) -> tuple[list[Stood], datetime, State]:
    """Return the cases a query of a moment means; a word that cannot be read is refused."""
    now, after = hub.clock(), query.get("after", "")
    at = moment_of(query, city, now=now) or now
    try:
        state = State(query.get("state", "") or State.OPEN)
    except ValueError:
        raise BadField("state", query["state"], why=f"one of: {', '.join(State)}") from None
    if after and not (after.isascii() and after.isdigit() and len(after) < 18):
        raise BadField("after", after, why="use the “next” of the page before")
    words = {k: v for k, v in query.items() if k in ("area", "category")}
    with hub.db.seeing(actor.sight) as tx:
        found = moments.page(
            tx, actor.sight, wanted.wanted(words, city, now=now), at=at, stages=STAGES[state],
            late=state is State.OVERDUE, after=CaseId(int(after)) if after else None, limit=limit,
        )  # fmt: skip
    return found, at, state


def _view(request: Request, hub: Hub, actor: Actor) -> dict[str, Any]:
    """Return what the numbers, the plan and the preset show."""
    query, city, now = dict(request.query_params), hub.city(), hub.clock()
    at, shown = moment_of(query, city, now=now), presets.shown(city, query.get("preset", ""))
    period = asked(query, city, now=now)
    seconds = _bar(period)
    # Before the numbers: what happens after it comes to the screen by the stream.
    with hub.db.reading() as connection:
        position = facts.newest(connection)
    with hub.db.seeing(actor.sight) as tx:
        found = screen.look(tx, city, actor.sight, at=at or now, past=at is not None)
        first = _first(tx, city, actor, shown, at or now, past=at is not None)
        recent = moments.happened(
            tx, actor.sight, KINDS, since=(at or now) - RECENT, until=at or now, limit=24
        )
        contacts = accounts.posts_with(tx, [duty.value for duty in shown.duties], now=now)
        names = presets.ticked_by(tx, city)
        bars = playback.per_bucket(
            tx, actor.sight, since=period.start, until=period.until, seconds=seconds
        )
    level = drawn(city)[0]
    return {
        "screen": found, "position": str(position), "at": at, "preset": shown,
        "presets": presets.of(city), "mode": presets.mode(city), "first": first,
        "contacts": contacts, "names": names, "recent": recent,
        "may_switch": actor.sight_for(Permission.CITY_SWITCH).everything,
        "districts": _districts(city, found, level), "link": _linker(at),
        "behind": _behind, "change": _change, "plan": _plan(city, found),
        "chart": _chart(found.hours_filed, found.hours_closed), "period": period,
        "seconds": seconds, "bars": _bars(bars, period, seconds, at, query),
        "most": max(bars, default=0), "steps": _steps(at, period, seconds, now, query),
    }  # fmt: skip


def _first(
    tx: Tx, city: City, actor: Actor, shown: Preset, at: datetime, *, past: bool
) -> dict[str, Any] | None:
    """Return the open cases a preset puts first, those in danger before others."""
    codes = [code for code in shown.categories if city.lineage.named(code)]
    if not codes:
        return None
    chosen = Filter(categories=frozenset().union(*(city.lineage.named(c) for c in codes)))
    found = moments.foremost(tx, actor.sight, chosen, at=at, past=past, limit=8)
    stood = (moments.standing if past else moments.standing_now)(tx, actor.sight, chosen, at=at)
    words = {"category": ",".join(codes), **({"at": at.isoformat()} if past else {"open": "1"})}
    return {
        "cases": found, "count": sum(one.count for one in stood),
        "danger": sum(one.count for one in stood if one.hazard),
        "link": ("/wall/cases?" if past else "/desk?") + urlencode(words),
    }  # fmt: skip


def _linker(at: datetime | None) -> Any:
    """Return what makes the address of the cases of a state, now or as they stood."""
    live = {
        State.OPEN: {"open": "1"}, State.IN_HAND: {"stage": "dispatched,in_hand"},
        State.OVERDUE: {"overdue": "1"}, State.WAITING: {"stage": "received,filed,waiting_place"},
    }  # fmt: skip

    def link(state: str, area: str = "") -> str:
        more = {"area": area} if area else {}
        if at is None:
            return f"/desk?{urlencode({**live[State(state)], **more})}"
        return f"/wall/cases?{urlencode({'at': at.isoformat(), 'state': state, **more})}"

    return link


def _behind(found: Screen, code: str, part: str, *, before: bool = False) -> str:
    """Return the address of the cases behind an indicator of the day."""
    off = screen.DAY if before else timedelta()
    start, until = found.today.start - off, found.today.until - off
    said = {"code": code, "part": part, "from": start.isoformat(), "to": until.isoformat()}
    return f"/mirror/cases?{urlencode(said)}"


def _change(now: Measured, before: Measured) -> float | None:
    """Return how many percentage points a rate has moved; None where one of both is none."""
    if now.rate is None or before.rate is None:
        return None
    return 100 * (now.rate - before.rate)


def classes(areas: int, finest: int) -> tuple[int, ...]:
    """Return from how many open cases on each colour of a level begins: for the finest cells
    `FEW`, for others by how many of those one holds. Nothing of today's numbers is in it.
    """
    per = max(1, round(0.25 * finest / areas)) if areas else 1
    return FEW if per == 1 else (1, 2 * per, 4 * per, 8 * per)


def _classes(city: City) -> dict[str, tuple[int, ...]]:
    levels = {level: len(city.tree.of_kind(level)) for level in drawn(city)}
    return {level: classes(n, max(levels.values())) for level, n in levels.items()}


def _plan(city: City, found: Screen) -> dict[str, Any] | None:
    """Return the map as it is drawn where there is no WebGL: the finest areas a plan has room
    for in their colours, and the coarse ones with their names.
    """
    levels = drawn(city)
    fine = [kind for kind in levels if len(city.tree.of_kind(kind)) <= MOST_PLANNED]
    level = fine[-1] if fine else levels[0]
    coarse, areas = city.tree.of_kind(levels[0]), city.tree.of_kind(level)
    outline = plan(list({a.id: a for a in (*coarse, *areas)}.values()), width=900)
    if outline is None:
        return None
    steps, counts = _classes(city)[level], screen.summed(city.tree, found.by_area, level)
    whole = screen.summed(city.tree, found.by_area, levels[0])
    return {
        "width": outline.width, "height": outline.height, "steps": steps,
        "areas": [
            {
                "area": a, "count": counts.get(a.id, 0), "path": outline.paths[a.id],
                "heat": 1 + sum(counts.get(a.id, 0) >= step for step in steps),
            }
            for a in areas if a.id in outline.paths
        ],
        "coarse": [
            {"area": a, "count": whole.get(a.id, 0), "path": outline.paths[a.id], "spot": outline.spots[a.id]}
            for a in coarse if a.id in outline.paths
        ],
    }  # fmt: skip


def _districts(city: City, found: Screen, level: str) -> list[dict[str, Any]]:
    """Return open cases per area of the coarsest level drawn, the most first."""
    sums: Mapping[AreaId, int] = screen.summed(city.tree, found.by_area, level)
    ranked: list[Area] = sorted(city.tree.of_kind(level), key=lambda a: (-sums.get(a.id, 0), a.code))  # fmt: skip
    most = max(sums.values(), default=1)
    return [
        {"area": area, "count": sums.get(area.id, 0), "share": sums.get(area.id, 0) / most}
        for area in ranked[:12]
    ]


def _bar(period: Period) -> int:
    """Return how many seconds a bar of the histogram has."""
    long = (period.until - period.start).total_seconds()
    return next((one for one in BARS if long / one <= MOST_BARS), BARS[-1])


def _bars(
    counts: list[int], period: Period, seconds: int, at: datetime | None, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the bars of the histogram, in an SVG of 1000 by 60; each leads to its moment."""
    most, wide = max(counts, default=0) or 1, 1000 / (len(counts) or 1)
    bars: list[dict[str, Any]] = []
    for n, count in enumerate(counts):
        start = period.start + timedelta(seconds=n * seconds)
        end = min(start + timedelta(seconds=seconds), period.until)
        bars.append({
            "x": round(n * wide, 2), "w": round(wide * 0.82, 2), "h": round(56 * count / most, 1),
            "count": count, "start": start, "past": at is None or start < at,
            "link": _to(query, period, end),
        })  # fmt: skip
    return bars


def _to(query: Mapping[str, str], period: Period, at: datetime) -> str:
    kept = {k: v for k, v in query.items() if k in ("preset", "speed", "window")}
    said = {"since": period.start.isoformat(timespec="seconds"), "until": period.until.isoformat(timespec="seconds"), "at": at.isoformat(timespec="seconds")}  # fmt: skip
    return f"/wall?{urlencode({**said, **kept})}"


def _steps(
    at: datetime | None, period: Period, seconds: int, now: datetime, query: Mapping[str, str]
) -> dict[str, str]:
    """Return the way to the moment before and the one after, for whoever has no script."""
    here, step = at or min(period.until, now), timedelta(seconds=seconds)
    found = {"before": _to(query, period, max(period.start, here - step))}
    if at is not None and here + step <= period.until:
        found["after"] = _to(query, period, here + step)
    return found


def _chart(filed: Any, closed: Any) -> dict[str, Any]:
    """Return two lines of 24 hours as points of an SVG 240 wide and 60 high."""
    top = max(5, *filed, *closed)

    def line(values: Any) -> str:
        return " ".join(f"{x * 240 / 23:.1f},{58 - 54 * v / top:.1f}" for x, v in enumerate(values))

    return {"filed": line(filed), "closed": line(closed), "top": top}
