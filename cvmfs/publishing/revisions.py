# SPDX-License-Identifier: BSD-3-Clause
"""The revisions that can be found again, the newest first, with their names, their size and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from cvmfs.format.history import HasHistory, Tag, log, tags_of
from cvmfs.format.statistics import Counters
from cvmfs.reading.difference import Totals, differences, total
from cvmfs.reading.snapshots import Snapshot, snapshot_at


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision, the other tags that lead to it, how many entries it holds and the bytes of its files.

    `grown_entries` and `grown_bytes` are the difference to the one before it in the log, the whole where
    there is none; `changes` is what differs, where that was asked for.
    """

    tag: Tag
    names: tuple[str, ...]
    entries: int
    file_bytes: int
    grown_entries: int
    grown_bytes: int
    changes: Totals | None = None


def revisions(
    source: HasHistory, *, limit: int | None = None, with_changes: bool = False
) -> Iterator[Revision]:
    """Return the newest revisions; sizes cost one catalog each, changes the catalogs that differ.

    Raises:
        NotFound: a root catalog is missing.
        ObjectCorrupted: one was changed.
    """
    tags = log(source)
    names = _names(tags_of(source))
    trees: Iterator[Snapshot | None] = chain((snapshot_at(source, tag) for tag in tags), (None,))
    for tag, (tree, before) in zip(tags[:limit], pairwise(trees), strict=False):
        if tree is None:
            return
        now, then = _size(tree), _size(before)
        changes = differences(before, tree) if with_changes and before is not None else None
        yield Revision(
            tag=tag,
            names=names.get(tag.revision, ()),
            entries=now.entries,
            file_bytes=now.file_size,
            grown_entries=now.entries - then.entries,
            grown_bytes=now.file_size - then.file_size,
            changes=None if changes is None else total(changes),
        )


def _size(tree: Snapshot | None) -> Counters:
    return Counters() if tree is None else tree.catalog(tree.root).statistics().total


def _names(tags: Sequence[Tag]) -> dict[int, tuple[str, ...]]:
    names: dict[int, tuple[str, ...]] = {}
    for tag in tags:
        if not tag.is_generic:
            names[tag.revision] = (*names.get(tag.revision, ()), tag.name)
    return names
