# SPDX-License-Identifier: BSD-3-Clause
"""The catalogs that a transaction works on: which one holds a path, and what publishing them writes.

Only catalogs on changed paths are opened; the others keep their objects and hashes. A parent's counters of
what is below it change by the difference, so the cost follows the change.

Rules kept here (swissknife_check.cc): a mountpoint's row is equal to the root row of its nested catalog
but for the flags, and has no children in the parent; every nested catalog holds a marker and nothing
else does; a directory's link count is 2 and one for each directory in it; the names of a hard link are
in one directory and as many as the link count says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cvmfs.errors import RepositoryError
from cvmfs.format.catalog import Catalog, NestedCatalog, as_mountpoint, as_root, properties_of
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.entries import DIRECTORY_SIZE, Entry
from cvmfs.format.hashes import NO_HASH, Algorithm, ContentHash, Suffix, empty_file, object_path
from cvmfs.format.paths import (
    AUTOMATIC,
    MARKER,
    MARKERS,
    absolute,
    is_inside,
    join,
    parent_of,
    prefixes,
)
from cvmfs.format.statistics import Counters, Statistics
from cvmfs.publishing.objects import ObjectStore

_DIRECTORY_MODE = 0o040755
_MARKER_MODE = 0o100644


@dataclass
class OpenCatalog:
    """A catalog in a scratch file. `accounted` is what the parent's counters hold of it, `below` its own."""

    path: str
    rows: Catalog
    previous: ContentHash
    below: Counters
    accounted: Counters
    is_changed: bool = False


@dataclass
class CatalogSet:
    """The tree as the transaction sees it. `at` is in seconds since 1970."""

    store: ObjectStore
    root: ContentHash | None
    at: int
    uid: int = 0
    gid: int = 0
    touched_directories: set[str] = field(default_factory=set, repr=False)
    _open: dict[str, OpenCatalog] = field(default_factory=dict)

    # -- reading

    @property
    def is_changed(self) -> bool:
        """Return whether anything differs from the revision that was opened."""
        return any(catalog.is_changed for catalog in self._open.values())

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path, as its directory shows it."""
        return self._with_row(path).rows.get(path)

    def is_directory(self, path: str) -> bool:
        """Return whether there is a directory at a path, with directories all the way to it."""
        for prefix in prefixes(path):
            entry = self.get(prefix)
            if entry is None or not entry.is_directory:
                return False
        return True

    def children(self, path: str) -> list[Entry]:
        """Return what a directory holds, sorted by path."""
        return self._with_children(path).rows.children(path)

    def nested_hash(self, path: str) -> ContentHash | None:
        """Return the hash of the stored catalog that begins at a path; None where none does, or where it
        or one below it has changed.
        """
        if any(opened.is_changed and is_inside(name, path) for name, opened in self._open.items()):
            return None
        if not path:
            return self.root
        nested = self._with_row(path).rows.nested.get(path)
        return None if nested is None else nested.content_hash

    def next_link_group(self, directory: str) -> int:
        """Return a free hard link group number for the names in a directory."""
        return self._with_children(directory).rows.next_link_group()

    # -- changing

    def put(self, entry: Entry) -> None:
        """Add an entry to its directory, which must be there, or replace the one at its path.

        What a replaced directory holds stays, if the new entry is a directory too. Link counts of
        directories are not this function's concern: see `recount`.
        """
        if entry.is_directory:
            self.touched_directories.add(entry.path)
        nested = self._with_children(entry.path) if entry.is_directory else None
        holder = self._with_row(entry.path)
        if nested is None or nested.path != entry.path or not entry.path:
            self._change(holder, entry)
            return
        self._change(holder, as_mountpoint(entry))
        self._change(nested, as_root(entry))

    def add(self, directory: str, entries: Sequence[Entry]) -> None:
        """Add entries that are new to a directory; its link count is `recount`'s concern."""
        self.touched_directories.update(entry.path for entry in entries if entry.is_directory)
        holder = self._with_children(directory)
        holder.rows.add(directory, entries)
        holder.is_changed = True

    def make_directories(self, path: str) -> None:
        """Make a directory and those above it where they are missing.

        Raises:
            RepositoryError: something that is not a directory is in the way.
        """
        for prefix in prefixes(path):
            entry = self.get(prefix)
            if entry is None:
                self.put(self._new_directory(prefix))
                self.recount(parent_of(prefix))
            elif not entry.is_directory:
                raise RepositoryError(
                    f"cannot make the directory {absolute(path)}: {absolute(prefix)} is a {entry.kind}",
                    hint=f"remove {absolute(prefix)} first, in the same transaction if you like",
                )

    def remove(self, path: str) -> None:
        """Remove what is at a path and below, and put the counts of its directory right."""
        entry = self.get(path)
        if entry is None:
            return
        self._remove_below(entry)
        parent = parent_of(path)
        if entry.is_directory:
            self.recount(parent)
        elif entry.link_group:
            self._recount_links(parent, entry.link_group)

    def recount(self, path: str) -> None:
        """Set a directory's link count to 2 and one for each directory in it."""
        entry = self._entry_of_directory(path)
        links = 2 + self._with_children(path).rows.count_directories(path)
        if entry.link_count != links:
            self.put(replace(entry, link_count=links))

    def nest(self, path: str, *, is_automatic: bool = False) -> None:
        """Make a directory the root of a nested catalog; nothing happens when it is one.

        One that is made for its size alone is automatic; asked for again without that, it is there to stay.

        Raises:
            RepositoryError: it is the root of the repository or no directory.
        """
        entry = self.get(path)
        if not path or entry is None or not entry.is_directory:
            raise RepositoryError(
                f"{absolute(path) or '/'} cannot become a nested catalog: "
                "it is not a directory below the root"
            )
        if entry.is_mountpoint:
            if not is_automatic and self.is_automatic(path):
                self.remove(join(path, AUTOMATIC))
            return
        parent = self._with_children(path)
        rows = Catalog.create(self._scratch_file(), as_root(entry))
        child = OpenCatalog(path, rows, NO_HASH, Counters(), Counters(), is_changed=True)
        parent.rows.move_below(path, rows)
        for nested in rows.nested.values():
            accounted = self._accounted(nested)
            parent.below -= accounted
            child.below += accounted
        self.store.put_empty_file()  # the marker's content, in the algorithm of today
        for name in MARKERS if is_automatic else (MARKER,):
            rows.put(marker(path, entry, self.store.algorithm, name=name))
        parent.rows.put(as_mountpoint(entry))
        parent.rows.attach(NestedCatalog(path, NO_HASH, 0))
        parent.is_changed = True
        self._open[path] = child

    def attach(self, entry: Entry, nested: NestedCatalog, counters: Counters) -> None:
        """Add a directory that is not there with everything in it: a nested catalog that is stored already.

        `counters` are those of that catalog and the ones below it; none of them is opened.
        """
        holder = self._with_row(entry.path)
        self._change(holder, as_mountpoint(entry))
        holder.rows.attach(nested)
        holder.below += counters

    def restore(self, root: ContentHash) -> None:
        """Begin anew with another revision's tree, to be published as the one that follows this one."""
        if root == self.root and not self.is_changed:
            return
        current = self.root or NO_HASH
        self.close()
        self.root = root
        opened = self._root()
        opened.previous = current
        opened.is_changed = True

    def unnest(self, path: str) -> None:
        """Bring what a nested catalog holds back into the catalog above it."""
        child, parent = self._with_children(path), self._with_row(path)
        root = child.rows.get(path)
        if child.path != path or root is None:
            raise RuntimeError(f"{absolute(path)} is no nested catalog")
        for name in MARKERS:
            child.rows.remove(join(path, name))
        parent.rows.detach(path)
        child.rows.move_below(path, parent.rows)
        parent.rows.put(replace(root, is_nested_root=False, is_mountpoint=False))
        parent.below += child.below - child.accounted
        parent.is_changed = True
        self._open.pop(path).rows.close()

    # -- sizes

    def changed(self) -> list[str]:
        """Return the paths of the catalogs that changed, the deepest first."""
        return sorted(
            (path for path, catalog in self._open.items() if catalog.is_changed),
            key=_deepest_first,
        )

    def is_automatic(self, path: str) -> bool:
        """Return whether the nested catalog at a path was made for its size alone."""
        return self._with_children(path).rows.get(join(path, AUTOMATIC)) is not None

    def row_count(self, path: str) -> int:
        """Return how many rows the catalog has that holds what is in a directory."""
        return self._with_children(path).rows.row_count

    def row_count_above(self, path: str) -> int:
        """Return how many rows the catalog has that holds the row of a path."""
        return self._with_row(path).rows.row_count

    def directories(self, path: str) -> dict[str, int]:
        """Return the directories in the catalog at a path, with how many of its rows are none of them."""
        return self._with_children(path).rows.directories(path)

    # -- publishing

    def write(self, revision: int, *, ttl_s: int) -> NestedCatalog:
        """Store the changed catalogs, from the deepest to the root, and return what the manifest needs
        of the root.
        """
        result: NestedCatalog | None = None
        for path in sorted(self._open, key=_deepest_first):
            catalog = self._open[path]
            if not catalog.is_changed:
                continue
            statistics = Statistics(catalog.rows.counted(), catalog.below)
            result = self._store(catalog, statistics, revision, ttl_s)
            if path:
                parent = self._with_row(path)
                parent.rows.attach(result)
                parent.below += statistics.total - catalog.accounted
                parent.is_changed = True
        if result is None or result.path:
            raise RuntimeError("write was called though nothing had changed")
        return result

    def close(self) -> None:
        """Close all catalogs."""
        for catalog in self._open.values():
            catalog.rows.close()
        self._open.clear()

    # -- finding the catalog

    def start_empty(self) -> None:
        """Begin with a root directory and nothing in it: revision 1."""
        root = self._new_directory("")
        rows = Catalog.create(self._scratch_file(), root)
        self._open[""] = OpenCatalog("", rows, NO_HASH, Counters(), Counters(), is_changed=True)

    def _with_children(self, path: str) -> OpenCatalog:
        """Return the catalog that holds what is in a directory."""
        catalog = self._root()
        for prefix in prefixes(path):
            if prefix in catalog.rows.nested:
                catalog = self._load(catalog.rows.nested[prefix])
        return catalog

    def _with_row(self, path: str) -> OpenCatalog:
        """Return the catalog that holds the row of a path in its directory."""
        return self._with_children(parent_of(path)) if path else self._root()

    def _root(self) -> OpenCatalog:
        if "" not in self._open:
            if self.root is None:
                raise RuntimeError("a catalog set without a root has to be started empty")
            return self._load(NestedCatalog("", self.root, 0))
        return self._open[""]

    def _load(self, nested: NestedCatalog) -> OpenCatalog:
        if nested.path in self._open:
            return self._open[nested.path]
        content = decompress(
            self.store.get(nested.content_hash, Suffix.CATALOG),
            Compression.ZLIB,
            where=object_path(nested.content_hash, Suffix.CATALOG),
        )
        file = self._scratch_file()
        file.write_bytes(content)
        rows = Catalog.open(file)
        statistics = rows.statistics()
        catalog = OpenCatalog(
            nested.path, rows, nested.content_hash, statistics.below, statistics.total
        )
        self._open[nested.path] = catalog
        return catalog

    def _new_directory(self, path: str) -> Entry:
        return Entry(
            path=path,
            mode=_DIRECTORY_MODE,
            size=DIRECTORY_SIZE,
            mtime=self.at,
            link_count=2,
            uid=self.uid,
            gid=self.gid,
        )

    def _scratch_file(self) -> Path:
        return self.store.scratch_file("catalog")

    # -- the steps of the above

    def _change(self, catalog: OpenCatalog, entry: Entry) -> None:
        catalog.rows.put(entry)
        catalog.is_changed = True

    def _entry_of_directory(self, path: str) -> Entry:
        entry = self.get(path)
        if entry is None:
            raise RuntimeError(f"there is no directory {absolute(path)}")
        return replace(entry, is_mountpoint=False)

    def _remove_below(self, entry: Entry) -> None:
        """Remove an entry and what is below it; a nested catalog goes as a whole, without being walked."""
        holder = self._with_row(entry.path)
        if entry.is_mountpoint:
            self._detach(holder, entry.path)
        elif entry.is_directory:
            for child in holder.rows.children(entry.path):
                self._remove_below(child)
        holder.rows.remove(entry.path)
        holder.is_changed = True

    def _detach(self, holder: OpenCatalog, path: str) -> None:
        nested = self._load(holder.rows.nested[path])
        holder.below -= nested.accounted
        holder.rows.detach(path)
        for opened in [name for name in self._open if is_inside(name, path)]:
            self._open.pop(opened).rows.close()

    def _recount_links(self, directory: str, group: int) -> None:
        catalog = self._with_children(directory)
        names = [entry for entry in catalog.rows.children(directory) if entry.link_group == group]
        for entry in names:
            left = len(names)
            self._change(
                catalog, replace(entry, link_count=left, link_group=group if left > 1 else 0)
            )

    def _accounted(self, nested: NestedCatalog) -> Counters:
        """Return what the parent of a nested catalog has counted for it; it is not kept open for that."""
        if nested.path in self._open:
            return self._open[nested.path].accounted
        where = object_path(nested.content_hash, Suffix.CATALOG)
        stored = self.store.get(nested.content_hash, Suffix.CATALOG)
        content = decompress(stored, Compression.ZLIB, where=where)
        with contextlib.closing(Catalog.from_bytes(content, where=where)) as catalog:
            return catalog.statistics().total

    def _store(
        self, catalog: OpenCatalog, statistics: Statistics, revision: int, ttl_s: int
    ) -> NestedCatalog:
        file = self._scratch_file()
        properties: Mapping[str, str] = properties_of(
            path=catalog.path,
            revision=revision,
            at=self.at,
            previous=catalog.previous,
            ttl_s=ttl_s,
        )
        catalog.rows.write(file, properties, statistics)
        stored = self.store.put_file(file, Suffix.CATALOG)
        size = file.stat().st_size
        file.unlink()
        return NestedCatalog(catalog.path, stored.content_hash, size)


def _deepest_first(path: str) -> tuple[int, str]:
    return -path.count("/") - bool(path), path


def marker(directory: str, entry: Entry, algorithm: Algorithm, *, name: str = MARKER) -> Entry:
    """Return the empty file that says that a directory is the root of a nested catalog."""
    return Entry(
        path=join(directory, name),
        mode=_MARKER_MODE,
        size=0,
        mtime=entry.mtime,
        uid=entry.uid,
        gid=entry.gid,
        content_hash=empty_file(algorithm),
    )
