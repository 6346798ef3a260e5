# SPDX-License-Identifier: BSD-3-Clause
"""The counters that every catalog carries of itself and of the catalogs below it.

All 24 must be there or clients do not open the catalog (catalog_counters.h). `regular` counts chunked
files and markers, `dir` counts the catalog's own root and the mountpoints of nested catalogs, sizes are
in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Counters:
    """Twelve counters; the field names are the format's."""

    regular: int = 0
    symlink: int = 0
    special: int = 0
    dir: int = 0
    nested: int = 0
    chunked: int = 0
    chunks: int = 0
    file_size: int = 0
    chunked_size: int = 0
    xattr: int = 0
    external: int = 0
    external_file_size: int = 0

    def __add__(self, other: Counters) -> Counters:
        """Return the sums."""
        return Counters(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def __sub__(self, other: Counters) -> Counters:
        """Return the differences."""
        return Counters(*(getattr(self, name) - getattr(other, name) for name in NAMES))

    @property
    def entries(self) -> int:
        """Return how many rows were counted."""
        return self.regular + self.symlink + self.special + self.dir


NAMES = tuple(field.name for field in fields(Counters))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a catalog holds itself, and what all the catalogs below it hold together."""

    own: Counters = Counters()
    below: Counters = Counters()

    @property
    def total(self) -> Counters:
        """Return what a parent counts for this catalog."""
        return self.own + self.below

    def rows(self) -> list[tuple[str, int]]:
        """Return the rows of the table `statistics`."""
        return [
            (f"{scope}_{name}", getattr(counters, name))
            for scope, counters in (("self", self.own), ("subtree", self.below))
            for name in NAMES
        ]


def from_rows(rows: Mapping[str, int]) -> Statistics:
    """Return the statistics that a catalog's table holds.

    Raises:
        KeyError: a counter is missing.
    """
    own = Counters(*(rows[f"self_{name}"] for name in NAMES))
    return Statistics(own, Counters(*(rows[f"subtree_{name}"] for name in NAMES)))
