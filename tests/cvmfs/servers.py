# SPDX-License-Identifier: BSD-3-Clause
"""Real HTTP servers on this machine that hold a repository and misbehave as a test wants.

    with misbehaving(repository.folder, Wrong()) as server:
        source = HttpSource([server.url, other])

A server counts what it was asked and keeps the headers; its behaviour may be changed while it runs. Used as
a proxy, it answers for every host from its own folder.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from tests.cvmfs.samples import FQRN


@dataclass(frozen=True, slots=True)
class Well:
    """Answer as a repository's server does."""


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with a status and no file."""

    code: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Promise the whole file, send half of it and hang up."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Send bytes of which one is changed; with `only_cached` not to who asks past caches."""

    only_cached: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """Take the request and say nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Trickle:
    """Promise the file and send one byte of it every `pause_s`."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class Endless:
    """Send bytes without announcing how many, until the client has enough."""


@dataclass(frozen=True, slots=True)
class Boast:
    """Announce so many bytes."""

    length: int


@dataclass(frozen=True, slots=True)
class Raw:
    """Send just these bytes, whatever they are, and hang up."""

    data: bytes


Behaviour = Raw | Well | Status | Cut | Wrong | Silent | Trickle | Endless | Boast


@dataclass
class Server:
    """What a server does and was asked; `only` restricts the behaviour to paths that match."""

    folder: Path
    behaviour: Behaviour
    only: str = ""
    url: str = ""
    address: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def misbehaving(folder: Path, behaviour: Behaviour, *, only: str = "") -> Iterator[Server]:
    """Serve the repository in a folder in that way for the time of the block."""
    server = Server(folder, behaviour, only)
    handler = type("Handler", (_Handler,), {"server_state": server})
    with _Threading(("127.0.0.1", 0), handler) as listener:
        server.address = f"http://127.0.0.1:{listener.server_address[1]}"
        server.url = f"{server.address}/cvmfs/{FQRN}"
        thread = threading.Thread(
            target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            listener.shutdown()
            thread.join()


class _Threading(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: ClassVar[Server]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer as the behaviour says."""
        state = self.server_state
        path = urlsplit(self.path).path
        name = re.sub(r"^/cvmfs/[^/]+/", "", path)  # of whatever repository
        state.asked.append(name)
        state.headers.append(dict(self.headers.items()))
        file = state.folder / name
        behaviour = state.behaviour if re.search(state.only, path) else Well()
        body = file.read_bytes() if file.is_file() else None
        if body is None and not isinstance(behaviour, Raw | Status | Endless | Boast | Silent):
            behaviour = Status(404)
        self._answer(behaviour, body or b"")

    def _answer(self, behaviour: Behaviour, body: bytes) -> None:
        match behaviour:
            case Well():
                self._send(body)
            case Status(code):
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()
            case Cut():
                self._begin(len(body))
                self._write(body[: len(body) // 2])
                self.close_connection = True
            case Wrong(only_cached):
                is_asked_past = self.headers.get("Cache-Control") == "no-cache"
                changed = body[:-1] + bytes([body[-1] ^ 1])
                self._send(body if only_cached and is_asked_past else changed)
            case Silent(seconds):
                self.server_state.ended.wait(seconds)
                self.close_connection = True
            case Trickle(pause_s):
                self._begin(len(body))
                for byte in body:
                    self._write(bytes([byte]))
                    if self.server_state.ended.wait(pause_s):
                        break
                self.close_connection = True
            case Endless():
                self._begin(None)
                while not self.server_state.ended.is_set():
                    self._write(bytes(1 << 16))
            case Raw(data):
                self._write(data)
                self.close_connection = True
            case Boast(length):
                self._begin(length)
                self.close_connection = True

    def _send(self, body: bytes) -> None:
        self._begin(len(body))
        self._write(body)

    def _begin(self, length: int | None) -> None:
        self.send_response(200)
        if "/data/" in self.path:
            self.send_header("Cache-Control", "max-age=3600")
        if length is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server_state.sent += len(data)
