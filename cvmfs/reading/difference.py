# SPDX-License-Identifier: BSD-3-Clause
"""What differs between two trees: paths that were added, removed or changed.

Directories with the same catalog are the same, so the cost follows the difference: below a nested catalog
that did not change nothing is read. How a tree is cut into catalogs is no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cvmfs.format.entries import Entry, Kind
from cvmfs.format.paths import MARKERS
from cvmfs.reading.snapshots import Tree


class Action(StrEnum):
    """What happened to a path."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs, with its entry before and after; a path that became something else is two."""

    path: str
    action: Action
    old: Entry | None
    new: Entry | None

    @property
    def entry(self) -> Entry:
        """Return the entry as it is, or as it was if it is gone."""
        entry = self.new or self.old
        if entry is None:
            raise RuntimeError("a change without an entry")
        return entry

    @property
    def aspects(self) -> tuple[str, ...]:
        """Return what of a changed entry differs."""
        return () if self.old is None or self.new is None else aspects(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many paths differ, and bytes of files, before compression and sharing.

    A changed file counts with its old size as removed and with its new one as added, if its content did.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    added_bytes: int = 0
    removed_bytes: int = 0


def differences(old: Tree, new: Tree, path: str = "") -> Iterator[Change]:
    """Return what differs at a path and below, a directory before what it holds, sorted by name."""
    yield from _compare(old, new, old.get(path), new.get(path))


def aspects(old: Entry, new: Entry) -> tuple[str, ...]:
    """Return in what two entries of the same kind differ."""
    is_file = old.kind is Kind.FILE
    differ = {
        "content": (old.content_hash, old.chunks) != (new.content_hash, new.chunks)
        or (not old.is_directory and old.size != new.size),
        "target": old.target != new.target,
        "mode": old.mode != new.mode,
        "time": (old.mtime, old.mtime_ns) != (new.mtime, new.mtime_ns),
        "owner": (old.uid, old.gid) != (new.uid, new.gid),
        "links": is_file and old.link_count != new.link_count,
        "attributes": old.xattr != new.xattr,
    }
    return tuple(name for name, is_different in differ.items() if is_different)


def total(changes: Iterable[Change]) -> Totals:
    """Return the sums of changes."""
    counts = dict.fromkeys(Action, 0)
    added_bytes = removed_bytes = 0
    for change in changes:
        counts[change.action] += 1
        if change.action is Action.CHANGED and "content" not in change.aspects:
            continue
        added_bytes += _size(change.new)
        removed_bytes += _size(change.old)
    return Totals(
        added=counts[Action.ADDED],
        removed=counts[Action.REMOVED],
        changed=counts[Action.CHANGED],
        added_bytes=added_bytes,
        removed_bytes=removed_bytes,
    )


def _compare(old: Tree, new: Tree, before: Entry | None, after: Entry | None) -> Iterator[Change]:
    if before is None or after is None or before.kind is not after.kind:
        if before is not None:
            yield from _all(old, before, Action.REMOVED)
        if after is not None:
            yield from _all(new, after, Action.ADDED)
        return
    if before.is_directory and _is_same_catalog(old, new, before.path):
        return
    if aspects(before, after):
        yield Change(after.path, Action.CHANGED, before, after)
    if before.is_directory:
        yield from _compare_children(old, new, before.path)


def _compare_children(old: Tree, new: Tree, path: str) -> Iterator[Change]:
    before = {entry.path: entry for entry in old.children(path) if entry.name not in MARKERS}
    after = {entry.path: entry for entry in new.children(path) if entry.name not in MARKERS}
    for child in sorted(before.keys() | after.keys()):
        yield from _compare(old, new, before.get(child), after.get(child))


def _all(tree: Tree, entry: Entry, action: Action) -> Iterator[Change]:
    """Return everything at an entry and below as added or removed."""
    is_new = action is Action.ADDED
    yield Change(entry.path, action, None if is_new else entry, entry if is_new else None)
    if entry.is_directory:
        for child in tree.children(entry.path):
            if child.name not in MARKERS:
                yield from _all(tree, child, action)


def _is_same_catalog(old: Tree, new: Tree, path: str) -> bool:
    content_hash = old.nested_hash(path)
    return content_hash is not None and content_hash == new.nested_hash(path)


def _size(entry: Entry | None) -> int:
    return entry.size if entry is not None and entry.kind is Kind.FILE else 0
