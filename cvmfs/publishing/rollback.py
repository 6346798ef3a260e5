# SPDX-License-Identifier: BSD-3-Clause
"""Back to an older revision: the whole tree, or one path of it. Both publish a new revision; none goes.

A revision is named by its number, a tag or a date (see `snapshots`).
"""

from __future__ import annotations

from datetime import datetime

from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.paths import absolute, repository_path
from cvmfs.publishing.publish import Publication, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.snapshots import find, snapshot_at


def rollback(
    repository: Repository, keys: RepositoryKeys, to: str | int, *, at: datetime, message: str = ""
) -> Publication:
    """Publish the tree of an older revision as a new one, and return it.

    Raises:
        Busy: a transaction is open.
        NotFound: no tag leads to the revision.
    """
    tag = find(tags_of(repository), to, fqrn=repository.fqrn)
    said = message or f"roll back to revision {tag.revision}"
    with transaction(repository, keys, at=at, message=said) as tx:
        tx.restore(tag.root_hash)
    return tx.published


def yank(
    repository: Repository,
    keys: RepositoryKeys,
    path: str,
    to: str | int,
    *,
    at: datetime,
    message: str = "",
) -> Publication:
    """Bring one path back to what it was in an older revision, or remove it if it was not there; everything
    else stays. Return what was published.

    Raises:
        Busy: a transaction is open.
        NotFound: no tag leads to the revision, or the path is neither there nor here.
        RepositoryError: the path is the root, or a file is where its directory has to be.
    """
    wanted = repository_path(path)
    if not wanted:
        raise RepositoryError(
            "the root is the whole repository", hint="roll back: pansoft repo rollback"
        )
    tag = find(tags_of(repository), to, fqrn=repository.fqrn)
    said = message or f"{absolute(wanted)} as it was in revision {tag.revision}"
    with transaction(repository, keys, at=at, message=said) as tx:
        then = snapshot_at(repository, tag)
        if then.get(wanted) is not None:
            tx.graft(then, wanted)
        elif tx.exists(wanted):
            tx.remove(wanted)
        else:
            raise NotFound(
                f"{repository.fqrn} has nothing at {absolute(wanted)}, "
                f"neither now nor in revision {tag.revision}"
            )
    return tx.published
