"""The grid in the workshop: versions, drafts brought in and drawn, tried on the open cases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.grid import Columns, editing
from zhongshu.core.place import Datum
from zhongshu.core.values import Refused
from zhongshu.flow import grid as flow
from zhongshu.flow.gridtrial import tried
from zhongshu.link import geofiles
from zhongshu.store import accounts
from zhongshu.store import grid as store
from zhongshu.web import sheets
from zhongshu.web.api.grid import (
    EditIn,
    Pair,
    edited,
    opened,
    turn_said,
    wanted_turns,
)
from zhongshu.web.forms import Sent, day, file, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, hand_of, writes
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page
from zhongshu.web.plan import plan
from zhongshu.web.problems import BadField, problem

router = APIRouter(include_in_schema=False, prefix="/workshop/grid")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
#: So many areas and corners are listed in a form; more are found by their code.
MOST = 300
SHOWN = 200
#: What a column with the code, the names or the parent is often called.
USUAL: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "CODE", "id", "ID", "编码", "代码", "网格编码", "BGCODE", "adcode"),
    "name_zh": ("name_zh", "name", "NAME", "名称", "网格名称", "BGNAME"),
    "name_en": ("name_en", "NAME_EN"),
    "parent": ("parent", "parent_code", "上级编码", "PARENT"),
}


@router.get("")
def versions(request: Request, hub: TheHub, actor: Reader) -> Response:
    """List the levels as they stand, and the versions."""
    return _versions(request, hub, actor)


def _versions(
    request: Request, hub: Hub, actor: Actor, refusal: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    city = hub.city()
    with hub.db.transaction() as tx:
        found = store.listing(tx)
        names = accounts.names(tx, sorted({v.made_by for v in found if v.made_by is not None}))
    levels = [
        (level, areas, sum(a.shape is not None for a in areas))
        for level in city.levels
        for areas in (city.tree.of_kind(level.kind),)
    ]
    return page(
        request, "grid.html",
        {
            "levels": levels, "versions": found, "names": names, "writes": writes(actor),
            "datums": list(Datum), "typed": typed or {}, "today": city.day,
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/drafts")
def make(hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Begin a draft that changes nothing yet."""
    with hub.db.transaction() as tx:
        number = flow.make(tx, hub.city(), hand_of(hub, decides(actor)), title=text(sent, "title"), kind=text(sent, "kind"))  # fmt: skip
    return _to(number)


@router.post("/import")
async def bring(request: Request, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Make a draft of a file; nothing is in force before a day is set."""
    typed = {n: text(sent, n) for n in ("title", "kind", "crs", "epsg", "code", "name_zh", "name_en", "parent", "whole")}  # fmt: skip
    try:
        number = await asyncio.to_thread(_brought, hub, actor, *await file(sent), typed)
    except Refused as refusal:
        if refusal.status == 403:
            raise
        return await asyncio.to_thread(_versions, request, hub, actor, refusal, typed)
    return _to(number, "#brought")


def _brought(hub: Hub, actor: Actor, name: str, data: bytes, typed: Mapping[str, str]) -> int:
    decides(actor)
    features = geofiles.read(name, data)
    there = geofiles.columns(features)
    chosen = {
        field: typed[field] or next((c for c in usual if c in there), "")
        for field, usual in USUAL.items()
    }
    if not chosen["code"]:
        raise NoCode("code", ", ".join(there))
    crs = typed["epsg"] or typed["crs"]
    if not crs:
        raise NoDatum("crs")
    with hub.db.transaction() as tx:
        return flow.brought(
            tx, hub.city(), hand_of(hub, actor), features, title=typed["title"] or name,
            kind=typed["kind"], crs=crs, whole=bool(typed["whole"]), columns=Columns(**chosen),
        )  # fmt: skip


class NoCode(Refused):
    message = "No column holds the codes of the areas; the file has: %(value)s."
    remedy = "Name the column with the code."


class NoDatum(Refused):
    message = "The datum of the file was not said."
    remedy = "Ask whoever made the file; a wrong guess moves every border by hundreds of metres."


@router.get("/{version}")
def version(request: Request, hub: TheHub, actor: Reader, version: int) -> Response:
    """Show a version: the map, what it changes, how it tiles, and what can be done."""
    return _version(request, hub, actor, version)


def _version(
    request: Request, hub: Hub, actor: Actor, version: int, *, refusal: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    city = hub.city()
    with hub.db.transaction() as tx:
        found, there = opened(tx, city, version)
        names = accounts.names(tx, [found.made_by] if found.made_by else [])
    wanted = request.query_params.get("area", "")
    chosen = there.shall.get(wanted)
    sought = request.query_params.get("text", "").strip().lower()
    listed = [d for code, d in sorted(there.shall.items()) if not sought or sought in f"{code} {d.name.zh} {d.name.en}".lower()]  # fmt: skip
    near = [a for a in city.tree if a.kind == found.kind and a.code in there.changes]
    may = writes(actor)
    return page(
        request, "grid_version.html",
        {
            "found": found, "there": there, "differences": flow.differences(there)[:SHOWN],
            "covers": flow.covers(there)[:50], "author": names.get(found.made_by or 0, ""),
            "edits": may and found.state == "draft", "writes": may, "chosen": chosen,
            "corners": editing.corners(chosen.shape)[:MOST] if chosen and chosen.shape is not None else [],
            "listed": listed[:MOST], "count": len(listed), "sought": sought, "typed": typed or {},
            "plan": plan(near), "begun": found.starts_on is not None and found.starts_on <= city.day,
            "today": city.day.isoformat(),
            "problem": problem(refusal, language(request)) if refusal else None,
        },
        status=refusal.status if refusal else 200,
    )  # fmt: skip


@router.post("/{version}/edits")
def edit(request: Request, hub: TheHub, actor: Writer, version: int, sent: Sent) -> Response:
    """Change a draft by a form; what is refused comes back with what was typed."""
    typed = {name: text(sent, name) for name in sent}
    try:
        wanted = EditIn(
            act=cast("Any", _act(typed.get("act", ""))), code=typed.get("code", ""),
            codes=[str(c).strip() for many in sent.getlist("codes") for c in str(many).replace(",", " ").split()],
            line=_line("line", typed.get("line", "")), at=_one("at", typed.get("at", "")),
            to=_one("to", typed.get("to", "")), snap_m=2.0 if typed.get("snap") else 0.0,
            name_zh=typed.get("name_zh", ""), name_en=typed.get("name_en", ""),
            seen=int(typed["seen"]) if typed.get("seen", "").isdigit() else None,
        )  # fmt: skip
        with hub.db.transaction() as tx:
            changed = edited(tx, hub.city(), decides(actor), version, wanted)
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        return _version(request, hub, actor, version, refusal=refusal, typed=typed)
    keep = changed[0] if wanted.act in ("split", "merge", "move", "corner", "draw", "rename") else ""  # fmt: skip
    area = wanted.code if wanted.act in ("move", "corner") and wanted.code else keep
    return _to(version, f"?area={area}#edit" if area else "#edit")


def _act(said: str) -> str:
    if said not in EditIn.model_fields["act"].annotation.__args__:  # type: ignore[union-attr]
        raise NotFound("act", said)
    return said


@router.get("/{version}/trial")
def trial(request: Request, hub: TheHub, actor: Writer, version: int) -> Response:
    """Show the open cases that would lie in another cell, go to another unit or be another post's."""
    decides(actor)
    city, which = hub.city(), request.query_params.get("which", "")
    with hub.db.transaction() as tx:
        found, there = opened(tx, city, version)
        trial_ = tried(tx, city, there, now=hub.clock())
    return page(
        request, "grid_trial.html",
        {
            "found": found, "trial": trial_, "which": which, "count": len(wanted_turns(trial_, which)),
            "turns": wanted_turns(trial_, which)[:SHOWN],
        },
    )  # fmt: skip


@router.get("/{version}/trial.csv")
def trial_csv(request: Request, hub: TheHub, actor: Writer, version: int) -> StreamingResponse:
    """Stream the cases of the trial as a file."""
    decides(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        _, there = opened(tx, city, version)
        found = tried(tx, city, there, now=hub.clock())
    turns = wanted_turns(found, request.query_params.get("which", ""))
    columns = ("number", "stage", "cell", "cell_then", "unit", "unit_then", "posts", "posts_then")
    return sheets.download(f"grid-{version}.csv", (turn_said(t, city) for t in turns), columns)


@router.post("/{version}/{what}")
def act(request: Request, hub: TheHub, actor: Writer, version: int, what: str, sent: Sent) -> Response:  # fmt: skip
    """Set a day, withdraw, put away, pick up, or make a draft of how it was before."""
    hand, goes = hand_of(hub, decides(actor)), version
    try:
        with hub.db.transaction() as tx:
            match what:
                case "set":
                    seen = text(sent, "seen")
                    flow.enact(
                        tx, hub.city(), hand, version, day("day", text(sent, "day")),
                        seen=int(seen) if seen.isdigit() else None,
                    )  # fmt: skip
                case "withdraw":
                    flow.withdraw(tx, hand, version)
                case "drop":
                    flow.drop(tx, hand, version)
                case "again":
                    flow.pick_up(tx, hand, version)
                case "back":
                    goes = flow.back(tx, hub.city(), hand, version)
                case _:
                    raise NotFound("act", what)
    except Refused as refusal:
        if refusal.status in (403, 404):
            raise
        return _version(request, hub, actor, version, refusal=refusal)
    hub.look_again()
    return _to(goes)


def _to(version: int, more: str = "") -> Response:
    return RedirectResponse(f"/workshop/grid/{version}{more}", 303)


def _line(field: str, said: str) -> list[Pair]:
    """Read places written as longitude,latitude with blanks between them."""
    return [_pair(field, part) for part in said.replace("，", ",").replace(";", " ").split()]


def _one(field: str, said: str) -> Pair | None:
    places: Sequence[Pair] = _line(field, said)
    if len(places) > 1:
        raise BadField(field, said, why="one place: longitude,latitude")
    return places[0] if places else None


def _pair(field: str, part: str) -> Pair:
    try:
        lon, lat = part.split(",")
        return float(lon), float(lat)
    except ValueError:
        raise BadField(field, part, why="longitude,latitude, such as 113.62,34.75") from None
