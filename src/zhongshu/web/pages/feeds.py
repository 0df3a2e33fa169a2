"""Feeds: what happened in an area or to a kind of matter, for whoever likes to follow without
leaving anything behind. Nobody's words, and no place nearer than a community.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from xml.etree import ElementTree as ET

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zhongshu.core.access import Actor
from zhongshu.core.values import Lang
from zhongshu.flow import sending, subscriptions
from zhongshu.flow.city import City
from zhongshu.flow.subscriptions import Followed
from zhongshu.store.feeds import News
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language, worded

router = APIRouter(include_in_schema=False)
Public = Annotated[Actor | None, Depends(Anybody())]
ATOM = "http://www.w3.org/2005/Atom"


@router.get("/feed/area/{code}.atom")
def area(request: Request, hub: TheHub, _: Public, code: str, category: str = "") -> Response:
    """Return the feed of an area, or of a kind of matter in it."""
    return _feed(request, hub, area=code, category=category)


@router.get("/feed/category/{code}.atom")
def category(request: Request, hub: TheHub, _: Public, code: str) -> Response:
    """Return the feed of a kind of matter, by the code of a class or a group of the door."""
    return _feed(request, hub, area="", category=code)


def _feed(request: Request, hub: Hub, *, area: str, category: str) -> Response:
    city, lang = hub.city(), language(request)
    wanted = subscriptions.followed(city, area=area, category=category)
    with hub.db.transaction() as tx:
        found = subscriptions.feed(tx, city, wanted, now=hub.clock())
    site = hub.outlet.site if hub.outlet else str(request.base_url).rstrip("/")
    body = _atom(city, wanted, found, lang, site=site, path=request.url.path, now=hub.clock().isoformat())  # fmt: skip
    return Response(
        body, media_type="application/atom+xml", headers={"Cache-Control": "public, max-age=300"}
    )


def _atom(
    city: City, wanted: Followed, found: Sequence[News], lang: Lang, *, site: str, path: str, now: str
) -> bytes:  # fmt: skip
    about = sending.subscribed_to(city, wanted.area, wanted.category, lang)
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "zh-CN" if lang == "zh" else "en"})
    _add(feed, "id", f"{site}{path}")
    _add(feed, "title", f"{city.name.said(lang)} · {about}")
    _add(feed, "updated", max((n.changed_at.isoformat() for n in found), default=now))
    ET.SubElement(feed, "link", {"rel": "self", "href": f"{site}{path}?lang={lang}"})
    ET.SubElement(feed, "link", {"href": site + ("/" if lang == "zh" else "/en")})
    _add(ET.SubElement(feed, "author"), "name", city.name.said(lang))
    for news in found:
        _entry(feed, city, news, lang, site)
    return ET.tostring(feed, encoding="utf-8", xml_declaration=True)


def _entry(feed: ET.Element, city: City, news: News, lang: Lang, site: str) -> None:
    """Write what anybody may know of a case: class, community, how far it has come."""
    category_ = city.category_name(news.category)
    kind = category_.said(lang) if category_ else ""
    place = sending.place_words(city, news.area, lang)
    stage = worded("stage", news.stage, lang)
    entry = ET.SubElement(feed, "entry")
    _add(entry, "id", f"{site}/feed#{news.number}")
    _add(entry, "title", f"{kind} · {place}: {stage}")
    _add(entry, "updated", news.changed_at.isoformat())
    _add(entry, "published", news.reported_at.isoformat())
    _add(entry, "summary", f"{news.number} · {kind} · {place} · {stage}")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
