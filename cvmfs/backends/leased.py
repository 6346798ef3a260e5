# SPDX-License-Identifier: BSD-3-Clause
"""Catalogs as a gateway's receiver can merge them (cvmfs/receiver/catalog_merge_tool_impl.h).

Rules kept here, because the receiver keeps them without a word to the publisher: a hard link becomes files
of their own, a special file would be left out, and what is outside the lease is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cvmfs.backends.backend import Outcome
from cvmfs.errors import RepositoryError
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.paths import absolute, is_inside, repository_path
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.publishing.publish import Transaction


class OutsideLease(RepositoryError):
    """A path is not below the leased one, so the gateway would leave it as it is."""


class LeasedCatalogs(CatalogSet):
    """A catalog set in which no file has two names and nothing is special."""

    def put(self, entry: Entry) -> None:
        """Add an entry or replace the one at its path.

        Raises:
            RepositoryError: it is a device, a fifo or a socket.
        """
        mergeable = _mergeable(entry)
        if mergeable is entry or mergeable != self.get(entry.path):
            super().put(mergeable)

    def add(self, directory: str, entries: Sequence[Entry]) -> None:
        """Add entries that are new to a directory.

        Raises:
            RepositoryError: one is a device, a fifo or a socket.
        """
        super().add(directory, [_mergeable(entry) for entry in entries])


def _mergeable(entry: Entry) -> Entry:
    if entry.kind is Kind.SPECIAL:
        raise RepositoryError(
            f"{absolute(entry.path)} is a special file, which a gateway does not take",
            hint="leave devices, fifos and sockets out of what is published",
        )
    return replace(entry, link_count=1, link_group=0) if entry.link_group else entry


class LeasedTransaction:
    """A transaction that refuses what is outside a lease, before anything is read or sent."""

    def __init__(self, work: Transaction, lease_path: str) -> None:
        self._work = work
        self._lease_path = lease_path
        self.outcome: Outcome | None = None

    @property
    def published(self) -> Outcome:
        """Return what was published, once the block of the transaction has ended."""
        if self.outcome is None:
            raise RuntimeError("the transaction has not been published")
        return self.outcome

    @property
    def files(self) -> int:
        """Return how many files were put."""
        return self._work.files

    @property
    def logical_bytes(self) -> int:
        """Return the bytes of the files that were put."""
        return self._work.logical_bytes

    def put_tree(self, folder: Path, path: str, *, nest: bool = False) -> None:
        """Put a local folder at `path`, in place of what is there."""
        self._work.put_tree(folder, self._leased(path), nest=nest)

    def put_file(self, file: Path, path: str) -> None:
        """Put one local file at `path`; directories are made where missing."""
        self._work.put_file(file, self._leased(path))

    def put_bytes(
        self, content: bytes, path: str, *, mode: int = 0o644, mtime: int | None = None
    ) -> None:
        """Put a file of this content at `path`."""
        self._work.put_bytes(content, self._leased(path), mode=mode, mtime=mtime)

    def remove(self, path: str) -> None:
        """Remove what is at `path` and below."""
        self._work.remove(self._leased(path))

    def nest(self, path: str) -> None:
        """Make the directory at `path` a nested catalog."""
        self._work.nest(self._leased(path))

    def exists(self, path: str) -> bool:
        """Return whether something is at `path`, as this transaction leaves it."""
        return self._work.exists(path)

    def stored(self, path: str) -> Entry | None:
        """Return the file at `path` with the objects that hold it: they were cut and named here."""
        return self._work.stored(path)

    def _leased(self, path: str) -> str:
        """Return a path that is the leased one or below it.

        Raises:
            OutsideLease: it is not.
        """
        if not is_inside(repository_path(path), self._lease_path):
            raise OutsideLease(
                f"/{repository_path(path)} is not below /{self._lease_path}, which is leased",
                hint="publish below it, or lease a path that holds both",
            )
        return path
