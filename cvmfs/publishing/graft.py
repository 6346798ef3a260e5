# SPDX-License-Identifier: BSD-3-Clause
"""A file or tree of an older revision, or of another place, taken over without reading a content.

Rows are copied; the contents that they name are in the repository already. A nested catalog that keeps its
path is attached by its hash. One that comes to another path is written anew, because a catalog holds the
path of its root and the keys of all paths in it (`root_prefix`, catalog_sql.h).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.entries import Entry
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.format.paths import AUTOMATIC, MARKERS, absolute, join, parent_of
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.reading.difference import differences
from cvmfs.reading.snapshots import Below, Snapshot


def graft(catalogs: CatalogSet, source: Snapshot, path: str, target: str) -> None:
    """Make `target` what the snapshot has at `path`; nothing is written where nothing differs.

    Raises:
        NotFound: the snapshot has nothing there.
        RepositoryError: the target is the root or below a file, or the snapshot is of another repository.
    """
    _check_own(catalogs, source)
    entry = source.get(path)
    if entry is None:
        raise NotFound(f"there is nothing at {absolute(path)} in that revision")
    if not target:
        raise RepositoryError(
            "the root of a repository cannot be grafted", hint="roll back: pansoft repo rollback"
        )
    catalogs.make_directories(parent_of(target))
    is_there = not entry.is_directory and catalogs.get(target) == _alone(entry, target)
    if is_there or not any(differences(Below(catalogs, target), Below(source, path))):
        return
    catalogs.remove(target)
    _Copy(catalogs, source).place(entry, target)
    if entry.is_directory:
        catalogs.recount(parent_of(target))


@dataclass
class _Copy:
    """Copies into one catalog of the target; a hard link gets a group number that is free there."""

    catalogs: CatalogSet
    source: Snapshot
    _groups: dict[int, int] = field(default_factory=dict)

    def place(self, entry: Entry, target: str) -> None:
        """Place one file as a file with one name, or a directory with everything in it."""
        if entry.is_directory:
            self._directory(entry, target)
        else:
            self.catalogs.put(_alone(entry, target))

    def _directory(self, entry: Entry, target: str) -> None:
        plain = replace(entry, path=target, is_mountpoint=False, is_nested_root=False)
        nested = self.source.nested(entry.path) if entry.path else None
        if nested is not None and entry.path == target:
            counters = self.source.catalog(nested).statistics().total
            self.catalogs.attach(plain, nested, counters)
            return
        self.catalogs.put(plain)
        inside = self
        if nested is not None:
            names = {child.name for child in self.source.children(entry.path)}
            self.catalogs.nest(target, is_automatic=AUTOMATIC in names)
            inside = _Copy(self.catalogs, self.source)
        inside._children(entry.path, target)

    def _children(self, path: str, target: str) -> None:
        for child in self.source.children(path):
            place = join(target, child.name)
            if child.is_directory:
                self._directory(child, place)
            elif child.name not in MARKERS:
                self.catalogs.put(
                    replace(child, path=place, link_group=self._group(child.link_group, target))
                )

    def _group(self, group: int, directory: str) -> int:
        if group and group not in self._groups:
            self._groups[group] = self.catalogs.next_link_group(directory)
        return self._groups.get(group, 0)


def _alone(entry: Entry, target: str) -> Entry:
    """Return a file as one that has no other name."""
    return replace(entry, path=target, link_count=1, link_group=0)


def _check_own(catalogs: CatalogSet, source: Snapshot) -> None:
    """Refuse another repository's snapshot, whose contents are not here."""
    root = object_path(source.root.content_hash, Suffix.CATALOG)
    if catalogs.store.storage.size(root) is None:
        raise RepositoryError(
            f"{catalogs.store.storage.describe(root)} is missing: "
            "the snapshot is of another repository, or was collected"
        )
