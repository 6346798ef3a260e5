# SPDX-License-Identifier: BSD-3-Clause
"""The repository that packages are published to: the embedded one, or the one of a facility.

The site's file says which. Where nothing is said it is the embedded one, which is made when it is needed; a
facility's repository is there, and is written by its own program or its gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import assert_never

from builder.inputs.site import BackendKind, RepositorySettings
from builder.state import State
from core.errors import UserError
from cvmfs.backends.backend import Backend
from cvmfs.backends.native import Native, steps_in
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import Reader, open_reader
from cvmfs.storage.storage import Storage
from pansoft import embedded


def fqrn(state: State) -> str:
    """Return the repository's name."""
    return embedded.settings(state).name or embedded.fqrn(state)


def kind(state: State) -> BackendKind:
    """Return who writes the repository."""
    return embedded.settings(state).backend


def public_key(state: State) -> Path:
    """Return the file of the repository's public key."""
    given = embedded.settings(state).public_key
    return embedded.public_key(state) if given is None else Path(given)


def exists(state: State) -> bool:
    """Return whether there is something to read; a facility's repository is always there."""
    return not _is_embedded(embedded.settings(state)) or embedded.exists(state)


def is_ours(state: State) -> bool:
    """Return whether its files are ours to list: it is the embedded repository."""
    return _is_embedded(embedded.settings(state))


def read(state: State, *, at: datetime) -> Reader:
    """Return a reader of what is published, verified from the public key upward.

    Raises:
        UserError: there is no repository yet, or it does not answer.
        Refused: a signature or a hash in it is wrong.
    """
    settings = embedded.settings(state)
    if _is_embedded(settings):
        return embedded.read_repository(state, at=at)
    return open_reader(settings.stratum0 or "", fqrn(state), public_key(state), at=at)


def to_change(state: State, *, at: datetime) -> tuple[Repository, RepositoryKeys]:
    """Return the repository and its keys, to change its history or what it keeps.

    Raises:
        UserError: there is none yet, its keys are missing, or it is a facility's.
    """
    if not _is_embedded(embedded.settings(state)):
        raise UserError(
            f"the history of {fqrn(state)} is the facility's and cannot be changed from here",
            hint="ask who runs its Stratum 0: cvmfs_server tag, rollback and gc do it there",
        )
    embedded.open_embedded(state)
    return embedded.ensure_repository(state, at=at)


def storage(state: State) -> Storage:
    """Return where the repository's files are, to be listed.

    Raises:
        UserError: there is none yet, or it is a facility's.
    """
    if not _is_embedded(embedded.settings(state)):
        raise UserError(
            f"the files of {fqrn(state)} are the facility's and cannot be listed from here",
            hint="ask who runs its Stratum 0",
        )
    return embedded.open_embedded(state).storage


def backend_of(state: State, *, at: datetime, with_key: bool = True) -> Backend:
    """Return the way into the repository; the embedded one is made the first time.

    The ways of facilities are imported when they are used: most sites have none of them. Without its key
    a gateway can be described, not published to.

    Raises:
        UserError: keys are missing, or may be read by others.
    """
    settings = embedded.settings(state)
    match settings.backend:
        case BackendKind.NATIVE:
            return Native(*embedded.ensure_repository(state, at=at))
        case BackendKind.CVMFS_SERVER:
            from cvmfs.backends.cvmfs_server import CvmfsServer

            return CvmfsServer(
                fqrn=fqrn(state),
                source=settings.stratum0 or "",
                public_key=public_key(state),
                mounts=Path(settings.mounts),
                wait_s=int(settings.wait_s),
            )
        case BackendKind.GATEWAY:
            from cvmfs.backends.gateway import GatewaySettings, ThroughGateway
            from cvmfs.gateway.key import GatewayKey, load_gateway_key

            key_file = settings.gateway_key or f"/etc/cvmfs/keys/{fqrn(state)}.gw"
            key = load_gateway_key(Path(key_file)) if with_key else GatewayKey("", "")
            found = GatewaySettings(
                fqrn=fqrn(state),
                url=settings.gateway or "",
                source=settings.stratum0 or "",
                public_key=public_key(state),
                scratch=state.folder / "gateway" / fqrn(state),
                wait_s=settings.wait_s,
            )
            return ThroughGateway(found, key)
    assert_never(settings.backend)


def steps(state: State, paths: Sequence[str], *, message: str, at: datetime) -> tuple[str, ...]:
    """Return the commands or requests that publishing at these paths would make; nothing is done."""
    if _is_embedded(embedded.settings(state)):
        return steps_in(embedded.repository_of(state), paths, message=message)
    return backend_of(state, at=at, with_key=False).steps(paths, message=message)


def _is_embedded(settings: RepositorySettings) -> bool:
    return settings.backend is BackendKind.NATIVE
