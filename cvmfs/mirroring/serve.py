# SPDX-License-Identifier: BSD-3-Clause
"""A web server for repositories, for demonstrations and tests; a facility uses nginx or Apache.

It answers what a genuine Stratum 0 or 1 answers, at the same addresses: `/cvmfs/<fqrn>/.cvmfspublished` and
its like, which caches may keep for a minute, objects, which never change, and `/cvmfs/info/v1/`. There is
nothing else to see. Clients fetch whole files; one range is answered for whoever resumes a download.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import urlsplit

from core.errors import UserError
from cvmfs.mirroring.server_info import (
    META,
    REPOSITORIES,
    Contact,
    Served,
    meta_json,
    repositories_json,
    served,
)

log = logging.getLogger(__name__)

_OBJECT = r"data/[0-9a-f]{2}/[0-9a-f]{38}(-rmd160|-shake128)?[CHXMPL]?"
_SERVED = re.compile(rf"(/cvmfs/[^/]+)/(\.cvmfs[a-z_]+(\.json)?|{_OBJECT})")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SHORT_AGE_S = 61
_LONG_AGE_S = 3 * 24 * 3600
_BLOCK = 1 << 18


def serve(*folders: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the repositories in folders until interrupted.

    Raises:
        NotFound: there is none in one of them.
        UserError: the address is in use or may not be used.
    """
    with _server(folders, host, port) as server:
        log.info("serving %s at %s", ", ".join(map(str, folders)), _address(server))
        server.serve_forever()


@contextmanager
def serving(*folders: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the repositories in folders for the time of the block, and give the address of the first.

    Port 0 takes any free one. The address is `http://host:port/cvmfs/<fqrn>`.
    """
    with _server(folders, host, port) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield f"{_address(server)}/cvmfs/{served(folders[0]).fqrn}"
        finally:
            server.shutdown()
            thread.join()


def _server(folders: Sequence[Path], host: str, port: int) -> ThreadingHTTPServer:
    handler = partial(_Handler, repositories=[served(folder) for folder in folders])
    try:
        return _Server((host, port), handler)
    except OSError as err:
        raise UserError(
            f"cannot serve at {host}:{port}: {err.strerror}",
            hint="choose another port; 0 takes a free one",
        ) from err


def _address(server: ThreadingHTTPServer) -> str:
    host, port = server.server_address[:2]
    return f"http://{host!s}:{port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "pansoft"
    sys_version = ""
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    timeout: ClassVar[float | None] = 60.0

    def __init__(self, *args: object, repositories: Sequence[Served]) -> None:
        self._repositories = repositories
        self._folders = {f"/cvmfs/{served.fqrn}": served.folder for served in repositories}
        super().__init__(*args)  # type: ignore[arg-type]  # the server passes them through

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with a file's headers."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log a request at debug, not on standard error."""
        log.debug("%s " + format, self.client_address[0], *args)  # noqa: G003

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        info = self._info(path)
        if info is not None:
            self._send(BytesIO(info), "application/json", f"max-age={_SHORT_AGE_S}", with_body)
            return
        asked = _SERVED.fullmatch(path)
        folder = self._folders.get(asked[1]) if asked else None
        if asked is None or folder is None:
            self._refuse()
            return
        try:
            stream = (folder / asked[2]).open("rb")
        except OSError:
            self._refuse()
            return
        with stream:
            if asked[2].startswith("."):
                self._send(stream, "application/x-cvmfs", f"max-age={_SHORT_AGE_S}", with_body)
            else:
                kept = f"max-age={_LONG_AGE_S}, immutable"
                self._send(stream, "application/octet-stream", kept, with_body)

    def _info(self, path: str) -> bytes | None:
        """Return what `/cvmfs/info/v1/` says, if it was asked for."""
        if path == f"/cvmfs/{REPOSITORIES}":
            return repositories_json(self._repositories).encode()
        return meta_json(Contact()).encode() if path == f"/cvmfs/{META}" else None

    def _send(self, stream: BinaryIO, kind: str, kept: str, with_body: bool) -> None:
        """Send a file, or the part of it that was asked for."""
        size = stream.seek(0, SEEK_END)
        part = self._part(size)
        if size and not part:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        is_whole = len(part) == size
        self.send_response(HTTPStatus.OK if is_whole else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Cache-Control", kept)
        self.send_header("Accept-Ranges", "bytes")
        if not is_whole:
            self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self.end_headers()
        if with_body:
            stream.seek(part.start)
            for start in range(part.start, part.stop, _BLOCK):
                self.wfile.write(stream.read(min(_BLOCK, part.stop - start)))

    def _part(self, size: int) -> range:
        """Return which bytes to send: all, unless one range was asked for."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        first, last = asked.groups() if asked else ("", "")
        if not first:
            return range(max(size - int(last), 0) if last else 0, size)
        return range(int(first), min(int(last) + 1, size) if last else size)

    def _refuse(self) -> None:
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", "0")
        self.end_headers()
