"""How pages look and speak: templates, colours from one place, two languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from zhongshu.core.access import Permission
from zhongshu.core.intake import shown_code
from zhongshu.core.values import Lang, Name

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
    "heat1": ("#dcebf7", "#152438"),
    "heat2": ("#fbe3b4", "#4a3a1c"),
    "heat3": ("#f6bf69", "#8a5a1e"),
    "heat4": ("#e8853f", "#c9792b"),
    "heat5": ("#c2421f", "#ffb454"),
}
#: Which colour and which shape say how a case stands; a word always stands beside them.
STAGE_LOOK: Mapping[str, tuple[str, str]] = {
    "waiting_place": ("warn", "?"), "not_ours": ("muted", "↗"), "received": ("info", "○"),
    "filed": ("info", "◇"), "dispatched": ("info", "▷"), "in_hand": ("warn", "◐"),
    "handled": ("accent", "◑"), "checked": ("accent", "✓"), "closed": ("ok", "●"),
    "rejected": ("muted", "✕"), "merged": ("muted", "⇥"),
}  # fmt: skip


def N_(text: str) -> str:  # noqa: N802 — gettext's own name for “translate later”
    """Mark a text for the catalogue of translations."""
    return text


STAGES: Mapping[str, str] = {
    "waiting_place": N_("Waiting for a place"), "not_ours": N_("Not ours"), "received": N_("To be accepted"),
    "filed": N_("To be dispatched"), "dispatched": N_("To be taken on"), "in_hand": N_("In hand"),
    "handled": N_("To be checked"), "checked": N_("To be closed"), "closed": N_("Closed"),
    "rejected": N_("Not accepted"), "merged": N_("Merged"),
}  # fmt: skip
ACTS: Mapping[str, str] = {
    "locate": N_("Set the place"), "classify": N_("Set the category"), "file": N_("File"),
    "reject": N_("Do not accept"), "dispatch": N_("Dispatch"), "accept": N_("Take on"),
    "return": N_("Return"), "handle": N_("Report as handled"), "pass": N_("Check: done"),
    "fail": N_("Check: not done"), "close": N_("Close"), "reopen": N_("Reopen"),
    "merge": N_("Merge"), "unmerge": N_("Undo the merge"), "split": N_("Split off a report"),
    "rate": N_("Rate"), "note": N_("Note"),
}  # fmt: skip
OUTCOMES: Mapping[str, str] = {
    "solved": N_("Solved"), "stage_result": N_("Stage result"), "explained": N_("Explained"),
    "cannot": N_("Cannot be solved"), "not_as_reported": N_("Not as reported"),
}  # fmt: skip
KINDS: Mapping[str, str] = {
    "case:reported": N_("Reported"), "case:joined": N_("Another report joined"),
    "case:imported": N_("Imported"), "case:located": N_("Place set"),
    "case:classified": N_("Category set"), "case:filed": N_("Filed"),
    "case:rejected": N_("Not accepted"), "case:dispatched": N_("Dispatched"),
    "case:accepted": N_("Taken on"), "case:returned": N_("Returned"),
    "case:handled": N_("Handled"), "case:passed": N_("Checked: done"),
    "case:failed": N_("Checked: not done"), "case:closed": N_("Closed"),
    "case:reopened": N_("Reopened"), "case:rated": N_("Rated"), "case:merged": N_("Merged"),
    "case:unmerged": N_("Merge undone"), "case:absorbed": N_("Took in another case"),
    "case:released": N_("Released a merged case"), "case:split": N_("Report split off"),
    "case:noted": N_("Note"), "case:overdue": N_("Deadline passed"),
    "contact:revealed": N_("Contact looked at"), "contact:erased": N_("Contact erased"),
}  # fmt: skip
CHANNELS: Mapping[str, str] = {
    "web": N_("Web page"), "hotline": N_("Hotline"), "field": N_("Patrol"), "sensor": N_("Sensor"),
    "partner": N_("Another system"), "api": N_("Interface"), "import": N_("Imported history"),
    "replay": N_("Replayed history"),
}  # fmt: skip
CALLS: Mapping[str, str] = {
    "110": N_("110 police"), "119": N_("119 fire and rescue"), "120": N_("120 ambulance"),
    "gas": N_("the gas company's emergency number"), "power": N_("the power company's emergency number"),
}  # fmt: skip
DUTIES: Mapping[str, str] = {
    "acceptor": N_("Acceptor"), "dispatcher": N_("Dispatcher"), "handler": N_("Handler"),
    "checker": N_("Checker"), "supervisor": N_("Supervisor"), "grid_lead": N_("Grid lead"),
    "grid_worker": N_("Grid worker"), "hotline": N_("Hotline agent"), "admin": N_("Administrator"),
    "viewer": N_("Viewer"), "machine": N_("Another system"),
    "chain_community": N_("Community organisation"), "chain_estate": N_("Estate branch"),
    "chain_building": N_("Building group"), "chain_member": N_("Key member"),
}  # fmt: skip
_WORDS: Mapping[str, Mapping[str, str]] = {
    "stage": STAGES, "act": ACTS, "outcome": OUTCOMES, "kind": KINDS, "channel": CHANNELS,
    "call": CALLS, "duty": DUTIES,
}  # fmt: skip


@cache
def _chinese() -> Mapping[str, str]:
    data = files("zhongshu.web").joinpath("locale/zh_Hans.po").read_bytes()
    catalogue = read_po(BytesIO(data), locale="zh_Hans")
    return {str(m.id): str(m.string) for m in catalogue if m.id and m.string and not m.fuzzy}


def said(text: str, lang: Lang) -> str:
    """Return an English text in the language asked for."""
    return _chinese().get(text, text) if lang == "zh" else text


def language(request: Request) -> Lang:
    """Return the language of a request: its own choice, the cookie's, the browser's."""
    chosen = request.query_params.get("lang") or request.cookies.get("lang")
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    if request.url.path == "/en" or request.url.path.startswith("/en/"):
        return "en"
    first = request.headers.get("accept-language", "zh").split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") or not first else "en"


def page(
    request: Request, template: str, view: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """Render a page in the language of the request."""
    lang = language(request)
    hub = request.app.state.hub
    city = hub.city()
    html = environment().get_template(template).render(
        **view, lang=lang, city=city, zone=city.zone, path=request.url.path, now=hub.clock(),
        query=request.query_params, actor=getattr(request.state, "actor", None),
        other_lang="en" if lang == "zh" else "zh", P=Permission,
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
        "tokens": tokens_css(),
        "STAGE_LOOK": STAGE_LOOK,
    }
    env.globals.update(made)
    filters: dict[str, Any] = {
        "moment": _moment,
        "lasting": _lasting,
        "number": _number,
        "named": _named,
        "code": shown_code,
    }
    env.filters.update(filters)
    return env


def tokens_css() -> Markup:
    """Return the colours as CSS variables that follow light and dark by themselves."""
    lines = "".join(
        f"--{name}:light-dark({light},{dark});" for name, (light, dark) in TOKENS.items()
    )
    return Markup(f":root{{{lines}}}")  # noqa: S704 — our own constants


@pass_context
def _gettext(context: Context, text: str, /, **values: object) -> str:
    translated = said(text, context["lang"])
    return translated % values if values else translated


@pass_context
def _word(context: Context, family: str, key: str) -> str:
    """Return the word for a stage, an act, an outcome… in the page's language."""
    return said(_WORDS[family].get(str(key), str(key)), context["lang"])


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
def _lasting(context: Context, span: timedelta) -> str:
    return format_timedelta(abs(span), locale=_locale(context), format="short", threshold=1.5)


@pass_context
def _number(context: Context, value: float) -> str:
    return format_decimal(value, locale=_locale(context))


def _locale(context: Context) -> str:
    return "zh_Hans_CN" if context["lang"] == "zh" else "en"
