# SPDX-License-Identifier: BSD-3-Clause
"""One HTTP request, directly or through a proxy, bounded in time and in size.

As for genuine clients any answer but 200 and any length but the announced one is a failure, and a failure
is the host's or the proxy's (network/download.cc): a status of 400, 404 or from 500 is the host's word also
when a proxy passes it on; whatever else goes wrong on the way through a proxy is held against the proxy.
"""

from __future__ import annotations

import http.client
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 10.0
"""Seconds in which an answer has to begin, and again any next bytes of it; the genuine default."""
DIRECT = "DIRECT"
"""The proxy that is none."""

_LOW_SPEED = 1024  # bytes per second; CVMFS_LOW_SPEED_LIMIT
_BLOCK = 1 << 16
_IDLE = 8
_OF_THE_HOST = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_HEADERS = {"User-Agent": "pansoft", "Accept-Encoding": "identity"}


class Missing(Exception):
    """The host answers, and does not have the file."""


class HostFailed(Exception):
    """The host did not answer, or not as the server of a repository does."""


class ProxyFailed(Exception):
    """The proxy did not answer, or keeps us from the host."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch: an absolute address, through which proxy, how many bytes at most, how patiently."""

    url: str
    proxy: str = DIRECT
    limit: int = 1 << 30
    timeout_s: float = TIMEOUT_S
    past_caches: bool = False

    @property
    def route(self) -> tuple[str, str, str]:
        """Return what requests have in common that may use the same connection."""
        parts = urlsplit(self.url)
        return parts.scheme, parts.netloc if self._is_end_to_end(parts) else "", self.proxy

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers to send."""
        past = {"Cache-Control": "no-cache", "Pragma": "no-cache"} if self.past_caches else {}
        return {**_HEADERS, **past}

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that is not yet open."""
        parts = urlsplit(self.url)
        is_secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        if self.proxy == DIRECT:
            return kind(parts.hostname or "", parts.port, timeout=self.timeout_s)
        proxy = urlsplit(self.proxy)
        connection = kind(proxy.hostname or "", proxy.port, timeout=self.timeout_s)
        if is_secure:
            connection.set_tunnel(parts.hostname or "", parts.port)
        return connection

    @property
    def target(self) -> str:
        """Return what the request line names: a proxy is told the whole address."""
        parts = urlsplit(self.url)
        if self.proxy != DIRECT and parts.scheme == "http":
            return self.url
        return parts.path or "/"

    def _is_end_to_end(self, parts: SplitResult) -> bool:
        return self.proxy == DIRECT or parts.scheme == "https"


@dataclass
class Traffic:
    """What went over the wire: requests that were answered, bytes of bodies, seconds."""

    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass
class Connections:
    """Open connections that wait to be used again. Several threads may use them."""

    traffic: Traffic = field(default_factory=Traffic)
    _idle: dict[tuple[str, str, str], list[http.client.HTTPConnection]] = field(
        default_factory=dict, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Close what waits when nobody knows of it any more."""
        weakref.finalize(self, _close_all, self._idle)

    def get(self, request: Request) -> bytes:
        """Return a file's bytes. A connection that breaks is opened anew, once.

        Raises:
            Missing: the host says that there is none.
            HostFailed: the host does not answer as it should.
            ProxyFailed: the proxy does not.
        """
        try:
            try:
                return self._exchange(request)
            except (ConnectionResetError, BrokenPipeError, http.client.HTTPException):
                return self._exchange(request, fresh=True)
        except (OSError, http.client.HTTPException) as err:
            kind = HostFailed if request.proxy == DIRECT else ProxyFailed
            raise kind(_sentence(err)) from err

    def close(self) -> None:
        """Close what waits; the next request opens a connection again."""
        with self._lock:
            _close_all(self._idle)

    def _exchange(self, request: Request, *, fresh: bool = False) -> bytes:
        started = time.monotonic()
        with self._connection(request, fresh=fresh) as connection:
            connection.request("GET", request.target, headers=request.headers)
            with connection.getresponse() as response:
                _check_status(request, response)
                body = _body(request, response, started)
        with self._lock:
            self.traffic.requests += 1
            self.traffic.bytes += len(body)
            self.traffic.seconds += time.monotonic() - started
        return body

    @contextmanager
    def _connection(self, request: Request, *, fresh: bool) -> Iterator[http.client.HTTPConnection]:
        """Give a connection and take it back, unless something went wrong on it."""
        with self._lock:
            waiting = self._idle.setdefault(request.route, [])
            connection = waiting.pop() if waiting and not fresh else request.connect()
        if connection.sock is not None:
            connection.sock.settimeout(request.timeout_s)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            waiting = self._idle.setdefault(request.route, [])
            if len(waiting) < _IDLE:
                waiting.append(connection)
                return
        connection.close()


def _check_status(request: Request, response: http.client.HTTPResponse) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    said = f"the answer is {status} {response.reason}"
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise Missing(said)
    is_of_the_host = status in _OF_THE_HOST or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if request.proxy == DIRECT or is_of_the_host:
        raise HostFailed(said)
    raise ProxyFailed(said)


def _body(request: Request, response: http.client.HTTPResponse, started: float) -> bytes:
    """Return the body, of which no more is read than it may be long."""
    announced = response.length
    if announced is not None and announced > request.limit:
        raise HostFailed(f"{announced} bytes are announced, {request.limit} are allowed")
    parts, size = [], 0
    while part := response.read1(_BLOCK):
        parts.append(part)
        size += len(part)
        if size > request.limit:
            raise HostFailed(f"more than the allowed {request.limit} bytes come")
        elapsed = time.monotonic() - started
        if elapsed > request.timeout_s and size < elapsed * _LOW_SPEED:
            raise TimeoutError(f"{size} bytes in {elapsed:.0f} s are too slow")
    if announced is not None and size != announced:
        raise http.client.IncompleteRead(b"", announced - size)
    return b"".join(parts)


def _sentence(err: Exception) -> str:
    if isinstance(err, http.client.IncompleteRead):
        return f"the answer ends {err.expected or 'some'} bytes early"
    if isinstance(err, TimeoutError):
        return str(err) if err.args else "no answer in time"
    if isinstance(err, OSError) and err.strerror:
        return err.strerror
    return str(err) or type(err).__name__


def _close_all(idle: dict[tuple[str, str, str], list[http.client.HTTPConnection]]) -> None:
    for waiting in idle.values():
        while waiting:
            waiting.pop().close()
