# SPDX-License-Identifier: BSD-3-Clause
"""Whether a tree is the one of its manifest: wholly, in a part, or by a sample of its files.

Refused, and named: content, mode, kind or a link's target that changed, what is missing, what is there
and was not signed. What lies where is looked at without following a link; what is in a file is read
(`Reading`), or taken from what the CVMFS client shows (`Showing`), which fetches nothing.

What a repository adds is not missed in the manifest: the empty files that mark its catalogs.

A tree that somebody may write to can change after it was looked at, as can any file; a mount of CVMFS is
read only.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.errors import Refused, UserError
from trust.contents import cvmfs_attributes
from trust.contents.content_table import ContentTable, StoredFile, fault_of
from trust.contents.cvmfs_attributes import NotShown
from trust.trees import tree_manifest
from trust.trees.tree_manifest import ROOT, Kind, TreeEntry

_SHOWN = 20
_MARKERS = frozenset({".cvmfscatalog", ".cvmfsautocatalog"})
_MOST_LINKS = 40


class Content(Protocol):
    """A way to know what is in a file."""

    @property
    def way(self) -> str:
        """Return which way that is, in words."""

    def fault(self, file: Path, entry: TreeEntry) -> str | None:
        """Return what is wrong with the content of a file of the right size, or None."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads every byte and takes its sha256."""

    @property
    def way(self) -> str:
        """Return which way this is."""
        return "every byte was read"

    def fault(self, file: Path, entry: TreeEntry) -> str | None:
        """Return what is wrong with the content of a file, or None."""
        try:
            found = tree_manifest.content_of(file)
        except OSError as err:
            return f"cannot be read: {err.strerror}"
        return None if found == entry.sha256 else "has another content"


@dataclass(slots=True)
class Showing:
    """Compares the signed content hashes with those that the CVMFS client shows; reads no file.

    The table is gone through once, beside the manifest, whose order it has.
    """

    table: ContentTable
    folder: str
    algorithms: set[str] = field(default_factory=set)
    _rows: Iterator[StoredFile] | None = None

    @property
    def way(self) -> str:
        """Return which way this is, and by which hashes."""
        return f"by the content hashes that the client shows ({', '.join(sorted(self.algorithms)) or 'none'})"

    def fault(self, file: Path, entry: TreeEntry) -> str | None:
        """Return what is wrong with a file, or None.

        Raises:
            NotShown: the table does not list it, or the client shows nothing.
        """
        stored = self._row_of(f"{self.folder}/{entry.path}")
        if stored.sha256 != entry.sha256:
            return "is another one in the table of content hashes"
        self.algorithms |= stored.algorithms
        return fault_of(stored, cvmfs_attributes.shown(file))

    def _row_of(self, path: str) -> StoredFile:
        if self._rows is None:
            self._rows = self.table.files()
        for stored in self._rows:
            if stored.path == path:
                return stored
        raise NotShown(f"{self.table.file.name} does not list {path}")


@dataclass(frozen=True, slots=True)
class Part:
    """What of a tree is looked at: everything, what is at a path and below, or some files' content.

    Args:
        path: from the root; links in it are followed as the manifest says.
        sample: the content of so many files is looked at; of all, where it is None.
        seed: which files those are, so that another look can take the same ones.
    """

    path: str = ROOT
    sample: int | None = None
    seed: str = ""


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class TreeChecked:
    """What was looked at and found to be as it was signed.

    Args:
        path: from the root, links followed.
        entries: files, folders and links there.
        files: whose content was looked at.
        bytes: of their content.
        way: how, in words.
    """

    path: str
    entries: int
    files: int
    bytes: int
    way: str


def check_tree(root: Path, manifest: Path, *, content: Content, part: Part = WHOLE) -> TreeChecked:
    """Return what was looked at, if a tree is as its manifest says.

    Args:
        root: the tree.
        manifest: the caller has made sure that it is the signed one.
        content: how to know what is in a file.
        part: how much to look at.

    Raises:
        Refused: something differs; names what, up to twenty of it.
        NotShown: the client does not show what `content` asks for.
    """
    path = resolved(part.path, _links(manifest)) if part.path != ROOT else ROOT
    chosen = _sample(manifest, path, part) if part.sample is not None else None
    look = _Look(root, path, content, chosen)
    entries = _inside(tree_manifest.read(manifest), path)
    for entry, status in _beside(entries, _actual(root, path)):
        look.at(entry, status)
    if look.faults:
        raise Refused(_sentence(root, look.faults))
    if not look.found_part:
        raise Refused(
            f"{manifest.name} does not list {part.path}: it is no part of what was signed"
        )
    return TreeChecked(path, look.entries, look.files, look.bytes, content.way)


def resolved(path: str, links: Mapping[str, str]) -> str:
    """Return a path of a tree with its links followed, inside the tree, as a program in it sees them.

    Args:
        path: from the root of the tree, with or without a slash before it.
        links: target of every link by its path.

    Raises:
        UserError: the links go round in circles.
    """
    todo = [part for part in path.split("/") if part not in {"", "."}][::-1]
    done: list[str] = []
    followed = 0
    while todo:
        part = todo.pop()
        if part == "..":
            del done[-1:]
            continue
        target = links.get("/".join([*done, part]))
        if target is None:
            done.append(part)
            continue
        followed += 1
        if followed > _MOST_LINKS:
            raise UserError(f"the links of {path} go round in circles")
        if target.startswith("/"):
            done.clear()
        todo += [step for step in target.split("/") if step not in {"", "."}][::-1]
    return "/".join(done) or ROOT


@dataclass(slots=True)
class _Look:
    """Goes through what should be there and what is, and counts."""

    root: Path
    part: str
    content: Content
    chosen: frozenset[str] | None
    faults: list[str] = field(default_factory=list)
    entries: int = 0
    files: int = 0
    bytes: int = 0
    found_part: bool = False

    def at(self, entry: TreeEntry | None, status: _Seen | None) -> None:
        """Look at one place."""
        if entry is None:
            if status is not None and not _is_marker(status):
                self.faults.append(f"{status.path} is there and was not signed")
            return
        self.found_part = self.found_part or entry.path == self.part
        self.entries += 1
        if status is None:
            self.faults.append(f"{entry.path} is missing")
        elif fault := self._fault(entry, status.status):
            self.faults.append(f"{entry.path} {fault}")

    def _fault(self, entry: TreeEntry, status: os.stat_result) -> str | None:
        kind = tree_manifest.kind_of(status.st_mode)
        if kind is not entry.kind:
            return f"is a {_words(kind)}, not a {_words(entry.kind)}"
        place = self.root / entry.path
        match entry.kind:
            case Kind.LINK:
                target = os.readlink(place)  # noqa: PTH115 - a Path would mend the target's spelling
                return (
                    None
                    if target == entry.target
                    else f"leads to {target!r}, not to {entry.target!r}"
                )
            case Kind.FOLDER:
                return _mode_fault(entry, status)
            case Kind.FILE:
                return _mode_fault(entry, status) or self._content_fault(place, entry, status)

    def _content_fault(self, place: Path, entry: TreeEntry, status: os.stat_result) -> str | None:
        if status.st_size != entry.size:
            return f"has {status.st_size} bytes instead of {entry.size}"
        if self.chosen is not None and entry.path not in self.chosen:
            return None
        self.files += 1
        self.bytes += entry.size
        return self.content.fault(place, entry)


def _mode_fault(entry: TreeEntry, status: os.stat_result) -> str | None:
    mode = stat.S_IMODE(status.st_mode)
    return None if mode == entry.mode else f"has the mode {mode:04o} instead of {entry.mode:04o}"


@dataclass(frozen=True, slots=True)
class _Seen:
    path: str
    status: os.stat_result


def _is_marker(seen: _Seen) -> bool:
    """Return whether something is the empty file by which a repository marks a catalog of its own."""
    is_empty = stat.S_ISREG(seen.status.st_mode) and seen.status.st_size == 0
    return is_empty and seen.path.rpartition("/")[2] in _MARKERS


def _beside(
    expected: Iterable[TreeEntry], actual: Iterable[_Seen]
) -> Iterator[tuple[TreeEntry | None, _Seen | None]]:
    """Yield what should be there with what is, both in the manifest's order."""
    entries, seen = iter(expected), iter(actual)
    entry, found = next(entries, None), next(seen, None)
    while entry is not None or found is not None:
        if found is None:
            there, is_there = True, False
        elif entry is None:
            there, is_there = False, True
        else:
            one, other = tree_manifest.order(entry.path), tree_manifest.order(found.path)
            there, is_there = one <= other, other <= one
        yield (entry if there else None), (found if is_there else None)
        entry = next(entries, None) if there else entry
        found = next(seen, None) if is_there else found


def _inside(entries: Iterable[TreeEntry], path: str) -> Iterator[TreeEntry]:
    """Yield the entries at a path and below it, and the folders that lead to it."""
    wanted = tree_manifest.order(path)
    for entry in entries:
        here = tree_manifest.order(entry.path)
        if here[: len(wanted)] == wanted or wanted[: len(here)] == here:
            yield entry


def _actual(root: Path, path: str) -> Iterator[_Seen]:
    """Yield what is at a path of a tree and below it, and what leads to it; links are not followed."""
    if path == ROOT:
        for inner, status in tree_manifest.walk(root):
            yield _Seen(inner, status)
        return
    parts = path.split("/")
    for number in range(len(parts)):
        above = "/".join(parts[:number]) or ROOT
        try:
            status = (root / above).lstat()
        except OSError:
            return
        yield _Seen(above, status)
        if not stat.S_ISDIR(status.st_mode):
            return  # named by its kind; nothing behind a link is looked at
    place = root / path
    try:
        status = place.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(status.st_mode):
        yield _Seen(path, status)
        return
    for inner, status in tree_manifest.walk(place):
        yield _Seen(path if inner == ROOT else f"{path}/{inner}", status)


def _links(manifest: Path) -> dict[str, str]:
    return {
        entry.path: entry.target
        for entry in tree_manifest.read(manifest)
        if entry.kind is Kind.LINK
    }


def _sample(manifest: Path, path: str, part: Part) -> frozenset[str]:
    """Return the files whose content is looked at: those whose names come first when hashed with the seed."""
    files = (
        entry.path
        for entry in _inside(tree_manifest.read(manifest), path)
        if entry.kind is Kind.FILE
    )
    return frozenset(
        heapq.nsmallest(
            part.sample or 0,
            files,
            key=lambda name: hashlib.sha256(part.seed.encode() + os.fsencode(name)).digest(),
        )
    )


def _words(kind: Kind | None) -> str:
    match kind:
        case Kind.FILE:
            return "file"
        case Kind.FOLDER:
            return "folder"
        case Kind.LINK:
            return "link"
        case None:
            return "device, pipe or socket"


def _sentence(root: Path, faults: list[str]) -> str:
    shown = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
    more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return f"{root} is not the tree that was signed:{shown}{more}"
