# SPDX-License-Identifier: BSD-3-Clause
"""The manifest of a signed tree: a line for each file, folder and link, in the form of mtree(5).

    #mtree
    # pansoft tree 1
    . type=dir mode=0755
    ./bin type=link mode=0777 link=usr/bin
    ./usr/bin/x type=file mode=0755 size=12 sha256digest=…

BSD's mtree and libarchive read it. It is canonical, so that equal trees have equal manifests: sorted by the
parts of the paths, so that a folder is followed by all that is in it; one spelling of every line. It is read
line by line: a tree of half a million files takes the memory of its folders' depth.

What must hold of a manifest, whoever signed it:

- every path is below a folder that it lists; nothing is below a link, so no path leads out
- no name is `.`, `..`, empty or has a zero byte; none is there twice
- nothing is set-uid or set-gid; there are no devices, pipes and sockets

Owners and times are no part of it: everything in a repository belongs to root, and a time runs nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from core.errors import Refused
from core.files import atomic_file, sha256_file
from trust.trees import mtree

SUFFIX = ".mtree"
ROOT = "."
_HEAD = b"#mtree\n# pansoft tree 1\n"
_MAX_LINE = 1 << 20
_BLOCK = 1 << 20
_OF_LINKS = 0o777
_LINE = re.compile(
    r"(?P<path>\S+) type=(?P<kind>file|dir|link) mode=(?P<mode>[01][0-7]{3})"
    r"(?: size=(?P<size>0|[1-9][0-9]*) sha256digest=(?P<sha256>[0-9a-f]{64})| link=(?P<target>\S+))?\n"
)


class Kind(StrEnum):
    """What an entry is, in mtree's words."""

    FILE = "file"
    FOLDER = "dir"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, folder or link of a tree.

    Args:
        path: from the root of the tree, which is `.` itself.
        mode: the permissions, 0 to 0o1777.
        size: of a file, in bytes.
        sha256: of a file's content.
        target: of a link, as it is written.
    """

    path: str
    kind: Kind
    mode: int
    size: int = 0
    sha256: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class TreeSize:
    """How much is in a tree; `bytes` of the content of its files."""

    files: int
    folders: int
    links: int
    bytes: int


def order(path: str) -> tuple[bytes, ...]:
    """Return what paths are sorted by: their parts, as bytes, the root first."""
    return () if path == ROOT else tuple(os.fsencode(path).split(b"/"))


def scan(root: Path) -> Iterator[TreeEntry]:
    """Yield what a folder holds, itself first, in the manifest's order; links are not followed.

    Raises:
        Refused: something in it cannot be in a tree.
    """
    for path, status in walk(root):
        yield _seen(root, path, status)


def write(file: Path, entries: Iterable[TreeEntry]) -> TreeSize:
    """Write the manifest of a tree, and return how much is in it.

    Args:
        file: to write.
        entries: in the manifest's order, as `scan` gives them.

    Raises:
        Refused: an entry cannot be in a manifest.
    """
    counts = dict.fromkeys(Kind, 0)
    size = 0
    with atomic_file(file) as stream:
        stream.write(_HEAD)
        for entry in _checked(entries, str(file)):
            stream.write(line_of(entry))
            counts[entry.kind] += 1
            size += entry.size
    return TreeSize(counts[Kind.FILE], counts[Kind.FOLDER], counts[Kind.LINK], size)


def read(file: Path) -> Iterator[TreeEntry]:
    """Yield the entries of a manifest; that it is the signed one is the caller's to know.

    Raises:
        Refused: it is none, or breaks a rule of the module; names the line.
    """
    with file.open("rb") as stream:
        yield from _checked(_entries(stream, file.name), file.name)


def line_of(entry: TreeEntry) -> bytes:
    """Return the line of an entry."""
    path = ROOT if entry.path == ROOT else "./" + mtree.encode(entry.path)
    words = [path, f"type={entry.kind}", f"mode={entry.mode:04o}"]
    match entry.kind:
        case Kind.FILE:
            words += [f"size={entry.size}", f"sha256digest={entry.sha256}"]
        case Kind.LINK:
            words.append(f"link={mtree.encode(entry.target)}")
        case Kind.FOLDER:
            pass
    return (" ".join(words) + "\n").encode("ascii")


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and status of a folder and all below it, in the manifest's order; no link is followed."""
    yield ROOT, root.lstat()
    yield from _below(root)


def content_of(file: Path) -> str:
    """Return the sha256 of a regular file; a link in its place is not followed.

    Raises:
        OSError: it is a link, or cannot be read.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_file(file: Path, *, sha256: str) -> None:
    """Refuse a manifest that is not, byte for byte, the one that was signed.

    Raises:
        Refused: it differs, or is cut short.
    """
    if sha256_file(file) != sha256:
        raise Refused(f"{file.name} was altered: it is not the manifest that was signed")


def _below(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is below a folder; not by recursion, for there may be any number of folders in folders."""
    open_folders = [iter(_children(root, ""))]
    while open_folders:
        for path, status in open_folders[-1]:
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                open_folders.append(iter(_children(root, path)))
                break
        else:
            open_folders.pop()


def _children(root: Path, path: str) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(root / path) as found:
            children = [
                (f"{path}/{child.name}" if path else child.name, child.stat(follow_symlinks=False))
                for child in found
            ]
    except OSError as err:
        raise Refused(f"{path or root} cannot be looked into: {err.strerror}") from err
    return sorted(children, key=lambda child: os.fsencode(child[0]))


def _seen(root: Path, path: str, status: os.stat_result) -> TreeEntry:
    kind = kind_of(status.st_mode)
    if kind is None:
        raise Refused(
            f"{path} in {root} is a device, a pipe or a socket, which no tree holds",
            hint="have the recipe's script remove it",
        )
    mode = stat.S_IMODE(status.st_mode)
    try:
        match kind:
            case Kind.FILE:
                return TreeEntry(path, kind, mode, status.st_size, content_of(root / path))
            case Kind.LINK:
                return TreeEntry(path, kind, _OF_LINKS, target=_target(root / path))
            case Kind.FOLDER:
                return TreeEntry(path, kind, mode)
    except OSError as err:
        raise Refused(f"{path} in {root} cannot be read: {err.strerror}") from err


def _target(link: Path) -> str:
    return os.readlink(link)  # noqa: PTH115 - a Path would mend the target's spelling


def kind_of(mode: int) -> Kind | None:
    """Return what a status says that something is; None for what no tree holds."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else None


def _entries(stream: BinaryIO, name: str) -> Iterator[TreeEntry]:
    if stream.read(len(_HEAD)) != _HEAD:
        raise Refused(
            f"{name} is not a manifest of a tree, or of another form than 1",
            hint="update pansoft if whoever signed it has a newer one",
        )
    number = _HEAD.count(b"\n")
    while line := stream.readline(_MAX_LINE):
        number += 1
        yield _parse(line, f"line {number} of {name}")


def _parse(line: bytes, where: str) -> TreeEntry:
    found = _LINE.fullmatch(line.decode("ascii", "replace"))
    if found is None:
        raise Refused(f"{where} is cut short, or is not one of a manifest")
    path = found["path"]
    try:
        entry = TreeEntry(
            path=ROOT if path == ROOT else mtree.decode(path.removeprefix("./")),
            kind=Kind(found["kind"]),
            mode=int(found["mode"], 8),
            size=int(found["size"] or 0),
            sha256=found["sha256"] or "",
            target=mtree.decode(found["target"] or ""),
        )
    except mtree.NotAName as err:
        raise Refused(f"{where}: {err}") from err
    if line_of(entry) != line:
        raise Refused(f"{where} is not in its one form")
    return entry


def _checked(entries: Iterable[TreeEntry], name: str) -> Iterator[TreeEntry]:
    """Yield entries that keep the rules of the module.

    Raises:
        Refused: one does not.
    """
    before: tuple[bytes, ...] | None = None
    folders: list[tuple[bytes, ...]] = []
    for entry in entries:
        here = order(entry.path)
        _check_entry(entry, here, name)
        if before is None:
            if entry.path != ROOT or entry.kind is not Kind.FOLDER:
                raise Refused(f"{name} does not begin with the root of the tree")
        elif here <= before:
            raise Refused(f"{name}: {entry.path!r} is there twice, or out of order")
        else:
            while folders and folders[-1] != here[:-1]:
                folders.pop()
            if not folders:
                raise Refused(f"{name}: {entry.path!r} is below something that is no folder")
        if entry.kind is Kind.FOLDER:
            folders.append(here)
        before = here
        yield entry
    if before is None:
        raise Refused(f"{name} lists nothing")


def _check_entry(entry: TreeEntry, parts: tuple[bytes, ...], name: str) -> None:
    if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
        raise Refused(f"{name} lists the path {entry.path!r}, which leads elsewhere")
    if entry.mode & (stat.S_ISUID | stat.S_ISGID):
        raise Refused(
            f"{name}: {entry.path!r} is set-uid or set-gid, which nothing in a tree may be",
            hint="chmod u-s,g-s in the recipe's script",
        )
    if entry.kind is Kind.LINK and (
        not entry.target or "\0" in entry.target or entry.mode != _OF_LINKS
    ):
        raise Refused(f"{name}: the link {entry.path!r} leads nowhere, or has a mode")
