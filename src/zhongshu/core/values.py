"""The small words every other module speaks: identities, names, ranges, refusals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, NewType

AreaId = NewType("AreaId", int)
UnitId = NewType("UnitId", int)
PostId = NewType("PostId", int)
AccountId = NewType("AccountId", int)
CategoryId = NewType("CategoryId", int)
CaseId = NewType("CaseId", int)
ReportId = NewType("ReportId", int)
TaskId = NewType("TaskId", int)

#: Languages of the product; the first is the default.
Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in both languages; a missing one falls back to the other."""

    zh: str
    en: str = ""

    def __post_init__(self) -> None:
        if not (self.zh or self.en):
            raise ValueError("a name needs at least one language")

    def said(self, lang: Lang) -> str:
        """Return the name in ``lang``, or in the other language where it has none."""
        return (self.zh or self.en) if lang == "zh" else (self.en or self.zh)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range ``[lo, hi)`` of tree codes: a node of a tree and all below it.

    Areas and units live in trees; each node owns a span of one bigint line, and its
    children divide it. “Everything under X” is then ``lo <= code < hi``.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if not 0 <= self.lo < self.hi:
            raise ValueError(f"not a span: [{self.lo}, {self.hi})")

    def __contains__(self, code: int) -> bool:
        return self.lo <= code < self.hi

    def holds(self, other: Span) -> bool:
        """Say whether ``other`` lies wholly inside."""
        return self.lo <= other.lo and other.hi <= self.hi


class Refused(Exception):
    """A lawful refusal, named near its cause: which field, which value, what to do.

    Subclasses are defined beside the function that raises them. ``message`` and
    ``remedy`` are English msgids (the catalogue of translations holds the Chinese);
    they may use ``%(field)s``, ``%(value)s`` and any keyword given at the raise.
    The web turns ``status`` into an HTTP status and the rest into problem+json.
    """

    status: ClassVar[int] = 422
    message: ClassVar[str] = "%(field)s: %(value)s is not accepted."
    remedy: ClassVar[str] = ""

    def __init__(self, field: str, value: object = None, **details: object) -> None:
        plain = isinstance(value, str | int | None) or (
            isinstance(value, float) and math.isfinite(value)
        )
        shown = value if plain else str(value)
        if isinstance(shown, str) and len(shown) > 120:
            shown = f"{shown[:117]}…"
        self.field = field
        self.value = shown
        self.details: dict[str, object] = {"field": field, "value": shown, **details}
        super().__init__(self.message % self.details)

    @property
    def advice(self) -> str:
        """The remedy, filled in (English)."""
        return self.remedy % self.details if self.remedy else ""


class NaiveTime(Refused):
    message = "%(field)s: %(value)s has no time zone."
    remedy = "Write the offset, as in 2026-11-24T09:30:00+08:00."


def aware(field: str, at: datetime) -> datetime:
    """Return ``at`` unchanged, or refuse it when it carries no time zone."""
    if at.tzinfo is None:
        raise NaiveTime(field, at.isoformat())
    return at
