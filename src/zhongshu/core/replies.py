"""Standard replies: what a city says often, with blanks that the case fills."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from zhongshu.core.values import AccountId, Lang, Name, Refused

#: The acts in whose forms a reply can be chosen, and the field it goes into.
FOR: Mapping[str, str] = {"reject": "reason", "return": "reason", "close": "reason", "note": "note"}
LONGEST = 2000
_BLANK = re.compile(r"\{([^{}]*)\}")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Blank(StrEnum):
    """What a reply may leave blank: a closed list, all of it about the matter."""

    NUMBER = "number"
    CATEGORY = "category"
    PLACE = "place"
    UNIT = "unit"
    DEADLINE = "deadline"
    REPORTED = "reported"
    OUTCOME = "outcome"
    DAYS = "days"
    TODAY = "today"


class UnknownBlank(Refused):
    message = "%(field)s: “{%(value)s}” is no blank a reply can have."
    remedy = "Use only: %(choices)s."


class NoReplyText(Refused):
    message = "%(field)s: a reply needs 1 to %(most)s characters."
    remedy = "Write the title and the Chinese text; the English one may stay empty."


class BadReplyCode(Refused):
    message = "%(field)s: “%(value)s” is no short name of a reply."
    remedy = "Use small letters, digits and dashes, such as private-property."


class NoReplyUse(Refused):
    message = "%(field)s: “%(value)s” is no form a reply can be chosen in."
    remedy = "Choose at least one of: %(choices)s."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One version of a reply. ``account`` wrote it; a dropped one is offered no more."""

    code: str
    version: int
    title: Name
    text: Name
    acts: frozenset[str]
    dropped: bool = False
    account: AccountId | None = None
    made_at: datetime | None = None


def check(reply: Reply) -> Reply:
    """Return a reply that can be kept; refuse one that cannot, by name."""
    if not _CODE.fullmatch(reply.code):
        raise BadReplyCode("code", reply.code)
    choices = ", ".join(FOR)
    for act in sorted(reply.acts - FOR.keys()) or ([] if reply.acts else [""]):
        raise NoReplyUse("acts", act, choices=choices)
    for field, text in (("title_zh", reply.title.zh), ("text_zh", reply.text.zh)):
        if not 1 <= len(text.strip()) <= LONGEST:
            raise NoReplyText(field, text, most=LONGEST)
    for field, text in (("text_zh", reply.text.zh), ("text_en", reply.text.en)):
        if len(text) > LONGEST:
            raise NoReplyText(field, text, most=LONGEST)
        for blank in _BLANK.findall(text):
            if blank not in list(Blank):
                known = ", ".join(f"{{{b}}}" for b in Blank)
                raise UnknownBlank(field, blank, choices=known)
    return reply


def filled(reply: Reply, values: Mapping[Blank, str], lang: Lang) -> str:
    """Return the text of a reply with its blanks filled; what the case does not say is “—”."""
    return _BLANK.sub(lambda found: values.get(Blank(found[1])) or "—", reply.text.said(lang))
