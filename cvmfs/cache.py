# SPDX-License-Identifier: BSD-3-Clause
"""Objects that were fetched before, kept in a directory and verified again each time they are used."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from cvmfs.hashes import ContentHash, Suffix, hash_like

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObjectCache:
    """Objects by hash and suffix, as they are stored in the repository. Processes may share the directory."""

    folder: Path

    def get(self, content_hash: ContentHash, suffix: Suffix) -> bytes | None:
        """Return an object's stored bytes, or None; one that was damaged is removed."""
        path = self.path(content_hash, suffix)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        if hash_like(content_hash, stored) == content_hash:
            return stored
        log.warning("%s in the cache is damaged, it is fetched again", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, content_hash: ContentHash, suffix: Suffix, stored: bytes) -> None:
        """Keep an object; a cache that cannot be written is no reason to stop.

        Nothing is synced: what a power cut damages is fetched again.
        """
        path = self.path(content_hash, suffix)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(stored)
            scratch.replace(path)
        except OSError as err:
            log.warning("cannot keep an object in the cache %s: %s", self.folder, err.strerror)
            with contextlib.suppress(OSError):
                scratch.unlink()

    def path(self, content_hash: ContentHash, suffix: Suffix) -> Path:
        """Return where an object is kept."""
        return self.folder / content_hash[:2] / (content_hash[2:] + suffix)
