"""A receipt to keep: its address as a QR code drawn here, and as an entry for a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import segno
from markupsafe import Markup

from zhongshu.core.intake import shown_code


def qr(address: str) -> Markup:
    """Return an address as a QR code in SVG, black on white in every theme."""
    drawn = segno.make(address, micro=False, error="m").svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr"
    )
    return Markup(drawn)  # noqa: S704 — drawn from modules, no text in it


def calendar(code: str, address: str, *, due: datetime | None, now: datetime, words: str) -> str:
    """Return an entry (RFC 5545) for the day by which something should have happened, or a
    week from now.
    """
    day = due if due is not None and due > now else now + timedelta(days=7)
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Zhongshu//door//EN", "BEGIN:VEVENT",
        f"UID:{code}@zhongshu", f"DTSTAMP:{_utc(now)}", f"DTSTART:{_utc(day)}",
        f"DTEND:{_utc(day + timedelta(minutes=15))}", f"SUMMARY:{_escaped(words)} {shown_code(code)}",
        f"URL:{address}", "END:VEVENT", "END:VCALENDAR", "",
    )  # fmt: skip
    return "\r\n".join(lines)


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", " ")
