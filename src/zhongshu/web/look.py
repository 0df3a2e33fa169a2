"""How pages look and speak: templates, colours from one place, two languages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from zhongshu.core.access import Permission
from zhongshu.core.calendar import UnreadableLimit, parse_limit
from zhongshu.core.campaigns import Campaign
from zhongshu.core.cases.clocks import waiting
from zhongshu.core.indicators import FEW
from zhongshu.core.intake import shown_code
from zhongshu.core.values import Lang, Name
from zhongshu.web.vocabulary import LIMITS
from zhongshu.web.wordbook import WORDS

#: Colour by role, (light, dark). The style sheet, the map and the drawings all read this.
TOKENS: Mapping[str, tuple[str, str]] = {
    "surface": ("#f6f7f9", "#0b1018"),
    "card": ("#ffffff", "#121a26"),
    "line": ("#d8dde5", "#263244"),
    "text": ("#16202e", "#e8edf4"),
    "muted": ("#52606f", "#94a3b5"),
    "accent": ("#0b5cad", "#63acff"),
    "onaccent": ("#ffffff", "#06101d"),
    "soft": ("#e8f0f9", "#18283d"),
    "ok": ("#0d7a3f", "#46d18c"),
    "warn": ("#8f5600", "#f6bd4a"),
    "bad": ("#b3211f", "#ff7b76"),
    "info": ("#2257c4", "#7fb2ff"),
    "danger": ("#8422a8", "#e79bff"),
    "heat1": ("#dcebf7", "#152438"),
    "heat2": ("#fbe3b4", "#4a3a1c"),
    "heat3": ("#f6bf69", "#8a5a1e"),
    "heat4": ("#e8853f", "#c9792b"),
    "heat5": ("#c2421f", "#ffb454"),
    "shade1": ("#e6eff8", "#1a2a3d"),
    "shade2": ("#cbdff1", "#243d59"),
    "shade3": ("#a9cae8", "#2e5075"),
    "shade4": ("#84b2dc", "#386291"),
    "shade5": ("#5f99cf", "#4275ad"),
    "park": ("#d9ecd8", "#15271f"),
    "water": ("#b9d9f0", "#12304d"),
    "road": ("#c3ccd8", "#3a4a60"),
    "house": ("#e4e2df", "#1b2432"),
    "rail": ("#a9a3b5", "#4a4560"),
}
#: Which colour and which shape say how a case stands; a word always stands beside them.
STAGE_LOOK: Mapping[str, tuple[str, str]] = {
    "waiting_place": ("warn", "?"), "not_ours": ("muted", "↗"), "received": ("info", "○"),
    "filed": ("info", "◇"), "dispatched": ("info", "▷"), "in_hand": ("warn", "◐"),
    "handled": ("accent", "◑"), "checked": ("accent", "✓"), "closed": ("ok", "●"),
    "rejected": ("muted", "✕"), "merged": ("muted", "⇥"),
}  # fmt: skip


#: Which key goes to an act or a procedure on the page of a case.
KEYS: Mapping[str, str] = {
    "dispatch": "r", "accept": "a", "return": "b", "handle": "h", "pass": "p", "close": "c",
    "merge": "m", "reject": "x", "note": "n", "extension": "e",
}  # fmt: skip
#: The cookie that asks for large text and easy words. It says nothing of who asks.
EASY = "easy"


@cache
def _chinese() -> Mapping[str, str]:
    data = files("zhongshu.web").joinpath("locale/zh_Hans.po").read_bytes()
    catalogue = read_po(BytesIO(data), locale="zh_Hans")
    return {str(m.id): str(m.string) for m in catalogue if m.id and m.string and not m.fuzzy}


def said(text: str, lang: Lang) -> str:
    """Return an English text in the language asked for."""
    return _chinese().get(text, text) if lang == "zh" else text


def language(request: Request) -> Lang:
    """Return the language of a request: its own choice, its address's, the cookie's, the
    browser's.
    """
    in_english = request.url.path == "/en" or request.url.path.startswith("/en/")
    said = request.query_params.get("lang") or ("en" if in_english else "")
    chosen = said or request.cookies.get("lang")
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    first = request.headers.get("accept-language", "zh").split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") or not first else "en"


def root(request: Request) -> str:
    """Return what the door's addresses begin with in the language of the request."""
    return "/en" if language(request) == "en" else ""


def _back(request: Request) -> str:
    """Return where to go on after the language was chosen: here, with the same question."""
    path = request.url.path
    plain = path[3:] or "/" if path == "/en" or path.startswith("/en/") else path
    asked = [(k, v) for k, v in request.query_params.multi_items() if k != "lang"]
    return f"{plain}?{urlencode(asked)}" if asked else plain


def page(
    request: Request, template: str, view: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Render a page in the language of the request."""
    lang = language(request)
    hub = request.app.state.hub
    city = hub.city()
    hidden = view.keys() & environment().globals.keys()
    assert not hidden, f"{template}: a view hides what templates call: {sorted(hidden)}"
    html = environment().get_template(template).render(
        **view, lang=lang, city=city, zone=city.zone, path=request.url.path, now=hub.clock(),
        query=request.query_params, actor=getattr(request.state, "actor", None),
        unread=getattr(request.state, "unread", 0), viewed=getattr(request.state, "viewed", None),
        other_lang="en" if lang == "zh" else "zh", P=Permission, root=root(request),
        came_from=_back(request), easy_words=request.cookies.get(EASY) == "1",
    )  # fmt: skip
    return HTMLResponse(html, status)


@cache
def environment() -> Environment:
    env = Environment(
        loader=PackageLoader("zhongshu.web", "templates"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    made: dict[str, Any] = {
        "_": _gettext,
        "word": _word,
        "words_of": _words_of,
        "tokens": tokens_css(),
        "on_paper": tokens_css(paper=True),
        "ON_PAPER": {name: light for name, (light, _) in TOKENS.items()},
        "FEW": FEW,
        "STAGE_LOOK": STAGE_LOOK,
        "clock_now": waiting,
        "KEYS": KEYS,
        "last_day": _last_day,
        "last_moment": _last_moment,
    }
    env.globals.update(made)
    filters: dict[str, Any] = {
        "moment": _moment,
        "lasting": _lasting,
        "countdown": _countdown,
        "moment_text": _moment_text,
        "spell": _spell,
        "long_spell": _long_spell,
        "number": _number,
        "named": _named,
        "code": shown_code,
        "in_words": _in_words,
        "day": _day,
    }
    env.filters.update(filters)
    return env


def tokens_css(*, paper: bool = False) -> Markup:
    """Return the colours as CSS variables that follow light and dark by themselves; on paper it
    is light.
    """
    lines = "".join(
        f"--{name}:{light};" if paper else f"--{name}:light-dark({light},{dark});"
        for name, (light, dark) in TOKENS.items()
    )
    return Markup(f":root{{{lines}}}")  # noqa: S704 — our own constants


@pass_context
def _gettext(context: Context, text: str, /, **values: object) -> str:
    translated = said(text, context["lang"])
    return translated % values if values else translated


@pass_context
def _word(context: Context, family: str, key: str) -> str:
    """Return the word for a stage, an act, an outcome… in the page's language; what the city calls
    it itself where it has a word of its own.
    """
    own = context["city"].said.get("words", {}).get(f"{family}:{key}")
    if own:
        zh, en = own["zh"], own["en"]
        return (zh or en) if context["lang"] == "zh" else (en or zh)
    return worded(family, str(key), context["lang"])


def worded(family: str, key: str, lang: Lang) -> str:
    """Return a word of the product outside of a page."""
    return said(WORDS[family].get(key, key), lang)


@pass_context
def _words_of(context: Context, family: str) -> dict[str, str]:
    """Return all words of a family, for a script that shows values it does not know yet."""
    return {key: said(text, context["lang"]) for key, text in WORDS[family].items()}


@pass_context
def _last_moment(context: Context, until: datetime) -> str:
    """Return the last day of what goes on until before a moment."""
    zone: ZoneInfo = context["zone"]
    return f"{(until - timedelta(seconds=1)).astimezone(zone):%Y-%m-%d}"


@pass_context
def _last_day(context: Context, campaign: Campaign) -> str:
    return _last_moment(context, campaign.until)


@pass_context
def _named(context: Context, name: Name | None, otherwise: str = "—") -> str:
    return name.said(context["lang"]) if name is not None else otherwise


@pass_context
def _moment(context: Context, at: datetime | None, form: str = "short") -> str:
    """Return a moment in the city's own time."""
    if at is None:
        return "—"
    zone: ZoneInfo = context["zone"]
    pattern = {"short": "MM-dd HH:mm", "time": "HH:mm:ss", "long": "yyyy-MM-dd HH:mm"}[form]
    return format_datetime(at.astimezone(zone), pattern, locale=_locale(context))


@pass_context
def _moment_text(context: Context, value: Any) -> str:
    """Return a moment written as text the way moments are shown; other text as it is."""
    if isinstance(value, str) and len(value) > 18 and value[4:5] == "-":
        with suppress(ValueError):
            return _moment(context, datetime.fromisoformat(value), "long")
    return str(value)


@pass_context
def _spell(context: Context, seconds: float) -> str:
    """Return a length of time in hours and minutes."""
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest:02d} 分" if context["lang"] == "zh" else f"{hours} h {rest:02d} min"


@pass_context
def _long_spell(context: Context, seconds: float) -> str:
    """Return a length of time as people say it: in hours, from two days on in days."""
    hours = seconds / 3600
    n, unit = (hours, "hour") if hours < 48 else (hours / 24, "day")
    shown = f"{n:.0f}" if n >= 10 else f"{n:.1f}"
    if context["lang"] == "zh":
        return f"{shown} {'小时' if unit == 'hour' else '天'}"
    return f"{shown} {unit}{'' if shown == '1.0' else 's'}"


@pass_context
def _in_words(context: Context, limit: str) -> str:
    return in_words(limit, context["lang"])


def in_words(limit: str, lang: Lang) -> str:
    """Return a limit such as 4wh in words; what is none as it stands."""
    try:
        read = parse_limit(str(limit))
    except UnreadableLimit:
        return str(limit)
    amount = f"{read.amount.normalize():f}"
    text = LIMITS[f"{read.unit}1" if amount == "1" else read.unit]
    return said(text, lang) % {"n": amount}


@pass_context
def _day(context: Context, day: date | str | None) -> str:
    """Return a day as the language writes it."""
    if not day:
        return "—"
    read = date.fromisoformat(day) if isinstance(day, str) else day
    return format_date(read, "long", locale=_locale(context))


@pass_context
def _lasting(context: Context, span: timedelta) -> str:
    return format_timedelta(abs(span), locale=_locale(context), format="short", threshold=1.5)


@pass_context
def _countdown(context: Context, span: timedelta) -> str:
    """Return a length of time as a clock counts it: 2:18, and from a day on 3 d 4 h."""
    minutes = int(abs(span).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if not days:
        return f"{hours}:{left:02d}"
    return f"{days} 天 {hours} 小时" if context["lang"] == "zh" else f"{days} d {hours} h"


@pass_context
def _number(context: Context, value: float) -> str:
    return format_decimal(value, locale=_locale(context))


def _locale(context: Context) -> str:
    return "zh_Hans_CN" if context["lang"] == "zh" else "en"
