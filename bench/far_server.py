# SPDX-License-Identifier: BSD-3-Clause
"""A repository's server that is far away: every answer after a delay, all of them through one thin line.

It counts what it gives. The delay is that of a round trip; connections are kept, so opening one costs none.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_BLOCK = 1 << 16


@dataclass
class Line:
    """What all connections share: bytes per second, or None for as many as come, and seconds of delay."""

    delay_s: float = 0.0
    bytes_per_s: float | None = None
    requests: int = 0
    bytes: int = 0
    _free_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, size: int) -> None:
        """Count an answer and return when it may begin."""
        with self._lock:
            self.requests += 1
            self.bytes += size
        time.sleep(self.delay_s)

    def pass_on(self, size: int) -> None:
        """Return when so many bytes more have gone through."""
        if self.bytes_per_s is None:
            return
        with self._lock:
            begin = max(time.monotonic(), self._free_at)
            self._free_at = begin + size / self.bytes_per_s
            wait = self._free_at - time.monotonic()
        time.sleep(max(wait, 0.0))


@contextlib.contextmanager
def far(folder: Path, fqrn: str, line: Line) -> Iterator[str]:
    """Serve the repository in a folder over a line for the time of the block, and give its address."""
    handler = partial(_Handler, folder=folder, prefix=f"/cvmfs/{fqrn}/", line=line)
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/cvmfs/{fqrn}"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def __init__(self, *arguments: object, folder: Path, prefix: str, line: Line) -> None:
        self._folder, self._prefix, self._line = folder, prefix, line
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server passes them through

    def do_GET(self) -> None:
        """Answer with a file."""
        file = self._folder / self.path.removeprefix(self._prefix)
        body = memoryview(file.read_bytes() if file.is_file() else b"")
        self._line.answer(len(body))
        self.send_response(HTTPStatus.OK if file.is_file() else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), _BLOCK):
            block = body[start : start + _BLOCK]
            self._line.pass_on(len(block))
            self.wfile.write(block)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
