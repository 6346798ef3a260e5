# SPDX-License-Identifier: BSD-3-Clause
"""Everything a repository consists of, held against every rule of the format.

The rules are those of the genuine `cvmfs_swissknife check` and `scrub` (swissknife_check.cc), and two more:
a content has the size that its row says, and rowids are dense. In contrast to the genuine check, every object
is read and hashed.

    objects      present, bytes as their name says, content as long as the row says
    catalogs     size and root_prefix as the parent announces, dense rowids, no row that nobody lists
    nesting      transition rows equal but for flags; marker in every nested catalog and nowhere else;
                 a mountpoint has no children in the parent; as many mountpoints as nested catalogs
    rows         flags fit the mode; a file has a hash or chunks, others have none; link counts; extended
                 attributes can be read;
                 the names of a hard link are in one directory, equal, and as many as they say
    chunks       follow one another from 0 to the file's end
    statistics   all 24 counters exact
    history      the tag trunk is this revision; every tagged root catalog is there
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from core.errors import UserError
from cvmfs.catalog import Catalog, NestedCatalog, flags_of
from cvmfs.compression import Compression, decompress
from cvmfs.entries import Entry, Kind
from cvmfs.hashes import ContentHash, Suffix, object_path
from cvmfs.history import TRUNK, tags_of
from cvmfs.paths import MARKER, absolute, join
from cvmfs.reader import Reader, pieces
from cvmfs.statistics import NAMES, Counters
from cvmfs.xattrs import decode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that is broken: its group, the path or object, and what differs."""

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.where}: {self.rule}: {self.message}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at and what was found. `stored_bytes` counts every object once, as stored."""

    fqrn: str
    revision: int
    root_hash: ContentHash
    catalogs: int
    entries: int
    objects: int
    stored_bytes: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings


def check(reader: Reader, *, contents: bool = True) -> CheckReport:
    """Return what is wrong with the revision of a reader; its signatures were verified when it was opened.

    Without `contents` the objects of files are not read, only catalogs, history, certificate and metainfo.
    """
    work = _Check(reader, contents)
    work.everything()
    return CheckReport(
        fqrn=reader.fqrn,
        revision=reader.revision,
        root_hash=reader.root_hash,
        catalogs=work.catalogs,
        entries=work.entries,
        objects=len(work.seen),
        stored_bytes=work.stored_bytes,
        findings=tuple(work.findings),
    )


@dataclass
class _Check:
    reader: Reader
    contents: bool
    findings: list[Finding] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    catalogs: int = 0
    entries: int = 0
    stored_bytes: int = 0
    _uses: set[str] = field(default_factory=set)

    def everything(self) -> None:
        manifest = self.reader.manifest
        self._object(manifest.certificate, Suffix.CERTIFICATE)
        if manifest.metainfo is not None:
            self._object(manifest.metainfo, Suffix.METAINFO)
        self._history()
        root = NestedCatalog("", self.reader.root_hash, manifest.root_size)
        self._catalog(root, mountpoint=None)

    # -- catalogs

    def _catalog(self, nested: NestedCatalog, mountpoint: Entry | None) -> Counters:
        """Check a catalog and those below it, and return the counters of all of them."""
        self._object(nested.content_hash, Suffix.CATALOG)
        try:
            catalog = self.reader.catalog(nested)
            statistics = catalog.statistics()
        except UserError as err:
            self._find("catalogs", nested.path, str(err))
            return Counters()
        self.catalogs += 1
        self._root_row(catalog, nested, mountpoint)
        self._compare(nested.path, "self", statistics.own, catalog.counted())
        mountpoints = self._directory(catalog, nested.path, nested.path)
        if catalog.max_rowid != catalog.row_count:
            self._find(
                "catalogs",
                nested.path,
                f"{catalog.row_count} rows are numbered to {catalog.max_rowid}",
            )
        below = Counters()
        for entry in mountpoints.found:
            announced = catalog.nested.get(entry.path)
            if announced is None:
                self._find(
                    "nesting", entry.path, "is a mountpoint of which the catalog knows no hash"
                )
                continue
            below += self._catalog(announced, entry)
        for path in catalog.nested.keys() - {entry.path for entry in mountpoints.found}:
            self._find("nesting", path, "is listed as a nested catalog and is no mountpoint")
        if mountpoints.rows != catalog.row_count:
            self._find(
                "catalogs",
                nested.path,
                f"{catalog.row_count} rows, of which {mountpoints.rows} are in a directory of it",
            )
        self._compare(nested.path, "subtree", statistics.below, below)
        return statistics.total

    def _root_row(self, catalog: Catalog, nested: NestedCatalog, mountpoint: Entry | None) -> None:
        root = catalog.get(nested.path)
        if root is None or not root.is_directory:
            self._find("catalogs", nested.path, "the catalog has no root directory")
            return
        if root.is_nested_root != bool(nested.path):
            self._find("nesting", nested.path, "the flag for the root of a nested catalog is wrong")
        if mountpoint is not None:
            self._transition(mountpoint, root)
            if catalog.get(join(nested.path, MARKER)) is None:
                self._find("nesting", nested.path, f"has no {MARKER}")
        self._flags(catalog, root)
        if not nested.path:
            self.entries += 1
            self._links_of_directory(catalog, root)

    def _transition(self, mountpoint: Entry, root: Entry) -> None:
        as_plain = replace(mountpoint, is_mountpoint=False, is_nested_root=False)
        if as_plain != replace(root, is_mountpoint=False, is_nested_root=False):
            self._find(
                "nesting", mountpoint.path, f"differs in the two catalogs: {mountpoint} and {root}"
            )

    # -- rows

    def _directory(self, catalog: Catalog, path: str, root: str) -> _Listed:
        """Check what a directory holds and what is below it in the same catalog."""
        children = catalog.children(path)
        self._hard_links(path, children)
        listed = _Listed(rows=len(children) + (path == root))
        for entry in children:
            self.entries += 1
            self._entry(catalog, entry, root)
            if entry.is_mountpoint:
                listed.found.append(entry)
                if catalog.children(entry.path):
                    self._find("nesting", entry.path, "has children in the parent's catalog")
                self._links_of_directory(catalog, entry)
            elif entry.is_directory:
                self._links_of_directory(catalog, entry)
                deeper = self._directory(catalog, entry.path, root)
                listed.rows += deeper.rows
                listed.found += deeper.found
        return listed

    def _entry(self, catalog: Catalog, entry: Entry, root: str) -> None:
        self._flags(catalog, entry)
        if entry.name == MARKER and entry.path != join(root, MARKER):
            self._find("nesting", entry.path, "marks a directory that is no nested catalog")
        if entry.name == MARKER and not root:
            self._find("nesting", entry.path, "marks the root of the repository")
        if entry.link_count < 1:
            self._find("rows", entry.path, f"has the link count {entry.link_count}")
        if entry.kind is Kind.FILE:
            self._file(entry)
        elif entry.content_hash is not None or entry.chunks:
            self._find("rows", entry.path, f"is a {entry.kind} and has a content")
        self._attributes(entry)
        target_size = len(os.fsencode(entry.target))
        if entry.kind is Kind.SYMLINK and entry.size != target_size:
            self._find("rows", entry.path, f"has the size {entry.size}, its target {target_size}")
        if entry.kind is not Kind.SYMLINK and entry.target:
            self._find("rows", entry.path, f"is a {entry.kind} and has a target")

    def _flags(self, catalog: Catalog, entry: Entry) -> None:
        found, expected = catalog.flags(entry.path), flags_of(entry)
        if found != expected:
            self._find("rows", entry.path, f"has the flags {found}, not {expected}")

    def _attributes(self, entry: Entry) -> None:
        try:
            attributes = decode(entry.xattr)
        except UserError as err:
            self._find("rows", entry.path, str(err))
            return
        if entry.xattr is not None and not attributes:
            self._find("rows", entry.path, "has a list of extended attributes with nothing in it")

    def _file(self, entry: Entry) -> None:
        if entry.content_hash is None and not entry.chunks:
            self._find("rows", entry.path, "has neither a hash nor chunks")
            return
        end = 0
        for chunk in entry.chunks:
            if chunk.piece.offset != end:
                self._find(
                    "chunks", entry.path, f"a chunk begins at {chunk.piece.offset}, not at {end}"
                )
            end = chunk.piece.offset + chunk.piece.size
        if entry.chunks and end != entry.size:
            self._find("chunks", entry.path, f"the chunks end at {end}, the file at {entry.size}")
        if self.contents:
            for content_hash, suffix, piece in pieces(entry):
                self._content(entry, content_hash, suffix, piece.size)

    def _links_of_directory(self, catalog: Catalog, entry: Entry) -> None:
        if entry.is_mountpoint:
            nested = catalog.nested.get(entry.path)
            if nested is None:
                return
            try:
                catalog = self.reader.catalog(nested)
            except UserError:
                return  # is found when the nested catalog is checked
        expected = 2 + catalog.count_directories(entry.path)
        if entry.link_count != expected:
            self._find("rows", entry.path, f"has the link count {entry.link_count}, not {expected}")

    def _hard_links(self, path: str, children: Iterable[Entry]) -> None:
        files = [entry for entry in children if not entry.is_directory]
        members = Counter(entry.link_group for entry in files if entry.link_group)
        first: dict[int, Entry] = {}
        for entry in files:
            expected = members[entry.link_group] if entry.link_group else 1
            if entry.link_count != expected:
                self._find(
                    "rows",
                    entry.path,
                    f"has the link count {entry.link_count}; {expected} names of it are in {absolute(path)}",
                )
            if entry.link_group:
                other = first.setdefault(entry.link_group, entry)
                if replace(entry, path=other.path) != other:
                    self._find("rows", entry.path, f"is a hard link of {other.name} and differs")

    # -- objects

    def _content(self, entry: Entry, content_hash: ContentHash, suffix: Suffix, size: int) -> None:
        stored = self._object(content_hash, suffix, f"{entry.compression.name} {size}")
        if stored is None:
            return
        where = object_path(content_hash, suffix)
        try:
            found = len(decompress(stored, entry.compression, where=where))
        except UserError as err:
            self._find("objects", entry.path, str(err))
            return
        if found != size:
            self._find("objects", entry.path, f"{where} holds {found} bytes, not {size}")

    def _object(
        self, content_hash: ContentHash, suffix: Suffix, use: str = Compression.ZLIB.name
    ) -> bytes | None:
        """Return an object's bytes if it is sound and was not seen in this use."""
        path = object_path(content_hash, suffix)
        if f"{path} {use}" in self._uses:
            return None
        self._uses.add(f"{path} {use}")
        try:
            stored = self.reader.stored_object(content_hash, suffix)
        except UserError as err:
            self.findings.append(Finding("objects", path, str(err)))
            return None
        if path not in self.seen:
            self.seen.add(path)
            self.stored_bytes += len(stored)
        return stored

    # -- history and statistics

    def _history(self) -> None:
        manifest = self.reader.manifest
        if manifest.history is None:
            return
        self._object(manifest.history, Suffix.HISTORY)
        try:
            tags = tags_of(self.reader)
        except UserError as err:
            self._find("history", "", str(err))
            return
        for tag in tags:
            self._object(tag.root_hash, Suffix.CATALOG)
            is_current = (tag.root_hash, tag.revision) == (manifest.root_hash, manifest.revision)
            if tag.name == TRUNK and not is_current:
                self._find("history", "", f"the tag {TRUNK} is revision {tag.revision}")

    def _compare(self, path: str, scope: str, found: Counters, expected: Counters) -> None:
        for name, is_, should_be in _different(found, expected):
            self._find("statistics", path, f"{scope}_{name} is {is_}, counted are {should_be}")

    def _find(self, rule: str, path: str, message: str) -> None:
        self.findings.append(Finding(rule, absolute(path) or "/", message))


@dataclass
class _Listed:
    """What a directory and those below it list in one catalog: how many rows, which mountpoints."""

    rows: int
    found: list[Entry] = field(default_factory=list)


def _different(found: Counters, expected: Counters) -> Iterator[tuple[str, int, int]]:
    for name in NAMES:
        is_, should_be = getattr(found, name), getattr(expected, name)
        if is_ != should_be:
            yield name, is_, should_be
