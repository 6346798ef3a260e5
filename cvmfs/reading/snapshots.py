# SPDX-License-Identifier: BSD-3-Clause
"""The tree of one revision, read from a repository that is written or from one that is read.

A revision is named by its number, by a tag, or by a date: the newest revision that is not younger. A date
without a time is the end of that day, in UTC.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Protocol

from cvmfs.errors import FormatInvalid, NotFound
from cvmfs.format.catalog import Catalog, NestedCatalog
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.entries import Entry
from cvmfs.format.hashes import ContentHash, Suffix, object_path
from cvmfs.format.history import HasHistory, Tag, tags_of
from cvmfs.format.paths import absolute, join, parent_of, prefixes
from cvmfs.reading.reader import Reader

_OPEN_CATALOGS = 64


class Tree(Protocol):
    """Directories and what they hold: a snapshot, or a transaction's view."""

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path."""

    def children(self, path: str) -> list[Entry]:
        """Return what a directory holds, sorted by path."""

    def nested_hash(self, path: str) -> ContentHash | None:
        """Return the hash of the stored catalog that begins at a path; None where none does."""


class Snapshot:
    """The tree of one revision. It belongs to one thread; `catalogs_read` counts what it cost."""

    def __init__(self, source: HasHistory, root: NestedCatalog) -> None:
        self.source = source
        self.root = root
        self.catalogs_read = 0
        self._catalogs: OrderedDict[ContentHash, Catalog] = OrderedDict()

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path, as its directory shows it."""
        return self.catalog_with(parent_of(path)).get(path)

    def children(self, path: str) -> list[Entry]:
        """Return what a directory holds, sorted by path."""
        return self.catalog_with(path).children(path)

    def nested_hash(self, path: str) -> ContentHash | None:
        """Return the hash of the catalog that begins at a path."""
        nested = self.nested(path)
        return None if nested is None else nested.content_hash

    def nested(self, path: str) -> NestedCatalog | None:
        """Return the catalog that begins at a path: the root's, or where one is attached."""
        return self.catalog_with(parent_of(path)).nested.get(path) if path else self.root

    def catalog_with(self, directory: str) -> Catalog:
        """Return the catalog that holds what is in a directory."""
        here = self.catalog(self.root)
        for prefix in prefixes(directory):
            if prefix in here.nested:
                here = self.catalog(here.nested[prefix])
        return here

    def catalog(self, nested: NestedCatalog) -> Catalog:
        """Return an open catalog.

        Raises:
            NotFound: the object is missing.
            ObjectCorrupted: the object was changed.
            FormatInvalid: it is not a catalog, or one of another directory.
        """
        if found := self._catalogs.get(nested.content_hash):
            self._catalogs.move_to_end(nested.content_hash)
            return found
        where = object_path(nested.content_hash, Suffix.CATALOG)
        stored = self.source.stored_object(nested.content_hash, Suffix.CATALOG)
        content = decompress(stored, Compression.ZLIB, where=where)
        catalog = Catalog.from_bytes(content, where=where)
        self.catalogs_read += 1
        if catalog.root_path != nested.path:
            raise FormatInvalid(
                f"{where} is the catalog of {absolute(catalog.root_path) or '/'}, "
                f"not of {absolute(nested.path) or '/'}"
            )
        self._catalogs[nested.content_hash] = catalog
        while len(self._catalogs) > _OPEN_CATALOGS:
            self._catalogs.popitem(last=False)  # whoever works with it closes it by letting go
        return catalog


class Below:
    """A tree as it is from a directory downward, to compare directories in different places."""

    def __init__(self, tree: Tree, path: str) -> None:
        self._tree = tree
        self._path = path

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path from that directory."""
        entry = self._tree.get(self._whole(path))
        return None if entry is None else replace(entry, path=path)

    def children(self, path: str) -> list[Entry]:
        """Return what a directory holds."""
        found = self._tree.children(self._whole(path))
        return [replace(entry, path=join(path, entry.name)) for entry in found]

    def nested_hash(self, path: str) -> ContentHash | None:
        """Return the hash of the catalog that begins at a path."""
        return self._tree.nested_hash(self._whole(path))

    def _whole(self, path: str) -> str:
        return "/".join(part for part in (self._path, path) if part)


def snapshot_of(source: HasHistory, revision: str | int) -> Snapshot:
    """Return the tree of a revision, by its number, a tag's name or a date.

    Raises:
        NotFound: no tag leads there.
    """
    return snapshot_at(source, find(tags_of(source), revision, fqrn=source.manifest.fqrn))


def snapshot_at(source: HasHistory, tag: Tag) -> Snapshot:
    """Return the tree that a tag names."""
    return Snapshot(source, NestedCatalog("", tag.root_hash, tag.root_size))


def current_snapshot(source: HasHistory) -> Snapshot:
    """Return the tree that is published now."""
    manifest = source.manifest
    return Snapshot(source, NestedCatalog("", manifest.root_hash, manifest.root_size))


def reader_at(reader: Reader, tag: Tag) -> Reader:
    """Return a reader of the revision that a tag names; the tags themselves are not to be seen there."""
    manifest = replace(
        reader.manifest,
        revision=tag.revision,
        root_hash=tag.root_hash,
        root_size=tag.root_size,
        published=tag.timestamp,
        history=None,
    )
    return Reader(reader.location, manifest, reader.whitelist, reader.signed)


def find(tags: Sequence[Tag], revision: str | int, *, fqrn: str) -> Tag:
    """Return the tag of a revision, given by its number, its tag's name or a date.

    Raises:
        NotFound: there is none.
    """
    text = str(revision)
    if text.isdecimal():
        found = [tag for tag in tags if tag.revision == int(text)]
    else:
        found = [tag for tag in tags if tag.name == text] or _until(tags, text)
    if not found:
        what = f"for revision {text}" if text.isdecimal() else f"{text!r}, and none of such a date"
        raise NotFound(
            f"{fqrn} has no tag {what}", hint="see which there are: pansoft repo tag --list"
        )
    return min(found, key=lambda tag: (not tag.is_generic, tag.name))


def _until(tags: Sequence[Tag], text: str) -> list[Tag]:
    """Return the tags of the newest revision that is not younger than a date."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return []
    if len(text) <= len("2026-03-01"):
        moment = datetime.combine(moment, time.max)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    old = [tag for tag in tags if tag.time <= moment]
    newest = max((tag.revision for tag in old), default=0)
    return [tag for tag in old if tag.revision == newest]
