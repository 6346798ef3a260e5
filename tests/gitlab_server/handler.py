# SPDX-License-Identifier: BSD-3-Clause
"""The GitLab on its socket, with the faults of the way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.gitlab_server.calls import Answer, File
from tests.gitlab_server.faults import Down, Fault, Gibberish, HangUp, Limited, Moved, Silent
from tests.gitlab_server.routes import answer
from tests.gitlab_server.server import GitlabServer, Request
from tests.servers import listening


@contextlib.contextmanager
def gitlab_server() -> Iterator[GitlabServer]:
    """Serve on a free port of this machine for the time of the block."""
    server = GitlabServer()

    class Handler(_Handler):
        gitlab = server

    with listening(Handler) as server.address:
        try:
            yield server
        finally:
            server.ended.set()


class _Handler(BaseHTTPRequestHandler):
    """Answers from a `GitlabServer`, or with the first of its faults that fits."""

    protocol_version = "HTTP/1.1"
    gitlab: GitlabServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.gitlab.lock:
            sent = json.loads(body) if body.startswith(b"{") else {}
            path = unquote(urlsplit(self.path).path)
            self.gitlab.requests.append(Request(self.command, path, sent))
            faults = self.gitlab.faults
            fault = next((each for each in faults if each.fits(self.command, path)), None)
            if fault is not None:
                faults.remove(fault)
            if fault is None or getattr(fault, "done", False):
                said = answer(self.gitlab, self.command, self.path, headers, body)
            else:
                said = Answer(500, {"message": "500 Internal Server Error"})
        self._send(fault, said)

    def _send(self, fault: Fault | None, answer: Answer) -> None:
        match fault:
            case None:
                if isinstance(answer.body, File):
                    self._write(answer.status, answer.body.content, kind="application/octet-stream")
                    return
                content = b"" if answer.status == 204 else json.dumps(answer.body).encode()
                self._write(answer.status, content, headers=answer.headers)
            case Limited(after=after):
                headers = (("Retry-After", after),) if after is not None else ()
                self._write(429, b"Retry later\n", kind="text/plain", headers=headers)
            case Down(status=status):
                page = b"<html><body><h1>GitLab is not responding</h1></body></html>"
                self._write(status, page, kind="text/html")
            case HangUp():
                self.close_connection = True
            case Silent():
                self.gitlab.ended.wait(60)
                self.close_connection = True
            case Gibberish():
                self._write(200, b"{half of")
            case Moved(to=to):
                self._write(302, b"", headers=(("Location", to),))

    def _write(
        self,
        status: int,
        content: bytes,
        *,
        kind: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""
