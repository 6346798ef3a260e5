# SPDX-License-Identifier: BSD-3-Clause
"""Catalogs of a size that clients like: nested by patterns, split where too large, merged again where small.

A client loads a catalog as a whole and a publisher writes a changed one as a whole, so it should not hold too
many rows. What is split here carries `.cvmfsautocatalog` beside its marker, as the genuine publisher has it
(catalog_balancer_impl.h); only such catalogs are merged, those that somebody asked for stay. Only catalogs
that the transaction changed are looked at.

A new catalog has at least `min_rows`, and one is merged below that, if its parent has room: so what was split
is not merged at the next publish, and the same tree published again changes nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import UserError
from cvmfs.format.compression import decompress
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.format.paths import absolute, parent_of
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.publishing.dirtab import DIRTAB, Dirtab, parse_dirtab

log = logging.getLogger(__name__)

_MARKERS = 2
"""Rows that a catalog gets for being one."""


@dataclass(frozen=True, slots=True)
class CatalogSizes:
    """How many rows a catalog may have, and how many one that is made for that has at least.

    The defaults are those of the genuine publisher (CVMFS_AUTOCATALOGS_MAX_WEIGHT, _MIN_WEIGHT).
    """

    max_rows: int = 100_000
    min_rows: int = 1000

    def __post_init__(self) -> None:
        """Refuse numbers with which a catalog would be split and merged for ever."""
        if not _MARKERS < self.min_rows <= self.max_rows // 2:
            raise UserError(
                f"catalogs of {self.min_rows} to {self.max_rows} rows: the smaller number has to be "
                f"above {_MARKERS} and at most half of the other"
            )


DEFAULT_SIZES = CatalogSizes()


def dirtab_of(catalogs: CatalogSet) -> Dirtab:
    """Return the patterns of the repository, as the transaction has them now.

    Raises:
        FormatInvalid: the file is not a list of patterns.
    """
    entry = catalogs.get(DIRTAB)
    if entry is None or entry.content_hash is None:
        return Dirtab()
    where = object_path(entry.content_hash, Suffix.FILE)
    stored = catalogs.store.get(entry.content_hash, Suffix.FILE)
    content = decompress(stored, entry.compression, where=where)
    return parse_dirtab(content.decode("utf-8", "surrogateescape"), where=absolute(DIRTAB))


def nest_by_patterns(catalogs: CatalogSet, *, before: Dirtab) -> None:
    """Make the directories that fit the patterns nested catalogs.

    Only those are looked at that the transaction touched, all of them if it changed the patterns.
    """
    dirtab = dirtab_of(catalogs)
    touched = catalogs.touched_directories if dirtab == before else _candidates(catalogs, dirtab)
    for path in sorted(filter(dirtab.fits, touched)):
        if catalogs.is_directory(path):
            catalogs.nest(path)


def _candidates(catalogs: CatalogSet, dirtab: Dirtab) -> list[str]:
    """Return the directories that may fit, found from the root downward; other catalogs are not opened."""
    found: list[str] = []
    above = [""]
    while above:
        path = above.pop()
        children = [one.path for one in catalogs.children(path) if one.is_directory]
        found += children
        above += filter(dirtab.may_be_above, children)
    return found


def balance(catalogs: CatalogSet, sizes: CatalogSizes) -> None:
    """Split and merge the changed catalogs of a transaction, the deepest first."""
    for path in catalogs.changed():
        if _is_to_merge(catalogs, path, sizes):
            log.debug("merging the catalog of %s", absolute(path))
            catalogs.unnest(path)
    for path in catalogs.changed():
        if catalogs.row_count(path) <= sizes.max_rows:
            continue
        for directory in too_heavy(catalogs.directories(path), path, sizes):
            log.debug("splitting the catalog of %s at %s", absolute(path), absolute(directory))
            catalogs.nest(directory, is_automatic=True)


def _is_to_merge(catalogs: CatalogSet, path: str, sizes: CatalogSizes) -> bool:
    if not path or not catalogs.is_automatic(path):
        return False
    rows = catalogs.row_count(path)
    room = sizes.max_rows - catalogs.row_count_above(path)
    return rows < sizes.min_rows and rows <= room


def too_heavy(directories: Mapping[str, int], root: str, sizes: CatalogSizes) -> list[str]:
    """Return the directories that have to become catalogs, the deepest first.

    `directories` are those of a catalog, each with the number of its rows that are no directories of this
    catalog. From the bottom up, while a directory with all below it is too heavy, its heaviest one leaves.
    """
    limit = sizes.max_rows - _MARKERS
    inside: defaultdict[str, list[str]] = defaultdict(list)
    for path in directories:
        if path != root:
            inside[parent_of(path)].append(path)
    weight: dict[str, int] = {}
    leaving: list[str] = []
    for path in sorted(directories, key=_depth, reverse=True):
        weight[path] = 1 + directories[path] + sum(weight[child] for child in inside[path])
        by_weight = sorted(inside[path], key=lambda child: (weight[child], child))
        while weight[path] > limit and by_weight:
            heaviest = by_weight.pop()
            if weight[heaviest] + _MARKERS < sizes.min_rows:
                break
            leaving.append(heaviest)
            weight[path] -= weight[heaviest] - 1
            weight[heaviest] = 1
    return leaving


def _depth(path: str) -> int:
    return path.count("/") + 1 if path else 0
