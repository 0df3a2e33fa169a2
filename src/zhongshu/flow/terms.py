"""What a city calls its levels and duties, in both languages; used by every page."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from zhongshu.core.access import Duty, NotFound
from zhongshu.core.values import Refused
from zhongshu.flow.people import CannotUndo, Hand
from zhongshu.store import city as store
from zhongshu.store import city_facts
from zhongshu.store.db import Tx


class WordsFact(StrEnum):
    """Changes of what things are called."""

    CHANGED = "words:changed"


class TooLongWord(Refused):
    message = "%(field)s is longer than 40 characters."
    remedy = "Choose a shorter word: it stands in tables and on buttons."


class NoWord(Refused):
    message = "A level needs a name in one language at least."
    remedy = "Write one; only the name of a duty may be left empty, which gives its usual word."


def change(tx: Tx, hand: Hand, about: str, *, zh: str, en: str) -> bool:
    """Call a level (``level:grid``) or a duty (``duty:grid_lead``) something else from now on; a duty
    without a word of its own has its usual one. Return whether anything changed.
    """
    now = {"zh": zh.strip(), "en": en.strip()}
    for field, word in now.items():
        if len(word) > 40:
            raise TooLongWord(field, word)
    # First the version: whoever changes the city at the same time waits here.
    store.changed(tx)
    was = _stands(tx, about)
    if now == was:
        return False
    family, _, key = about.partition(":")
    if family == "level":
        if not any(now.values()):
            raise NoWord("zh")
        store.rename_level(tx, key, zh=now["zh"], en=now["en"])
    else:
        store.change(tx, lambda said: _put(said, about, now))
    city_facts.add(tx, WordsFact.CHANGED, {"about": about, "was": was, "now": now}, account=hand.account, at=hand.at)  # fmt: skip
    return True


def _put(said: dict[str, Any], about: str, now: dict[str, str]) -> None:
    words = {k: v for k, v in said.get("words", {}).items() if k != about}
    said["words"] = {**words, **({about: now} if any(now.values()) else {})}


def _stands(tx: Tx, about: str) -> dict[str, str]:
    family, _, key = about.partition(":")
    if family == "level":
        level = next((x for x in store.levels(tx) if x.kind == key), None)
        if level is not None:
            return {"zh": level.name.zh, "en": level.name.en}
    elif family == "duty" and key in set(Duty):
        said: dict[str, Any] = store.setting(tx, "city") or {}
        return dict(said.get("words", {}).get(about, {"zh": "", "en": ""}))
    raise NotFound("word", about)


def undo(tx: Tx, hand: Hand, fact: int) -> None:
    """Call it again what it was called before a change, where nobody changed it since."""
    found = city_facts.one(tx, fact)
    if found is None:
        raise NotFound("change", fact)
    about, was, now = found.says["about"], found.says["was"], found.says["now"]
    store.changed(tx)
    if _stands(tx, about) != now:
        raise CannotUndo("word", about)
    change(tx, hand, about, zh=was["zh"], en=was["en"])


UNDO = frozenset({WordsFact.CHANGED})
