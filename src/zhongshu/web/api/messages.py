"""Messages: how the channels do, the log, sending again and trying; texts; one's own addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from zhongshu.core.access import Actor, Permission
from zhongshu.core.escalation import among
from zhongshu.core.messages import TO_REPORTERS, MessageState, staff_events
from zhongshu.core.texts import VARIABLES, Hearer, Medium, Text
from zhongshu.flow import addresses, browse, outbox, sending, subscriptions, texts
from zhongshu.flow.outward import Outlet
from zhongshu.store.messages import Message, MessageFilter
from zhongshu.web import wanted
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, worded
from zhongshu.web.problems import BadField

router = APIRouter(tags=["messages"])
Keeper = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AgainIn(_In):
    """Messages that were given up, to be sent anew."""

    ids: list[int]


class TryIn(_In):
    """A channel to try: `email`, `sms`, `push`, or `chat:` and the number of a group."""

    channel: str


class MediaIn(_In):
    """By which media an audience, or with `reporter` whoever reported, hears of an event; without
    `media` by what is usual.
    """

    event: str
    audience: str
    media: list[str] | None = None


class TextIn(_In):
    """A text for a place (`staff`, `reporter/case:closed`), a medium and a language."""

    place: str
    medium: str
    lang: str
    subject: str = ""
    body: str = ""
    case: str = ""


class AddressesIn(_In):
    """One's own addresses: an empty one is erased, one left out stays. `off` are pairs of medium
    and kind one does not want.
    """

    email: str | None = None
    sms: str | None = None
    off: list[tuple[str, str]] | None = None


class BrowserIn(_In):
    """What a browser gives out to be told by push."""

    url: str
    p256dh: str
    auth: str


class SubscriptionIn(_In):
    """An area, a class or a group of the door, and the address for the confirming mail."""

    address: str
    area: str = ""
    category: str = ""
    lang: str = "zh"


@router.get("/messages/channels")
def channels(_: Keeper, hub: TheHub) -> list[dict[str, Any]]:
    """Return how each channel does: last sent, failing since when and why, waiting, given up."""
    with hub.db.transaction() as tx:
        found = outbox.health(tx, hub.outlet, now=hub.clock())
    return [
        {
            "channel": h.channel, "title": h.hook.title if h.hook else None, "there": h.there,
            "waiting": h.waiting, "dead": h.dead, "sent_last_day": h.sent,
            "sent_at": h.known and h.known.sent_at,
            "failing_since": h.known and h.known.failing_since,
            "last_error": h.known.last_error if h.known and h.failing else "",
            "rests_until": h.known and h.known.rests_until,
        }
        for h in found
    ]  # fmt: skip


@router.get("/messages")
def messages(request: Request, _: Keeper, hub: TheHub) -> dict[str, Any]:
    """List the log, the newest first. Filters: `state`, `medium`, `channel`, `hearer`, `event`,
    `case`, `since`.
    """
    query = request.query_params
    with hub.db.transaction() as tx:
        found = outbox.log(
            tx, message_filter(query, hub), before=before_of(query), limit=wanted.limit(query)
        )
    return {
        "messages": [as_json(m, found) for m in found.messages],
        "count": found.count, "next": found.next,
    }  # fmt: skip


@router.post("/messages/again")
def again(body: AgainIn, _: Keeper, hub: TheHub) -> dict[str, int]:
    """Send messages anew that were given up."""
    with hub.db.transaction() as tx:
        return {"again": addresses.again(tx, body.ids, at=hub.clock())}


@router.post("/messages/try", status_code=202)
def try_channel(body: TryIn, actor: Keeper, hub: TheHub) -> dict[str, str]:
    """Write a message to try a channel; the log says in a moment what came of it."""
    with hub.db.transaction() as tx:
        addresses.try_channel(tx, actor, body.channel, media_of(hub), random=hub.random, at=hub.clock())  # fmt: skip
    return {"channel": body.channel}


@router.get("/messages/media")
def media(_: Keeper, hub: TheHub) -> list[dict[str, Any]]:
    """List by which media who hears of what."""
    rules, sendings = hub.city().rules, hub.city().sendings
    told = {name: row.told for name, row in rules.tellings.items()}
    told |= {f"clock:{clock}:{rung}": row.told for (clock, rung), row in rules.ladder.items()}
    staff = [
        {"event": event, "audience": audience, "media": sendings.media(event, audience)}
        for event in staff_events() for audience in told.get(event, ())
    ]  # fmt: skip
    reporters = [
        {"event": kind, "audience": "reporter", "media": sendings.reporters[kind]}
        for kind in TO_REPORTERS
    ]
    return [*staff, *reporters]


@router.put("/messages/media")
def set_media(body: MediaIn, actor: Keeper, hub: TheHub) -> list[dict[str, Any]]:
    """Let an audience hear of an event by these media."""
    with hub.db.transaction() as tx:
        outbox.set_media(tx, body.event, body.audience, body.media, by=actor.account, at=hub.clock())  # fmt: skip
    hub.look_again()
    return media(actor, hub)


@router.get("/texts")
def text(_: Keeper, hub: TheHub, place: str, medium: str, lang: str = "zh") -> dict[str, Any]:
    """Return the text that counts in a place, what it may name, and its versions."""
    hearer, event, by, language_ = texts.placed(place, medium, lang)
    with hub.db.transaction() as tx:
        now = texts.now(tx, hearer, event, by, language_)
        kept = texts.versions(tx, place, medium, lang)
    return {
        "subject": now.subject, "body": now.body, "variables": VARIABLES[hearer, by],
        "versions": [
            {"subject": v.subject, "body": v.body, "account": v.account, "at": v.at} for v in kept
        ],
    }  # fmt: skip


@router.put("/texts")
def write(body: TextIn, actor: Keeper, hub: TheHub) -> dict[str, Any]:
    """Let a text of the city's own stand in a place."""
    with hub.db.transaction() as tx:
        texts.write(tx, body.place, body.medium, body.lang, Text(body.subject, body.body), by=actor.account, at=hub.clock())  # fmt: skip
    return text(actor, hub, body.place, body.medium, body.lang)


@router.post("/texts/undo")
def undo(body: TextIn, actor: Keeper, hub: TheHub) -> dict[str, Any]:
    """Let the version before stand again."""
    with hub.db.transaction() as tx:
        texts.undo(tx, body.place, body.medium, body.lang, by=actor.account, at=hub.clock())
    return text(actor, hub, body.place, body.medium, body.lang)


@router.post("/texts/preview")
def preview(body: TextIn, actor: Keeper, hub: TheHub) -> dict[str, str]:
    """Return how a text would read of a real case. Nothing is kept or sent."""
    shown = previewed(hub, actor, body.place, body.medium, body.lang, Text(body.subject, body.body), body.case)  # fmt: skip
    return {"subject": shown.subject, "body": shown.body}


def previewed(
    hub: Hub, actor: Actor, place: str, medium: str, lang: str, text: Text, number: str
) -> Text:  # fmt: skip
    """Return a text filled in with a case in sight; refuse what it cannot name."""
    hearer, event, by, language_ = texts.placed(place, medium, lang)
    out = outlet_of(hub)
    with hub.db.seeing(actor.sight) as tx:
        case = browse.case(tx, actor.sight, number)
        return sending.preview(tx, hub.city(), case, hearer, event, by, language_, texts.checked(text, hearer, by), out)  # fmt: skip


@router.get("/notices/addresses")
def own(actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Return by what one is told: one's own addresses (masked), and what one has switched off."""
    with hub.db.transaction() as tx:
        mine = addresses.own(tx, actor)
    return {
        "media": sorted(media_of(hub)),
        "addresses": [
            {"medium": a.medium, "address": a.masked, "bounced": a.bounced_at is not None}
            for a in mine.addresses
        ],
        "off": sorted(mine.off),
    }  # fmt: skip


@router.put("/notices/addresses")
def keep(body: AddressesIn, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Keep one's own addresses, and what one does not want by which medium."""
    with hub.db.transaction() as tx:
        for medium, said in ((Medium.EMAIL, body.email), (Medium.SMS, body.sms)):
            if said is not None:
                addresses.keep(tx, actor.account, medium, said, key=hub.key, random=hub.random, at=hub.clock())  # fmt: skip
        if body.off is not None:
            addresses.mute(tx, actor, body.off)
    return own(actor, hub)


@router.post("/notices/browsers", status_code=201)
def add_browser(body: BrowserIn, actor: Reader, hub: TheHub) -> dict[str, Any]:
    """Let this browser be told by push."""
    with hub.db.transaction() as tx:
        addresses.add_browser(
            tx, actor.account, url=body.url, p256dh=body.p256dh, auth=body.auth, key=hub.key,
            random=hub.random, at=hub.clock(),
        )  # fmt: skip
    return own(actor, hub)


@router.delete("/notices/browsers")
def drop_browsers(actor: Reader, hub: TheHub) -> dict[str, int]:
    """Let no browser of one's own be told by push any more."""
    with hub.db.transaction() as tx:
        return {"dropped": addresses.drop_browsers(tx, actor.account)}


@router.post("/subscriptions", status_code=202)
def subscribe(
    request: Request, body: SubscriptionIn, hub: TheHub, _: Annotated[Actor | None, Depends(Anybody())]
) -> dict[str, str]:  # fmt: skip
    """Ask for mail of an area, a class, or both; the mail that comes has a link to confirm it.
    The answer is the same whether the address is subscribed already or not.
    """
    wanted_ = subscriptions.followed(hub.city(), area=body.area, category=body.category)
    with hub.db.transaction() as tx:
        subscriptions.subscribe(
            tx, hub.outlet, wanted_, body.address, random=hub.random, at=hub.clock(),
            lang="en" if body.lang == "en" else "zh",
        )  # fmt: skip
    return {"next": "Look into your mail." if language(request) == "en" else "请查收邮件。"}


def media_of(hub: Hub) -> frozenset[Medium]:
    """Return by what this hub can send."""
    return hub.outlet.media if hub.outlet is not None else frozenset()


def outlet_of(hub: Hub) -> Outlet:
    """Return the outlet of a hub; of one that has none, a shut one, to look at texts."""
    return hub.outlet or Outlet(media=frozenset(), words=worded, site="", key=hub.key)


def message_filter(query: Mapping[str, str], hub: Hub) -> MessageFilter:
    """Return the filter a query means."""
    for name, words in (("state", MessageState), ("medium", Medium), ("hearer", Hearer)):
        if query.get(name):
            among(name, query[name], list(words))
    number = query.get("case", "").strip()
    return MessageFilter(
        state=query.get("state", ""), medium=query.get("medium", ""), hearer=query.get("hearer", ""),
        channel=query.get("channel", "")[:40], event=query.get("event", "")[:60],
        case=browse.number_id(number) if number else None,
        since=wanted.moment("since", query.get("since", ""), hub.city(), hub.clock()),
    )  # fmt: skip


def before_of(query: Mapping[str, str]) -> int | None:
    text_ = query.get("before", "")
    if text_ and not (text_.isascii() and text_.isdigit() and len(text_) < 19):
        raise BadField("before", text_, why="use the “next” of the page before")
    return int(text_) if text_ else None


def as_json(m: Message, log: outbox.Log) -> dict[str, Any]:
    """Return a message as the log shows it: to whom, masked."""
    case = log.cases.get(m.case_id) if m.case_id is not None else None
    return {
        "id": m.id, "made_at": m.made_at, "medium": m.medium, "channel": m.channel,
        "hearer": m.hearer, "event": m.event, "to": log.to.get(m.id, ""), "case": case and case.number,
        "state": m.state, "tries": m.tries, "due_at": m.due_at,
        "next_at": m.next_at if m.state == "waiting" else None, "sent_at": m.sent_at,
        "error": m.last_error, "bundle": m.bundle,
    }  # fmt: skip
