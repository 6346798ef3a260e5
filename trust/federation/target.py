# SPDX-License-Identifier: BSD-3-Clause
"""What the federation says of one file: its length, its sha256, where it lies, whose key signs it.

Length and hash are The Update Framework's own; the rest stands in `custom` of the target:

    {"repository": "<fqrn>", "path": "<path in it>", "signer": "<PGP fingerprint>" or absent}
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tuf.api.metadata import TargetFile

from core.errors import Refused
from core.files import sha256_file

_HASH = "sha256"


@dataclass(frozen=True, slots=True)
class Target:
    """A file that a namespace answers for; `location` is its path in the repository `repository`.

    `path` is its name in the federation: `<namespace>/<package>/<version>/<file>`, or
    `<namespace>/keys/<file>` and `<namespace>/policy/<file>`, which belong to no version.
    """

    path: str
    length: int
    sha256: str
    repository: str
    location: str
    signer: str | None = None

    @property
    def namespace(self) -> str:
        """Return who answers for it."""
        return self.path.split("/", 1)[0]

    @property
    def package(self) -> str | None:
        """Return the package, or None for a key or a policy."""
        return self.path.split("/")[1] if self._is_of_a_version else None

    @property
    def version(self) -> str | None:
        """Return the version, or None for a key or a policy."""
        return self.path.split("/")[2] if self._is_of_a_version else None

    @property
    def file(self) -> str:
        """Return the name of the file."""
        return self.path.rsplit("/", 1)[1]

    @property
    def _is_of_a_version(self) -> bool:
        return self.path.count("/") == 3

    def check(self, content: bytes | Path) -> None:
        """Compare a file, or its content, with what the federation says of it.

        Raises:
            Refused: it is not this file.
        """
        if isinstance(content, Path):
            length = content.stat().st_size
            digest = sha256_file(content) if length == self.length else "not looked at"
        else:
            length, digest = len(content), hashlib.sha256(content).hexdigest()
        if (length, digest) != (self.length, self.sha256):
            where = content if isinstance(content, Path) else f"what was given as {self.file}"
            raise Refused(
                f"{where} is not {self.path} of the federation: it has {length} bytes"
                f" and sha256 {digest}, not {self.length} and {self.sha256}",
                hint="another version, another partner's file or an altered one is in its place; "
                "read it again from another mirror",
            )


def from_tuf(found: TargetFile) -> Target:
    """Return a target as the metadata has it.

    Raises:
        Refused: it has no sha256, or does not say where it lies.
    """
    custom = found.unrecognized_fields.get("custom")
    place = custom if isinstance(custom, dict) else {}
    fields = [place.get("repository"), place.get("path"), found.hashes.get(_HASH)]
    signer = place.get("signer")
    if not all(isinstance(each, str) for each in fields) or not isinstance(signer, str | None):
        raise Refused(
            f"the federation lists {found.path} without its sha256 or without where it lies",
            hint="who answers for the namespace has to list it again",
        )
    repository, location, digest = fields
    return Target(found.path, found.length, str(digest), str(repository), str(location), signer)


def to_tuf(target: Target) -> TargetFile:
    """Return a target as the metadata has it."""
    custom = {"repository": target.repository, "path": target.location}
    if target.signer is not None:
        custom["signer"] = target.signer
    return TargetFile(target.length, {_HASH: target.sha256}, target.path, {"custom": custom})
