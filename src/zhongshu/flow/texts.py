"""The city's own texts of messages: written, tried on a real case, taken back. Every version
stays, with its author.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from zhongshu.core.escalation import among
from zhongshu.core.messages import place_of, read_place
from zhongshu.core.texts import CONFIRM, TEST, Hearer, Medium, Text, check, usual, variables
from zhongshu.core.values import LANGS, AccountId, Lang, Refused
from zhongshu.store import texts as store
from zhongshu.store.db import Tx
from zhongshu.store.texts import TextVersion

#: The texts a city has written itself, by place, medium and language.
Own = Mapping[tuple[str, str, str], Text]


class NothingBefore(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s: the usual text stands here already."
    remedy = "There is nothing to take back."


def placed(place: str, medium: str, lang: str) -> tuple[Hearer, str, Medium, Lang]:
    """Read for which hearer, event, medium and language a text is, or refuse it."""
    hearer, event = read_place(place)
    by = Medium(among("medium", medium, list(Medium)))
    variables(hearer, by)
    among("lang", lang, list(LANGS))
    return hearer, event, by, "en" if lang == "en" else "zh"


def now(tx: Tx, hearer: Hearer, event: str, medium: Medium, lang: Lang) -> Text:
    """Return the text that counts at this moment."""
    return chosen(own(tx), hearer, event, medium, lang)


def own(tx: Tx) -> Own:
    """Return the texts the city has written itself."""
    return {
        (one.event, one.medium, one.lang): Text(one.subject or "", one.body)
        for one in store.in_force(tx)
        if one.body is not None
    }


def chosen(kept: Own, hearer: Hearer, event: str, medium: Medium, lang: Lang) -> Text:
    """Return the text that counts: the city's for this event, its general one, the usual one."""
    found = kept.get((place_of(hearer, event), medium.value, lang))
    if found is None and event not in (CONFIRM, TEST):
        found = kept.get((place_of(hearer), medium.value, lang))
    return found or usual(hearer, event, medium, lang)


def checked(text: Text, hearer: Hearer, medium: Medium) -> Text:
    """Return a text as it is kept, or refuse it naming what it cannot name."""
    clean = Text(text.subject.strip(), text.body.replace("\r\n", "\n").strip())
    return check(clean, hearer, medium)


def write(
    tx: Tx, place: str, medium: str, lang: str, text: Text, *, by: AccountId | None, at: datetime
) -> None:  # fmt: skip
    """Let a text of the city's own stand in a place; refuse one that names what it cannot."""
    hearer, event, by_medium, language = placed(place, medium, lang)
    clean = checked(text, hearer, by_medium)
    store.write(
        tx, event=place_of(hearer, event), medium=by_medium, lang=language, subject=clean.subject,
        body=clean.body, account=by, at=at,
    )  # fmt: skip


def undo(
    tx: Tx, place: str, medium: str, lang: str, *, by: AccountId | None, at: datetime
) -> None:  # fmt: skip
    """Let the version before the one that counts stand again; before the first is the usual."""
    hearer, event, by_medium, language = placed(place, medium, lang)
    where = (place_of(hearer, event), by_medium.value, language)
    kept = versions(tx, *where)
    if not kept or kept[0].body is None:
        raise NothingBefore("text", place)
    before = _before(kept)
    store.write(
        tx, event=where[0], medium=where[1], lang=where[2], account=by, at=at,
        subject=before.subject if before else None, body=before.body if before else None,
    )  # fmt: skip


def versions(tx: Tx, place: str, medium: str, lang: str) -> list[TextVersion]:
    """Return every version of a place, the newest first."""
    return store.versions(tx, place, medium, lang)


def _before(kept: list[TextVersion]) -> TextVersion | None:
    """Return what stood before the newest: what that one itself took back is passed over."""
    newest = (kept[0].subject, kept[0].body)
    at = next((n for n, v in enumerate(kept[1:], start=1) if (v.subject, v.body) == newest), 0)
    return kept[at + 1] if at + 1 < len(kept) else None
