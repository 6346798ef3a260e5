# SPDX-License-Identifier: BSD-3-Clause
"""`/cvmfs/info/v1/`: which repositories a web server has, and who looks after it, for monitors.

Schema 1 of the genuine server (cvmfs_server_json.sh): `repositories.json` lists what is published here and
what is a replica, `meta.json` is what its administrator says of it. Clients read neither.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.canonical import readable_json
from core.errors import UserError
from core.files import write_atomic
from cvmfs.errors import NotFound
from cvmfs.format.manifest import MANIFEST, parse_manifest
from cvmfs.mirroring.replicate import LAST_SNAPSHOT

REPOSITORIES = "info/v1/repositories.json"
META = "info/v1/meta.json"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Served:
    """A repository that a web server exports as `/cvmfs/<fqrn>`."""

    fqrn: str
    folder: Path

    @property
    def is_replica(self) -> bool:
        """Return whether it is a copy that `replicate` made."""
        return (self.folder / LAST_SNAPSHOT).exists()


@dataclass(frozen=True, slots=True)
class Contact:
    """Who looks after a server."""

    administrator: str = ""
    email: str = ""
    organisation: str = ""


def served(folder: Path) -> Served:
    """Return the repository in a folder.

    Raises:
        NotFound: there is none.
    """
    file = folder / MANIFEST
    try:
        return Served(parse_manifest(file.read_bytes(), where=str(file)).fqrn, folder)
    except FileNotFoundError as err:
        raise NotFound(
            f"{file} is missing", hint="make the repository first: pansoft repo init"
        ) from err


def write_server_info(root: Path, contact: Contact | None = None) -> tuple[Served, ...]:
    """Write both files for the repositories in the folders of `root`, and return these.

    What an administrator wrote into `meta.json` stays, unless there is a `contact`.

    Raises:
        UserError: a folder has another name than its repository: clients would not find it.
    """
    found = tuple(served(file.parent) for file in sorted(root.glob(f"*/{MANIFEST}")))
    for repository in found:
        if repository.folder.name != repository.fqrn:
            raise UserError(
                f"{repository.folder} holds the repository {repository.fqrn}",
                hint=f"clients ask for /cvmfs/{repository.fqrn}: rename the folder",
            )
    write_atomic(root / REPOSITORIES, repositories_json(found))
    if contact is not None or not (root / META).exists():
        write_atomic(root / META, meta_json(contact or Contact()))
    return found


def repositories_json(repositories: Iterable[Served]) -> str:
    """Return what `repositories.json` says."""
    originals: list[dict[str, str]] = []
    replicas: list[dict[str, str]] = []
    for repository in repositories:
        entry = {"name": repository.fqrn, "url": f"/cvmfs/{repository.fqrn}"}
        (replicas if repository.is_replica else originals).append(entry)
    system = _system()
    return readable_json(
        {
            "schema": _SCHEMA,
            "cvmfs_version": "pansoft",
            "os_id": system.get("ID", "linux"),
            "os_version_id": system.get("VERSION_ID", ""),
            "os_pretty_name": system.get("PRETTY_NAME", "Linux"),
            "repositories": originals,
            "replicas": replicas,
        }
    )


def meta_json(contact: Contact) -> str:
    """Return what `meta.json` says."""
    return readable_json(
        {
            "administrator": contact.administrator,
            "email": contact.email,
            "organisation": contact.organisation,
            "custom": {},
        }
    )


def _system() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:  # a machine without the file: monitors learn less
        return {}
