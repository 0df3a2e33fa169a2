"""Words of a text, for search and for comparing two reports.

Latin words are lower-cased; runs of Chinese become overlapping pairs of characters,
which needs no dictionary and finds any query of two characters or more.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PIECE = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")


def words(text: str) -> tuple[str, ...]:
    """Return the distinct words of ``text`` in order of first appearance."""
    found: dict[str, None] = {}
    for piece in _PIECE.findall(text.lower()):
        if piece[0] < "\u3400" or len(piece) == 1:
            found[piece] = None
        else:
            found.update(dict.fromkeys(piece[i : i + 2] for i in range(len(piece) - 1)))
    return tuple(found)


@lru_cache(maxsize=4096)
def word_set(text: str) -> frozenset[str]:
    """Return the words of ``text``, remembered: a report is compared with the same few again."""
    return frozenset(words(text))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of words two texts have in common (Jaccard, 0 to 1)."""
    if not one or not other:
        return 0.0
    return len(one & other) / len(one | other)


def phrases(text: str, shared: frozenset[str]) -> tuple[str, ...]:
    """Return the stretches of ``text`` made of words in ``shared``, as a person reads them:
    of pairs of characters that follow each other, the whole they make.
    """
    found: dict[str, None] = {}
    for piece in _PIECE.findall(text.lower()):
        if piece[0] < "\u3400" or len(piece) == 1:
            if piece in shared:
                found[piece] = None
            continue
        begun = 0
        for i in range(len(piece)):
            if piece[i : i + 2] not in shared or i == len(piece) - 1:
                if i > begun:
                    found[piece[begun : i + 1]] = None
                begun = i + 1
    return tuple(found)
