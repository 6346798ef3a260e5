# SPDX-License-Identifier: BSD-3-Clause
"""The embedded repository: a CVMFS Stratum-0 in the state folder, with keys of its own.

It is the default for a laptop, a CI job and a small facility; its name ends in `.local`, so the
trust policy knows that nobody else mounts it. The site's file may put it into another folder or a bucket.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from builder.inputs.site import RepositorySettings, site_of
from builder.state import State
from core.errors import UserError
from cvmfs.format.hashes import Algorithm
from cvmfs.format.keys import RepositoryKeys, create_keys, load_keys
from cvmfs.format.manifest import MANIFEST
from cvmfs.publishing.repository import (
    Repository,
    create_repository,
    open_repository,
    repository_at,
    sign_whitelist,
)
from cvmfs.reading.reader import Reader, open_reader

FQRN = "software.pansoft.local"
_RENEW_BEFORE = timedelta(days=10)


def fqrn(state: State) -> str:
    """Return the name of the embedded repository."""
    return state.own_repository or FQRN


def settings(state: State) -> RepositorySettings:
    """Return what the site says of repositories; nothing of one that a state has to itself."""
    if state.own_repository is not None:
        return RepositorySettings()
    return site_of(state.folder).repository


def keys_folder(state: State) -> Path:
    """Return where the embedded repository's keys are."""
    return state.keys / "repository"


def public_key(state: State) -> Path:
    """Return the file of the public master key, the one thing a client needs to trust."""
    return keys_folder(state) / f"{fqrn(state)}.pub"


def exists(state: State) -> bool:
    """Return whether there is an embedded repository."""
    return repository_of(state).storage.size(MANIFEST) is not None


def repository_of(state: State) -> Repository:
    """Return where the embedded repository is or will be."""
    found = repository_at(_location(state), fqrn(state), scratch=_scratch(state))
    return replace(found, wait_s=settings(state).wait_s)


def folder_of(state: State) -> Path:
    """Return the folder of the embedded repository, for what reads or serves its files.

    Raises:
        UserError: it is in a bucket.
    """
    folder = repository_of(state).storage.folder
    if folder is None:
        raise UserError(
            f"the repository is in {settings(state).storage}, not in a folder of this machine",
            hint="the server of the bucket gives it to readers; `public` in site.yaml says where",
        )
    return folder


def readers_source(state: State) -> str | Path:
    """Return where a mount on this machine reads the embedded repository.

    Raises:
        UserError: it is in a bucket, and nobody said where readers find that.
    """
    return settings(state).public or folder_of(state)


def ensure_repository(
    state: State, *, at: datetime, algorithm: Algorithm = Algorithm.SHA1
) -> tuple[Repository, RepositoryKeys]:
    """Return the embedded repository and its keys, made the first time; `algorithm` names new objects.

    Its whitelist is signed anew ten days before it expires, where the master key is here.

    Raises:
        UserError: there is a repository, but not the keys to publish with.
    """
    folder, name = keys_folder(state), fqrn(state)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    have = [(folder / f"{name}.{ending}").is_file() for ending in ("key", "crt", "pub")]
    if not all(have):
        if exists(state):
            raise UserError(
                f"the keys of {name} in {folder} are gone, but its repository is there",
                hint="bring the keys back from where they are kept; nothing was changed",
            )
        for leftover in folder.glob(f"{name}.*"):  # of a run that was killed while making them
            leftover.unlink()
        create_keys(folder, name, at=at)
    keys = load_keys(folder, name)
    if not exists(state):
        create_repository(
            _location(state), keys, at=at, algorithm=algorithm, scratch=_scratch(state)
        )
        return repository_of(state), keys
    repository = _opened(state)
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
    return _opened(state)


def read_repository(state: State, *, at: datetime) -> Reader:
    """Return a reader of the embedded repository, verified from its public key upward.

    Raises:
        UserError: there is no repository yet.
        Refused: a signature or a hash in it is wrong.
    """
    if not exists(state):
        raise UserError("nothing is published yet", hint="publish something: pansoft apply")
    return open_reader(repository_of(state).storage, fqrn(state), public_key(state), at=at)


def _opened(state: State) -> Repository:
    found = open_repository(_location(state), fqrn(state), scratch=_scratch(state))
    return replace(found, wait_s=settings(state).wait_s)


def _location(state: State) -> str:
    """Return the folder, or the address of the bucket with what has to be known of its server."""
    said = settings(state)
    if said.storage is None:
        return str(state.repository)
    named = {"endpoint": said.endpoint, "region": said.region}
    options = urlencode({name: value for name, value in named.items() if value})
    return f"{said.storage}?{options}" if options else said.storage


def _scratch(state: State) -> Path | None:
    """Return the folder for what is on its way into a bucket; a folder has its own."""
    return state.publishing if _location(state).startswith("s3://") else None
