"""The columns of a list of cases, each in words: what an export and a print say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from zhongshu.core.access import Actor
from zhongshu.core.cases import Case
from zhongshu.core.values import Lang
from zhongshu.flow.city import City
from zhongshu.web.look import said
from zhongshu.web.vocabulary import CHANNELS, N_, ORDERS, OUTCOMES, PROCEDURES, STAGES

#: Column: its heading, and what it means.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "number": (N_("Number"), N_("The number the case is spoken of by.")),
    "stage": (N_("Stage"), N_("Where the work stands now.")),
    "category": (N_("Category"), N_("Its class in the catalogue, as named in its own version.")),
    "category_code": (N_("Category code"), N_("The code that class has today.")),
    "title": (N_("Matter"), N_("The beginning of the first report’s words.")),
    "area": (N_("Area"), N_("The smallest cell of the main chain it lies in.")),
    "address": (N_("Address or description"), N_("The place in the reporter’s words.")),
    "lon": (N_("Longitude"), N_("Degrees, WGS-84; empty while the place is not known.")),
    "lat": (N_("Latitude"), N_("Degrees, WGS-84; empty while the place is not known.")),
    "channel": (N_("Channel"), N_("The door its first report came through.")),
    "reports": (N_("Reports"), N_("How many reports speak of it, those of merged cases included.")),
    "hazard": (N_("Hazard"), N_("1 where somebody may be hurt.")),
    "unit": (N_("Unit"), N_("The unit that leads the work; empty before dispatch.")),
    "reported_at": (N_("Reported"), N_("When the first report came in, in the city’s time.")),
    "dispatched_at": (N_("Dispatched"), N_("When it was last sent to a unit.")),
    "due_at": (N_("Deadline"), N_("When the work is due; empty before dispatch and on hold.")),
    "handled_at": (N_("Handled"), N_("When the unit last reported it as done.")),
    "closed_at": (N_("Closed"), N_("When it was closed or refused.")),
    "outcome": (N_("Outcome"), N_("What the unit says came of it.")),
    "solved": (N_("Solved, says the reporter"), N_("1 yes, 0 no, empty: not answered.")),
    "satisfied": (N_("Satisfied, of 5"), N_("The reporter’s answer; empty: not answered.")),
    "returns": (N_("Returned"), N_("How often a unit gave it back.")),
    "pending": (N_("Procedures"), N_("Kinds of procedure that are open on it.")),
    "late": (N_("Late"), N_("1 where the work was not handled when it was due, at this moment.")),
}  # fmt: skip


def headings(lang: Lang) -> dict[str, str]:
    return {name: said(heading, lang) for name, (heading, _) in COLUMNS.items()}


def row(case: Case, city: City, lang: Lang, now: datetime) -> dict[str, Any]:
    """Return a case as a line of a list people read."""
    category, area = city.category_name(case.category), city.tree.by_id.get(case.area or 0)  # type: ignore[call-overload]
    unit = city.units.get(case.unit) if case.unit is not None else None
    plain = ("number", "title", "address", "lon", "lat", "reports", "hazard", "reported_at", "dispatched_at", "due_at", "handled_at", "closed_at", "solved", "satisfied", "returns")  # fmt: skip
    return {
        **{name: getattr(case, name) for name in plain},
        "stage": said(STAGES[case.stage], lang), "channel": said(CHANNELS.get(case.channel, case.channel), lang),
        "category": category.said(lang) if category else "", "category_code": city.code(case),
        "area": area.name.said(lang) if area else "", "unit": unit.name.said(lang) if unit else "",
        "outcome": said(OUTCOMES[case.outcome], lang) if case.outcome else "",
        "pending": ", ".join(said(PROCEDURES[kind], lang) for kind in case.pending),
        "late": case.is_overdue(now),
    }  # fmt: skip


#: The words of a filter as people read them.
_ASKED: Mapping[str, str] = {
    "text": N_("Words"), "stage": N_("Stage"), "open": N_("Only open ones"), "category": N_("Category"),
    "area": N_("Area"), "unit": N_("Unit"), "channel": N_("Channel"), "since": N_("Reported from"),
    "until": N_("Reported until"), "overdue": N_("Only overdue ones"), "pending": N_("Open procedure"),
    "held": N_("Only those on hold"), "order": N_("Order"), "outcome": N_("Outcome"),
}  # fmt: skip


def filter_words(asked: Mapping[str, str], city: City, lang: Lang) -> list[tuple[str, str]]:
    """Return what a list was filtered by, in words."""
    words: dict[str, Mapping[str, str]] = {
        "stage": STAGES, "channel": CHANNELS, "order": ORDERS, "pending": PROCEDURES, "outcome": OUTCOMES,
    }  # fmt: skip
    found: list[tuple[str, str]] = []
    for name, value in asked.items():
        shown = ", ".join(said(words[name].get(w, w), lang) for w in value.split(",")) if name in words else value  # fmt: skip
        area, unit, category = city.tree.named(value), city.unit_codes.get(value), city.coded(value)
        named = {"area": area, "unit": unit, "category": category}.get(name)
        found.append(
            (said(_ASKED.get(name, name), lang), named.name.said(lang) if named else shown)
        )
    return found


def notes(
    asked: Mapping[str, str], city: City, actor: Actor, lang: Lang, now: datetime, count: int
) -> Sequence[tuple[str, str]]:
    """Return the sheet that goes with a list: who asked for what and when, and every column."""
    return [
        (said("What this list is", lang), city.name.said(lang)),
        (said("Asked for by", lang), actor.name),
        (said("At", lang), f"{now.astimezone(city.zone):%Y-%m-%d %H:%M:%S} {city.zone.key}"),
        (said("Cases when it was asked for", lang), str(count)),
        *filter_words(asked, city, lang),
        ("", ""),
        *((said(heading, lang), said(meaning, lang)) for heading, meaning in COLUMNS.values()),
    ]


#: Texts of the sheet that stand in no template.
_SAID = (
    N_("What this list is"), N_("Asked for by"), N_("At"), N_("Cases when it was asked for"),
    N_("Cases"), N_("What it means"),
)  # fmt: skip
