"""Servers of others, on this machine: one that takes mail, one that takes posts."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Mailbox:
    """What a mail server took; ``answer`` says what it does with a receiver."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    answer: Callable[[str], str] = lambda _: "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802  # fmt: skip
        said = self.answer(address)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["To"] == address]


@contextmanager
def mail_server(*, password: str = "") -> Iterator[Mailbox]:
    """A real SMTP server on a free port; with a password it it checks who signs in."""
    box = Mailbox(port=free_port())

    def knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: Any) -> AuthResult:  # fmt: skip
        return AuthResult(success=said.password == password.encode())

    more = {"authenticator": knows, "auth_require_tls": False} if password else {}  # fmt: skip
    server = Controller(box, hostname="127.0.0.1", port=box.port, **more)
    server.start()
    try:
        yield box
    finally:
        server.stop()


@dataclass
class Wall:
    """What was posted; ``answers`` are given in turn, then the last one for ever."""

    url: str = ""
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=lambda: [(200, {})])

    def said(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.posts]


@contextmanager
def web_server(*answers: tuple[int, Any]) -> Iterator[Wall]:
    """A real HTTP server on a free port."""
    wall = Wall(answers=list(answers) or [(200, {})])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wall.posts.append((self.path, dict(self.headers.items()), body))
            status, said = wall.answers.pop(0) if len(wall.answers) > 1 else wall.answers[0]
            raw = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wall.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)  # fmt: skip
    thread.start()
    try:
        yield wall
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Tiles:
    """What a server of map tiles was asked for, and what it answers."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    #: Status and body for a path.
    answer: Callable[[str], tuple[int, bytes]] = lambda _: (404, b"")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def tile_server() -> Iterator[Tiles]:
    """A real HTTP server that gives tiles."""
    tiles = Tiles()

    class Giver(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tiles.asked.append(self.path)
            status, body = tiles.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Giver)
    tiles.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield tiles
    finally:
        server.shutdown()
        server.server_close()
