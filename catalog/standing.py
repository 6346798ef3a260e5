# SPDX-License-Identifier: BSD-3-Clause
"""Which of several published versions of a package is the one that users get without asking."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from catalog.entry import CatalogEntry
from core.versions import compare_releases


def in_standing(entries: Iterable[CatalogEntry]) -> tuple[CatalogEntry, ...]:
    """Return versions of one package, the one that stands for it first.

    That is the one published last; of one moment, the newest. What came as a version kept beside a
    current one stands behind all others.
    """
    return tuple(sorted(entries, key=cmp_to_key(_compare)))


def _compare(left: CatalogEntry, right: CatalogEntry) -> int:
    """Return a negative number where `left` stands before `right`."""
    if left.kept != right.kept:
        return 1 if left.kept else -1
    if left.published != right.published:
        return 1 if left.published < right.published else -1
    newer = compare_releases(left.version, right.version)
    if newer:
        return -newer
    mine, other = (left.version, left.channel), (right.version, right.channel)
    return (mine < other) - (mine > other)
