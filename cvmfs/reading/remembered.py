# SPDX-License-Identifier: BSD-3-Clause
"""What a client remembers of a repository between its runs: the newest revision that it has verified.

It is the floor below which no manifest is accepted any more, and what is used while no server answers; the
genuine client keeps `cvmfschecksum.<fqrn>` for both. The files are kept as they came, signatures included,
and verified again when they are used, so whoever can write the cache can make us forget but not believe.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from core.files import write_atomic
from cvmfs.reading.cache import ObjectCache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """What makes a revision believable, as it was fetched and verified; the certificate as it is stored."""

    manifest: bytes
    whitelist: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Remembered:
    """The memory of one repository, a file in the cache's directory."""

    cache: ObjectCache
    fqrn: str

    @property
    def file(self) -> Path:
        """Return where it is kept."""
        return self.cache.folder / f"seen.{self.fqrn}.json"

    def read(self) -> SignedFiles | None:
        """Return what was seen last, or None if nothing was or the file is damaged."""
        try:
            texts = json.loads(self.file.read_bytes())
            return SignedFiles(
                **{name: base64.b64decode(text, validate=True) for name, text in texts.items()}
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError, binascii.Error) as err:
            log.warning("%s cannot be read, older revisions would be accepted: %s", self.file, err)
            return None

    def write(self, seen: SignedFiles) -> None:
        """Remember a revision; a cache that cannot be written is no reason to stop."""
        texts = {name: base64.b64encode(content).decode() for name, content in asdict(seen).items()}
        try:
            write_atomic(self.file, json.dumps(texts))
        except OSError as err:
            log.warning("cannot remember the revision in %s: %s", self.file, err.strerror)
