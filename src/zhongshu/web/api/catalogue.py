"""Versions of the catalogue: read, brought in, edited as drafts, put in force from a day."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.catalogue_table import HEADERS, RowReject, fingerprint, read_one, rows_of
from zhongshu.flow import catalogue as flow
from zhongshu.link import sheets
from zhongshu.store import accounts, city_facts
from zhongshu.web.api.city import category_json
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["catalogue"])
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]

MIME = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


class Words(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(extra="forbid")

    zh: str = ""
    en: str = ""


class ConditionIn(Words):
    """A filing condition; `limit` as in 2uh, 3ud, 4wh, 5wd or 5工作日."""

    limit: str = ""
    hazard: bool = False
    closing: Words = Words()
    photos: str = ""


class CategoryIn(Words):
    """A category of a draft. `code` renumbers it; `replaces` are codes of the version before;
    `seen` is the fingerprint it was read with.
    """

    code: str = ""
    major: Words = Words()
    unit_type: str = ""
    keywords: list[str] = []
    active: bool = True
    conditions: list[ConditionIn]
    replaces: list[str] = []
    seen: str = ""


class DraftIn(BaseModel):
    """A draft: a copy of a version, or made of rows as a table has them."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    copy_of: int | None = None
    rows: list[dict[str, str | None]] = []
    columns: dict[str, str] = {}


class EnactIn(BaseModel):
    """The first day a version is in force."""

    model_config = ConfigDict(extra="forbid")

    valid_from: date


def hand(hub: Hub, actor: Actor) -> flow.Hand:
    """Return who changes the city's data, and when."""
    at = hub.clock()
    return flow.Hand(account=actor.account, at=at, today=at.astimezone(hub.city().zone).date())


@router.get("/catalogues")
def catalogues(hub: TheHub, actor: Reader) -> list[dict[str, Any]]:
    """List the versions of the catalogue, the newest first, and where each stands."""
    with hub.db.transaction() as tx:
        found = flow.listing(tx, today=hand(hub, actor).today)
    return [_listed(one) for one in found]


@router.get("/catalogues/changes")
def changes(hub: TheHub, _: Reader, before: int | None = None) -> dict[str, Any]:
    """List what was changed, by whom and when, the newest first, a hundred at a time."""
    with hub.db.transaction() as tx:
        found = city_facts.browse(tx, kind="catalogue:", before=before, limit=101)
        names = accounts.names(tx, sorted({f.account for f in found if f.account is not None}))
    shown = found[:100]
    return {
        "changes": [
            {"id": f.id, "at": f.at, "by": names.get(f.account) if f.account else None,
             "kind": f.kind, "says": f.says}
            for f in shown
        ],
        "next": shown[-1].id if len(found) > 100 else None,
    }  # fmt: skip


@router.get("/catalogues/{version}")
def catalogue(version: int, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return all that stands in a version."""
    with hub.db.transaction() as tx:
        listed = flow.one(tx, version, today=hand(hub, actor).today)
        found = flow.content(tx, version)
        replaced = flow.replaced_by(tx, listed.version)
    return {
        **_listed(listed),
        "categories": [
            {
                **category_json(c), "keywords": c.keywords, "fingerprint": fingerprint(c),
                "replaces": replaced.get(c.code, ()),
            }
            for c in found.categories
        ],
    }  # fmt: skip


@router.get("/catalogues/{version}/table.{kind}")
def table(version: int, kind: str, hub: TheHub, _: Reader, lang: str = "zh") -> Response:
    """Return a version as a workbook or CSV, one row for each condition; it can be imported again."""
    if kind not in MIME:
        raise BadField("kind", kind, why="one of: xlsx, csv")
    with hub.db.transaction() as tx:
        found = flow.content(tx, version)
    headers = list(HEADERS.values() if lang == "zh" else HEADERS)
    rows = [list(row.values()) for row in rows_of(found.categories)]
    data = sheets.as_csv(headers, rows) if kind == "csv" else sheets.as_xlsx(found.name, headers, rows)  # fmt: skip
    said = {"Content-Disposition": f'attachment; filename="catalogue-{version}.{kind}"'}
    return Response(data, media_type=MIME[kind], headers=said)


@router.get("/catalogues/{version}/difference")
def difference(version: int, hub: TheHub, _: Reader) -> dict[str, Any]:
    """Return what a version would change of the one in force: added, removed, changed field by
    field; and the codes that would lead nowhere, with what still hangs on them.
    """
    with hub.db.transaction() as tx:
        found = flow.impact(tx, hub.city(), version)
    return {
        "from": hub.city().catalogue.version, "to": version,
        "changes": [
            {
                "kind": c.kind, "code": c.category.code, "zh": c.category.name.zh,
                "en": c.category.name.en,
                "fields": [
                    {"field": f.field, "condition": f.n, "kind": f.kind, "was": f.was, "now": f.now}
                    for f in c.fields
                ],
            }
            for c in found.changes
        ],
        "lost": [
            {"code": x.category.code, "zh": x.category.name.zh, "en": x.category.name.en,
             "open_cases": x.open_cases, "rules": x.rules}
            for x in found.lost
        ],
    }  # fmt: skip


@router.post("/catalogues", status_code=201)
def add(body: DraftIn, hub: TheHub, actor: Writer) -> dict[str, Any]:
    """Make a draft: a copy of a version, or of rows; rows that cannot be read are named."""
    with hub.db.transaction() as tx:
        if body.copy_of is not None:
            number = flow.copy(tx, hand(hub, actor), body.copy_of, body.name)
            return {"version": number}
        headers = list(body.rows[0]) if body.rows else []
        brought = flow.bring(
            tx, hand(hub, actor), headers, body.rows, name=body.name or "API", columns=body.columns
        )
    return account(brought)


@router.post("/catalogues/file", status_code=201)
async def upload(
    hub: TheHub, actor: Writer, file: UploadFile, name: Annotated[str, Form()] = "",
    columns: Annotated[str, Form()] = "",
) -> dict[str, Any]:  # fmt: skip
    """Make a draft of a file: Excel, CSV or Parquet. `columns` are lines such as code=小类代码."""
    return account(await asyncio.to_thread(brought, hub, actor, file.filename or "", await file.read(), name, columns))  # fmt: skip


def brought(
    hub: Hub, actor: Actor, filename: str, data: bytes, name: str, columns: str
) -> flow.Brought:
    """Make a draft of a file that was sent."""
    sheet = sheets.read(filename, data)
    lines = columns.replace(",", "\n").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    named = {field.strip(): header.strip() for field, header in pairs}
    with hub.db.transaction() as tx:
        return flow.bring(
            tx, hand(hub, actor), sheet.headers, sheet.rows,
            name=name.strip()[:200] or filename.rsplit(".", 1)[0][:200], columns=named,
        )  # fmt: skip


def account(brought: flow.Brought) -> dict[str, Any]:
    """Return the account of a table's rows: read = taken + refused, each refused one named."""
    read = brought.reading
    return {
        "version": brought.version, "read": read.read, "taken": read.taken,
        "refused": len(read.rejects), "categories": brought.categories,
        "conditions": brought.conditions, "rejects": [_reject(reject) for reject in read.rejects],
    }  # fmt: skip


@router.put("/catalogues/{version}/categories/{code}")
def put(
    version: int, code: str, body: CategoryIn, hub: TheHub, actor: Writer
) -> dict[str, Any]:  # fmt: skip
    """Write a category of a draft: the one with this code, or a new one where it has none."""
    category, rejects = read_one(_rows(body, code))
    if category is None:
        raise _within(rejects[0])
    with hub.db.transaction() as tx:
        was = code if flow.content(tx, version).by_code(code) else ""
        flow.put(
            tx, hand(hub, actor), version, category, was=was, replaces=body.replaces, seen=body.seen
        )
    return {**category_json(category), "fingerprint": fingerprint(category)}


@router.delete("/catalogues/{version}/categories/{code}", status_code=204)
def remove(version: int, code: str, hub: TheHub, actor: Writer) -> Response:
    """Take a category out of a draft."""
    with hub.db.transaction() as tx:
        flow.remove(tx, hand(hub, actor), version, code)
    return Response(status_code=204)


@router.post("/catalogues/{version}/in-force")
def enact(version: int, body: EnactIn, hub: TheHub, actor: Writer) -> dict[str, Any]:
    """Let a draft (or a former version again) be in force from a day."""
    with hub.db.transaction() as tx:
        state = flow.enact(tx, hand(hub, actor), version, body.valid_from)
    hub.look_again()
    return {"version": version, "state": state, "valid_from": body.valid_from}


@router.post("/catalogues/{version}/withdraw")
def withdraw(version: int, hub: TheHub, actor: Writer) -> dict[str, Any]:
    """Undo what has not happened: a version that waits for its day is a draft again, a draft is set aside."""
    with hub.db.transaction() as tx:
        state = flow.withdraw(tx, hand(hub, actor), version)
    hub.look_again()
    return {"version": version, "state": state}


def _listed(one: flow.Listed) -> dict[str, Any]:
    version = one.version
    return {
        "version": version.number, "name": version.name, "state": one.state,
        "valid_from": one.since, "based_on": version.based_on,
        "categories_count": version.categories, "conditions_count": version.conditions,
    }  # fmt: skip


def _reject(reject: RowReject) -> dict[str, Any]:
    return {"row": reject.row, "field": reject.field, "value": reject.value, "reason": reject.reason}  # fmt: skip


def _rows(body: CategoryIn, code: str) -> list[dict[str, str]]:
    """Return what was sent as rows of a table: one home for what is readable."""
    return [
        {
            "code": body.code or code, "major_zh": body.major.zh, "major_en": body.major.en,
            "name_zh": body.zh, "name_en": body.en, "unit_type": body.unit_type,
            "keywords": ";".join(body.keywords), "active": "yes" if body.active else "no",
            "condition_zh": c.zh, "condition_en": c.en, "limit": c.limit,
            "hazard": "yes" if c.hazard else "no", "closing_zh": c.closing.zh,
            "closing_en": c.closing.en, "photo_rule": c.photos,
        }
        for c in body.conditions
    ]  # fmt: skip


def _within(reject: RowReject) -> Exception:
    """Return a refusal that says in which condition its field stands."""
    kind, details = type(reject.refusal), dict(reject.refusal.details)
    field, value = details.pop("field"), details.pop("value")
    return kind(f"conditions[{reject.row}].{field}", value, **details)
