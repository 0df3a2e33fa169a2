"""Versions of the grid: drafts brought in and drawn, tried on open cases, in force from a day."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from shapely.geometry.base import BaseGeometry

from zhongshu.core.access import Actor, Permission
from zhongshu.core.grid import Columns
from zhongshu.core.place import Point
from zhongshu.core.values import Name, Refused
from zhongshu.flow import grid as flow
from zhongshu.flow import griddraw as draw
from zhongshu.flow.city import City
from zhongshu.flow.grid import Layer
from zhongshu.flow.gridtrial import Trial, Turn, tried
from zhongshu.store import grid as store
from zhongshu.store.db import Tx
from zhongshu.store.grid import Version
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, hand_of
from zhongshu.web.problems import BadField

router = APIRouter(tags=["grid"], prefix="/grid/versions")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]

Pair = tuple[float, float]


class DraftIn(BaseModel):
    """A new draft; with `features` it holds what of them differs from today."""

    title: str
    kind: str = Field(examples=["grid"])
    features: dict[str, Any] | None = Field(None, description="a GeoJSON FeatureCollection")
    crs: str = Field("", description="wgs84, cgcs2000, gcj02, bd09 or an EPSG code")
    code: str = "code"
    name_zh: str = ""
    name_en: str = ""
    parent: str = ""
    whole: bool = Field(default=False, description="what the file leaves out ends")


class EditIn(BaseModel):
    """One change of a draft. Places are longitude, latitude."""

    act: Literal["split", "merge", "move", "corner", "draw", "end", "rename", "restore"]
    code: str = Field("", description="the area split, drawn, ended, renamed or restored")
    codes: list[str] = Field([], description="merge: the areas; split: codes of the new parts")
    line: list[Pair] = Field([], description="split: the line; draw: the outline")
    at: Pair | None = Field(None, description="move, corner: the corner, or a place on a border")
    to: Pair | None = Field(None, description="move: where it goes")
    snap_m: float = Field(0.0, ge=0, le=100, description="move: to a corner within so many metres")
    name_zh: str = ""
    name_en: str = ""
    seen: int | None = Field(None, description="the draft's version as it was last seen")


class DayIn(BaseModel):
    day: date
    seen: int | None = None


@router.get("")
def versions(hub: TheHub, _: Reader) -> list[dict[str, Any]]:
    """List versions of the grid, the newest first."""
    with hub.db.transaction() as tx:
        return [version_said(v) for v in store.listing(tx)]


@router.post("", status_code=201)
def make(hub: TheHub, actor: Writer, sent: DraftIn) -> dict[str, Any]:
    """Begin a draft, empty or of a GeoJSON FeatureCollection."""
    hand, city = hand_of(hub, decides(actor)), hub.city()
    with hub.db.transaction() as tx:
        if sent.features is None:
            number = flow.make(tx, city, hand, title=sent.title, kind=sent.kind)
        else:
            columns = Columns(code=sent.code, name_zh=sent.name_zh, name_en=sent.name_en, parent=sent.parent)  # fmt: skip
            number = flow.brought(
                tx, city, hand, sent.features, title=sent.title, kind=sent.kind, crs=sent.crs,
                columns=columns, whole=sent.whole,
            )  # fmt: skip
        return version_said(flow.get(tx, number))


@router.get("/{version}")
def one(hub: TheHub, _: Reader, version: int) -> dict[str, Any]:
    """Return a version: what it changes, and how well the areas tile those above."""
    with hub.db.transaction() as tx:
        found, there = opened(tx, hub.city(), version)
    return {
        **version_said(found), "account": found.account,
        "changes": [
            {"code": d.code, "zh": d.name.zh, "en": d.name.en, "kind": d.kind, "was_m2": round(d.was_m2), "shall_m2": round(d.shall_m2), "moved_m2": round(d.moved_m2)}
            for d in flow.differences(there)
        ],
        "covers": [
            {"parent": area.code, "overlap_m2": round(c.overlap_m2), "gap_m2": round(c.gap_m2), "outside_m2": round(c.outside_m2)}
            for area, c in flow.covers(there)
        ],
    }  # fmt: skip


@router.get("/{version}/areas.geojson")
def areas(hub: TheHub, _: Reader, version: int) -> Response:
    """Return the level as the version would have it, and what ends with it."""
    with hub.db.transaction() as tx:
        _found, there = opened(tx, hub.city(), version)
    shown = [feature(there, code, shape) for code, shape in there.shapes().items()]
    shown += [
        feature(there, code, area.shape)
        for code, area in there.now.items()
        if code not in there.shall and area.shape is not None
    ]
    body = {"type": "FeatureCollection", "features": shown}
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/geo+json")


@router.post("/{version}/edits")
def edit(hub: TheHub, actor: Writer, version: int, sent: EditIn) -> dict[str, Any]:
    """Change a draft; corners that areas share move together."""
    with hub.db.transaction() as tx:
        codes = edited(tx, hub.city(), decides(actor), version, sent)
        found, there = opened(tx, hub.city(), version)
    shapes = there.shapes()
    return {
        "version": found.version, "changed": codes,
        "features": [feature(there, code, shapes[code]) for code in codes if code in shapes],
    }  # fmt: skip


@router.post("/{version}/set")
def set_(hub: TheHub, actor: Writer, version: int, sent: DayIn) -> dict[str, Any]:
    """Let a draft be in force from a day on."""
    with hub.db.transaction() as tx:
        flow.enact(tx, hub.city(), hand_of(hub, decides(actor)), version, sent.day, seen=sent.seen)
        found = flow.get(tx, version)
    hub.look_again()
    return version_said(found)


@router.post("/{version}/withdraw")
def withdraw(hub: TheHub, actor: Writer, version: int) -> dict[str, Any]:
    """Take a version back before its day."""
    with hub.db.transaction() as tx:
        flow.withdraw(tx, hand_of(hub, decides(actor)), version)
        found = flow.get(tx, version)
    hub.look_again()
    return version_said(found)


@router.post("/{version}/back", status_code=201)
def back(hub: TheHub, actor: Writer, version: int) -> dict[str, Any]:
    """Make a draft that puts back what a version in force changed."""
    with hub.db.transaction() as tx:
        number = flow.back(tx, hub.city(), hand_of(hub, decides(actor)), version)
        return version_said(flow.get(tx, number))


@router.post("/{version}/drop")
def drop(hub: TheHub, actor: Writer, version: int) -> dict[str, Any]:
    """Put a draft away."""
    with hub.db.transaction() as tx:
        flow.drop(tx, hand_of(hub, decides(actor)), version)
        return version_said(flow.get(tx, version))


@router.get("/{version}/trial")
def trial(request: Request, hub: TheHub, actor: Writer, version: int) -> dict[str, Any]:
    """Say which open cases would lie in another cell, go to another unit or be another post's."""
    decides(actor)
    city = hub.city()
    with hub.db.transaction() as tx:
        _version, there = opened(tx, city, version)
        found = tried(tx, city, there, now=hub.clock())
    return {
        "looked_at": found.looked_at, "cut_off": found.cut_off, "cell": len(found.cell),
        "unit": len(found.unit), "post": len(found.post),
        "cases": [turn_said(t, city) for t in wanted_turns(found, request.query_params.get("which", ""))],
    }  # fmt: skip


# ── read alike by page and API ───────────────────────────────────────────────────────


def wanted_turns(found: Trial, which: str) -> Sequence[Turn]:
    """Return the cases of a trial that are wanted: all, or those of one kind of change."""
    if which not in ("", "cell", "unit", "post"):
        raise BadField("which", which, why="one of: cell, unit, post")
    return {"": found.turns, "cell": found.cell, "unit": found.unit, "post": found.post}[which]


def turn_said(turn: Turn, city: City) -> dict[str, Any]:
    """Return a case of a trial as tables and the API say it."""
    return {
        "number": turn.case.number, "stage": turn.case.stage.value,
        "cell": turn.was.code if turn.was else "", "cell_then": turn.shall.code if turn.shall else "",
        "unit": city.code_of(turn.unit), "unit_then": city.code_of(turn.unit_shall),
        "posts": [str(p.id) for p in turn.posts], "posts_then": [str(p.id) for p in turn.posts_shall],
    }  # fmt: skip


def version_said(v: Version) -> dict[str, Any]:
    return {
        "id": v.id, "title": v.title, "kind": v.kind, "state": v.state, "starts_on": v.starts_on,
        "made_at": v.made_at, "version": v.version, "areas": v.areas,
    }  # fmt: skip


def opened(tx: Tx, city: City, version: int) -> tuple[Version, Layer]:
    """Return a version and its level."""
    found = flow.get(tx, version)
    return found, flow.layer(city, found, store.changes(tx, version))


def feature(there: Layer, code: str, shape: BaseGeometry) -> dict[str, Any]:
    """Return an area of a version as GeoJSON, with how the version changes it."""
    c, name = there.changes.get(code), (there.shall.get(code) or there.now[code]).name
    state = "same" if c is None else "ended" if c.gone else "changed" if code in there.now else "added"  # fmt: skip
    return {
        "type": "Feature", "properties": {"code": code, "zh": name.zh, "en": name.en, "state": state},
        "geometry": json.loads(shapely.to_geojson(shape)),
    }  # fmt: skip


def edited(tx: Tx, city: City, actor: Actor, version: int, sent: EditIn) -> list[str]:
    """Change a draft; return the codes of the areas that changed."""
    decides(actor)
    flow.editing_of(tx, version, seen=sent.seen)
    _, there = opened(tx, city, version)
    return _EDITS[sent.act](tx, there, version, sent)


def _split(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    return [sent.code, *draw.split(tx, there, version, sent.code, _places(sent.line), sent.codes)]


def _merge(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    if len(set(sent.codes)) < 2:
        raise TooFewAreas("codes", ", ".join(sent.codes))
    return [draw.merge(tx, there, version, sent.codes), *sent.codes[1:]]


def _move(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    at, to = _place("at", sent.at), _place("to", sent.to)
    return list(draw.move(tx, there, version, at, to, snap_m=sent.snap_m))


def _corner(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    return list(draw.remove_corner(tx, there, version, _place("at", sent.at)))


def _draw(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    name = Name(sent.name_zh, sent.name_en or ("" if sent.name_zh else sent.code or "?"))
    draw.draw(tx, there, version, code=sent.code, name=name, outline=_places(sent.line))
    return [sent.code]


def _end(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    draw.end(tx, there, version, sent.code)
    return [sent.code]


def _rename(tx: Tx, there: Layer, version: int, sent: EditIn) -> list[str]:
    if not (sent.name_zh or sent.name_en):
        raise BadField("name_zh", "", why="a name in one language at least")
    draw.rename(tx, there, version, sent.code, Name(sent.name_zh, sent.name_en))
    return [sent.code]


def _restore(tx: Tx, _: Layer, version: int, sent: EditIn) -> list[str]:
    draw.restore(tx, version, sent.code)
    return [sent.code]


class TooFewAreas(Refused):
    message = "“%(value)s” are not two areas."
    remedy = "Choose two or more neighbours to join."


_EDITS: Mapping[str, Callable[[Tx, Layer, int, EditIn], list[str]]] = {
    "split": _split, "merge": _merge, "move": _move, "corner": _corner, "draw": _draw,
    "end": _end, "rename": _rename, "restore": _restore,
}  # fmt: skip


def _places(line: Sequence[Pair]) -> list[Point]:
    return [Point(*pair) for pair in line]


def _place(field: str, pair: Pair | None) -> Point:
    if pair is None:
        raise BadField(field, "", why="longitude,latitude")
    return Point(*pair)
