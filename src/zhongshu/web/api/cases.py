"""Cases: lists that page by key, counts that are exact, and acts that say when they may be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import NEEDS_REASON, Act, Case, Filter, Key, Order, Outcome
from zhongshu.core.cases.evidence import step_with
from zhongshu.core.place import Datum, Point, to_wgs84
from zhongshu.core.values import ReportId
from zhongshu.flow import acts, browse, same, things
from zhongshu.flow.bulk import through
from zhongshu.flow.city import City
from zhongshu.flow.once import once
from zhongshu.store import cases as store
from zhongshu.store import facts as ledger
from zhongshu.store.db import Tx
from zhongshu.web import columns, sheets, wanted
from zhongshu.web import workbook as workbooks
from zhongshu.web.again import RetryKey, sent
from zhongshu.web.answer import answer
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, said
from zhongshu.web.problems import BadField
from zhongshu.web.shots import PhotoIn, shots

router = APIRouter(tags=["cases"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
Exporter = Annotated[Actor, Depends(Needs(Permission.EXPORT))]

#: Which fields an act reads, for programs that draw their own buttons.
FIELDS: dict[Act, tuple[str, ...]] = {
    Act.LOCATE: ("lon", "lat", "datum", "address", "asset"),
    Act.CLASSIFY: ("category", "condition", "asset"), Act.FILE: ("category", "condition", "asset"),
    Act.DISPATCH: ("unit", "condition"), Act.HANDLE: ("outcome", "note"), Act.MERGE: ("into",),
    Act.LINK: ("into",), Act.SPLIT: ("report",), Act.RATE: ("solved", "satisfied"),
    Act.NOTE: ("note",), Act.RETURN: ("clause", "cause"),
}  # fmt: skip


class ActIn(BaseModel):
    """What comes with an act; `version` refuses it (409) when the case has moved on. `done_at`
    is when it was done by a device that had no net; photos come with the act or not at all.
    `asset` is the code of the thing the case is about; `-` says that it is about none.
    """

    model_config = ConfigDict(extra="forbid")

    reason: str = ""
    clause: str = ""
    cause: str = ""
    note: str = ""
    version: int | None = None
    done_at: AwareDatetime | None = None
    photos: list[PhotoIn] = []
    unit: str | None = None
    category: str | None = None
    condition: int | None = None
    lon: float | None = None
    lat: float | None = None
    datum: str = "wgs84"
    address: str = ""
    outcome: str | None = None
    into: str | None = None
    report: str | None = None
    asset: str | None = None


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


def with_acts(
    found: Case, actor: Actor, city: City, *, parts_open: bool = False
) -> dict[str, Any]:  # fmt: skip
    return {
        **browse.as_json(found, city),
        "acts": [
            {
                "act": act, "href": f"/api/v1/cases/{found.number}/acts/{act.value}",
                "fields": [*FIELDS.get(act, ()), *(("reason",) if act in NEEDS_REASON else ())],
            }
            for act in browse.acts_for(found, actor, parts_open=parts_open)
        ],
    }  # fmt: skip


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


@router.post("/cases/{number}/acts/{act}", response_model=dict[str, Any])
def do(
    number: str, act: str, body: ActIn, actor: Reader, hub: TheHub, idempotency_key: RetryKey = None
) -> Response:
    """Do one act; the answer is the case after it, with the acts that may follow. The same
    `Idempotency-Key` with the same body is answered as the first time, and not done again.
    """
    try:
        what = Act(act)
    except ValueError:
        raise BadField("act", act, why=f"one of: {', '.join(Act)}") from None
    city, now = hub.city(), hub.clock()
    form = replace(form_of(body, city), photos=shots(body.photos, step=step_with(what)))
    with hub.db.seeing(actor.sight) as tx:

        def act_once() -> dict[str, Any]:
            after = done(tx, hub, actor, number, what, form)
            return with_acts(after, actor, city, parts_open=acts.parts_open(tx, after))

        told = once(
            tx, actor.account, idempotency_key, sent(number, act, body), at=now, do=act_once
        )
    return answer(told)


def done(tx: Tx, hub: Hub, actor: Actor, number: str, what: Act, form: acts.Form) -> Case:
    """Do one act to a case in sight, through the post that allows it; return the case after."""
    # An act of two cases locks both, in an order of its own; both have to be in sight.
    alone = what not in {*acts.OF_TWO, Act.UNMERGE}
    found = browse.case(tx, actor.sight, number, lock=alone)
    if what in acts.OF_TWO and form.into is not None:
        browse.seen(tx, actor.sight, form.into)
    return acts.act(
        tx, hub.city(), found if alone else found.id, what, by=through(actor, what, found),
        at=hub.clock(), form=form,
    )  # fmt: skip


def form_of(body: ActIn, city: City) -> acts.Form:
    """Turn what was sent into what the flow reads."""
    unit = city.unit_codes.get(body.unit) if body.unit else None
    if body.unit and unit is None:
        raise BadField("unit", body.unit, why="no unit has this code; see /api/v1/units")
    return acts.Form(
        reason=body.reason[:2000],
        clause=body.clause[:300],
        cause=body.cause,
        note=body.note[:2000],
        version=body.version,
        done_at=body.done_at,
        unit=unit.id if unit else None,
        category=body.category or None,
        condition=body.condition,
        place=_place(body),
        address=body.address[:300],
        outcome=_outcome(body.outcome),
        into=browse.number_id(body.into) if body.into else None,
        report=_report(body.report),
        asset=None if not body.asset else "" if body.asset == "-" else body.asset.strip()[:60],
    )


def _place(body: ActIn) -> Point | None:
    if body.lon is None and body.lat is None:
        return None
    if body.lon is None or body.lat is None:
        raise BadField("lon" if body.lon is None else "lat", None, why="a place needs both")
    try:
        datum = Datum(body.datum)
    except ValueError:
        raise BadField("datum", body.datum, why=f"one of: {', '.join(Datum)}") from None
    return to_wgs84(Point(body.lon, body.lat), datum)


def _outcome(text: str | None) -> Outcome | None:
    try:
        return Outcome(text) if text else None
    except ValueError:
        raise BadField("outcome", text, why=f"one of: {', '.join(Outcome)}") from None


def _report(text: str | None) -> ReportId | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadField("report", text, why="the number of a report of this case")
    return ReportId(int(text))
