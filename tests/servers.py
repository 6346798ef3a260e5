# SPDX-License-Identifier: BSD-3-Clause
"""A real HTTP server on this machine whose files and faults a test chooses.

A fault is used up by one request of its path; the next request is served well:

    server.files["/pool/a.deb"] = b"..."
    server.faults["/pool/a.deb"] = [Status(503), Cut(after=1000)]
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with a status and no file."""

    code: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Promise the whole file, send this many bytes of it and hang up."""

    after: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client elsewhere."""

    to: str


@dataclass(frozen=True, slots=True)
class Endless:
    """Begin with the file and never stop."""


@dataclass(frozen=True, slots=True)
class Drip:
    """Send one byte of the file after another, each after so many seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class Altered:
    """Send the file with its last byte changed."""


Fault: TypeAlias = Status | Cut | Redirect | Endless | Drip | Altered


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: the path, the first byte of a `Range`, and the login that was shown."""

    path: str
    begin: int = 0
    login: str | None = field(default=None, compare=False)


@dataclass
class FileServer:
    """Files by path, their faults, and every request in its order."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    ignores_range: bool = False
    requests: list[Request] = field(default_factory=list)
    gate: threading.Barrier | None = None
    """Where set, file requests wait here for each other: a client that is not parallel times out."""

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.address}{path}"

    def add_folder(self, folder: Path, *, at: str) -> None:
        """Serve every file of a folder."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.files[f"{at}/{file.relative_to(folder)}"] = file.read_bytes()


@contextlib.contextmanager
def file_server() -> Iterator[FileServer]:
    """Serve on a free port of this machine for the time of the block."""
    server = FileServer()

    class Handler(_Handler):
        files = server

    with listening(Handler) as server.address:
        yield server


@contextlib.contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with a handler on a free port of this machine for the time of the block, at this address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET from the files of a `FileServer`."""

    protocol_version = "HTTP/1.1"
    files: FileServer

    def do_GET(self) -> None:
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        login = self.headers.get("Authorization")
        self.files.requests.append(Request(self.path, begin, login))
        faults = self.files.faults.get(self.path, [])
        fault = faults.pop(0) if faults else None
        content = self.files.files.get(self.path)
        if self.files.gate is not None and content is not None:
            self.files.gate.wait(20)
        match fault:
            case Status(code):
                self._answer(code, b"")
            case Redirect(to):
                self.send_response(307)
                self.send_header("Location", to)
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _ if content is None:
                self._answer(404, b"")
            case Altered():
                last = bytes([content[-1] ^ 1])
                self._send(content[:-1] + last, begin, at_most=len(content))
            case Endless():
                self._send_on(content)
            case Drip(pause_s):
                self._send_slowly(content, pause_s)
            case Cut(after):
                self._send(content, begin, at_most=after)
                self.close_connection = True
            case None:
                self._send(content, begin, at_most=len(content))

    def _send(self, content: bytes, begin: int, *, at_most: int) -> None:
        resumed = begin > 0 and not self.files.ignores_range
        if resumed and begin >= len(content):
            self._answer(416, b"")
            return
        first = begin if resumed else 0
        self.send_response(206 if resumed else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header(
            "Content-Type", self.files.types.get(self.path, "application/octet-stream")
        )
        self.end_headers()
        self.wfile.write(content[first : first + at_most])

    def _send_on(self, content: bytes) -> None:
        self._begin()
        with contextlib.suppress(OSError):  # the client has had enough
            self.wfile.write(content)
            while True:
                self.wfile.write(b" " * (64 << 10))

    def _send_slowly(self, content: bytes, pause_s: float) -> None:
        self._begin()
        with contextlib.suppress(OSError):
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                time.sleep(pause_s)

    def _begin(self) -> None:
        """Promise nothing about the length: the file ends where the connection does."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""
