"""What every way of reporting at the door shares: what was said, its photos, what is known
already, and the receipt it ends with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from fastapi import Request, UploadFile
from fastapi.responses import RedirectResponse

from zhongshu.core import pictures
from zhongshu.core.access import Actor, Duty, Sight
from zhongshu.core.catalogue import DOOR_GROUPS, danger_in
from zhongshu.core.intake import Channel, Draft, read
from zhongshu.core.values import Refused
from zhongshu.flow import same, waiting
from zhongshu.flow.intake import Receipt
from zhongshu.store import reports, vault
from zhongshu.web.forms import degrees
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, root

MOST_PHOTOS = 3


async def photos(files: Sequence[UploadFile] | None) -> list[pictures.Picture]:
    """Return the photos that were chosen, cleaned; more than a report takes are left out."""
    chosen = [file for file in (files or [])[:MOST_PHOTOS] if file.filename]
    return [await _picture(file) for file in chosen]


async def _picture(file: UploadFile) -> pictures.Picture:
    data = await file.read(pictures.MAX_UPLOAD + 1)
    return await asyncio.to_thread(pictures.clean, data, name=file.filename or "", field="photo")


def draft(request: Request, *, text: str, group: str, lon: str, lat: str, **more: Any) -> Draft:
    """Return what was said at the door as a draft; ``more`` are fields of it."""
    hub: Hub = request.app.state.hub
    return Draft(
        text=text, lon=degrees("lon", lon), lat=degrees("lat", lat), lang=language(request),
        source="web", category=_category(hub, text, group), **more,
    )  # fmt: skip


def likely(
    request: Request, actor: Actor | None, *, text: str, group: str, lon: str, lat: str
) -> list[dict[str, Any]]:
    """Return what is known already at the place of a report that is still being written: what
    is not finished yet is no mistake yet.
    """
    try:
        written = draft(request, text=text or "…", group=group, lon=lon, lat=lat)
        return known(request.app.state.hub, actor, written, group)
    except Refused:
        return []


def known(hub: Hub, actor: Actor | None, draft: Draft, group: str) -> list[dict[str, Any]]:
    """Return what is known already at the place of a draft; for staff, the case too.

    Danger is not to be kept waiting by a question: such a report goes straight in.
    """
    report = read(draft, now=hub.clock())
    city = hub.city()
    if report.place is None or danger_in(report.text) or city.where(report.place) is None:
        return []
    with hub.db.transaction() as tx:
        # Pressed twice: it is sent already, and its receipt is the answer.
        if report.key and reports.known(tx, [(report.source, report.key)]):
            return []
        found = same.known_here(
            tx, city, report.place, at=report.at, text=report.text, code=report.category or "",
            group=_codes(group),
        )  # fmt: skip
    sight = actor.sight if actor is not None else Sight()
    return [
        {
            "is": same.told(m, city),
            "case": m.case
            if sight.covers(area_code=m.case.area_code, unit=m.case.unit, involved=m.case.involved)
            else None,
        }
        for m in found
    ]


def wait(hub: Hub, held: str, photos: list[pictures.Picture]) -> str:
    """Let photos wait while a question is asked; return their key, empty without room."""
    with hub.db.transaction() as tx:
        return waiting.hold(tx, held, photos, at=hub.clock(), random=hub.random)


def channel(actor: Actor | None) -> Channel:
    """Return the door a report comes through: the same form serves the hotline's agents."""
    duties = {h.duty for h in actor.holdings} if actor is not None else set[Duty]()
    return Channel.HOTLINE if Duty.HOTLINE in duties else Channel.WEB


async def received(
    request: Request, receipt: Receipt, photos: list[pictures.Picture], held: str
) -> RedirectResponse:
    """Keep the photos of a report that was taken in, and lead to its receipt."""
    lost = await asyncio.to_thread(_keep, request.app.state.hub, receipt, photos, held)
    tail = "?new=1&lost=1" if lost else "?new=1"
    return RedirectResponse(f"{root(request)}/t/{receipt.code}{tail}", 303)


def _keep(hub: Hub, receipt: Receipt, photos: list[pictures.Picture], held: str) -> bool:
    """Keep the photos of a report; say whether some that waited are gone."""
    if receipt.again or not (photos or held):
        return False
    with hub.db.transaction() as tx:
        for picture in photos:
            vault.add_photo(
                tx, receipt.case, report=receipt.report, step="report", sha256=picture.sha256,
                mime=picture.mime, width=picture.width, height=picture.height, data=picture.data,
                at=hub.clock(),
            )  # fmt: skip
        return bool(held) and not waiting.claim(tx, held, receipt, at=hub.clock())


def _category(hub: Hub, text: str, group: str) -> str | None:
    """Return the category the words name within the group chosen; None leaves it to a person."""
    codes = _codes(group)
    guesses = hub.city().guesses(text) if codes else ()
    return next((g.category.code for g in guesses if g.category.code in codes), None)


def _codes(group: str) -> Collection[str]:
    return next((g.codes for g in DOOR_GROUPS if g.key == group), ())
