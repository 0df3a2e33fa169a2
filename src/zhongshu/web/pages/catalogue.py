"""The catalogue in the workshop: looked at, changed in drafts, compared, put in force."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from zhongshu.core.access import Actor, NotFound, Permission
from zhongshu.core.cases import Filter
from zhongshu.core.catalogue import Category, Layer, PhotoRule
from zhongshu.core.catalogue_table import (
    ROW_REFUSALS,
    RowReject,
    cells_of,
    condition_cells,
    fingerprint,
    read_one,
)
from zhongshu.core.catalogue_versions import (
    VERSION_ACTS,
    CatalogueFact,
    ChangeKind,
    VersionAct,
    VersionState,
)
from zhongshu.core.values import Lang, Refused
from zhongshu.flow import catalogue as flow
from zhongshu.link import sheets
from zhongshu.store import accounts, cases, city_facts
from zhongshu.store.db import Tx
from zhongshu.web.api.catalogue import brought, hand
from zhongshu.web.forms import day, file, number, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, page, said
from zhongshu.web.problems import problem
from zhongshu.web.wordbook import WORDS

router = APIRouter(include_in_schema=False, prefix="/workshop/catalogue")
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
#: So many empty conditions stand below those a category has.
BLANK = 2
#: And so many an editor reads at most.
MOST = 60
HISTORY = 50


@router.get("")
def catalogue(request: Request, hub: TheHub, actor: Reader, version: str = "") -> Response:
    """List the categories of a version (the one in force where none is named)."""
    query = dict(request.query_params)
    with hub.db.seeing(actor.sight) as tx:
        chosen = number(version, "version") if version else hub.city().catalogue.version
        if not chosen:
            return page(request, "catalogue.html", _nothing(query))
        listed = flow.one(tx, chosen, today=hand(hub, actor).today)
        found = flow.content(tx, chosen)
        open_ = cases.count_by(tx, "category", actor.sight, Filter(open_only=True))
        waiting = [x for x in flow.listing(tx, today=hand(hub, actor).today) if x.state in (VersionState.DRAFT, VersionState.SCHEDULED)]  # fmt: skip
    shown = [c for c in found.categories if _wanted(c, query)]
    return page(
        request, "catalogue.html",
        {
            "listed": listed, "categories": shown, "total": len(found.categories), "asked": query,
            "majors": _majors(found.categories), "layers": list(Layer), "waiting": waiting,
            "open_counts": _by_code(hub, open_), **_can(listed, actor), **_days(hub, actor),
        },
    )  # fmt: skip


def _nothing(query: Mapping[str, str]) -> dict[str, Any]:
    return {"listed": None, "categories": (), "total": 0, "asked": query, "majors": {}, "layers": list(Layer), "waiting": (), "open_counts": {}, "can": (), "today": "", "tomorrow": ""}  # fmt: skip


def _wanted(category: Category, query: Mapping[str, str]) -> bool:
    text = query.get("text", "").strip().lower()
    spoken = (
        category.code, category.name.zh, category.name.en, category.unit_type, *category.keywords,
        *(words for c in category.conditions for words in (c.text.zh, c.text.en)),
    )  # fmt: skip
    return (
        query.get("layer", "") in ("", category.layer)
        and query.get("major", "") in ("", category.code[:4])
        and (not text or any(text in words.lower() for words in spoken))
    )


def _majors(categories: Sequence[Category]) -> dict[str, Any]:
    return {c.code[:4]: c.major for c in categories}


def _by_code(hub: Hub, counts: Mapping[Any, int]) -> dict[str, int]:
    """Return open cases by the code their category has today."""
    city, found = hub.city(), dict[str, int]()
    for category, n in counts.items():
        if category is not None:
            code = city.code_now(category)
            found[code] = found.get(code, 0) + n
    return found


@router.get("/versions")
def versions(request: Request, hub: TheHub, actor: Reader, before: str = "") -> Response:
    """List the versions, and what was changed by whom."""
    with hub.db.transaction() as tx:
        found = flow.listing(tx, today=hand(hub, actor).today)
        facts = city_facts.browse(
            tx,
            kind="catalogue:",
            before=number(before, "version") if before else None,
            limit=HISTORY + 1,
        )
        names = accounts.names(tx, sorted({f.account for f in facts if f.account is not None}))
    return page(
        request, "catalogue_versions.html",
        {
            "versions": found, "acts": VERSION_ACTS, "Act": VersionAct, "facts": facts[:HISTORY],
            "names": names, "next": facts[HISTORY - 1].id if len(facts) > HISTORY else None,
            **_days(hub, actor),
        },
    )  # fmt: skip


@router.post("/drafts")
async def copy(request: Request, hub: TheHub, actor: Writer) -> Response:
    """Begin a draft with all that stands in a version."""
    sent = await request.form()
    number = await asyncio.to_thread(_copied, hub, actor, text(sent, "source"), text(sent, "name"))  # fmt: skip
    return _to(number)


def _copied(hub: Hub, actor: Actor, source: str, name: str) -> int:
    with hub.db.transaction() as tx:
        return flow.copy(tx, hand(hub, actor), number(source, "version"), name[:200])


@router.get("/upload")
def upload_form(request: Request, _: Writer) -> Response:
    return page(request, "catalogue_upload.html", {"account": None, "problem": None, "columns": "", "rejects": ()})  # fmt: skip


@router.post("/upload")
async def upload(request: Request, hub: TheHub, actor: Writer) -> Response:
    """Make a draft of a file, and show the account of its rows."""
    sent = await request.form()
    columns, lang = text(sent, "columns"), language(request)
    try:
        account = await asyncio.to_thread(
            brought, hub, actor, *await file(sent), text(sent, "name"), columns
        )
    except Refused as refusal:
        view = {"account": None, "problem": problem(refusal, lang), "columns": columns, "rejects": ()}  # fmt: skip
        return page(request, "catalogue_upload.html", view, status=refusal.status)
    rejects = [{"row": r.row, **_spoken(r, lang)} for r in account.reading.rejects]
    view = {"account": account, "problem": None, "columns": columns, "rejects": rejects}
    return page(request, "catalogue_upload.html", view)


@router.get("/{version}/rejects.csv")
def rejects(request: Request, hub: TheHub, _: Reader, version: int) -> Response:
    """Return the rows of a version's file that were refused, with their reasons."""
    lang = language(request)
    with hub.db.transaction() as tx:
        facts = city_facts.browse(tx, kind=CatalogueFact.IMPORTED, limit=1000)
    found = next((f for f in facts if f.says.get("version") == version), None)
    if found is None:
        raise NotFound("version", version)
    rows = [_reject_row(kept, lang) for kept in found.says.get("refused", ())]
    headers = [said(text, lang) for text in ("Row", "Field", "Value", "Reason")]
    return Response(
        sheets.as_csv(headers, rows), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rejects-{version}.csv"'},
    )  # fmt: skip


def _reject_row(kept: Mapping[str, Any], lang: Lang) -> list[str]:
    kind, details = ROW_REFUSALS[kept["why"]], kept["details"]
    reason = f"{said(kind.message, lang) % details} {said(kind.remedy, lang) % details}"
    return [str(kept["row"]), str(details["field"]), str(details["value"] or ""), reason]


@router.get("/{version}/difference")
def difference(request: Request, hub: TheHub, actor: Reader, version: int) -> Response:
    """Show what a version would change of the one in force."""
    with hub.db.transaction() as tx:
        listed = flow.one(tx, version, today=hand(hub, actor).today)
        found = flow.impact(tx, hub.city(), version)
    return page(
        request, "catalogue_difference.html",
        {
            "listed": listed, "impact": found, "ChangeKind": ChangeKind,
            **_can(listed, actor), **_days(hub, actor),
        },
    )  # fmt: skip


@router.post("/{version}/in-force")
async def enact(request: Request, hub: TheHub, actor: Writer, version: int) -> Response:
    """Let a version be in force from the day chosen."""
    begins = day("valid_from", text(await request.form(), "valid_from"))
    await asyncio.to_thread(_enacted, hub, actor, version, begins)
    return RedirectResponse("/workshop/catalogue/versions", 303)


def _enacted(hub: Hub, actor: Actor, version: int, begins: date) -> None:
    with hub.db.transaction() as tx:
        flow.enact(tx, hand(hub, actor), version, begins)
    hub.look_again()


@router.post("/{version}/withdraw")
def withdraw(hub: TheHub, actor: Writer, version: int) -> Response:
    """Undo what has not happened yet."""
    with hub.db.transaction() as tx:
        flow.withdraw(tx, hand(hub, actor), version)
    hub.look_again()
    return RedirectResponse("/workshop/catalogue/versions", 303)


# ── one category ─────────────────────────────────────────────────────────────────────


@router.get("/{version}/add")
def add_form(request: Request, hub: TheHub, actor: Writer, version: int) -> Response:
    """Show an empty form for a new category."""
    return _form(request, hub, actor, version, "", {}, [{} for _ in range(BLANK)])


@router.post("/{version}/add")
async def add(request: Request, hub: TheHub, actor: Writer, version: int) -> Response:
    return await _written(request, hub, actor, version, "")


@router.get("/{version}/{code}")
def category(request: Request, hub: TheHub, actor: Reader, version: int, code: str) -> Response:
    """Show a category with its conditions; of a draft, as a form."""
    with hub.db.seeing(actor.sight) as tx:
        found = _category(tx, version, code)
        listed = flow.one(tx, version, today=hand(hub, actor).today)
        replaced = flow.replaced_by(tx, listed.version).get(code, ())
        alike = hub.city().lineage.named(code, exactly=True)
        count = cases.count(tx, actor.sight, Filter(open_only=True, categories=alike)) if alike else 0  # fmt: skip
    if VersionAct.EDIT in _can(listed, actor)["can"]:
        cells = {**cells_of(found), "replaces": ";".join(replaced), "seen": fingerprint(found)}
        blocks = [condition_cells(c) for c in found.conditions] + [{} for _ in range(BLANK)]
        return _form(request, hub, actor, version, code, cells, blocks)
    return page(
        request, "catalogue_category.html",
        {
            "listed": listed, "category": found, "replaced": replaced, "count": count,
            **_can(listed, actor),
        },
    )  # fmt: skip


@router.post("/{version}/{code}")
async def save(
    request: Request, hub: TheHub, actor: Writer, version: int, code: str
) -> Response:  # fmt: skip
    """Write a category of a draft; what cannot be read comes back with all that was typed."""
    return await _written(request, hub, actor, version, code)


@router.post("/{version}/{code}/use")
async def use(request: Request, hub: TheHub, actor: Writer, version: int, code: str) -> Response:
    """Retire a category of a draft, or take it back into use."""
    active = text(await request.form(), "active") == "yes"
    await asyncio.to_thread(_used, hub, actor, version, code, active=active)
    return _to(version, code)


def _used(hub: Hub, actor: Actor, version: int, code: str, *, active: bool) -> None:
    with hub.db.transaction() as tx:
        flow.use(tx, hand(hub, actor), version, code, active=active)


@router.post("/{version}/{code}/remove")
def remove(hub: TheHub, actor: Writer, version: int, code: str) -> Response:
    """Take a category out of a draft."""
    with hub.db.transaction() as tx:
        flow.remove(tx, hand(hub, actor), version, code)
    return _to(version)


async def _written(request: Request, hub: Hub, actor: Actor, version: int, was: str) -> Response:
    sent, lang = await request.form(), language(request)
    cells = {name: text(sent, name) for name in (*_HEAD, "replaces", "seen")}
    blocks = _blocks(sent)
    kept = [(n, block) for n, block in enumerate(blocks, start=1) if _says(block)]
    made, rejects = read_one({**_head(cells), **block} for _, block in kept)
    problems = [_spoken(r, lang, n=kept[r.row - 1][0] if kept else 1) for r in rejects]
    if made is not None:
        try:
            await asyncio.to_thread(_saved, hub, actor, version, was, made, cells)
        except Refused as refusal:
            problems = [_worded(type(refusal), refusal.details, lang)]
        else:
            return _to(version, made.code)
    return _form(request, hub, actor, version, was, cells, blocks, problems)


def _saved(
    hub: Hub, actor: Actor, version: int, was: str, made: Category, cells: Mapping[str, str]
) -> None:
    replaces = [code.strip() for code in cells["replaces"].replace("；", ";").split(";")]
    with hub.db.transaction() as tx:
        flow.put(
            tx, hand(hub, actor), version, made, was=was, replaces=[c for c in replaces if c],
            seen=cells["seen"],
        )  # fmt: skip


_HEAD = ("code", "major_zh", "major_en", "name_zh", "name_en", "unit_type", "keywords", "active")
_BLOCK = ("condition_zh", "condition_en", "limit", "hazard", "closing_zh", "closing_en", "photo_rule")  # fmt: skip


def _head(cells: Mapping[str, str]) -> dict[str, str]:
    return {**{name: cells[name] for name in _HEAD}, "active": cells["active"] or "yes"}


def _blocks(sent: FormData) -> list[dict[str, str]]:
    """Return the conditions of a form as typed, but for those marked to go."""
    numbers = range(1, min(MOST, int(text(sent, "blocks") or 0)) + 1)
    return [
        {
            **{name: text(sent, f"{name}-{n}") for name in _BLOCK},
            "hazard": "yes" if sent.get(f"hazard-{n}") else "no",
        }
        for n in numbers
        if not sent.get(f"drop-{n}")
    ]


def _says(block: Mapping[str, str]) -> bool:
    """Say whether a condition was begun at all."""
    return any(block[name] for name in _BLOCK if name not in ("hazard", "photo_rule"))


def _form(
    request: Request, hub: Hub, actor: Actor, version: int, was: str, cells: Mapping[str, str],
    blocks: Sequence[Mapping[str, str]], problems: Sequence[Mapping[str, Any]] = (),
) -> Response:  # fmt: skip
    with hub.db.transaction() as tx:
        listed = flow.one(tx, version, today=hand(hub, actor).today)
    return page(
        request, "catalogue_edit.html",
        {
            "listed": listed, "was": was, "cells": cells, "blocks": blocks, "problems": problems,
            "wrong": {p["key"] for p in problems}, "photos": list(PhotoRule),
            **_can(listed, actor),
        },
        status=422 if problems else 200,
    )  # fmt: skip


def _category(tx: Tx, version: int, code: str) -> Category:
    found = flow.content(tx, version).by_code(code)
    if found is None:
        raise NotFound("category", code)
    return found


def _spoken(reject: RowReject, lang: Lang, *, n: int | None = None) -> dict[str, Any]:
    return _worded(type(reject.refusal), reject.refusal.details, lang, n=n)


def _worded(
    kind: type[Refused], details: Mapping[str, Any], lang: Lang, *, n: int | None = None
) -> dict[str, Any]:
    """Return a refusal with its field in the words of the page, and which input it is about."""
    field = str(details["field"])
    label = said(WORDS["column"].get(field, field), lang)
    of_condition = n is not None and field in _BLOCK
    if of_condition:
        label = said("%(field)s of condition %(n)s", lang) % {"field": label, "n": n}
    worded = {**details, "field": label}
    return {
        "key": f"{field}-{n}" if of_condition else field, "title": said(kind.message, lang) % worded,
        "remedy": said(kind.remedy, lang) % worded if kind.remedy else "", "field": label,
        "value": details.get("value"),
    }  # fmt: skip


def _can(listed: flow.Listed, actor: Actor) -> dict[str, Any]:
    """Return what may be done to a version, by this actor."""
    may = actor.may(Permission.CITY_WRITE)
    return {"can": [a for a in VersionAct if may and (listed.state, a) in VERSION_ACTS]}


def _days(hub: Hub, actor: Actor) -> dict[str, str]:
    today = hand(hub, actor).today
    return {"today": today.isoformat(), "tomorrow": (today + timedelta(days=1)).isoformat()}


def _to(version: int, code: str = "") -> Response:
    path = f"/workshop/catalogue/{version}/{code}" if code else f"/workshop/catalogue?version={version}"  # fmt: skip
    return RedirectResponse(path, 303)
