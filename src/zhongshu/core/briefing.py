"""Briefings 简报: sections of sentences made from numbers, each number with where its cases are.

A sentence is a template in both languages with named blanks; a number fills a blank and
carries the link to the list behind it. There is no model in it: the same numbers always say
the same words. What an author adds stands apart, under his name. A frozen briefing is one
canonical document, hashed like a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from zhongshu.core.indicators import Measured, Period
from zhongshu.core.values import Lang, Name

FORMAT = "zhongshu-briefing-1"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_BLANK = re.compile(r"\{(\w+)\}")


class Section(StrEnum):
    """What a briefing is made of, in order."""

    OVERVIEW = "overview"  # 总体情况
    CATEGORIES = "categories"  # 高发类别
    OVERDUE = "overdue"  # 超时与挂账
    REPEATS = "repeats"  # 重复与重开
    LOTS = "lots"  # 抽签复查
    CAMPAIGNS = "campaigns"  # 专项行动
    AREAS = "areas"  # 分区域


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as it is printed, and the page of the cases behind it (empty: there is none)."""

    text: str
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A template in both languages, and what fills its blanks."""

    said: Name
    numbers: Mapping[str, Number]

    def __post_init__(self) -> None:
        for template in (self.said.zh, self.said.en):
            missing = set(_BLANK.findall(template)) - set(self.numbers)
            if missing:
                raise ValueError(f"nothing fills {sorted(missing)}")

    def record(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "zh": self.said.zh, "en": self.said.en,
            "numbers": {
                name: {"text": one.text, "link": one.link} for name, one in self.numbers.items()
            },
        }  # fmt: skip


def pieces(record: Mapping[str, Any], lang: Lang) -> Iterator[tuple[str, str]]:
    """Yield a recorded sentence in one language as text and link, in turn; plain text has no
    link.
    """
    template, at = record[lang], 0
    for blank in _BLANK.finditer(template):
        yield template[at : blank.start()], ""
        number = record["numbers"][blank[1]]
        yield number["text"], number["link"]
        at = blank.end()
    yield template[at:], ""


def plain(record: Mapping[str, Any], lang: Lang) -> str:
    """Return a recorded sentence as plain text."""
    return "".join(text for text, _ in pieces(record, lang))


def address(page: str, words: Mapping[str, str]) -> str:
    """Return the address of a page that is asked with some words, whatever stands in them."""
    return page + "?" + "&".join(f"{name}={_quoted(said)}" for name, said in words.items())


def _quoted(text: str) -> str:
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def before(period: Period) -> Period:
    """Return the period before: of a whole month the month before, else one equally long."""
    start, until = period.start, period.until
    first = start.day == 1 and start == start.replace(hour=0, minute=0, second=0, microsecond=0)
    if first and until == _next_month(start):
        return Period(start=_first(start - timedelta(days=1)), until=start)
    return Period(start=start - (until - start), until=start)


def counted(n: int) -> str:
    """Return a count as both languages print it."""
    return f"{n:,}"


def more_or_less(now: int, then: int) -> tuple[Name, str]:
    """Return the words for how a count changed, and by how much (a blank named by them)."""
    if now == then:
        return Name("与上期持平", "as many as in the period before"), ""
    part = f"{counted(abs(now - then))}" + (f" ({100 * abs(now - then) / then:.1f} %)" if then else "")  # fmt: skip
    if now > then:
        return Name("比上期多 {by}", "{by} more than in the period before"), part
    return Name("比上期少 {by}", "{by} fewer than in the period before"), part


def up_or_down(now: Measured, then: Measured) -> tuple[Name, str]:
    """Return the words for how a rate changed, and by how many points."""
    if now.rate is None or then.rate is None:
        return Name("上期无可比数", "nothing to compare with before"), ""
    points = round(100 * now.rate, 2) - round(100 * then.rate, 2)
    if abs(points) < 0.005:
        return Name("与上期持平", "as in the period before"), ""
    by = f"{abs(points):.2f}"
    if points > 0:
        return Name("比上期上升 {by} 个百分点", "{by} points up on the period before"), by
    return Name("比上期下降 {by} 个百分点", "{by} points down on the period before"), by


def _first(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(at: datetime) -> datetime:
    return _first(at + timedelta(days=32))
