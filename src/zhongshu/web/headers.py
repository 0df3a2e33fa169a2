"""Security headers on every answer, and a limit on what a request may carry."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self';"
    " img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; font-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self)",
}
_RAW = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
MAX_BODY = 16 * 1024 * 1024
#: Bulk intake reads a stream and holds only a chunk of it.
UNLIMITED = frozenset({"/api/v1/reports/bulk"})


class Headers:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carried = 0

        async def limited() -> Message:
            nonlocal carried
            message = await receive()
            carried += len(message.get("body", b""))
            if carried > MAX_BODY and scope["path"] not in UNLIMITED:
                raise HTTPException(413)
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _counted(scope, message["status"])
                headers = MutableHeaders(scope=message)
                headers.raw.extend(_RAW)
                if scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "public, max-age=3600"
                elif not scope["path"].startswith("/photos/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, limited, with_headers)


def _counted(scope: Scope, status: int) -> None:
    """Count the answer for the key it was asked with, if it was."""
    state = scope.get("state", {})
    key = state.get("key")
    if key is not None:
        tally = scope["app"].state.tally
        tally.count(key, refused=status >= 400, conflict=state.get("conflict", False))
