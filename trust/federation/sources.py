# SPDX-License-Identifier: BSD-3-Clause
"""Where the federation's files are read: a web address, a folder of the mount, or a reader of one's own.

Nothing here is trusted: who reads checks every byte. But a source can be endless or slow, so each answer
has a limit of bytes (The Update Framework's) and a limit of time (here, for the whole of it and not only
between two bytes). A redirect is not followed: an address that has moved is for a person to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import requests
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface
from urllib3.exceptions import HTTPError

from core.errors import UserError

Reader: TypeAlias = Callable[[str], Iterable[bytes]]
"""Gives a file of the federation's folder by its name, in parts; raises FileNotFoundError."""

ANSWER_S = 10.0
"""How long a server may be silent."""

WHOLE_S = 60.0
"""How long one file may take: metadata is small."""

BASE = "federation:/"
_BLOCK = 64 << 10


class Fetcher(FetcherInterface):
    """Gives the client of The Update Framework what a reader reads."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix(BASE)
        try:
            parts = iter(self._read(name))
            first = next(parts, b"")
        except FileNotFoundError as err:
            raise DownloadHTTPError(f"there is no {name}", 404) from err
        return _chained(first, parts)


def reader_of(source: str | Path | Reader, *, limit_s: float = WHOLE_S) -> Reader:
    """Return what reads a source.

    Args:
        source: an address of http or https, a folder, or a reader.
        limit_s: how many seconds one file may take over the network.

    Raises:
        UserError: an address of another kind.
    """
    if isinstance(source, Path):
        return _folder(source)
    if not isinstance(source, str):
        return source
    if urlsplit(source).scheme not in {"http", "https"}:
        raise UserError(
            f"'{source}' is not an address of the federation",
            hint="it begins with https:// or http://; a folder of the mount is given as a path",
        )
    return _web(source.rstrip("/"), limit_s)


def _folder(folder: Path) -> Reader:
    def read(name: str) -> Iterator[bytes]:
        try:
            with (folder / name).open("rb") as stream:
                while block := stream.read(_BLOCK):
                    yield block
        except (NotADirectoryError, IsADirectoryError) as err:
            raise FileNotFoundError(name) from err

    return read


def _web(address: str, limit_s: float) -> Reader:
    def read(name: str) -> Iterator[bytes]:
        ends = time.monotonic() + limit_s
        try:
            with requests.get(
                f"{address}/{name}",
                stream=True,
                timeout=ANSWER_S,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity"},
            ) as answer:
                _check_status(answer, name)
                # read1 gives what has come; read would wait for a whole block, byte after byte
                while block := answer.raw.read1(_BLOCK, decode_content=False):
                    if time.monotonic() > ends:
                        raise SlowRetrievalError(f"{name} took more than {limit_s:g} s")
                    yield block
        except requests.Timeout as err:
            raise SlowRetrievalError(f"no answer in {ANSWER_S:g} s for {name}") from err
        except (requests.RequestException, HTTPError, OSError) as err:
            if isinstance(err, FileNotFoundError):
                raise
            raise DownloadError(f"{name} could not be read: {_reason(err)}") from err

    return read


def _check_status(answer: requests.Response, name: str) -> None:
    if answer.status_code in {403, 404, 410}:
        raise FileNotFoundError(name)
    if answer.status_code != 200:
        raise DownloadHTTPError(
            f"the server answers {answer.status_code} for {name}", answer.status_code
        )


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _reason(err: Exception) -> str:
    """Return the innermost cause, which says it; what is around it names our own classes."""
    while err.__cause__ or err.__context__:
        inner = err.__cause__ or err.__context__
        if not isinstance(inner, Exception):
            break
        err = inner
    return str(err) or type(err).__name__
