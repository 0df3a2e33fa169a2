"""Classes of colour on maps and plans: from how many cases on each begins, and what a legend says.

They are fixed: a scale that moves with the numbers would lie.
"""

from __future__ import annotations

from collections.abc import Sequence

from zhongshu.flow.city import City
from zhongshu.web.api.playback import drawn

#: From how many open cases on the finest cells have each colour.
FINEST = (1, 2, 3, 5)
#: How many cases a finest cell is thought to have open, and to have reported in a day.
A_CELL = 0.25
#: The same of squares of the public map, whose first colour begins with the fewest it tells.
SQUARES = (5, 10, 20)


def classes(areas: int, finest: int, *, days: float = 1.0) -> tuple[int, ...]:
    """Return from how many cases on each colour of a level begins: for the finest cells
    `FINEST`, for others by how many of those one holds, and over how many days. Nothing of
    today's numbers is in it.
    """
    per = max(1, round(A_CELL * days * finest / areas)) if areas else 1
    return FINEST if per == 1 else (1, 2 * per, 4 * per, 8 * per)


def of_city(city: City, *, days: float = 1.0) -> dict[str, tuple[int, ...]]:
    """Return the classes of the levels that are drawn."""
    levels = {level: len(city.tree.of_kind(level)) for level in drawn(city)}
    return {level: classes(n, max(levels.values()), days=days) for level, n in levels.items()}


def of_level(city: City, level: str, *, days: float) -> tuple[int, ...]:
    """Return the classes of a level, drawn or not."""
    finest = max(len(city.tree.of_kind(one)) for one in drawn(city))
    return classes(len(city.tree.of_kind(level)), finest, days=days)


def heat(count: int, begins: Sequence[int], *, first: int = 1) -> int:
    """Return which colour a count has, ``first`` the palest."""
    return first + sum(count >= one for one in begins)


def spans(begins: Sequence[int], *, fewest: int = 0) -> list[str]:
    """Return what a legend says of each colour, the palest first."""
    pairs = zip((fewest, *begins), begins, strict=False)
    said = [str(a) if b - 1 <= a else f"{a}–{b - 1}" for a, b in pairs]
    return [*said, f"≥ {begins[-1]}"]
