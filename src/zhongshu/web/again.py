"""Sending again: the header that makes it safe, and what counts as the same."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

#: `Idempotency-Key`, the sender's own name for what it sends.
RetryKey = Annotated[str | None, Header(alias="Idempotency-Key")]


def sent(number: str, what: str, body: BaseModel) -> bytes:
    """Return all that was asked for, to tell a retry from something else under the same key."""
    return f"{number}/{what}\n{body.model_dump_json()}".encode()
