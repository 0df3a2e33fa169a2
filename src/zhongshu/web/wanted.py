"""What a URL asks for: the same words filter a page, an API list and an export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from zhongshu.core.cases import Filter, InCampaign, Key, Measure, Order, Outcome, Period, Stage
from zhongshu.core.grid import Area
from zhongshu.core.procedures import ProcedureKind
from zhongshu.core.values import AreaId, CategoryId, Span, UnitId, aware
from zhongshu.flow.browse import number_id
from zhongshu.flow.city import City
from zhongshu.web.problems import BadField

WORDS = (
    "text", "stage", "open", "category", "area", "unit", "channel", "since", "until", "overdue",
    "merged_into", "pending", "held", "repeats", "several", "asset", "linked_to", "campaign", "period",
    "measure", "outcome",
)  # fmt: skip


def wanted(query: Mapping[str, str], city: City, *, now: datetime) -> Filter:
    """Return the filter a query means; a word that cannot be read is refused by name."""
    area, cell = _area(query.get("area", ""), city)
    merged, led = query.get("merged_into", ""), query.get("linked_to", "")
    return Filter(
        text=query.get("text", "").strip()[:200],
        stages=_stages(query.get("stage", "")),
        open_only=yes(query.get("open", "")),
        categories=_categories(query.get("category", ""), city),
        area=area,
        cell=cell,
        units=units(query.get("unit", ""), city),
        channel=query.get("channel", "").strip(),
        since=moment("since", query.get("since", ""), city, now),
        until=moment("until", query.get("until", ""), city, now),
        overdue=now if yes(query.get("overdue", "")) else None,
        merged_into=number_id(merged) if merged else None,
        pending=_pending(query.get("pending", "")),
        held=yes(query.get("held", "")),
        repeats=yes(query.get("repeats", "")),
        several=yes(query.get("several", "")),
        asset=query.get("asset", "").strip()[:60],
        linked_to=number_id(led) if led else None,
        campaign=_campaign(query, now),
        outcome=_outcome(query.get("outcome", "")),
    )


def canonical(query: str, city: City, *, now: datetime) -> str:
    """Return a query that can be kept: only words that mean something, each checked."""
    said = dict(parse_qsl(query.lstrip("?")))
    kept = {name: said[name] for name in (*WORDS, "order") if said.get(name)}
    wanted(kept, city, now=now)
    order(kept)
    return urlencode(kept)


def of_text(query: str, city: City, *, now: datetime) -> Filter | None:
    """Return the filter a kept query means; None where it names what is there no more."""
    try:
        return wanted(dict(parse_qsl(query)), city, now=now)
    except BadField:
        return None


def order(query: Mapping[str, str], *, default: Order = Order.NEWEST) -> Order:
    text = query.get("order", "") or default
    try:
        return Order(text)
    except ValueError:
        raise BadField("order", text, why=f"one of: {', '.join(Order)}") from None


def after(query: Mapping[str, str]) -> Key | None:
    """Return the key a page goes on from."""
    text = query.get("after", "")
    if not text:
        return None
    try:
        return Key.parse(text)
    except ValueError:
        raise BadField("after", text, why="use the “next” of the page before") from None


def limit(query: Mapping[str, str], *, default: int = 50, most: int = 200) -> int:
    text = query.get("limit", "") or str(default)
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= most:
        raise BadField("limit", text, why=f"1 to {most}")
    return int(text)


def _campaign(query: Mapping[str, str], now: datetime) -> InCampaign | None:
    """Read which campaign, in which of its periods (`during`), counted by which measure."""
    text, period, measure = (query.get(name, "") for name in ("campaign", "period", "measure"))
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadField("campaign", text, why="the number of a campaign; see /api/v1/campaigns")
    if period and period not in list(Period):
        raise BadField("period", period, why=f"one of: {', '.join(Period)}")
    if measure and measure not in list(Measure):
        raise BadField("measure", measure, why=f"one of: {', '.join(Measure)}")
    return InCampaign(
        id=int(text), period=Period(period or Period.DURING),
        measure=Measure(measure) if measure else None, now=now,
    )  # fmt: skip


def inside(back: str, otherwise: str) -> str:
    """Return where a form wants to go back to, and nowhere outside the hub."""
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else otherwise


def yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")


def _stages(text: str) -> frozenset[Stage]:
    try:
        return frozenset(Stage(word) for word in text.split(",") if word)
    except ValueError:
        raise BadField("stage", text, why=f"one of: {', '.join(Stage)}") from None


def _pending(text: str) -> str:
    if text and text not in list(ProcedureKind):
        raise BadField("pending", text, why=f"one of: {', '.join(ProcedureKind)}")
    return text


def _outcome(text: str) -> Outcome | None:
    try:
        return Outcome(text) if text else None
    except ValueError:
        raise BadField("outcome", text, why=f"one of: {', '.join(Outcome)}") from None


def _categories(text: str, city: City) -> frozenset[CategoryId]:
    """Read codes, or the beginning of one: `E-05` is all emergencies, whatever version of the
    catalogue their cases were filed under.
    """
    if not text:
        return frozenset()
    found = frozenset[CategoryId]().union(
        *(city.lineage.named(code) for code in text.split(",") if code)
    )
    if not found:
        raise BadField("category", text, why="no category has this code; see /api/v1/categories")
    return found


def _area(text: str, city: City) -> tuple[Span | None, AreaId | None]:
    if not text:
        return None, None
    area = city.tree.named(text)
    if area is None:
        raise BadField("area", text, why="no area has this code; see /api/v1/areas")
    overlay = any(level.overlay for level in city.levels if level.kind == area.kind)
    return (None, area.id) if overlay else (area.span, None)


def units(text: str, city: City) -> frozenset[UnitId]:
    if not text:
        return frozenset()
    unit = city.unit_codes.get(text)
    if unit is None:
        raise BadField("unit", text, why="no unit has this code; see /api/v1/units")
    return city.units_under(unit.id)


def moment(field: str, text: str, city: City, now: datetime) -> datetime | None:
    """Read a moment with its offset, or a day in the city's own time (as an end it is included)."""
    if not text:
        return None
    try:
        if text == "today":
            text = f"{now.astimezone(city.zone):%Y-%m-%d}"
        at = datetime.fromisoformat(text)
        if len(text) == 10:
            at = at.replace(tzinfo=city.zone)
            return at + timedelta(days=1) if field in ("until", "to") else at
    except (ValueError, OverflowError):
        raise BadField(field, text, why="write 2026-11-24 or 2026-11-24T09:30:00+08:00") from None
    return aware(field, at)


def districts(city: City) -> list[Area]:
    """Return the areas a filter offers: the two levels below the city."""
    kinds = city.kinds
    return [area for kind in kinds[1:3] for area in city.tree.of_kind(kind)][:300]
