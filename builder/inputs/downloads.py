# SPDX-License-Identifier: BSD-3-Clause
"""What only the holder of a licence may download: their own files, for recipes with `install: site`.

    <state>/downloads/<name>/<file>        the files, closed to other users
    <state>/downloads/<name>/.known.json   their hashes, and which the holder has said

A file counts if the recipe lists its sha256, or if the holder has said it: other bytes under the right
name are how a program is slipped in. Its sha256 is in the plan, so everything that follows names it.
No lock names it, and `pansoft fetch --export` leaves it out: nobody is handed a copy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from builder.inputs.cache import InputCache
from builder.inputs.lock import Input
from builder.recipes.recipe import Download, Install, Recipe, SiteInstall, Source, SourceKind
from builder.state import State
from core.canonical import readable_json
from core.errors import UserError
from core.files import copy_atomic, exclusive_lock, sha256_file, write_atomic

_KNOWN = ".known.json"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}")


class NotHeld(UserError):
    """The download of a licence holder is not on this machine: the package is for sites that have it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Hashes by file name, each with the size and the time of what was hashed; said sha256s."""

    hashes: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()


def is_download(item: Input) -> bool:
    """Return whether an input is the file of a licence holder, which is not handed on."""
    return isinstance(item, Source) and item.kind is SourceKind.DOWNLOAD


def take(
    recipe: Recipe, files: Sequence[Path], state: State, *, confirmed: Collection[str] = ()
) -> None:
    """Keep the holder's files for the recipe; one of another name for the same download goes.

    Args:
        recipe: whose downloads they are.
        files: where the holder has put them.
        state: where they are kept.
        confirmed: sha256s that the holder says beyond those that the recipe lists.

    Raises:
        UserError: the recipe takes no such file, or it cannot be read.
    """
    way = _way(recipe)
    folder = state.downloads(recipe.name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o700)
    with exclusive_lock(folder / ".lock", purpose="keep downloads", wait=True):
        for file in files:
            wanted = _wanted(recipe, way, file)
            for other in _lying(folder, wanted):
                if other.name != file.name:
                    other.unlink()
            _copy(file, folder / file.name)
        known = _read(folder)
        said = known.confirmed | frozenset(confirmed)
        _write(folder, _Known(known.hashes, said))


def held(recipe: Recipe, state: State) -> tuple[Source, ...]:
    """Return the holder's files as inputs of the recipe's plan; they are in the input cache then.

    Raises:
        NotHeld: one of them is not here.
        UserError: one is here twice, or nobody has said its sha256.
    """
    way = _way(recipe)
    folder = state.downloads(recipe.name)
    found = {wanted: _lying(folder, wanted) for wanted in way.download}
    if missing := [wanted for wanted, files in found.items() if not files]:
        raise _not_held(recipe, way, missing)
    known = _read(folder)
    sources = []
    for wanted, files in found.items():
        if len(files) > 1:
            raise UserError(
                f"{recipe.name} is to be made of one file {wanted.file}, and {folder} holds "
                f"{', '.join(file.name for file in files)}",
                hint="keep the one that is meant",
            )
        [file] = files
        known, sha256 = _hashed(folder, file, known)
        _check(recipe, file, wanted, sha256, known)
        _into_cache(file, sha256, InputCache(state.inputs))
        sources.append(Source(SourceKind.DOWNLOAD, file.name, sha256))
    return tuple(sources)


def _way(recipe: Recipe) -> SiteInstall:
    if recipe.install is not Install.SITE or recipe.site is None:
        raise UserError(
            f"{recipe.name} is made from what its lock names, not from a download of yours",
            hint="recipes with 'install: site' take one",
        )
    return recipe.site


def _wanted(recipe: Recipe, way: SiteInstall, file: Path) -> Download:
    """Return which download of the recipe a file is, by its name."""
    for wanted in way.download:
        if fnmatchcase(file.name, wanted.file) and _FILE_NAME.fullmatch(file.name):
            return wanted
    patterns = ", ".join(wanted.file for wanted in way.download)
    raise UserError(
        f"{file.name} is no file that {recipe.name} is made of: {patterns}",
        hint=f"keep the name that it has at {way.registration}",
    )


def _lying(folder: Path, wanted: Download) -> tuple[Path, ...]:
    """Return the files of a folder that may be a download; none where there is no folder."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return ()
    return tuple(
        file
        for file in files
        if _FILE_NAME.fullmatch(file.name)
        and fnmatchcase(file.name, wanted.file)
        and file.is_file()
    )


def _copy(source: Path, target: Path) -> None:
    if target.exists() and source.samefile(target):
        return
    try:
        copy_atomic(source, target)
    except OSError as err:
        raise UserError(
            f"{source} cannot be kept in {target.parent}: {err.strerror}",
            hint="name the file that was downloaded",
        ) from err


def _hashed(folder: Path, file: Path, known: _Known) -> tuple[_Known, str]:
    """Return the sha256 of a file, hashed anew only where it was touched since the last time."""
    stat = file.stat()
    mark = (stat.st_size, stat.st_mtime_ns)
    kept = known.hashes.get(file.name)
    if kept is not None and kept[:2] == mark:
        return known, kept[2]
    sha256 = sha256_file(file)
    known = _Known({**known.hashes, file.name: (*mark, sha256)}, known.confirmed)
    _write(folder, known)
    return known, sha256


def _check(recipe: Recipe, file: Path, wanted: Download, sha256: str, known: _Known) -> None:
    if sha256 in wanted.sha256 or sha256 in known.confirmed:
        return
    raise UserError(
        f"{file.name} has the sha256 {sha256}, which {recipe.file} does not list: "
        "nobody has said that these are the right bytes",
        hint=f"compare it with what its makers say, then: pansoft build {recipe.name} "
        f"--confirm {sha256}",
    )


def _into_cache(file: Path, sha256: str, cache: InputCache) -> None:
    """Put a copy of a file where builds read it."""
    if cache.has(sha256):
        return
    part = cache.part(f"{sha256}.{os.getpid()}")
    part.parent.mkdir(parents=True, exist_ok=True)
    copy_atomic(file, part)
    cache.take(part, sha256, name=file.name)


def _not_held(recipe: Recipe, way: SiteInstall, missing: Sequence[Download]) -> NotHeld:
    files = " and ".join(wanted.file for wanted in missing)
    return NotHeld(
        f"{recipe.name} is installed by each site that holds a licence, from its own {files}",
        hint=f"accept {way.terms}, register at {way.registration}, download, then: "
        f"pansoft build {recipe.name} --download FILE",
    )


def _read(folder: Path) -> _Known:
    try:
        data: Any = json.loads((folder / _KNOWN).read_bytes())  # Any: JSON of this module
        hashes = {
            str(name): (int(size), int(time), str(sha256))
            for name, (size, time, sha256) in data["hashes"].items()
        }
        return _Known(hashes, frozenset(map(str, data["confirmed"])))
    except FileNotFoundError:
        return _Known()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _Known()  # damaged: hashed again, and asked again


def _write(folder: Path, known: _Known) -> None:
    data = {
        "hashes": {name: list(row) for name, row in sorted(known.hashes.items())},
        "confirmed": sorted(known.confirmed),
    }
    if os.access(folder, os.W_OK):
        write_atomic(folder / _KNOWN, readable_json(data))
