# SPDX-License-Identifier: BSD-3-Clause
"""Bring what locks name into the input cache: in parallel, resumable, every byte verified.

Where a file is found is the host's configuration: its Debian archives, its Python indexes, its
proxies and certificates. A download that was cut goes on where it was.
"""

from __future__ import annotations

import concurrent.futures
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests
import requests.adapters
import urllib3

from builder.inputs import apt, python_index
from builder.inputs.apt import DebianPackage
from builder.inputs.cache import InputCache
from builder.inputs.lock import Input, PythonArtefact, input_name
from builder.recipes.recipe import Source, SourceKind
from core.console import Console, readable_size
from core.errors import UserError
from core.files import exclusive_lock

PARALLEL = 8
_TIMEOUT_S = (20, 120)
_BLOCK = 1 << 16  # of a transfer that is cut, the block that was under way is lost


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did: how many inputs were wanted, how many came, and their bytes."""

    wanted: int
    downloaded: int
    bytes: int


def fetch(inputs: Iterable[Input], cache: InputCache, *, console: Console) -> Fetched:
    """Bring every input into the cache; what is there already is left alone.

    Raises:
        UserError: an input is served nowhere, or with other bytes than the lock says. The others
            are fetched all the same, so that one run names every input that is wrong.
    """
    wanted = {item.sha256: item for item in inputs}
    if all(map(cache.has, wanted)):
        return Fetched(len(wanted), 0, 0)
    (cache.folder / "partial").mkdir(parents=True, exist_ok=True)
    with exclusive_lock(cache.folder / "lock", purpose="fetch inputs", wait=True):
        missing = [item for sha256, item in wanted.items() if not cache.has(sha256)]
        total = _fetch_all(missing, cache, console=console)
    console.say(f"fetched {len(missing)} inputs, {readable_size(total)}")
    return Fetched(len(wanted), len(missing), total)


def _fetch_all(missing: Sequence[Input], cache: InputCache, *, console: Console) -> int:
    """Fetch inputs in parallel and return the number of their bytes."""
    mirrors = _Mirrors()
    total = 0
    failures: list[UserError] = []
    with (
        console.progress("fetch", len(missing)) as progress,
        concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool,
    ):
        jobs = {pool.submit(_fetch_one, item, cache, mirrors): item for item in missing}
        for job in concurrent.futures.as_completed(jobs):
            try:
                total += job.result()
            except UserError as err:
                failures.append(err)
            progress.advance(note=input_name(jobs[job]))
    if failures:
        raise _all_of(failures)
    return total


@dataclass
class _Mirrors:
    """What this host is configured to use, read once and only if it is needed.

    `requests` sessions are not shared between threads, so each thread has its own.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _archives: tuple[str, ...] | None = None
    _proxies: dict[str, str] = field(default_factory=dict)
    _indexes: python_index.Indexes | None = None
    _local: threading.local = field(default_factory=threading.local)

    def archives(self) -> tuple[str, ...]:
        with self._lock:
            if self._archives is None:
                self._archives = apt.archive_urls()
                self._proxies = apt.proxies()
            return self._archives

    def indexes(self) -> python_index.Indexes:
        with self._lock:
            if self._indexes is None:
                self._indexes = python_index.configured()
            return self._indexes

    def session(self, kind: str) -> requests.Session:
        session: requests.Session | None = getattr(self._local, kind, None)
        if session is None:
            session = requests.Session()
            retries = urllib3.Retry(
                total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504)
            )
            adapter = requests.adapters.HTTPAdapter(max_retries=retries)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            if kind == "debian":
                session.proxies.update(self._proxies)
            elif (certificates := self.indexes().certificates) is not None:
                session.verify = certificates
            setattr(self._local, kind, session)
        return session


def _fetch_one(item: Input, cache: InputCache, mirrors: _Mirrors) -> int:
    """Fetch one input from the first place that serves its bytes; return their number."""
    tried = 0
    trouble: UserError | None = None
    for place, session in _places(item, mirrors):
        tried += 1
        try:
            file = _from_place(place, session, item, cache)
        except UserError as err:
            trouble = err
        except requests.RequestException as err:
            trouble = _interrupted(item, err)
        else:
            if file is not None:
                return file.stat().st_size
    raise trouble or _gone(item, tried)


def _from_place(
    place: str | Path, session: requests.Session, item: Input, cache: InputCache
) -> Path | None:
    """Bring an input into the cache from one place; return None where that has no such file."""
    part = cache.part(item.sha256)
    goes_on = part.is_file()
    if isinstance(place, Path):
        shutil.copyfile(place, part)
    elif not _download(place, part, session):
        return None
    try:
        return cache.take(part, item.sha256, name=input_name(item))
    except UserError:
        if not goes_on:
            raise
    # It may be the beginning, left by an earlier run, that is wrong: once more, from zero.
    return _from_place(place, session, item, cache)


def _interrupted(item: Input, err: requests.RequestException) -> UserError:
    """Return what went wrong without the exception's text, which holds the mirror's address."""
    return UserError(
        f"{input_name(item)} could not be downloaded ({type(err).__name__})",
        hint="check the network and the host's proxy settings, then run it again: "
        "it goes on where it was",
    )


def _places(item: Input, mirrors: _Mirrors) -> Iterator[tuple[str | Path, requests.Session]]:
    """Yield where an input may be had, in the order to try.

    Raises:
        UserError: an index cannot be read.
    """
    match item:
        case DebianPackage():
            for archive in mirrors.archives():
                scheme, _, folder = archive.partition(":")
                session = mirrors.session("debian")
                if scheme not in ("file", "copy"):
                    yield archive + item.path, session
                elif (Path(folder) / item.path).is_file():
                    yield Path(folder) / item.path, session
        case PythonArtefact():
            yield from _indexed(item, item.name, item.filename, mirrors)
        case Source(kind=SourceKind.PYPI_SDIST):
            project, _, version = item.location.partition("==")
            for name in _sdist_names(project, version):
                yield from _indexed(item, project, name, mirrors)
        case Source():
            yield item.location, mirrors.session("web")


def _indexed(
    item: Input, project: str, filename: str, mirrors: _Mirrors
) -> Iterator[tuple[str | Path, requests.Session]]:
    session = mirrors.session("python")
    try:
        place = python_index.locate(
            project, filename, item.sha256, indexes=mirrors.indexes(), session=session
        )
    except requests.RequestException as err:
        raise _interrupted(item, err) from err
    if place is not None:
        yield place, session


def _sdist_names(project: str, version: str) -> Sequence[str]:
    """Return the file names an sdist may have: the name as written, and normalised (PEP 625)."""
    names = (project, project.replace("-", "_").replace(".", "_").lower(), project.lower())
    return tuple(dict.fromkeys(f"{name}-{version}.tar.gz" for name in names))


def _download(url: str, part: Path, session: requests.Session) -> bool:
    """Download to `part`, going on where it was cut; return False where there is no such file."""
    while True:
        before = _size(part)
        try:
            return _transfer(url, part, session)
        except requests.RequestException:
            if _size(part) <= before:  # this try brought nothing; the next would not either
                raise


def _transfer(url: str, part: Path, session: requests.Session) -> bool:
    """Download what is not yet in `part`; return False where there is no such file."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}  # the bytes as they are: a hash waits for them
    if have:
        headers["Range"] = f"bytes={have}-"
    with session.get(url, headers=headers, timeout=_TIMEOUT_S, stream=True) as response:
        if response.status_code in (requests.codes.not_found, requests.codes.gone):
            return False
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return True  # all of it is here; the hash decides
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        with part.open("ab" if resumed else "wb") as stream:
            for block in response.iter_content(_BLOCK):
                stream.write(block)
    return True


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _gone(item: Input, tried: int) -> UserError:
    name = input_name(item)
    match item:
        case DebianPackage():
            hint = (
                "the archive drops a package when a newer one replaces it; "
                "lock the recipe or base again with: pansoft lock NAME"
            )
        case PythonArtefact():
            hint = "lock the recipe again with: pansoft lock NAME"
        case _:
            hint = "name another place of the same archive under build.sources"
    return UserError(
        f"{name} is not in any of the {tried} places this host is configured to use"
        if tried
        else f"{name} is in no index or archive that this host is configured to use",
        hint=hint,
    )


def _all_of(failures: Sequence[UserError]) -> UserError:
    if len(failures) == 1:
        return failures[0]
    lines = "".join(f"\n    {failure.message}" for failure in failures)
    return UserError(f"{len(failures)} inputs could not be fetched{lines}", hint=failures[0].hint)
