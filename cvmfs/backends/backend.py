# SPDX-License-Identifier: BSD-3-Clause
"""What a publisher may ask of a way into a repository, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy
from cvmfs.format.entries import Entry
from cvmfs.format.hashes import ContentHash
from cvmfs.publishing.ingest import CutMarks
from cvmfs.reading.reader import Reader


class Published(Protocol):
    """What a transaction published.

    `is_new` is false when nothing differed: then revision and root hash are those that were there.
    `new_objects` and `new_bytes` are None where a program that does not tell them stored them.
    """

    @property
    def fqrn(self) -> str:
        """Return the repository's name."""

    @property
    def revision(self) -> int:
        """Return the number of the revision."""

    @property
    def root_hash(self) -> ContentHash:
        """Return the hash of the root catalog."""

    @property
    def is_new(self) -> bool:
        """Return whether there is a new revision."""

    @property
    def new_objects(self) -> int | None:
        """Return how many objects were added."""

    @property
    def new_bytes(self) -> int | None:
        """Return the bytes of the objects that were added, as stored."""

    @property
    def files(self) -> int:
        """Return how many files were put."""

    @property
    def logical_bytes(self) -> int:
        """Return the bytes of the files that were put."""


class OpenTransaction(Protocol):
    """Changes on their way into a repository, all or none.

    What each does, `cvmfs.publishing.publish.Transaction` says.

    Paths are relative to the repository's root.
    """

    @property
    def published(self) -> Published:
        """Return what was published, once the block of the transaction has ended."""

    def put_tree(self, folder: Path, path: str, *, nest: bool = False) -> None:
        """Put a local folder at `path`, in place of what is there."""

    def put_file(self, file: Path, path: str) -> None:
        """Put one local file at `path`; directories are made where missing."""

    def put_bytes(
        self, content: bytes, path: str, *, mode: int = 0o644, mtime: int | None = None
    ) -> None:
        """Put a file of this content at `path`; `mtime` is in seconds since 1970."""

    def remove(self, path: str) -> None:
        """Remove what is at `path` and below."""

    def nest(self, path: str) -> None:
        """Make the directory at `path` a nested catalog."""

    def exists(self, path: str) -> bool:
        """Return whether something is at `path`, as this transaction leaves it."""

    def stored(self, path: str) -> Entry | None:
        """Return the file at `path` with the objects that hold it, if that is known before publishing."""


class Backend(Protocol):
    """A way into one repository."""

    @property
    def fqrn(self) -> str:
        """Return the repository's name."""

    def steps(self, paths: Sequence[str], *, message: str) -> tuple[str, ...]:
        """Return the commands or requests that publishing at these paths would make, without secrets."""

    def reader(self, *, at: datetime) -> Reader:
        """Return a reader of what is published now, verified from the public key upward."""

    def transaction(
        self,
        *,
        at: datetime,
        message: str,
        cut_marks: CutMarks | None = None,
        chunk_size: int = CHUNK_SIZE,
        cutter: CutPolicy | None = None,
    ) -> AbstractContextManager[OpenTransaction]:
        """Give a transaction to fill; it is published at the end of the block, or undone on an exception.

        `cut_marks`, `chunk_size` (bytes) and `cutter` are for ways on which we cut large files ourselves.
        """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was published by a way on which others write the objects or the catalogs; see `Published`."""

    fqrn: str
    revision: int
    root_hash: ContentHash
    is_new: bool
    new_objects: int | None
    new_bytes: int | None
    files: int
    logical_bytes: int
