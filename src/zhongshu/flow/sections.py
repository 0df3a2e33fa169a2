"""The sections of a briefing: each turns what a period came to into sentences and tables.

Plain templates and numbers; every number carries the link to the cases behind it, counted as
the briefing itself is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from zhongshu.core.access import EVERYTHING
from zhongshu.core.briefing import (
    Number,
    Section,
    Sentence,
    address,
    counted,
    more_or_less,
    up_or_down,
)
from zhongshu.core.campaigns import Campaign
from zhongshu.core.cases import Filter
from zhongshu.core.grid import Area
from zhongshu.core.indicators import BY_CODE, Mark, Measured, Part, Period, measure
from zhongshu.core.values import Name
from zhongshu.flow import campaigns, mirror
from zhongshu.flow.city import City
from zhongshu.store import campaigns as campaign_store
from zhongshu.store import cases as case_store
from zhongshu.store import indicators as store
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope

#: A briefing is of all cases of its area: only who sees all of that reads it.
WHOLE = EVERYTHING
#: How many categories and cases a section lists.
TOP = 8
#: How many areas a section lists and draws.
MOST_AREAS = 40
#: The rates the overview compares with the period before.
COMPARED = (
    "filing", "answered_in_time", "closing", "closing_in_time", "handling_in_time", "accurate",
    "return", "check", "rework", "first_time", "reopened", "repeat", "recheck", "said_solved",
    "said_satisfied",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a briefing is made of: the figures of its period and of the one before."""

    tx: Tx
    city: City
    period: Period
    before: Period
    area: Area | None
    scope: Scope
    now: datetime
    whole: Mapping[str, Measured]
    then: Mapping[str, Measured]
    lots: tuple[int, int, int]

    @property
    def within(self) -> Mapping[str, str]:
        """The words that narrow a link to the area of the briefing."""
        return {"area": self.area.code} if self.area else {}

    def link(
        self, code: str, part: Part = Part.NUMERATOR, *, then: bool = False, **more: str
    ) -> str:
        """Return the page of the cases behind a number."""
        period = self.before if then else self.period
        upto = self.scope.known.upto if self.scope.known else None
        words = {
            "from": period.start.isoformat(), "to": period.until.isoformat(), **self.within,
            **({"upto": str(upto)} if upto else {}), "code": code, "part": part.value, **more,
        }  # fmt: skip
        return address("/mirror/cases", words)

    def number(self, code: str, part: Part = Part.NUMERATOR) -> Number:
        one = self.whole[code]
        n = one.numerator if part is Part.NUMERATOR else one.denominator
        return Number(text=counted(n), link=self.link(code, part))

    def left_out(self, code: str, reason: Mark) -> Number:
        n = self.whole[code].excluded.get(reason, 0)
        return Number(text=counted(n), link=self.link(code, Part.EXCLUDED, reason=reason.value))


def _said(
    zh: str, en: str, numbers: Mapping[str, Number], *ends: tuple[Name, str]
) -> dict[str, Any]:
    """Return a sentence, with the words for a change put in where it says {change}."""
    name, fills = Name(zh, en), dict(numbers)
    for words, by in ends:
        at = "by"
        name = Name(
            name.zh.replace("{change}", words.zh, 1), name.en.replace("{change}", words.en, 1)
        )
        if by:
            fills[at] = Number(text=by)
    return Sentence(said=name, numbers=fills).record()


def _rate(told: Told, code: str) -> dict[str, Number]:
    return {
        "n": told.number(code), "d": told.number(code, Part.DENOMINATOR),
        "rate": Number(text=f"{told.whole[code].percent} %" if told.whole[code].percent else "—"),
    }  # fmt: skip


def _overview(told: Told) -> dict[str, Any]:
    received, closed = told.whole["filing"], told.whole["reopened"]
    was = told.then["filing"].denominator
    lines = [
        _said(
            "期内接收案件 {received} 件，{change}；其中立案 {filed} 件，巡查和传感器发现 {found} 件。",
            "{received} cases were reported, {change}; {filed} of them were filed, and {found} had been found by patrols and sensors.",
            {"received": told.number("filing", Part.DENOMINATOR), "filed": told.number("filing"), "found": told.number("self_found")},
            more_or_less(received.denominator, was),
        ),
        _said(
            "期内结案 {closed} 件，{change}；其中已解决 {solved} 件，阶段性办结 {stage} 件，解释说明 {explained} 件，无法解决 {cannot} 件，不属实 {untrue} 件。",
            "{closed} were closed, {change}: {solved} solved, {stage} with a stage result, {explained} explained, {cannot} that cannot be solved, {untrue} not as reported.",
            {
                "closed": told.number("reopened", Part.DENOMINATOR), "solved": told.number("outcome_solved"),
                "stage": told.number("outcome_stage_result"), "explained": told.number("outcome_explained"),
                "cannot": told.number("outcome_cannot"), "untrue": told.number("outcome_not_as_reported"),
            },
            more_or_less(closed.denominator, told.then["reopened"].denominator),
        ),
        _said(
            "期内到期 {d} 件，按期结案 {n} 件，按期结案率 {rate}，{change}。",
            "{d} fell due; {n} of these were closed in time, which is {rate}, {change}.",
            _rate(told, "closing_in_time"), up_or_down(told.whole["closing_in_time"], told.then["closing_in_time"]),
        ),
        _said(
            "群众作出满意度评价 {d} 件，满意 {n} 件（{rate}），{change}。",
            "{d} were rated by those who reported them, {n} as satisfying ({rate}), {change}.",
            _rate(told, "said_satisfied"), up_or_down(told.whole["said_satisfied"], told.then["said_satisfied"]),
        ),
    ]  # fmt: skip
    rows = [_compared(told, code) for code in COMPARED]
    return {"sentences": lines, "table": {"kind": "rates", "rows": rows}}


def _compared(told: Told, code: str) -> dict[str, Any]:
    now, then = told.whole[code], told.then[code]
    change = None if now.rate is None or then.rate is None else f"{float(now.percent) - float(then.percent):+.2f}"  # fmt: skip
    return {
        "zh": BY_CODE[code].name.zh, "en": BY_CODE[code].name.en, "code": code,
        "n": counted(now.numerator), "d": counted(now.denominator), "percent": now.percent,
        "n_link": told.link(code), "d_link": told.link(code, Part.DENOMINATOR),
        "was": then.percent, "was_link": told.link(code, then=True), "change": change,
    }  # fmt: skip


def _categories(told: Told) -> dict[str, Any]:
    now, then = _by_class(told, told.period), _by_class(told, told.before)
    all_of_it = sum(now.values())
    top = sorted((c for c in now if c), key=lambda c: (-now[c], c))[:TOP]
    rows: list[dict[str, Any]] = []
    for code in top:
        known = told.city.coded(code)
        name = known.name if known else Name(code)
        rows.append(
            {
                "zh": name.zh, "en": name.en, "code": code, "n": counted(now[code]), "count": now[code],
                "n_link": told.link("filing", Part.DENOMINATOR, category=code), "was": counted(then.get(code, 0)),
                "was_link": told.link("filing", Part.DENOMINATOR, then=True, category=code),
                "change": f"{now[code] - then.get(code, 0):+,}",
            }
        )  # fmt: skip
    lines: list[dict[str, Any]] = []
    if rows:
        share = f"{100 * sum(row['count'] for row in rows[:3]) / all_of_it:.1f} %"
        named = (
            [_bare(row["zh"]) for row in rows[:3]],
            [_bare(row["en"] or row["zh"]) for row in rows[:3]],
        )
        lines.append(
            _said(
                f"最多的是{'、'.join(named[0])}，合计占 {{share}}；{{change}}。",
                f"The most were {', '.join(named[1])}, together {{share}}; {{change}}.",
                {"share": Number(text=share)}, _worst(rows, then, now),
            )
        )  # fmt: skip
    return {"sentences": lines, "table": {"kind": "counts", "rows": rows}}


def _worst(rows: Sequence[Mapping[str, Any]], then: Mapping[str, int], now: Mapping[str, int]) -> tuple[Name, str]:  # fmt: skip
    """Return which of some categories grew most."""
    grown = max(rows, key=lambda row: now[row["code"]] - then.get(row["code"], 0))
    by = now[grown["code"]] - then.get(grown["code"], 0)
    if by <= 0:
        return Name("其中没有比上期增加的", "none of them grew"), ""
    zh, en = _bare(grown["zh"]), _bare(grown["en"] or grown["zh"])
    return Name(f"增加最多的是{zh}（+{{by}} 件）", f"{en} grew most (by {{by}})"), counted(by)


def _bare(name: str) -> str:
    """Return a name that a template takes for nothing but words."""
    return name.replace("{", "").replace("}", "")


def _by_class(told: Told, period: Period) -> dict[str, int]:
    """Return how many cases were reported by the code their category has today."""
    carry, lack = BY_CODE["filing"].wanted(Part.DENOMINATOR)
    found: dict[str, int] = {}
    for category, n in store.by_category(
        told.tx, WHOLE, BY_CODE["filing"].family, period, told.scope, carry=carry, lack=lack
    ).items():
        code = told.city.code_now(category) if category is not None else ""
        found[code] = found.get(code, 0) + n
    return found


def _overdue(told: Told) -> dict[str, Any]:
    lines = [
        _said(
            "期内到期 {d} 件，期末仍超时未处置 {n} 件（{rate}），{change}。",
            "Of {d} that fell due, {n} were overdue and not handled at the end of the period ({rate}), {change}.",
            _rate(told, "overdue"), up_or_down(told.whole["overdue"], told.then["overdue"]),
        ),
        _said(
            "另有挂账 {held} 件、申诉豁免 {exempted} 件不计入。",
            "Apart from these, {held} are on hold and {exempted} are exempted on appeal.",
            {"held": told.left_out("overdue", Mark.HELD), "exempted": told.left_out("overdue", Mark.EXEMPTED)},
        ),
    ]  # fmt: skip
    return {"sentences": lines, "table": _listed(told, "overdue")}


def _repeats(told: Told) -> dict[str, Any]:
    lines = [
        _said(
            "结案后 30 日内同地点同类别再次发生 {n} 件，占 {rate}，{change}。",
            "{n} cases came again at the place of one closed within 30 days before ({rate}), {change}.",
            _rate(told, "repeat"), up_or_down(told.whole["repeat"], told.then["repeat"]),
        ),
        _said(
            "重开 {n} 件（结案 {d} 件），返工 {rework} 件，一次完成 {first} 件。",
            "{n} were reopened (of {d} closed), {rework} handlings failed their check, {first} were done at the first go.",
            {**_rate(told, "reopened"), "rework": told.number("rework"), "first": told.number("first_time")},
        ),
    ]  # fmt: skip
    return {"sentences": lines, "table": _listed(told, "repeat")}


def _listed(told: Told, code: str) -> dict[str, Any]:
    """Return the latest cases behind a number, as a table."""
    indicator = BY_CODE[code]
    carry, lack = indicator.wanted(Part.NUMERATOR)
    shown = store.items(
        told.tx, WHOLE, indicator.family, told.period, told.scope, carry=carry, lack=lack, limit=TOP
    )
    rows: list[dict[str, Any]] = []
    for one in shown:
        name = told.city.category_name(one.category) or Name("类别未定", "no category yet")
        unit = told.city.units.get(one.item.unit) if one.item.unit is not None else None
        rows.append(
            {
                "number": one.number, "link": f"/cases/{one.number}", "zh": name.zh, "en": name.en,
                "unit_zh": unit.name.zh if unit else "", "unit_en": unit.name.said("en") if unit else "",
                "at": one.item.at.isoformat(), "repeats": one.repeats or "",
            }
        )  # fmt: skip
    n = told.whole[code].numerator
    return {"kind": "cases", "rows": rows, "all": counted(n), "all_link": told.link(code)}


def _lots(told: Told) -> dict[str, Any]:
    draws, population, drawn = told.lots
    lines = [
        _said(
            "期内抽签 {draws} 次，从 {population} 件结案中抽出 {drawn} 件复查（全市）。",
            "{draws} lotteries drew {drawn} of {population} closed cases to be looked at again (the whole city).",
            {"draws": Number(text=counted(draws), link="/lotteries"), "population": Number(text=counted(population)), "drawn": Number(text=counted(drawn))},
        ),
        _said(
            "完成复查 {d} 件，合格 {n} 件（{rate}），{change}。",
            "{d} rechecks came to an end, {n} found it good ({rate}), {change}.",
            _rate(told, "recheck"), up_or_down(told.whole["recheck"], told.then["recheck"]),
        ),
    ]  # fmt: skip
    return {"sentences": lines, "table": None}


def _campaigns(told: Told) -> dict[str, Any]:
    """Say which campaigns ran, each with its cases in the area of the briefing as they stand
    when it is counted: what a campaign has is asked now, whatever was known before.
    """
    found = [
        one for one in campaign_store.page(told.tx)
        if one.since < told.period.until and one.until > told.period.start and one.state != "draft"
    ]  # fmt: skip
    rows = [
        {
            "zh": one.name.zh, "en": one.name.en, "link": f"/campaigns/{one.id}", "state": one.state.value,
            "since": one.since.isoformat(), "until": one.until.isoformat(),
            "n": counted(case_store.count(told.tx, WHOLE, _here(told, one))),
            "n_link": address("/desk", {"campaign": str(one.id), "order": "newest", **told.within}),
        }
        for one in found[:TOP]
    ]  # fmt: skip
    lines = [
        _said(
            "期内开展专项行动 {n} 项；案件数截至 {at}。",
            "{n} campaigns ran in the period; their cases are those of {at}.",
            {
                "n": Number(text=counted(len(found)), link="/campaigns"),
                "at": Number(text=f"{told.now.astimezone(told.city.zone):%Y-%m-%d %H:%M}"),
            },
        )
    ]  # fmt: skip
    return {"sentences": lines, "table": {"kind": "campaigns", "rows": rows} if rows else None}


def _here(told: Told, campaign: Campaign) -> Filter:
    """Return what asks for the cases of a campaign that lie in the area of the briefing."""
    area = told.area.span if told.area else None
    return replace(campaigns.belonging(campaign, now=told.now), area=area)


def _areas(told: Told) -> dict[str, Any]:
    """Say what each part of the area came to, by code: never ranked."""
    level, areas = _finest(told)
    received, in_time = BY_CODE["filing"], BY_CODE["closing_in_time"]
    by_family = {
        one.family: store.tallies(told.tx, WHOLE, one.family, told.period, told.scope)
        for one in (received, in_time)
    }
    homes = told.city.tree.homes(level)
    rows: list[dict[str, Any]] = []
    for area in areas:
        one, other = (
            measure(i, [t for t in by_family[i.family] if homes.get(t.area) == area.id])
            for i in (received, in_time)
        )
        rows.append(
            {
                "zh": area.name.zh, "en": area.name.en, "code": area.code, "count": one.denominator,
                "n": counted(one.denominator), "n_link": told.link("filing", Part.DENOMINATOR, area=area.code),
                "in_time": counted(other.numerator), "due": counted(other.denominator), "percent": other.percent,
                "in_time_link": told.link("closing_in_time", area=area.code),
                "due_link": told.link("closing_in_time", Part.DENOMINATOR, area=area.code),
            }
        )  # fmt: skip
    name = next((x.name for x in told.city.levels if x.kind == level), Name("区域", "areas"))
    lines = [
        _said(
            "以下各区域按编码排列，不作排名；不足十件的比率为灰色。",
            "Areas stand in the order of their codes and are not ranked; a rate of fewer than ten is grey.", {},
        )
    ]  # fmt: skip
    return {
        "sentences": lines,
        "table": {"kind": "areas", "level": {"zh": name.zh, "en": name.en}, "rows": rows},
    }


def _finest(told: Told) -> tuple[str, Sequence[Area]]:
    """Return the lowest level of areas that a page still has room for."""
    level, areas = mirror.parts(told.city, told.area)
    chain = [one.kind for one in told.city.levels if not one.overlay]
    for kind in chain[chain.index(level) + 1 :] if level in chain else ():
        inside = [
            a
            for a in told.city.tree.of_kind(kind)
            if told.area is None or told.area.span.holds(a.span)
        ]
        if len(inside) > MOST_AREAS:
            break
        level, areas = (kind, sorted(inside, key=lambda a: a.code)) if inside else (level, areas)
    return level, areas


SECTIONS: Mapping[Section, Callable[[Told], dict[str, Any]]] = MappingProxyType(
    {
        Section.OVERVIEW: _overview, Section.CATEGORIES: _categories, Section.OVERDUE: _overdue,
        Section.REPEATS: _repeats, Section.LOTS: _lots, Section.CAMPAIGNS: _campaigns,
        Section.AREAS: _areas,
    }
)  # fmt: skip
