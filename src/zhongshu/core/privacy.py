"""Contact data: masked for show, encrypted for keeping, found and cut out of free text.

A report keeps no contact; the vault does, per report, with a purpose and an end.
Keys and random bytes come in as arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zhongshu.core.values import Refused

NONCE_BYTES = 12
KEY_BYTES = 32

_MOBILE = r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d{9}(?!\d)"
_LANDLINE = r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"
_US_PHONE = r"(?<!\d)(?:\+?1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\d)"
_IDENTITY = r"(?<!\d)\d{17}[\dXx](?!\d)"
_EMAIL = r"[\w.+-]+@[\w-]+\.[\w.-]*\w"
#: Personal marks that have no business in the text of a report, each with its label.
_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern))
    for label, pattern in (
        ("[ID]", _IDENTITY),
        ("[PHONE]", f"{_MOBILE}|{_LANDLINE}|{_US_PHONE}"),
        ("[EMAIL]", _EMAIL),
    )
)


class ContactKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    WORDS = "words"  # the unmasked original of a text that held personal marks


class Purpose(StrEnum):
    """Why somebody may look at a contact. Each look is a fact."""

    CALL_BACK = "call_back"  # 回访
    CLARIFY = "clarify"  # 核实情况
    NOTICE = "notice"  # 办理告知


class BadContact(Refused):
    message = "%(value)s is neither a phone number nor an e-mail address."
    remedy = "Write a phone number (7 to 15 digits) or an address such as name@example.org, or leave it out."


@dataclass(frozen=True, slots=True)
class Contact:
    kind: ContactKind
    value: str


def read_contact(text: str) -> Contact | None:
    """Read what a reporter wrote in the contact field; nothing written is no contact."""
    value = text.strip()
    if not value:
        return None
    if re.fullmatch(_EMAIL, value) and len(value) <= 254:
        return Contact(ContactKind.EMAIL, value)
    digits = re.sub(r"[\s().-]", "", value)
    if re.fullmatch(r"\+?\d{7,15}", digits):
        return Contact(ContactKind.PHONE, digits)
    raise BadContact("contact", masked(value))


def masked(value: str) -> str:
    """Return a contact fit to be shown: enough to recognise one's own, no more."""
    if "@" in value:
        name, _, host = value.partition("@")
        return f"{name[:1]}***@{host}"
    if len(value) >= 11:
        return f"{value[:3]}****{value[-4:]}"
    return f"{value[:1]}***{value[-1:]}" if len(value) > 2 else "***"


def stripped(text: str) -> str:
    """Return ``text`` with identity numbers, phones and addresses replaced by labels."""
    if not any(c.isdigit() for c in text) and "@" not in text:
        return text
    for label, pattern in _MARKS:
        text = pattern.sub(label, text)
    return text


def sealed(value: str, *, key: bytes, nonce: bytes, about: str) -> bytes:
    """Return ``value`` encrypted (AES-256-GCM), bound to ``about`` so it cannot be moved."""
    return sealed_bytes(value.encode(), key=key, nonce=nonce, about=about)


def opened(ciphertext: bytes, *, key: bytes, nonce: bytes, about: str) -> str:
    """Undo `sealed`; raises `cryptography.exceptions.InvalidTag` if anything was changed."""
    return opened_bytes(ciphertext, key=key, nonce=nonce, about=about).decode()


def sealed_bytes(data: bytes, *, key: bytes, nonce: bytes, about: str) -> bytes:
    """Return bytes encrypted as `sealed` does it."""
    return AESGCM(key).encrypt(nonce, data, about.encode())


def opened_bytes(ciphertext: bytes, *, key: bytes, nonce: bytes, about: str) -> bytes:
    """Undo `sealed_bytes`, as `opened` does it."""
    return AESGCM(key).decrypt(nonce, ciphertext, about.encode())
