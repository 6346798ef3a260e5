# SPDX-License-Identifier: BSD-3-Clause
"""What a place for a repository's files can do, whatever it is.

Two sorts of files are kept. Objects are named by what they hold, so they are put once and never changed, and
one that is not whole never has its name, whatever happens to the machine. Control files (`.cvmfspublished`
and the like) change; they do so at once and are on the disk when the call returns. `make_durable` has to come
between the last object and the manifest that refers to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cvmfs.sources.fetch import Source


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a storage: its path there, its size in bytes, when it was put, in seconds since 1970."""

    path: str
    size: int
    modified: float


class Storage(Source, Protocol):
    """Keeps files by their path: `data/ab/cdef…`, `.cvmfspublished`. Used from several threads at once.

    What can be written can be read: a storage is a source.
    """

    @property
    def parallel_puts(self) -> int:
        """Return how many objects are put at once with profit."""

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, or None where there is none."""

    def prepare(self) -> None:
        """Make what the place needs before the first file is put."""

    def put(self, path: str, content: bytes) -> None:
        """Put an object, whole or not at all."""

    def put_file(self, path: str, file: Path) -> None:
        """Put an object that is in a scratch file, which is gone afterwards."""

    def make_durable(self) -> None:
        """Return when every object put so far survives a power cut.

        Before, it may be that only this instance sees them.
        """

    def discard(self) -> None:
        """Forget objects that were not made durable, and remove what killed writers left.

        Only who holds the repository may, before and after its work.
        """

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Replace a control file if it holds `old` (None: if it is missing); return whether it did.

        Of several writers at once one succeeds. The file is durable when this returns.
        """

    def replace(self, path: str, content: bytes) -> None:
        """Replace a control file, whatever it holds; it is durable when this returns."""

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Return the files whose path begins with `prefix`, in no order."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; those that are gone already do not matter."""
