# SPDX-License-Identifier: BSD-3-Clause
"""A folder of this machine as entries of a repository, contents not read yet.

Names of one file in one directory stay hard links; names in different directories become files of their own,
since the format's checker wants a hard link within one directory (the content is stored once anyway).

Devices and sockets are refused unless asked for: a repository is mounted by strangers, who have no use for
either. A fifo does no harm. Extended attributes are left out unless asked for, as by the genuine publisher.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cvmfs.errors import RepositoryError
from cvmfs.format.entries import DIRECTORY_SIZE, Entry
from cvmfs.format.paths import MARKER, MARKERS, join
from cvmfs.format.xattrs import attributes_of, encode
from cvmfs.publishing.owners import Owners

_NANOSECONDS = 1_000_000_000


class VariableLinks(StrEnum):
    """What becomes of a symlink with `$(` in its target, which clients replace by a variable of theirs."""

    REFUSE = "refuse"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRules:
    """What is taken over from local files.

    `owners` says whose they are (None: of the transaction's uid and gid), `xattrs` whether extended
    attributes come along, `specials` whether devices and sockets may.
    """

    owners: Owners | None = None
    xattrs: bool = False
    specials: bool = False
    variable_links: VariableLinks = VariableLinks.REFUSE


AS_IT_IS = TreeRules()


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """An entry and where it comes from; `leader` is the first path of a hard link's names, else empty."""

    entry: Entry
    source: str
    leader: str = ""


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """What a directory holds, sorted; `is_nested` says that it holds the marker of a nested catalog."""

    path: str
    children: tuple[LocalEntry, ...]
    is_nested: bool


def scan(
    folder: Path | str, path: str, *, owners: Owners, rules: TreeRules = AS_IT_IS
) -> Iterator[LocalDirectory]:
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
        local_entry(item, join(path, item.name), owners=owners, rules=rules)
        for item in listing
        if item.name not in MARKERS
    ]
    markers = {item.name for item in listing} & set(MARKERS)
    # a copy of a published tree may hold markers of catalogs that were made for their size alone
    yield LocalDirectory(path, _linked(children), is_nested=markers == {MARKER})
    for child in children:
        if child.entry.is_directory:
            yield from scan(child.source, child.entry.path, owners=owners, rules=rules)


def local_entry(
    item: Path | os.DirEntry[str], path: str, *, owners: Owners, rules: TreeRules = AS_IT_IS
) -> LocalEntry:
    """Return a local file, folder or link as the entry at `path`, without a hash.

    Raises:
        RepositoryError: it is not there, or the rules forbid it.
    """
    source = os.fspath(item)
    try:
        status = item.stat(follow_symlinks=False)
        target = str(Path(source).readlink()) if stat.S_ISLNK(status.st_mode) else ""
    except OSError as err:
        raise RepositoryError(f"cannot read {source}: {err.strerror}") from err
    _check_allowed(source, status.st_mode, target, rules)
    entry = Entry(
        path=path,
        mode=status.st_mode,
        size=_size(status, target),
        mtime=status.st_mtime_ns // _NANOSECONDS,
        mtime_ns=status.st_mtime_ns % _NANOSECONDS,
        uid=owners.users[status.st_uid],
        gid=owners.groups[status.st_gid],
        target=target,
        link_count=2 if stat.S_ISDIR(status.st_mode) else 1,
        xattr=_attributes(source) if rules.xattrs else None,
    )
    is_linked = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
    return LocalEntry(entry, source, f"{status.st_dev}:{status.st_ino}" if is_linked else "")


def _check_allowed(source: str, mode: int, target: str, rules: TreeRules) -> None:
    if "$(" in target and rules.variable_links is VariableLinks.REFUSE:
        raise RepositoryError(
            f"the link {source} has $( in its target {target!r}, which CVMFS clients replace by a variable",
            hint="remove the link or rename its target",
        )
    is_special = stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)
    if is_special and not rules.specials:
        kind = "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise RepositoryError(
            f"{source} is {kind}, which is not published",
            hint=f"remove it: rm {source}",
        )


def _attributes(source: str) -> bytes | None:
    try:
        return encode(attributes_of(source))
    except RepositoryError as err:
        raise RepositoryError(
            f"{source}: {err}", hint="remove the attribute with setfattr -x"
        ) from err


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
