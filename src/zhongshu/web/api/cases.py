"""Cases: lists that page by key, counts that are exact, and one case with all about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Case, Filter, Key, Order
from zhongshu.flow import acts, browse, same, things
from zhongshu.flow.city import City
from zhongshu.store import cases as store
from zhongshu.store import facts as ledger
from zhongshu.web import columns, sheets, wanted
from zhongshu.web import workbook as workbooks
from zhongshu.web.answer import answer
from zhongshu.web.api.acts import with_acts
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.look import language, said
from zhongshu.web.problems import BadField

router = APIRouter(tags=["cases"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]


@router.get("/cases", response_model=dict[str, Any])
def cases(request: Request, actor: Reader, hub: TheHub) -> Response:
    """List cases in sight. `count=true` adds the exact number of all pages together."""
    query, city = request.query_params, hub.city()
    asked = wanted.wanted(query, city, now=hub.clock())
    order = wanted.order(query)
    with hub.db.seeing(actor.sight) as tx:
        found = browse.listing(
            tx, actor.sight, asked, order=order, after=wanted.after(query),
            limit=wanted.limit(query),
        )  # fmt: skip
        count = store.count(tx, actor.sight, asked) if query.get("count") == "true" else None
    headers: dict[str, str] = {}
    if found.next is not None:
        link = request.url.include_query_params(after=str(found.next))
        headers["Link"] = f'<{link.path}?{link.query}>; rel="next"'
    return answer(
        {
            "cases": [browse.as_json(case, city) for case in found.cases],
            "next": str(found.next) if found.next else None,
            **({} if count is None else {"count": count}),
        },
        headers=headers,
    )


@router.get("/counts")
def counts(request: Request, actor: Reader, hub: TheHub, by: str = "stage") -> dict[str, Any]:
    """Count the wanted cases by stage, category, unit, area or channel, exactly."""
    if by not in ("stage", "category", "unit", "area", "channel", "outcome"):
        raise BadField("by", by, why="one of: stage, category, unit, area, channel, outcome")
    city = hub.city()
    asked = wanted.wanted(request.query_params, city, now=hub.clock())
    with hub.db.seeing(actor.sight) as tx:
        found = store.count_by(tx, by, actor.sight, asked)  # type: ignore[arg-type] # one of ours
    named: dict[str, int] = {}
    for key, n in found.items():
        # A category of several versions is counted under the code it has today.
        code = _code(by, key, city)
        named[code] = named.get(code, 0) + n
    return {
        "by": by,
        "total": sum(found.values()),
        "counts": dict(sorted(named.items(), key=lambda kv: -kv[1])),
    }


def _code(by: str, key: Any, city: City) -> str:
    """Return the code an outsider knows a thing by."""
    if key is None:
        return ""
    if by == "category":
        return city.code_now(key)
    if by == "unit":
        return city.units[key].code if key in city.units else str(key)
    if by == "area":
        return city.tree.by_id[key].code if key in city.tree.by_id else str(key)
    return str(key)


@router.get("/cases.csv")
def export(request: Request, actor: Exporter, hub: TheHub) -> StreamingResponse:
    """Stream exactly the filtered list as CSV, readable by spreadsheets in Chinese."""
    asked = wanted.wanted(request.query_params, hub.city(), now=hub.clock())
    city = hub.city()
    return sheets.download(
        "cases.csv", (browse.as_json(case, city) for case in _all(actor, asked, hub))
    )


@router.get("/cases.xlsx")
def workbook(request: Request, actor: Exporter, hub: TheHub) -> StreamingResponse:
    """Stream exactly the filtered list as a workbook, with a sheet that says what every column
    means, what was asked for, when and by whom.
    """
    query, city, now, lang = request.query_params, hub.city(), hub.clock(), language(request)
    asked = wanted.wanted(query, city, now=now)
    shown = {name: query[name] for name in (*wanted.WORDS, "order") if query.get(name)}
    with hub.db.seeing(actor.sight) as tx:
        count = store.count(tx, actor.sight, asked)
    return workbooks.download(
        "cases.xlsx", (columns.row(case, city, lang, now) for case in _all(actor, asked, hub)),
        columns.headings(lang), columns.notes(shown, city, actor, lang, now, count),
        titles=(said("Cases", lang), said("What it means", lang)), zone=city.zone,
    )  # fmt: skip


def _all(actor: Actor, asked: Filter, hub: TheHub) -> Iterator[Case]:
    """Yield every wanted case, page by page, so that memory does not grow with the list."""
    after: Key | None = None
    while True:
        with hub.db.seeing(actor.sight) as tx:
            found = browse.listing(
                tx, actor.sight, asked, order=Order.NEWEST, after=after, limit=1000
            )
        yield from found.cases
        if found.next is None:
            return
        after = found.next


@router.get("/cases/{number}", response_model=dict[str, Any])
def case(number: str, actor: Reader, hub: TheHub) -> Response:
    """Return a case with the acts that may be done to it now, and where to send them."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        waits = acts.parts_open(tx, found)
    return answer(with_acts(found, actor, hub.city(), parts_open=waits))


@router.get("/cases/{number}/facts")
def facts(number: str, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Return what happened to a case, in order."""
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        return [
            {"seq": f.seq, "kind": f.kind, "at": f.at, "post": f.by.post, "rule": f.by.rule,
             "sets": f.sets, "says": f.says}
            for f in ledger.of_case(tx, found.id)
        ]  # fmt: skip


@router.get("/cases/{number}/similar")
def similar(number: str, actor: Reader, hub: TheHub) -> list[dict[str, Any]]:
    """Return other open cases that may be the same matter, with the reasons."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        seen = same.similar(tx, city, found, actor.sight)
    return [
        {"case": s.match.case.number, "stage": s.match.case.stage, "title": s.match.case.title,
         "category": city.code(s.match.case) or None, "reports": s.match.case.reports,
         "metres": round(s.match.metres, 1), "hours": round(s.match.hours, 1),
         "likeness": round(s.match.likeness, 2), "shared": s.shared, "class": s.match.tie,
         "alike": round(s.match.alike), "by_rule": s.match.joins,
         "thing": s.thing and {"code": s.thing.code, "same": s.one_thing}}
        for s in seen
    ]  # fmt: skip


@router.get("/cases/{number}/pick")
def pick(number: str, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return the unit the duty rules name, and why."""
    city = hub.city()
    with hub.db.seeing(actor.sight) as tx:
        found = browse.case(tx, actor.sight, number)
        asset = things.of(tx, found)
    work = city.work(found, at=hub.clock(), asset=asset)
    if work is None or work.pick is None:
        return {"unit": None, "reasons": []}
    unit, second = city.units.get(work.pick.unit), work.pick.runner_up
    return {
        "unit": unit and {"code": unit.code, "zh": unit.name.zh, "en": unit.name.en},
        "reasons": work.pick.reasons, "clause": work.pick.rule.clause, "rule": work.pick.rule.id,
        "limit": str(work.limit), "condition": work.says["condition"], "due_at": work.due_at,
        "runner_up": second and city.units[second.unit].code,
    }  # fmt: skip
