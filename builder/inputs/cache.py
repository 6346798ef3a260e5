# SPDX-License-Identifier: BSD-3-Clause
"""The input cache: a folder of files named by the sha256 of what is in them.

A file gets its name only after its content was hashed, and is hashed again before a build reads it:
disks err and people edit. It is read by builds that run as another user, and never written by them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError
from core.files import sha256_file


@dataclass(frozen=True, slots=True)
class InputCache:
    """A content-addressed folder: `<folder>/<first two hex digits>/<sha256>`."""

    folder: Path
    _hashed: dict[Path, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    def path(self, sha256: str) -> Path:
        """Return where the input with this hash is or would be."""
        return self.folder / sha256[:2] / sha256

    def part(self, sha256: str) -> Path:
        """Return where a download of it grows until it is whole."""
        return self.folder / "partial" / sha256

    def has(self, sha256: str) -> bool:
        """Return whether the input is here."""
        return self.path(sha256).is_file()

    def is_whole(self, sha256: str) -> bool:
        """Return whether the input is here and its bytes are those of its name.

        A file is hashed once for each cache object, and again when it was touched in between.
        """
        file = self.path(sha256)
        try:
            found = file.stat()
            mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if self._hashed.get(file) == mark:
                return True
            if sha256_file(file) != sha256:
                return False
        except OSError:  # not here, gone meanwhile, or the disk cannot read it
            return False
        self._hashed[file] = mark
        return True

    def take(self, part: Path, sha256: str, *, name: str) -> Path:
        """Move a finished download into the cache and return its new place.

        Raises:
            UserError: its bytes are not the ones that the lock names.
        """
        found = sha256_file(part)
        if found != sha256:
            part.unlink()
            raise UserError(
                f"{name} is not what the lock says: expected sha256 {sha256}, got {found}",
                hint="the mirror serves other bytes than when the lock was made; try another place "
                "with 'pansoft fetch --from', or look closely before you lock again",
            )
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.chmod(0o644)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
        return target

    def need(self, sha256: str, *, name: str) -> Path:
        """Return where an input is.

        Raises:
            UserError: it was not fetched.
        """
        path = self.path(sha256)
        if not path.is_file():
            raise UserError(f"{name} is not in the input cache", hint="run: pansoft fetch")
        return path
