"""Speaking to a server outside: only where it may be, nowhere else, and not for long.

The name is looked up once and that address is spoken to; what is not a public address is
refused unless the operator named the host; no redirect is followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 5.0
MOST_ANSWER = 65_536


class NotThere(Exception):
    """A place the hub does not speak to, or that does not answer as it should. What it says can
    be kept: never the address, which may hold a robot's key.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, inside: frozenset[str]) -> Answer:
    """Send a body and return the answer, or raise `NotThere`. Hosts named ``inside`` may be
    anywhere, and plain.
    """
    return _asked("POST", url, body, headers, inside, most=MOST_ANSWER)


def get(url: str, headers: Mapping[str, str], *, inside: frozenset[str], most: int) -> Answer:
    """Return what stands at an address, at most ``most`` bytes of it, or raise `NotThere`."""
    return _asked("GET", url, None, headers, inside, most=most)


def _asked(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], inside: frozenset[str],
    *, most: int,
) -> Answer:  # fmt: skip
    try:
        return _spoken(method, url, body, headers, inside, most)
    except OSError as error:
        raise NotThere(f"{type(error).__name__}: {error}") from error
    except (ValueError, http.client.InvalidURL):
        # Their words repeat the address, and so would the trace.
        raise NotThere("this is no address that can be spoken to") from None
    except http.client.HTTPException as error:
        raise NotThere(f"{type(error).__name__}: the answer is no HTTP") from error


def _spoken(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], inside: frozenset[str],
    most: int,
) -> Answer:  # fmt: skip
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    trusted = host in inside
    if parts.scheme != "https" and not (trusted and parts.scheme == "http"):
        raise NotThere(f"{parts.scheme}://{host}: only https")
    address = _address(host, port, trusted=trusted)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        made = socket.create_connection(address, timeout=TIMEOUT_S)
        connection.sock = (
            ssl.create_default_context().wrap_socket(made, server_hostname=host)
            if parts.scheme == "https"
            else made
        )
        path = parts.path or "/"
        connection.request(method, f"{path}?{parts.query}" if parts.query else path, body, dict(headers))  # fmt: skip
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(most))
    finally:
        connection.close()


def _address(host: str, port: int, *, trusted: bool) -> tuple[str, int]:
    """Return the one address that is spoken to."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not trusted and not all(ipaddress.ip_address(one).is_global for one in found):
        raise NotThere(f"{host} is no public address")
    return found[0], port
