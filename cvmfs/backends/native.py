# SPDX-License-Identifier: BSD-3-Clause
"""Our own writer: objects, catalogs and the signed manifest go straight into the repository's storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.publishing.ingest import CutMarks
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import Reader, open_reader


@dataclass(frozen=True, slots=True)
class Native:
    """A repository that this machine writes and signs."""

    repository: Repository
    keys: RepositoryKeys

    @property
    def fqrn(self) -> str:
        """Return the repository's name."""
        return self.repository.fqrn

    def steps(self, paths: Sequence[str], *, message: str) -> tuple[str, ...]:
        """Return what is written where; no program is run."""
        return steps_in(self.repository, paths, message=message)

    def reader(self, *, at: datetime) -> Reader:
        """Return a reader of what is published now, verified from the public key upward."""
        return open_reader(self.repository.storage, self.fqrn, self.keys.public_key, at=at)

    def transaction(
        self,
        *,
        at: datetime,
        message: str,
        cut_marks: CutMarks | None = None,
        chunk_size: int = CHUNK_SIZE,
        cutter: CutPolicy | None = None,
    ) -> AbstractContextManager[Transaction]:
        """Give a transaction to fill; see `cvmfs.publishing.publish.transaction`."""
        return transaction(
            self.repository,
            self.keys,
            at=at,
            message=message,
            cut_marks=cut_marks,
            chunk_size=chunk_size,
            cutter=cutter,
        )


def steps_in(repository: Repository, paths: Sequence[str], *, message: str) -> tuple[str, ...]:
    """Return what publishing at these paths of a repository writes, whether or not it is there yet."""
    objects, manifest = (repository.storage.describe(path) for path in ("data", MANIFEST))
    return (
        *(f"put objects for /{path} into {objects}" for path in paths),
        f"put the catalogs and the history ({message!r}) into {objects}",
        f"replace {manifest}, signed with the key of {repository.fqrn}",
    )
