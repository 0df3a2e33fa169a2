"""Messages in the workshop: the channels, the log, groups, and by which medium whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from zhongshu.core.access import Actor, Permission
from zhongshu.core.messages import TO_REPORTERS, HookStyle, MessageState, usual_media
from zhongshu.core.texts import Hearer, Medium
from zhongshu.flow import addresses, browse, outbox
from zhongshu.store import cases
from zhongshu.store.messages import MessageFilter
from zhongshu.web import sheets, wanted
from zhongshu.web.api.messages import as_json, before_of, media_of, message_filter
from zhongshu.web.api.messages import media as rows_of_media
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import page
from zhongshu.web.problems import BadField

router = APIRouter(include_in_schema=False)
Keeper = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
MediaIn = Annotated[list[str] | None, Form()]
#: Rows read at once for an export.
CHUNK = 1000


@router.get("/workshop/messages")
def messages(request: Request, hub: TheHub, _: Keeper) -> Response:
    """Show how the channels do, and the log; the filters are in the URL."""
    query, now = dict(request.query_params), hub.clock()
    asked = message_filter(query, hub)
    with hub.db.transaction() as tx:
        channels = outbox.health(tx, hub.outlet, now=now)
        log = outbox.log(tx, asked, before=before_of(query), limit=wanted.limit(query))
    query.pop("before", None)
    return page(
        request, "messages.html",
        {
            "channels": channels, "log": log, "asked": query, "query_text": urlencode(query),
            "states": list(MessageState), "media": list(Medium), "hearers": list(Hearer),
            "styles": list(HookStyle), "there": media_of(hub), "places": _places(hub),
            "demo": bool(hub.city().said.get("demo")),
        },
    )  # fmt: skip


@router.get("/workshop/messages.csv")
def export(request: Request, hub: TheHub, _: Keeper) -> Response:
    """Export the log that the filters show; addresses stay masked."""
    asked = message_filter(request.query_params, hub)
    return sheets.download("messages.csv", _rows(hub, asked), COLUMNS)


COLUMNS = (
    "id", "made_at", "medium", "channel", "hearer", "event", "to", "case", "state", "tries", "due_at",
    "next_at", "sent_at", "error", "bundle",
)  # fmt: skip


def _rows(hub: Hub, asked: MessageFilter) -> Iterator[Mapping[str, Any]]:
    before: int | None = None
    while True:
        with hub.db.transaction() as tx:
            log = outbox.log(tx, asked, before=before, limit=CHUNK)
        yield from (as_json(m, log) for m in log.messages)
        before = log.next
        if before is None:
            return


@router.get("/workshop/messages/media")
def media(request: Request, hub: TheHub, actor: Keeper) -> Response:
    """Show by which media who hears of what."""
    rows = rows_of_media(actor, hub)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        said = row["event"].split(":")[0]
        name = "reporter" if row["audience"] == "reporter" else said if ":" in row["event"] else "case"  # fmt: skip
        usual = TO_REPORTERS[row["event"]] if name == "reporter" else usual_media(row["event"])
        groups.setdefault(name, []).append({**row, "changed": tuple(row["media"]) != tuple(usual)})
    return page(
        request, "messages_media.html",
        {"groups": groups, "media": list(Medium), "there": media_of(hub)},
    )  # fmt: skip


@router.post("/workshop/messages/media")
def change_media(
    hub: TheHub, actor: Keeper, event: Annotated[str, Form()], audience: Annotated[str, Form()],
    on: MediaIn = None, usual: Annotated[str, Form()] = "", group: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Let somebody hear of something by these media, or by what is usual."""
    chosen = None if usual else on or []
    with hub.db.transaction() as tx:
        outbox.set_media(tx, event, audience, chosen, by=actor.account, at=hub.clock())
    hub.look_again()
    shown = urlencode({"group": group})
    return RedirectResponse(f"/workshop/messages/media?{shown}#{audience}-{event}", 303)


@router.post("/workshop/messages/again")
async def again(request: Request, hub: TheHub, _: Keeper) -> Response:
    """Send the ticked messages anew."""
    sent = await request.form()
    ids = [str(value) for value in sent.getlist("id")]
    if not all(one.isascii() and one.isdigit() and len(one) < 19 for one in ids):
        raise BadField("id", ",".join(ids)[:100], why="numbers of messages")
    with hub.db.transaction() as tx:
        addresses.again(tx, [int(one) for one in ids], at=hub.clock())
    return RedirectResponse("/workshop/messages#log", 303)


@router.post("/workshop/messages/try")
def try_channel(hub: TheHub, actor: Keeper, channel: Annotated[str, Form()]) -> Response:
    """Write a message to try a channel."""
    with hub.db.transaction() as tx:
        addresses.try_channel(tx, actor, channel, media_of(hub), random=hub.random, at=hub.clock())
    return RedirectResponse("/workshop/messages?tried=1#log", 303)


@router.post("/workshop/messages/groups")
def add_group(
    hub: TheHub, actor: Keeper, title: Annotated[str, Form()] = "",
    style: Annotated[str, Form()] = "", url: Annotated[str, Form()] = "",
    secret: Annotated[str, Form()] = "", place: Annotated[str, Form()] = "",
    lang: Annotated[str, Form()] = "zh",
) -> Response:  # fmt: skip
    """Let a chat group be told."""
    with hub.db.transaction() as tx:
        addresses.add_hook(
            tx, hub.city(), title=title, style=style, url=url, secret=secret, place=place.strip(),
            lang="en" if lang == "en" else "zh", by=actor.account, key=hub.key, random=hub.random,
            at=hub.clock(),
        )  # fmt: skip
    return RedirectResponse("/workshop/messages#channels", 303)


@router.post("/workshop/messages/groups/{hook}")
def set_group(hub: TheHub, _: Keeper, hook: int, active: Annotated[str, Form()] = "") -> Response:
    """Let a group be told again, or not any more."""
    with hub.db.transaction() as tx:
        addresses.set_hook(tx, hook, active=bool(active))
    return RedirectResponse("/workshop/messages#channels", 303)


@router.get("/workshop/messages/{message}")
def one(request: Request, hub: TheHub, actor: Keeper, message: int) -> Response:
    """Show one message with its text; of a case out of sight without it."""
    with hub.db.transaction() as tx:
        log = outbox.one(tx, message)
    (found,) = log.messages
    # Read once more behind the second wall: what the reader may see of it.
    with hub.db.seeing(actor.sight) as tx:
        case = cases.get(tx, found.case_id) if found.case_id is not None else None
    seen = found.case_id is None or (case is not None and browse.covers(actor.sight, case))
    return page(
        request, "message.html",
        {"m": found, "to": log.to.get(found.id, ""), "case": case if seen else None, "seen": seen},
    )  # fmt: skip


def _places(hub: Hub) -> list[tuple[str, Any]]:
    """Return where a group can be: the units at work, and the areas of the upper levels."""
    city = hub.city()
    units = [(u.code, u.name) for u in city.units.values() if u.active]
    return [*units, *((a.code, a.name) for a in wanted.districts(city))]
