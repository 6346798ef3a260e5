# SPDX-License-Identifier: BSD-3-Clause
"""Everything a repository consists of, held against every rule of the format.

The rules are those of the genuine `cvmfs_swissknife check` and `scrub` (swissknife_check.cc), and more: a
content has the size that its row says, rowids are dense, databases are whole. In contrast to the genuine
check, every object is read and hashed. Memory does not grow with the repository: the catalogs of one way down
the tree are open at a time, and what was seen is on disk.

    objects      present, bytes as their name says, content as long as the row says
    catalogs     a sound database with the genuine tables, properties and types; size and root_prefix as the
                 parent announces; the root's revision is the manifest's; dense rowids; no row that nobody
                 lists
    nesting      transition rows equal but for flags; marker in every nested catalog and nowhere else;
                 a mountpoint has no children in the parent; as many mountpoints as nested catalogs
    rows         flags fit the mode; a file has a hash or chunks, others have none; link counts; extended
                 attributes can be read; the names of a hard link are in one directory, equal, and as many as
                 they say
    chunks       follow one another from 0 to the file's end
    statistics   all 24 counters exact
    history      the tag trunk is this revision; branches of tags are there and used; no tag is older than its
                 branch; every tagged root catalog is there and as large as its tag says
    reflog       there if the manifest names it, with that hash; holds what the manifest and the tags name
    metainfo     a JSON object as documented
    storage      no file below data/ that is no object (if a storage is given)
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from core.errors import UserError
from cvmfs.checking.catalog_rules import oddities
from cvmfs.checking.seen import SeenObjects
from cvmfs.errors import NotFound
from cvmfs.format.catalog import (
    FLAG_BIND_MOUNTPOINT,
    FLAG_DIRECT_IO,
    FLAG_EXTERNAL,
    FLAG_HIDDEN,
    Catalog,
    NestedCatalog,
    flags_of,
)
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.hashes import (
    ContentHash,
    Suffix,
    algorithm_of,
    empty_file,
    object_path,
    parse_hash,
)
from cvmfs.format.history import TRUNK, Tag, branches_of, tags_of
from cvmfs.format.paths import MARKER, absolute, join
from cvmfs.format.statistics import NAMES, Counters
from cvmfs.format.xattrs import decode
from cvmfs.publishing.describe import metainfo_of
from cvmfs.publishing.reflog import (
    REFLOG,
    Reference,
    ReferenceType,
    references_in,
    references_of,
    verified,
)
from cvmfs.reading.reader import Reader
from cvmfs.storage.storage import Storage

log = logging.getLogger(__name__)

_THEIRS = FLAG_EXTERNAL | FLAG_BIND_MOUNTPOINT | FLAG_HIDDEN | FLAG_DIRECT_IO
_OBJECT = re.compile(r"data/([0-9a-f]{2})/([0-9a-f]{38}(?:-rmd160|-shake128)?)([CHXMP]?)")


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
    """What was looked at and what was found. `stored_bytes` counts every object once, as stored.

    What several revisions share is looked at once. `unused_objects` are those in the storage that no
    revision leads to, if that was asked: they are no fault, garbage collection takes them.
    """

    fqrn: str
    revision: int
    root_hash: ContentHash
    revisions: int
    catalogs: int
    entries: int
    objects: int
    stored_bytes: int
    findings: tuple[Finding, ...]
    unused_objects: int | None = None
    unused_bytes: int | None = None

    @property
    def is_sound(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings


def check(
    reader: Reader,
    *,
    contents: bool = True,
    all_revisions: bool = False,
    storage: Storage | None = None,
) -> CheckReport:
    """Return what is wrong with the revision of a reader; its signatures were verified when it was opened.

    Args:
        reader: the repository.
        contents: whether the objects of files are read too, not only catalogs, history and the like.
        all_revisions: whether all that tags and the reflog lead to is checked, beside the current one.
        storage: where the repository is; what is there and belongs to no revision is counted then, and
            every revision is checked.
    """
    work = _Check(reader, contents)
    try:
        work.everything(all_revisions=all_revisions or storage is not None)
        unused = None if storage is None else work.leftovers(storage)
    finally:
        work.seen.close()
    return CheckReport(
        fqrn=reader.fqrn,
        revision=reader.revision,
        root_hash=reader.root_hash,
        revisions=work.revisions,
        catalogs=len(work.checked),
        entries=work.entries,
        objects=work.objects,
        stored_bytes=work.stored_bytes,
        findings=tuple(work.findings),
        unused_objects=None if unused is None else unused.objects,
        unused_bytes=None if unused is None else unused.bytes,
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """What others need of a catalog that was checked: its root row and its counters."""

    root: Entry | None
    total: Counters


@dataclass(slots=True)
class _Leftovers:
    objects: int = 0
    bytes: int = 0


@dataclass
class _Check:
    reader: Reader
    contents: bool
    findings: list[Finding] = field(default_factory=list)
    seen: SeenObjects = field(default_factory=SeenObjects)
    checked: dict[tuple[ContentHash, str], _Checked] = field(default_factory=dict)
    revisions: int = 0
    entries: int = 0
    objects: int = 0
    stored_bytes: int = 0

    def everything(self, *, all_revisions: bool) -> None:
        manifest = self.reader.manifest
        self._object(manifest.certificate, Suffix.CERTIFICATE)
        self._metainfo()
        tags = self._history()
        references = self._reflog(tags)
        self._revision(self.reader.root_hash, manifest.root_size, self.reader.revision)
        if all_revisions:
            for tag in tags:
                self._revision(tag.root_hash, tag.root_size, tag.revision)
            for reference in references:
                if reference.type is ReferenceType.CATALOG:
                    self._revision(reference.content_hash, 0, None)
                else:
                    self._object(reference.content_hash, reference.type.suffix)

    def _revision(self, root_hash: ContentHash, size: int, revision: int | None) -> None:
        if (root_hash, "") not in self.checked:
            self.revisions += 1
            self._catalog(NestedCatalog("", root_hash, size), mountpoint=None, revision=revision)

    # -- catalogs

    def _catalog(
        self, nested: NestedCatalog, mountpoint: Entry | None, revision: int | None = None
    ) -> Counters:
        """Check a catalog and those below it, unless another revision has it too; return their counters."""
        key = (nested.content_hash, nested.path)
        if key not in self.checked:
            self._object(nested.content_hash, Suffix.CATALOG)
            try:
                with closing(self.reader.load(nested)) as catalog:
                    self.checked[key] = self._open_catalog(catalog, nested, revision)
            except (UserError, sqlite3.Error) as err:
                self._find("catalogs", nested.path, str(err))
                self.checked[key] = _Checked(None, Counters())
        checked = self.checked[key]
        if mountpoint is not None and checked.root is not None:
            self._transition(mountpoint, checked.root)
        return checked.total

    def _open_catalog(
        self, catalog: Catalog, nested: NestedCatalog, revision: int | None
    ) -> _Checked:
        statistics = catalog.statistics()
        for sentence in oddities(catalog, revision=revision):
            self._find("catalogs", nested.path, sentence)
        root = self._root_row(catalog, nested)
        self._compare(nested.path, "self", statistics.own, catalog.counted())
        mountpoints = self._directory(catalog, nested.path, nested.path)
        self._numbering(catalog, nested.path, mountpoints.rows)
        for bound in catalog.bound():
            self._object(bound.content_hash, Suffix.CATALOG)
        below = self._nested(catalog, mountpoints.found)
        self._compare(nested.path, "subtree", statistics.below, below)
        return _Checked(root, statistics.total)

    def _nested(self, catalog: Catalog, mountpoints: Iterable[Entry]) -> Counters:
        """Check the nested catalogs of a catalog, and return the counters of all of them."""
        below = Counters()
        expected = set(catalog.nested)
        for entry in mountpoints:
            announced = catalog.nested.get(entry.path)
            if announced is None:
                self._find(
                    "nesting", entry.path, "is a mountpoint of which the catalog knows no hash"
                )
                continue
            expected.remove(entry.path)
            below += self._catalog(announced, entry)
        for path in sorted(expected):
            self._find("nesting", path, "is listed as a nested catalog and is no mountpoint")
        return below

    def _numbering(self, catalog: Catalog, path: str, listed: int) -> None:
        rows = catalog.row_count
        if catalog.max_rowid != rows:
            self._find("catalogs", path, f"{rows} rows are numbered to {catalog.max_rowid}")
        if listed != rows:
            self._find("catalogs", path, f"{rows} rows, of which {listed} are in a directory of it")

    def _root_row(self, catalog: Catalog, nested: NestedCatalog) -> Entry | None:
        root = catalog.get(nested.path)
        if root is None or not root.is_directory:
            self._find("catalogs", nested.path, "the catalog has no root directory")
            return None
        if root.is_nested_root != bool(nested.path):
            self._find("nesting", nested.path, "the flag for the root of a nested catalog is wrong")
        if nested.path and catalog.get(join(nested.path, MARKER)) is None:
            self._find("nesting", nested.path, f"has no {MARKER}")
        self._flags(catalog, root)
        self._links_of_directory(catalog, root)
        if not nested.path:
            self.entries += 1
        return root

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
            elif entry.is_directory:
                self._links_of_directory(catalog, entry)
                deeper = self._directory(catalog, entry.path, root)
                listed.rows += deeper.rows
                listed.found += deeper.found
        return listed

    def _entry(self, catalog: Catalog, entry: Entry, root: str) -> None:
        flags = self._flags(catalog, entry)
        if entry.name == MARKER and entry.path != join(root, MARKER):
            self._find("nesting", entry.path, "marks a directory that is no nested catalog")
        if entry.name == MARKER and not root:
            self._find("nesting", entry.path, "marks the root of the repository")
        if entry.link_count < 1:
            self._find("rows", entry.path, f"has the link count {entry.link_count}")
        if entry.kind is Kind.FILE:
            self._file(entry, is_here=not flags & FLAG_EXTERNAL)
        elif entry.content_hash is not None or entry.chunks:
            self._find("rows", entry.path, f"is a {entry.kind} and has a content")
        self._attributes(entry)
        self._target(entry)

    def _target(self, entry: Entry) -> None:
        size = len(os.fsencode(entry.target))
        if entry.kind is Kind.SYMLINK and entry.size != size:
            self._find("rows", entry.path, f"has the size {entry.size}, its target {size}")
        if entry.kind is Kind.SYMLINK and not entry.target:
            self._find("rows", entry.path, "is a symlink without a target")
        if entry.kind is not Kind.SYMLINK and entry.target:
            self._find("rows", entry.path, f"is a {entry.kind} and has a target")

    def _flags(self, catalog: Catalog, entry: Entry) -> int:
        """Check the flags of a row, but for those that only the genuine publisher gives; return all."""
        found, expected = catalog.flags(entry.path), flags_of(entry)
        if found is None or found & ~_THEIRS != expected:
            self._find("rows", entry.path, f"has the flags {found}, not {expected}")
        return found or 0

    def _attributes(self, entry: Entry) -> None:
        try:
            attributes = decode(entry.xattr)
        except UserError as err:
            self._find("rows", entry.path, str(err))
            return
        if entry.xattr is not None and not attributes:
            self._find("rows", entry.path, "has a list of extended attributes with nothing in it")

    def _file(self, entry: Entry, *, is_here: bool) -> None:
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
        if is_here:
            self._contents(entry)

    def _contents(self, entry: Entry) -> None:
        """Check the objects of a file; a chunked one may have an object of the whole beside them."""
        if entry.content_hash is not None:
            self._content(entry, entry.content_hash, Suffix.FILE, entry.size)
        for chunk in entry.chunks:
            self._content(entry, chunk.content_hash, Suffix.CHUNK, chunk.piece.size)

    def _links_of_directory(self, catalog: Catalog, entry: Entry) -> None:
        """Check a directory's link count where its content is: a mountpoint's row equals that one."""
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
        if not self.contents:
            self.seen.add(content_hash, suffix)
            return
        stored = self._object(content_hash, suffix, f"{entry.compression:d} {size}")
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
        self, content_hash: ContentHash, suffix: Suffix, use: str = "whole"
    ) -> bytes | None:
        """Return an object's bytes if it is sound and was not seen in this use."""
        if not self.seen.add(content_hash, suffix, use):
            return None
        is_first = self.seen.add(content_hash, suffix)
        try:
            stored = self.reader.stored_object(content_hash, suffix)
        except UserError as err:
            self.findings.append(Finding("objects", object_path(content_hash, suffix), str(err)))
            return None
        if is_first:
            self.objects += 1
            self.stored_bytes += len(stored)
        return stored

    # -- history, reflog, metainfo

    def _metainfo(self) -> None:
        metainfo = self.reader.manifest.metainfo
        if metainfo is None or self._object(metainfo, Suffix.METAINFO) is None:
            return
        try:
            metainfo_of(self.reader)
        except UserError as err:
            self._find("metainfo", "", str(err))

    def _history(self) -> tuple[Tag, ...]:
        manifest = self.reader.manifest
        if manifest.history is None or self._object(manifest.history, Suffix.HISTORY) is None:
            return ()
        try:
            tags = tags_of(self.reader)
            branches = {branch.name: branch for branch in branches_of(self.reader)}
        except UserError as err:
            self._find("history", "", str(err))
            return ()
        for name in branches.keys() - {tag.branch for tag in tags}:
            self._find("history", "", f"no tag is on the branch {name}")
        for tag in tags:
            self._tag_size(tag)
            is_current = (tag.root_hash, tag.revision) == (manifest.root_hash, manifest.revision)
            if tag.name == TRUNK and not is_current:
                self._find("history", "", f"the tag {TRUNK} is revision {tag.revision}")
            branch = branches.get(tag.branch)
            if tag.branch and branch is None:
                self._find("history", "", f"the tag {tag.name} is on no branch {tag.branch}")
            elif branch is not None and tag.revision < branch.initial_revision:
                self._find("history", "", f"the tag {tag.name} is older than its branch")
        return tags

    def _tag_size(self, tag: Tag) -> None:
        stored = self._object(tag.root_hash, Suffix.CATALOG, f"tag {tag.root_size}")
        if stored is None or not tag.root_size:
            return
        where = object_path(tag.root_hash, Suffix.CATALOG)
        try:
            size = len(decompress(stored, Compression.ZLIB, where=where))
        except UserError as err:
            self._find("history", "", str(err))
            return
        if size != tag.root_size:
            self._find(
                "history",
                "",
                f"the tag {tag.name} says {tag.root_size} bytes of {where}, not {size}",
            )

    def _reflog(self, tags: Iterable[Tag]) -> tuple[Reference, ...]:
        manifest, source = self.reader.manifest, self.reader.location.source
        try:
            content = source.get(REFLOG)
        except NotFound:
            if manifest.reflog is not None:
                self._find("reflog", "", f"{source.describe(REFLOG)} is missing")
            return ()
        try:
            references = verified(content, manifest, where=source.describe(REFLOG))
        except UserError as err:
            self._find("reflog", "", str(err))
            return ()
        known = {reference.content_hash for reference in references}
        for needed in (*references_in(manifest), *references_of(tags)):
            if needed.content_hash not in known:
                self._find(
                    "reflog",
                    "",
                    f"does not hold the {needed.type.name.lower()} {needed.content_hash}",
                )
        return references

    # -- the storage

    def leftovers(self, storage: Storage) -> _Leftovers:
        """Count the objects that nothing leads to, and find what is no object at all."""
        unused = _Leftovers()
        for file in storage.files("data/"):
            named = _OBJECT.fullmatch(file.path)
            if named is None:
                self.findings.append(Finding("storage", file.path, "is no object"))
                continue
            content_hash = parse_hash(named[1] + named[2], where=file.path)
            is_needed = content_hash == empty_file(algorithm_of(content_hash))  # by any publisher
            if not is_needed and not self.seen.has(content_hash, Suffix(named[3])):
                unused.objects += 1
                unused.bytes += file.size
        return unused

    # -- findings

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
