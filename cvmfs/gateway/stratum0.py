# SPDX-License-Identifier: BSD-3-Clause
"""The Stratum 0 behind a gateway: where its publishers read, and ask what is there already."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cvmfs.errors import Unreachable
from cvmfs.sources.fetch import source_of

_TIMEOUT_S = 60.0
_HEADERS = {"User-Agent": "pansoft", "Cache-Control": "no-cache"}


class Stratum0:
    """A repository in a folder or on a web server; used from several threads at once."""

    def __init__(self, location: str | Path) -> None:
        self._source = source_of(location)
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    def describe(self, path: str) -> str:
        """Return the name of a file for messages."""
        return self._source.describe(path)

    def get(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            NotFound: there is none.
            Unreachable: the server does not answer as it should.
        """
        with self._lock:
            return self._source.get(path)

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, None where there is none or the server does not tell.

        Raises:
            Unreachable: there is no answer.
        """
        if self._source.folder is not None:
            file = self._source.folder / path
            return file.stat().st_size if file.is_file() else None
        address = self._source.describe(path)
        try:
            try:
                return self._asked(address)
            except (OSError, http.client.HTTPException):
                return self._asked(address)  # the connection was closed meanwhile, most likely
        except (OSError, http.client.HTTPException) as err:
            raise Unreachable(
                f"cannot ask for {address}: {err}",
                hint="is the Stratum 0 running, and may this machine reach it?",
            ) from err

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
        self._source.close()

    def _asked(self, address: str) -> int | None:
        parts = urlsplit(address)
        with self._connection(parts) as connection:
            connection.request("HEAD", parts.path, headers=_HEADERS)
            with connection.getresponse() as response:
                length = response.getheader("Content-Length", "")
                is_there = response.status == HTTPStatus.OK and length.isdigit()
                return int(length) if is_there else None

    @contextmanager
    def _connection(self, parts: SplitResult) -> Iterator[http.client.HTTPConnection]:
        """Give a connection, kept for the next request unless something goes wrong on it."""
        is_secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
