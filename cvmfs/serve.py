# SPDX-License-Identifier: BSD-3-Clause
"""A web server for one repository, for demonstrations and tests; a facility uses nginx or Apache.

It answers what a genuine Stratum 0 answers, at the same addresses: `/cvmfs/<fqrn>/.cvmfspublished` and its
like, which caches may keep for a minute, and objects, which never change. There is nothing else to see.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from core.errors import UserError
from cvmfs.errors import NotFound
from cvmfs.manifest import MANIFEST, parse_manifest

log = logging.getLogger(__name__)

_SERVED = re.compile(r"\.cvmfs[a-z_]+|data/[0-9a-f]{2}/[0-9a-f]{38}[CHXMPL]?")
_SHORT_AGE_S = 61
_LONG_AGE_S = 3 * 24 * 3600


def serve(storage: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the repository in a folder until interrupted.

    Raises:
        NotFound: there is none.
        UserError: the address is in use or may not be used.
    """
    with _server(storage, host, port) as server:
        log.info("serving %s at %s", storage, _url(server, storage))
        server.serve_forever()


@contextmanager
def serving(storage: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the repository in a folder for the time of the block, and give its address.

    Port 0 takes any free one. The address is `http://host:port/cvmfs/<fqrn>`.
    """
    with _server(storage, host, port) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield _url(server, storage)
        finally:
            server.shutdown()
            thread.join()


def _server(storage: Path, host: str, port: int) -> ThreadingHTTPServer:
    handler = partial(_Handler, storage=storage, fqrn=_name(storage))
    try:
        return _Server((host, port), handler)
    except OSError as err:
        raise UserError(
            f"cannot serve at {host}:{port}: {err.strerror}",
            hint="choose another port; 0 takes a free one",
        ) from err


def _name(storage: Path) -> str:
    file = storage / MANIFEST
    try:
        return parse_manifest(file.read_bytes(), where=str(file)).fqrn
    except FileNotFoundError as err:
        raise NotFound(
            f"{file} is missing", hint="make the repository first: pansoft repo init"
        ) from err


def _url(server: ThreadingHTTPServer, storage: Path) -> str:
    host, port = server.server_address[:2]
    return f"http://{host!s}:{port}/cvmfs/{_name(storage)}"


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

    def __init__(self, *args: object, storage: Path, fqrn: str) -> None:
        self._storage = storage
        self._prefix = f"/cvmfs/{fqrn}/"
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
        name = path.removeprefix(self._prefix) if path.startswith(self._prefix) else ""
        if not _SERVED.fullmatch(name):
            self._refuse()
            return
        try:
            stream = (self._storage / name).open("rb")
        except OSError:
            self._refuse()
            return
        with stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            is_control = name.startswith(".")
            age = _SHORT_AGE_S if is_control else _LONG_AGE_S
            kind = "application/x-cvmfs" if is_control else "application/octet-stream"
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(size))
            self.send_header(
                "Cache-Control", f"max-age={age}" + ("" if is_control else ", immutable")
            )
            self.end_headers()
            if with_body:
                shutil.copyfileobj(stream, self.wfile, 1 << 18)

    def _refuse(self) -> None:
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", "0")
        self.end_headers()
