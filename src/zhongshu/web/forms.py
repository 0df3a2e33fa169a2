"""What a form sent, read before the endpoint runs.

Only reading it has to wait in the event loop: the endpoint itself is a plain function, runs in a
thread, and may ask the database.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile


async def _sent(request: Request) -> FormData:
    return await request.form()


Sent = Annotated[FormData, Depends(_sent)]


def text(sent: FormData, name: str) -> str:
    """Return what was typed into a field, trimmed; empty of a file or where nothing was."""
    value = sent.get(name)
    return value.strip() if isinstance(value, str) else ""


def texts(sent: FormData, name: str) -> list[str]:
    """Return all that was ticked or typed under a name."""
    return [value for value in sent.getlist(name) if isinstance(value, str)]


def file(sent: FormData, name: str) -> tuple[str, bytes] | None:
    """Return the name and the content of the file that was chosen; None where none was."""
    value = sent.get(name)
    if not isinstance(value, UploadFile) or not value.filename:
        return None
    return value.filename, value.file.read()
