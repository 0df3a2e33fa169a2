"""A report that is begun and not sent: what was said so far, which step is next, and how it
travels sealed in the reporter's own browser. See docs/decisions/0024-a-report-begun.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography.exceptions import InvalidTag

from zhongshu.core.catalogue import danger_in
from zhongshu.core.privacy import NONCE_BYTES, opened_bytes, sealed_bytes
from zhongshu.core.values import Refused

#: So long after its first step a report can be gone on with.
FOR = timedelta(hours=1)
#: A browser keeps 4,096 bytes of a cookie, with its name and what it is told about it.
MOST_LETTERS = 3_800
#: How many characters of words fit into it, Chinese ones too.
MOST_TEXT = 900
_KEY = re.compile(r"[0-9a-f]{24}")


class Step(StrEnum):
    """One question on one page, in their order."""

    WHAT = "what"
    CALL = "call"
    WHERE = "where"
    KNOWN = "known"
    WORDS = "words"
    CONTACT = "contact"
    CHECK = "check"


#: The steps that are counted on the page; the others are put in where they are needed.
COUNTED = (Step.WHAT, Step.WHERE, Step.WORDS, Step.CONTACT, Step.CHECK)
#: The choice that stands before all groups: danger.
DANGER = "danger"
#: Whom to call first where a group is chosen in which life may be at stake.
CALLS: Mapping[str, tuple[str, ...]] = {
    DANGER: ("119", "110", "120"), "heat": ("119", "gas"), "estate": ("119",),
}  # fmt: skip
#: Where what a refusal names can be put right.
ASKED_AT: Mapping[str, Step] = {
    "group": Step.WHAT, "lon": Step.WHERE, "lat": Step.WHERE, "address": Step.WHERE,
    "asset": Step.WHERE, "joins": Step.KNOWN, "text": Step.WORDS, "photo": Step.WORDS,
    "contact": Step.CONTACT,
}  # fmt: skip


class TooMuch(Refused):
    message = "%(field)s is too long for one step: about %(most)d characters fit."
    remedy = "Say it shorter, or use the form with all on one page."


class NoPlaceSaid(Refused):
    message = "Where it is has not been said yet."
    remedy = "Use your place, pick it on the plan, or describe it in words."


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What was said so far. ``key`` names it and becomes the key its report is sent under;
    ``spot`` says in which area or at which thing the place was picked; ``sought`` is what was
    looked for last; ``called`` that whom to call has been shown; ``asked`` that the contact was
    asked for; ``tell`` that the reporter wants to be told there how it goes on.
    """

    key: str
    at: str
    group: str = ""
    lon: str = ""
    lat: str = ""
    spot: str = ""
    address: str = ""
    sought: str = ""
    asset: str = ""
    joins: str = ""
    text: str = ""
    held: str = ""
    contact: str = ""
    tell: bool = False
    called: bool = False
    asked: bool = False

    @property
    def placed(self) -> bool:
        """Say whether there is a place: a point, a thing, or words."""
        return bool((self.lon and self.lat) or self.asset or self.address)

    @property
    def following(self) -> bool:
        """Say whether the reporter follows a matter that is known already."""
        return self.joins not in ("", "own")

    @property
    def urgent(self) -> bool:
        """Say whether to tell first whom to call."""
        return not self.called and (self.group == DANGER or danger_in(self.text) is not None)

    def open_steps(self) -> tuple[Step, ...]:
        """Return the steps that must still be answered before it can be sent."""
        said = {
            Step.WHAT: bool(self.group), Step.CALL: not self.urgent, Step.WHERE: self.placed,
            Step.WORDS: bool(self.text) or self.following,
            Step.CONTACT: self.asked or self.following,
        }  # fmt: skip
        return tuple(step for step, answered in said.items() if not answered)

    def may_be_at(self, step: Step) -> Step:
        """Return the step to show when one is asked for: an earlier one that is still open."""
        order = list(Step)
        before = [s for s in self.open_steps() if order.index(s) < order.index(step)]
        return before[0] if before else step


def after(step: Step, begun: Begun) -> Step:
    """Return the step that follows one: whom to call where that is pressing, whether it is known
    already where the place was just said, else the first question that is still open.
    """
    if begun.urgent:
        return Step.CALL
    if step is Step.WHERE and begun.placed:
        return Step.KNOWN
    still = begun.open_steps()
    return still[0] if still else Step.CHECK


def shut(begun: Begun, *, key: bytes, nonce: bytes) -> str:
    """Return it sealed, as letters a cookie can hold; what is too long for one is refused."""
    said = {k: v for k, v in asdict(begun).items() if v}
    packed = zlib.compress(json.dumps(said, ensure_ascii=False).encode(), 9)
    sealed = sealed_bytes(packed, key=_own_key(key), nonce=nonce, about="begun")
    letters = base64.urlsafe_b64encode(nonce + sealed).decode()
    if len(letters) > MOST_LETTERS:
        raise TooMuch("text", begun.text[:40], most=MOST_TEXT)
    return letters


def open_again(letters: str, *, key: bytes, now: datetime) -> Begun | None:
    """Undo `shut`; None where it is not ours, was changed, or has lain too long."""
    if not 0 < len(letters) <= MOST_LETTERS:
        return None
    try:
        raw = base64.urlsafe_b64decode(letters.encode())
        packed = opened_bytes(
            raw[NONCE_BYTES:], key=_own_key(key), nonce=raw[:NONCE_BYTES], about="begun"
        )
        said = json.loads(zlib.decompress(packed))
        known = {f.name for f in fields(Begun)}
        begun = Begun(**{k: v for k, v in said.items() if k in known})
        began = datetime.fromisoformat(begun.at)
    except (InvalidTag, NotBase64, ValueError, TypeError, zlib.error):
        return None
    return begun if _KEY.fullmatch(begun.key) and began <= now < began + FOR else None


def begin(*, random: bytes, now: datetime) -> Begun:
    """Return a report of which nothing is said yet."""
    return Begun(key=random[:12].hex(), at=now.astimezone(UTC).isoformat())


def _own_key(key: bytes) -> bytes:
    """Return a key of its own, so that what a browser holds is never a piece of the vault."""
    return hashlib.sha256(b"zhongshu begun" + key).digest()
