# SPDX-License-Identifier: BSD-3-Clause
"""A folder of this machine as entries of a repository, contents not read yet.

Names of one file in one directory stay hard links; names in different directories become files of their own,
since the format's checker wants a hard link within one directory (the content is stored once anyway).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvmfs.entries import DIRECTORY_SIZE, Entry
from cvmfs.errors import RepositoryError
from cvmfs.paths import MARKER, join

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """An entry and where it comes from; `leader` is the first path of a hard link's names, else empty."""

    entry: Entry
    source: Path
    leader: str = ""


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """What a directory holds, sorted; `is_nested` says that it holds the marker of a nested catalog."""

    path: str
    children: tuple[LocalEntry, ...]
    is_nested: bool


def scan(folder: Path, path: str, *, uid: int, gid: int) -> Iterator[LocalDirectory]:
    """Return the directories of a folder that is to be at `path`, each before those in it.

    Raises:
        RepositoryError: a file cannot be read or published; the message says which.
    """
    try:
        with os.scandir(folder) as found:
            listing = sorted(found, key=lambda item: item.name)
    except OSError as err:
        raise RepositoryError(f"cannot read {folder}: {err.strerror}") from err
    children = [
        local_entry(Path(item.path), join(path, item.name), uid=uid, gid=gid)
        for item in listing
        if item.name != MARKER
    ]
    yield LocalDirectory(path, _linked(children), is_nested=len(children) < len(listing))
    for child in children:
        if child.entry.is_directory:
            yield from scan(child.source, child.entry.path, uid=uid, gid=gid)


def local_entry(source: Path, path: str, *, uid: int, gid: int) -> LocalEntry:
    """Return what is at `source` as the entry at `path`, without a hash.

    Raises:
        RepositoryError: it is not there, or a link whose target the client would change.
    """
    try:
        status = source.lstat()
    except OSError as err:
        raise RepositoryError(f"cannot read {source}: {err.strerror}") from err
    target = str(source.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    if "$(" in target:
        raise RepositoryError(
            f"the link {source} has $( in its target {target!r}, which CVMFS clients replace by a variable",
            hint="remove the link or rename its target",
        )
    entry = Entry(
        path=path,
        mode=status.st_mode,
        size=_size(status, target),
        mtime=status.st_mtime_ns // _NANOSECONDS,
        mtime_ns=status.st_mtime_ns % _NANOSECONDS,
        uid=uid,
        gid=gid,
        target=target,
        link_count=2 if stat.S_ISDIR(status.st_mode) else 1,
    )
    is_linked = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
    return LocalEntry(entry, source, f"{status.st_dev}:{status.st_ino}" if is_linked else "")


def _size(status: os.stat_result, target: str) -> int:
    if stat.S_ISDIR(status.st_mode):
        return DIRECTORY_SIZE
    if stat.S_ISLNK(status.st_mode):
        return len(os.fsencode(target))
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return status.st_rdev
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _linked(children: list[LocalEntry]) -> tuple[LocalEntry, ...]:
    """Return the children with the first name of each hard link as its leader; a lone name has none."""
    names: dict[str, list[str]] = {}
    for child in children:
        if child.leader:
            names.setdefault(child.leader, []).append(child.entry.path)
    leaders = {inode: paths[0] for inode, paths in names.items() if len(paths) > 1}
    return tuple(
        LocalEntry(child.entry, child.source, leaders.get(child.leader, "")) for child in children
    )
