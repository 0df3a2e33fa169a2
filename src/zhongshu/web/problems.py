"""Refusals on their way out: problem+json for programs, a page for people, in their language."""

from __future__ import annotations

from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from zhongshu.core.values import Lang, Refused
from zhongshu.flow.once import OtherBody
from zhongshu.web.guard import OnlyLooking
from zhongshu.web.look import language, page, said


class BadField(Refused):
    message = "%(field)s: %(value)s was not understood: %(why)s."
    remedy = "See the description of this call in the API documentation."


class NoSuchPage(Refused):
    status = 404
    message = "There is no page “%(value)s”."
    remedy = "Start again from the first page."


class DatabaseAway(Refused):
    status = 503
    message = "The database cannot be reached at this moment; nothing was lost."
    remedy = "Try again in a few seconds."


class BodyTooLarge(Refused):
    status = 413
    message = "The request is larger than 16 MB."
    remedy = "Send less at once; use /api/v1/reports/bulk for many reports."


class Odd(Refused):
    message = "%(field)s holds characters that cannot be stored."
    remedy = "Send plain text in UTF-8."


def install(app: FastAPI) -> None:
    """Let every refusal become an answer."""

    @app.exception_handler(Refused)
    def _refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first: dict[str, Any] = error.errors()[0]
        where = ".".join(
            str(part) for part in first.get("loc", ()) if part not in ("body", "query")
        )
        return answer(request, BadField(where or "body", first.get("input"), why=first.get("msg")))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 413:
            return answer(request, BodyTooLarge("body"))
        if error.status_code == 404:
            return answer(request, NoSuchPage("path", request.url.path))
        return answer(
            request, BadField("request", request.method, why=error.detail), error.status_code
        )

    @app.exception_handler(psycopg.OperationalError)
    @app.exception_handler(PoolTimeout)
    def _away(request: Request, _: Exception) -> Response:
        return answer(request, DatabaseAway("database"))

    @app.exception_handler(psycopg.errors.ReadOnlySqlTransaction)
    def _looking(request: Request, _: Exception) -> Response:
        return answer(request, OnlyLooking("method", request.method))

    @app.exception_handler(UnicodeEncodeError)
    @app.exception_handler(psycopg.DataError)
    def _odd(request: Request, _: Exception) -> Response:
        return answer(request, Odd("body"))


def answer(request: Request, refusal: Refused, status: int | None = None) -> Response:
    """Return the refusal as the asker can read it."""
    code = status or refusal.status
    request.state.conflict = isinstance(refusal, OtherBody)
    lang = language(request)
    if _wants_page(request):
        if code == 401:
            return Response(
                status_code=303, headers={"Location": f"/login?next={request.url.path}"}
            )
        return page(request, "error.html", {"problem": problem(refusal, lang, code)}, status=code)
    headers = {"Retry-After": "2"} if code in (429, 503) else None
    return JSONResponse(
        problem(refusal, lang, code), code, headers, media_type="application/problem+json"
    )


def problem(refusal: Refused, lang: Lang, status: int | None = None) -> dict[str, Any]:
    """Return a refusal as RFC 9457 puts it, with field, value and remedy."""
    kind = type(refusal).__name__
    return {
        "type": f"/problems/{kind}",
        "title": said(type(refusal).message, lang) % refusal.details,
        "status": status or refusal.status,
        "field": refusal.field,
        "value": refusal.value,
        "remedy": said(type(refusal).remedy, lang) % refusal.details if refusal.remedy else "",
    }


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith(
        ("/api/", "/events")
    ) and "text/html" in request.headers.get("accept", "")
