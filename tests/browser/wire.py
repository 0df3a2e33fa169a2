"""A wire between a browser and the hub, to be cut: a small proxy that can go deaf or dead."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Wire:
    """Carries bytes both ways on a port of its own.

    Deaf: requests reach the hub, but of an answer to a POST nothing comes back, the
    connection is cut instead: what a phone meets that drives into a tunnel. Dead: nothing
    goes through at all.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.deaf = self.dead = False
        #: How many answers to a POST were swallowed.
        self.swallowed = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self.target)) as far:
            posted = threading.Event()
            back = threading.Thread(target=self._back, args=(far, near, posted), daemon=True)
            back.start()
            while (data := near.recv(65536)) and not self.dead:
                if data.startswith(b"POST /api/"):
                    posted.set()
                elif data.startswith((b"GET ", b"POST ")):
                    posted.clear()
                far.sendall(data)

    def _back(self, far: socket.socket, near: socket.socket, posted: threading.Event) -> None:
        with suppress(OSError), near, far:
            while (data := far.recv(65536)) and not self.dead:
                if self.deaf and posted.is_set():
                    self.swallowed += 1
                    near.shutdown(socket.SHUT_RDWR)
                    return
                near.sendall(data)
