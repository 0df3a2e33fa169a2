"""What a form sent: its fields as text, numbers, days and a file."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from zhongshu.core.access import NotFound
from zhongshu.core.values import Refused
from zhongshu.web.problems import BadField


async def _sent(request: Request) -> FormData:
    return await request.form()


Sent = Annotated[FormData, Depends(_sent)]


class NoFile(Refused):
    message = "No file was chosen."
    remedy = "Choose a file of one of the kinds that the form names."


def text(sent: FormData, name: str) -> str:
    """Return what a field says, without the blanks around it; a file says nothing."""
    value = sent.get(name)
    return value.strip() if isinstance(value, str) else ""


def number(said: str, field: str = "number") -> int:
    """Return the number that something is known by; what is none, is not there."""
    if not (said.isascii() and said.isdigit()) or len(said) > 15:
        raise NotFound(field, said)
    return int(said)


def day(field: str, said: str) -> date:
    """Return a day a form says."""
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise BadField(field, said, why="write a day such as 2027-01-01") from None


def degrees(field: str, said: str) -> float | None:
    """Return the degrees a form says; None where it says nothing."""
    try:
        return float(said) if said.strip() else None
    except ValueError:
        raise BadField(field, said, why="degrees, such as 113.62") from None


async def file(sent: FormData, name: str = "file") -> tuple[str, bytes]:
    """Return the name and the bytes of the file that was chosen."""
    chosen = sent.get(name)
    if not isinstance(chosen, UploadFile) or not chosen.filename:
        raise NoFile(name)
    return chosen.filename, await chosen.read()
