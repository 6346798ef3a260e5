# SPDX-License-Identifier: BSD-3-Clause
"""Bring what locks name into the input cache: in parallel, resumable, every byte verified.

Where a file is found is the host's configuration: its Debian archives, its Python indexes, its
proxies and certificates; then the further locations of the site and of the caller. A download that
was cut goes on where it was, and a file of the cache that is no longer what its name says is
fetched again.
"""

from __future__ import annotations

import concurrent.futures
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.cache import InputCache
from builder.inputs.images import take_from_archives
from builder.inputs.locations import Location
from builder.inputs.lock import Input, NodePackage, PythonArtefact, PythonSdist, input_name
from builder.inputs.oci import ImagePart
from builder.inputs.places import Mirrors, Place, places
from builder.inputs.site import site_of
from builder.recipes.recipe import Source, SourceKind
from core.console import Console, readable_size
from core.errors import UserError
from core.files import exclusive_lock

PARALLEL = 8
_HASHING = 2  # the disk is the limit, not the processor
_TIMEOUT_S = (20, 120)
_BLOCK = 1 << 16  # of a transfer that is cut, the block that was under way is lost


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did: how many inputs were wanted, how many came, and their bytes."""

    wanted: int
    downloaded: int
    bytes: int


def fetch(
    inputs: Iterable[Input],
    cache: InputCache,
    *,
    console: Console,
    locks: Mapping[str, str] | None = None,
    further: Sequence[Location] = (),
) -> Fetched:
    """Bring every input into the cache; what is there already and whole is left alone.

    Args:
        inputs: what is wanted.
        cache: where it goes; the site's file is looked for beside it.
        console: whom to tell.
        locks: the lock file that names an input, by the input's sha256, for messages.
        further: locations to ask before those of the site's file.

    Raises:
        UserError: an input is served nowhere, or with other bytes than the lock says. The others
            are fetched all the same, so that one run names every input that is wrong.
    """
    wanted = {item.sha256: item for item in inputs}
    if not _lacking(wanted.values(), cache):
        return Fetched(len(wanted), 0, 0)
    mirrors = Mirrors((*further, *site_of(cache.folder.parent).locations))
    (cache.folder / "partial").mkdir(parents=True, exist_ok=True)
    with exclusive_lock(cache.folder / "lock", purpose="fetch inputs", wait=True):
        missing = _lacking(wanted.values(), cache)
        for item in missing:
            if cache.has(item.sha256):
                console.say(f"{input_name(item)} was damaged in the input cache: fetching it again")
                cache.path(item.sha256).unlink()
        parts = [item for item in missing if isinstance(item, ImagePart)]
        take_from_archives(parts, cache, console=console)
        total = sum(part.size for part in parts if cache.has(part.sha256))
        left = [item for item in missing if not cache.has(item.sha256)]
        total += _fetch_all(left, cache, mirrors, console=console, locks=locks or {})
    console.say(f"fetched {len(missing)} inputs, {readable_size(total)}")
    return Fetched(len(wanted), len(missing), total)


def locked_in(lock: str, inputs: Iterable[Input]) -> dict[str, str]:
    """Return which lock file names each input, as `fetch` takes it; `lock` as people know it."""
    return {item.sha256: lock for item in inputs}


def _lacking(inputs: Iterable[Input], cache: InputCache) -> list[Input]:
    """Return the inputs that are not in the cache, or not whole."""
    listed = list(inputs)
    with concurrent.futures.ThreadPoolExecutor(_HASHING) as pool:
        whole = list(pool.map(lambda item: cache.is_whole(item.sha256), listed))
    return [item for item, is_whole in zip(listed, whole, strict=True) if not is_whole]


def _fetch_all(
    missing: Sequence[Input],
    cache: InputCache,
    mirrors: Mirrors,
    *,
    console: Console,
    locks: Mapping[str, str],
) -> int:
    """Fetch inputs in parallel and return the number of their bytes."""
    total = 0
    failures: list[UserError] = []
    with (
        console.progress("fetch", len(missing)) as progress,
        concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool,
    ):
        jobs = {
            pool.submit(_fetch_one, item, _label(item, locks), cache, mirrors): item
            for item in missing
        }
        for job in concurrent.futures.as_completed(jobs):
            try:
                total += job.result()
            except UserError as err:
                failures.append(err)
            progress.advance(note=input_name(jobs[job]))
    if failures:
        raise _all_of(failures)
    return total


def _label(item: Input, locks: Mapping[str, str]) -> str:
    """Return what messages call an input: its file name, and the lock that names it."""
    lock = locks.get(item.sha256)
    return f"{input_name(item)} (named by {lock})" if lock else input_name(item)


def _fetch_one(item: Input, label: str, cache: InputCache, mirrors: Mirrors) -> int:
    """Fetch one input from the first place that serves its bytes; return their number."""
    tried = 0
    trouble: UserError | None = None
    for place in places(item, mirrors):
        tried += 1
        try:
            if isinstance(place, requests.RequestException):
                raise place
            file = _from_place(place, item, label, cache, mirrors)
        except UserError as err:
            trouble = err
        except requests.RequestException as err:  # an OSError too, so it comes first
            trouble = trouble or _interrupted(label, err)
        except OSError as err:
            raise UserError(
                f"{label} could not be written to the input cache: {err.strerror}",
                hint=f"look at the room on the disk and at the rights of {cache.folder}",
            ) from err
        else:
            if file is not None:
                return file.stat().st_size
    raise trouble or _gone(item, label, tried)


def _from_place(
    place: Place, item: Input, label: str, cache: InputCache, mirrors: Mirrors
) -> Path | None:
    """Bring an input into the cache from one place; return None where that has no such file."""
    part = cache.part(item.sha256)
    goes_on = part.is_file()
    if isinstance(place.at, Path):
        shutil.copyfile(place.at, part)
    elif not _reached(place.at, part, place.session or requests.Session(), mirrors):
        return None
    try:
        return cache.take(part, item.sha256, name=label)
    except UserError:
        if not goes_on:
            raise
    # It may be the beginning, left by an earlier run, that is wrong: once more, from zero.
    return _from_place(place, item, label, cache, mirrors)


def _reached(url: str, part: Path, session: requests.Session, mirrors: Mirrors) -> bool:
    """Download to `part`, unless the server could not be reached before and there are others."""
    if mirrors.is_given_up(url):
        raise requests.ConnectionError
    try:
        return _download(url, part, session)
    except requests.ConnectionError:
        mirrors.give_up_on(url)
        raise


def _interrupted(label: str, err: requests.RequestException) -> UserError:
    """Return what went wrong without the exception's text, which holds the mirror's address."""
    return UserError(
        f"{label} could not be downloaded ({type(err).__name__})",
        hint="check the network and the host's proxy settings, then run it again: "
        "it goes on where it was",
    )


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


def _gone(item: Input, label: str, tried: int) -> UserError:
    match item:
        case DebianPackage() | DebianSourceFile():
            hint = (
                "the archive drops a package when a newer one replaces it; name a place that keeps it "
                "with 'pansoft fetch --from', or lock again with: pansoft lock NAME"
            )
        case ImagePart():
            hint = "the image that base.yaml names is not there any more, or nobody answers for it"
        case PythonArtefact() | PythonSdist() | NodePackage():
            hint = "lock the recipe again with: pansoft lock NAME"
        case Source(kind=SourceKind.DOWNLOAD):
            hint = "it is a licence holder's own: pansoft build NAME --download FILE"
        case _:
            hint = "name another place of the same archive under build.sources"
    return UserError(
        f"{label} is not in any of the {tried} places this host is configured to use"
        if tried
        else f"{label} is in no index or archive that this host is configured to use",
        hint=hint,
    )


def _all_of(failures: Sequence[UserError]) -> UserError:
    if len(failures) == 1:
        return failures[0]
    lines = "".join(f"\n    {failure.message}" for failure in failures)
    return UserError(f"{len(failures)} inputs could not be fetched{lines}", hint=failures[0].hint)
