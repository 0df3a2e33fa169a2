"""Classes of colour on maps and plans: from how many cases on each begins, and what a legend says.

They are fixed: a scale that moves with the numbers would lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from zhongshu.core.indicators import Period
from zhongshu.flow.city import City
from zhongshu.web.api.playback import drawn

#: From how many open cases on the finest cells have each colour.
FINEST = (1, 2, 3, 5)
#: How many cases a finest cell is thought to have open, and to have reported in a quiet day.
OPEN, QUIET = 0.25, 0.1
#: The same of squares of the public map, whose first colour begins with the fewest it tells.
SQUARES = (5, 10, 20)


def opened(areas: int, finest: int) -> tuple[int, ...]:
    """Return from how many open cases on each colour of a level begins: for the finest cells
    `FINEST`, for others by how many of those one holds. Nothing of today's numbers is in it.
    """
    per = max(1, round(OPEN * finest / areas)) if areas else 1
    return FINEST if per == 1 else (1, 2 * per, 4 * per, 8 * per)


def reported(areas: int, finest: int, *, days: float) -> tuple[int, ...]:
    """Return the same of cases reported in so many days."""
    per = max(1, round(QUIET * days * finest / areas)) if areas else 1
    return per, 2 * per, 4 * per, 8 * per


def of_city(city: City) -> dict[str, tuple[int, ...]]:
    """Return the classes of open cases of the levels that are drawn."""
    levels = {level: len(city.tree.of_kind(level)) for level in drawn(city)}
    return {level: opened(n, max(levels.values())) for level, n in levels.items()}


def of_period(city: City, level: str, period: Period) -> tuple[int, ...]:
    """Return the classes of cases reported in a period, for a level that is drawn or not."""
    finest = max(len(city.tree.of_kind(one)) for one in drawn(city))
    days = (period.until - period.start) / timedelta(days=1)
    return reported(len(city.tree.of_kind(level)), finest, days=days)


def heat(count: int, begins: Sequence[int], *, first: int = 1) -> int:
    """Return which colour a count has, ``first`` the palest."""
    return first + sum(count >= one for one in begins)


def spans(begins: Sequence[int], *, fewest: int = 0) -> list[str]:
    """Return what a legend says of each colour, the palest first."""
    pairs = zip((fewest, *begins), begins, strict=False)
    said = [str(a) if b - 1 <= a else f"{a}–{b - 1}" for a, b in pairs]
    return [*said, f"≥ {begins[-1]}"]
