# SPDX-License-Identifier: BSD-3-Clause
"""Where a repository is read from: a directory, or an HTTP server such as a Stratum 0, a Stratum 1 or a
cache.

What comes back is bytes that nobody has verified; `reader` does that. As for genuine clients, any answer but
200 and any length but the announced one is a failure.
"""

from __future__ import annotations

import http.client
import logging
import weakref
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from cvmfs.errors import NotFound, RepositoryError, Unreachable

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
_ATTEMPTS = 3


class Source(Protocol):
    """Gives the files of a repository by their path in it."""

    @property
    def folder(self) -> Path | None:
        """Return the directory where the files are, if they are on this machine."""

    def describe(self, path: str) -> str:
        """Return the name of a file for messages."""

    def get(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            NotFound: there is none.
            Unreachable: the source does not answer as it should.
        """

    def close(self) -> None:
        """Let go of connections; the source may be used again."""


def source_of(location: str | Path) -> Source:
    """Return the source at a directory or an HTTP URL (`http://host/cvmfs/software.example.org`)."""
    if isinstance(location, str) and "://" in location:
        return HttpSource(location)
    return FolderSource(Path(location))


class FolderSource:
    """A repository in a directory of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path | None:
        """Return the directory."""
        return self._folder

    def describe(self, path: str) -> str:
        """Return the file's name."""
        return str(self._folder / path)

    def get(self, path: str) -> bytes:
        """Return a file's bytes."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError as err:
            raise NotFound(f"{self.describe(path)} is missing") from err
        except OSError as err:
            raise Unreachable(f"cannot read {self.describe(path)}: {err.strerror}") from err

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class HttpSource:
    """A repository on a web server; one connection is kept, so a source belongs to one thread."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url: SplitResult = urlsplit(url.rstrip("/"))
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise RepositoryError(
                f"{url!r} is not the address of a repository",
                hint="give a directory or an address like http://host/cvmfs/software.example.org",
            )
        self._timeout_s = timeout_s
        self._connections: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close_all, self._connections)

    @property
    def folder(self) -> Path | None:
        """Return None: the files are elsewhere."""
        return None

    def describe(self, path: str) -> str:
        """Return the file's address."""
        return f"{self._url.geturl()}/{path}"

    def get(self, path: str) -> bytes:
        """Return a file's bytes; a broken connection is tried again."""
        last: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                return self._get(path)
            except (OSError, http.client.HTTPException) as err:
                self.close()
                last = err
        raise Unreachable(
            f"cannot fetch {self.describe(path)}: {last}",
            hint="is the server running, and may this machine reach it?",
        ) from last

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        while self._connections:
            self._connections.pop().close()

    def _get(self, path: str) -> bytes:
        connection = self._connect()
        connection.request("GET", f"{self._url.path}/{path}", headers={"User-Agent": "pansoft"})
        with connection.getresponse() as response:
            body = response.read()
            if response.status == http.HTTPStatus.OK:
                return body
            if response.status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
                raise NotFound(f"{self.describe(path)} is missing")
            raise Unreachable(
                f"{self.describe(path)}: the server answered {response.status} {response.reason}"
            )

    def _connect(self) -> http.client.HTTPConnection:
        if not self._connections:
            kind = (
                http.client.HTTPSConnection
                if self._url.scheme == "https"
                else http.client.HTTPConnection
            )
            self._connections.append(
                kind(self._url.hostname or "", self._url.port, timeout=self._timeout_s)
            )
        return self._connections[0]


def _close_all(connections: list[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()
