"""Values of our own as JSON, without being checked against a schema on their way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from pydantic_core import to_json


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as a JSON answer: texts, numbers, times, enumerations, lists, dicts."""
    return Response(to_json(value), status, headers, "application/json")
