# SPDX-License-Identifier: BSD-3-Clause
"""What a site was set up with, and where its files are.

In the site's state folder, beside what a partner may have there already:

    site-setup/settings.json   what setup was told and has found out, and the sha256 of what it wrote
    site-setup/root.json       the root of the federation that was given
    site-setup/federation/     the federation's metadata as it was seen last: an older one is refused
    site-setup/objects/        the repository's objects and its newest revision: an older one is refused
    site-policy/               the site's own rules (`site.yaml`) and the policy they begin from
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.canonical import readable_json
from core.errors import UserError
from core.files import write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.programs.execution_list import Mode

SCHEMA = 1
SETUP_FOLDER = "site-setup"
POLICY_FOLDER = "site-policy"
_NEEDED = "pansoft site setup --repository URL --root ROOT.json"


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What a site was set up with.

    Args:
        repository: the addresses of the repository, several with `;` between them, or a folder.
        fqrn: its name.
        namespace: who in the federation answers for the repository's key.
        prefix: the folder that stands for `/` where files of the system are written.
        configuration: where Apptainer has its configuration, below the prefix.
        execution_list: whether Apptainer controls SIF files.
        metadata: where the federation's metadata is, if not in the repository.
        proxies: what `CVMFS_HTTP_PROXY` is to be; None leaves that to the client's other files.
        fingerprints: of the keys that setup has put into Apptainer's key ring.
    """

    repository: str
    fqrn: str
    namespace: str
    prefix: str
    configuration: str
    execution_list: Mode
    metadata: str | None = None
    proxies: str | None = None
    fingerprints: tuple[str, ...] = ()

    @property
    def source(self) -> str | Path:
        """Return where the repository is read from."""
        return source_of(self.repository)


@dataclass(frozen=True, slots=True)
class Remembered:
    """The settings, and the sha256 that every file may have as setup left it, by its path.

    While files are being written there are two: the old and the new.
    """

    settings: SiteSettings
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SitePlaces:
    """The site's places in a state folder."""

    state: Path

    @property
    def settings(self) -> Path:
        """Return the file of the settings."""
        return self.state / SETUP_FOLDER / "settings.json"

    @property
    def lock(self) -> Path:
        """Return the lock that whoever writes here holds."""
        return self.state / SETUP_FOLDER / "lock"

    @property
    def root(self) -> Path:
        """Return the root of the federation, as it was given."""
        return self.state / SETUP_FOLDER / "root.json"

    @property
    def federation(self) -> Path:
        """Return the folder of the federation's metadata as it was seen last."""
        return self.state / SETUP_FOLDER / "federation"

    @property
    def objects(self) -> Path:
        """Return the folder of the repository's objects."""
        return self.state / SETUP_FOLDER / "objects"

    @property
    def policy(self) -> Path:
        """Return the folder of the site's policy."""
        return self.state / POLICY_FOLDER


def source_of(repository: str) -> str | Path:
    """Return an address as it is and a folder as a path."""
    return repository if "://" in repository else Path(repository)


def store(places: SitePlaces, remembered: Remembered) -> None:
    """Keep the settings for the next time."""
    content = {
        "schema": SCHEMA,
        "settings": to_json(remembered.settings),
        "written": {path: list(known) for path, known in sorted(remembered.written.items())},
    }
    write_atomic(places.settings, readable_json(content))


def load(places: SitePlaces) -> Remembered:
    """Return what the site was set up with.

    Raises:
        UserError: it was not, or the file was spoilt.
    """
    found = load_if_any(places)
    if found is None:
        raise UserError(f"there is no site in {places.state}", hint=f"set it up: {_NEEDED}")
    return found


def load_if_any(places: SitePlaces) -> Remembered | None:
    """Return what the site was set up with, or None if it was not.

    Raises:
        UserError: the file was spoilt.
    """
    try:
        data = json.loads(places.settings.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise UserError(
                f"{places.settings} has the form {data['schema']}, this pansoft knows {SCHEMA}",
                hint="update pansoft",
            )
        written = {str(path): tuple(map(str, known)) for path, known in data["written"].items()}
        return Remembered(from_json(SiteSettings, data["settings"]), written)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Undecodable) as err:
        raise UserError(
            f"{places.settings} cannot be read: {err}", hint=f"set the site up again: {_NEEDED}"
        ) from err
