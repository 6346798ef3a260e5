# SPDX-License-Identifier: BSD-3-Clause
"""Where a repository is read from: a directory, or HTTP servers such as a Stratum 0 and several Stratum 1.

What comes back is what the caller's check lets pass, so that another server can be asked when one gives
something else. Without a check it is bytes that nobody has verified.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from core.errors import UserError
from cvmfs.errors import FormatInvalid, NotFound, RepositoryError, Unreachable, VerificationFailed
from cvmfs.sources.routes import Choice, parse_hosts, proxies_of
from cvmfs.sources.transfer import (
    TIMEOUT_S,
    Connections,
    HostFailed,
    Missing,
    ProxyFailed,
    Request,
    Traffic,
)

log = logging.getLogger(__name__)

OBJECT_LIMIT = 1 << 30
"""Bytes that an object may have whose size nobody has announced."""
CONTROL_LIMIT = 1 << 20
"""Bytes that a manifest or a whitelist may have."""

_PROBE_S = 3.0
_FAILURES = (RepositoryError, VerificationFailed)

Check = Callable[[bytes], None]
"""Looks at bytes that came and raises `VerificationFailed` or `FormatInvalid` when they are not right."""


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


def source_of(
    location: str | Path | Sequence[str] | Source,
    *,
    fqrn: str | None = None,
    proxies: str = "",
    timeout_s: float = TIMEOUT_S,
) -> Source:
    """Return the source at a directory or at HTTP addresses.

    Args:
        location: a directory; or `http://host/cvmfs/software.example.org`, several with `;` between them
            or as a sequence, the preferred one first; or a source, such as a storage.
        fqrn: the repository's name, for `@fqrn@` in addresses.
        proxies: as `CVMFS_HTTP_PROXY` has them; see `routes`.
        timeout_s: seconds without an answer after which the next host or proxy is asked.

    Raises:
        RepositoryError: an address is none.
    """
    if isinstance(location, Path) or (isinstance(location, str) and "://" not in location):
        return FolderSource(Path(location))
    if not isinstance(location, (str, Sequence)):
        return location
    return HttpSource(location, fqrn=fqrn, proxies=proxies, timeout_s=timeout_s)


def get_checked(source: Source, path: str, *, limit: int, check: Check) -> bytes:
    """Return a file's bytes when they pass a check; where several servers hold it, from one whose do.

    Raises:
        NotFound: there is none.
        Unreachable: the source does not answer as it should.
        FormatInvalid: it has more than `limit` bytes.
    """
    if isinstance(source, HttpSource):
        return source.get(path, limit=limit, check=check)
    content = source.get(path)
    if len(content) > limit:
        raise FormatInvalid(f"{source.describe(path)} has more than the allowed {limit} bytes")
    check(content)
    return content


class FolderSource:
    """A repository in a directory of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
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
    """A repository on web servers that hold the same, with proxies before them. Several threads may use it.

    A host that does not answer, is slow, answers other than 200 or gives bytes that the caller refuses is
    left for the next one and tried again later. Bytes that the caller refuses are asked for once more past
    the caches on the way, then through the next proxy, then at the next host, as genuine clients do.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        fqrn: str | None = None,
        proxies: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._hosts = Choice("host", parse_hosts(url, fqrn=fqrn))
        self._proxies = proxies_of(proxies)
        self._timeout_s = timeout_s
        self._connections = Connections()
        self._asked = threading.local()

    @property
    def folder(self) -> Path | None:
        """Return None: the files are elsewhere."""
        return None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the addresses, the one that is used now first."""
        return self._hosts.in_order()

    @property
    def proxy(self) -> str:
        """Return the address of the proxy that is used now, or `DIRECT`."""
        return self._proxies.in_order()[0]

    @property
    def traffic(self) -> Traffic:
        """Return what was fetched so far."""
        return self._connections.traffic

    def describe(self, path: str) -> str:
        """Return the file's address at the host that this thread asked last."""
        return f"{getattr(self._asked, 'host', self.hosts[0])}/{path}"

    def get(self, path: str, *, limit: int = OBJECT_LIMIT, check: Check | None = None) -> bytes:
        """Return a file's bytes, from the first host that gives the right ones."""
        failures: list[UserError] = []
        for host in self._hosts.in_order():
            self._asked.host = host
            try:
                body = self._from_host(host, path, limit=limit, check=check)
            except (
                NotFound
            ) as err:  # another may have it already, which is no reason to leave this one
                failures.append(err)
            except _FAILURES as err:
                self._hosts.failed(host, err.message)
                failures.append(err)
            else:
                self._hosts.worked(host)
                return body
        raise _the_worst(failures, path)

    def close(self) -> None:
        """Close the connections; the next request opens another."""
        self._connections.close()

    def _from_host(self, host: str, path: str, *, limit: int, check: Check | None) -> bytes:
        """Return a file of one host, through the first proxy that passes it on undamaged."""
        url = f"{host}/{path}"
        suspects: dict[str, str] = {}
        failure: UserError | None = None
        for proxy in self._proxies.in_order():
            is_tired = self._hosts.is_resting(host) or self._proxies.is_resting(proxy)
            patience_s = min(self._timeout_s, _PROBE_S) if is_tired else self._timeout_s
            request = Request(url, proxy, limit, patience_s)
            try:
                body = self._checked(request, check)
            except ProxyFailed as err:
                failure = _unreachable(url, f"proxy {proxy}: {err}")
                self._proxies.failed(proxy, str(err))
            except HostFailed as err:
                raise _unreachable(url, str(err)) from err
            except Missing as err:
                raise NotFound(f"{url} is missing") from err
            except (VerificationFailed, FormatInvalid) as err:
                failure = err
                suspects[proxy] = err.message
            else:
                for suspect, why in suspects.items():  # the host is sound: they did the damage
                    self._proxies.failed(suspect, why)
                self._proxies.worked(proxy)
                return body
        raise failure or _unreachable(url, "there is no way to it")

    def _checked(self, request: Request, check: Check | None) -> bytes:
        body = self._connections.get(request)
        if check is None:
            return body
        try:
            check(body)
        except (VerificationFailed, FormatInvalid) as err:
            log.warning("%s is asked for again, past all caches: %s", request.url, err)
        else:
            return body
        body = self._connections.get(replace(request, past_caches=True))
        check(body)
        return body


def _unreachable(url: str, why: str) -> Unreachable:
    return Unreachable(
        f"cannot fetch {url}: {why}",
        hint="is the server running, and may this machine reach it?",
    )


def _the_worst(failures: Sequence[UserError], path: str) -> UserError:
    """Return what to say when no host has a file: that bytes are wrong, before that none came."""
    for failure in failures:
        if isinstance(failure, VerificationFailed | FormatInvalid):
            return failure
    if len(failures) == 1 or all(isinstance(failure, NotFound) for failure in failures):
        return failures[0]
    reasons = "; ".join(failure.message for failure in failures)
    return Unreachable(f"no host gives {path}: {reasons}", hint=failures[-1].hint)
