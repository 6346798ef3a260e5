# SPDX-License-Identifier: BSD-3-Clause
"""A repository gets a new key: for a time the old one counts as well, as mirrors may show what it signed.

The whitelist names both certificates, then the manifest is signed anew with the new key. The next whitelist
that is signed names the new one alone. Old revisions need no signature of their own: they are found by the
history of the newest.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys, load_keys, rotate_key
from cvmfs.publishing.repository import Repository, commit_tags, sign_whitelist


def rotate(repository: Repository, folder: Path, *, at: datetime) -> RepositoryKeys:
    """Replace the repository key in a folder of keys, and return the keys; needs the master key.

    Broken off anywhere and called again, it goes on.

    Raises:
        UserError: the master key is not here.
        Busy: the repository is being published.
    """
    with repository.locked("replace the key") as lease:

        def introduce(new: RepositoryKeys) -> None:
            old = load_keys(folder, repository.fqrn)
            sign_whitelist(repository, new, at=at, others=(old.certificate,))

        keys = rotate_key(folder, repository.fqrn, at=at, introduce=introduce)
        commit_tags(
            repository, keys, tags_of(repository), lease=lease, published=int(at.timestamp())
        )
    return keys
