# SPDX-License-Identifier: BSD-3-Clause
"""The embedded repository: a CVMFS Stratum-0 in the state folder, with keys of its own.

It is the default for a laptop, a CI job and a small facility; its name ends in `.local`, so the
trust policy knows that nobody else mounts it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from builder.state import State
from core.errors import UserError
from cvmfs.hashes import Algorithm
from cvmfs.keys import RepositoryKeys, create_keys, load_keys
from cvmfs.reader import Reader, open_reader
from cvmfs.repository import Repository, create_repository, open_repository, sign_whitelist

FQRN = "software.pansoft.local"
_RENEW_BEFORE = timedelta(days=10)


def keys_folder(state: State) -> Path:
    """Return where the embedded repository's keys are."""
    return state.keys / "repository"


def public_key(state: State) -> Path:
    """Return the file of the public master key, the one thing a client needs to trust."""
    return keys_folder(state) / f"{FQRN}.pub"


def exists(state: State) -> bool:
    """Return whether there is an embedded repository."""
    return (state.repository / ".cvmfspublished").is_file()


def ensure_repository(
    state: State, *, at: datetime, algorithm: Algorithm = Algorithm.SHA1
) -> tuple[Repository, RepositoryKeys]:
    """Return the embedded repository and its keys, made the first time; `algorithm` names new objects.

    Its whitelist is signed anew ten days before it expires, where the master key is here.

    Raises:
        UserError: there is a repository, but not the keys to publish with.
    """
    folder = keys_folder(state)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    have = [(folder / f"{FQRN}.{ending}").is_file() for ending in ("key", "crt", "pub")]
    if not all(have):
        if exists(state):
            raise UserError(
                f"the keys of {FQRN} in {folder} are gone, but its repository is there",
                hint="bring the keys back from where they are kept; nothing was changed",
            )
        for leftover in folder.glob(f"{FQRN}.*"):  # of a run that was killed while making them
            leftover.unlink()
        create_keys(folder, FQRN, at=at)
    keys = load_keys(folder, FQRN)
    if not exists(state):
        return create_repository(state.repository, keys, at=at, algorithm=algorithm), keys
    repository = open_repository(state.repository, FQRN)
    is_due = repository.whitelist.expires - at < _RENEW_BEFORE
    if is_due and keys.master_key is not None:  # a site may keep the master key elsewhere
        sign_whitelist(repository, keys, at=at)
    return repository, keys


def open_embedded(state: State) -> Repository:
    """Return the embedded repository, its keys not looked at.

    Raises:
        UserError: there is none yet.
    """
    if not exists(state):
        raise UserError("there is no repository yet", hint="make it: pansoft repo init")
    return open_repository(state.repository, FQRN)


def read_repository(state: State, *, at: datetime) -> Reader:
    """Return a reader of the embedded repository, verified from its public key upward.

    Raises:
        UserError: there is no repository yet.
        Refused: a signature or a hash in it is wrong.
    """
    if not exists(state):
        raise UserError("nothing is published yet", hint="publish something: pansoft apply")
    return open_reader(state.repository, FQRN, public_key(state), at=at)
