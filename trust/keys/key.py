# SPDX-License-Identifier: BSD-3-Clause
"""What a key that signs can do, wherever its secret lies."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from trust.programs.gnupg import PublicKey


class SigningKey(Protocol):
    """A PGP key that is ready to sign. It knows where its secret is and never hands it out."""

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the primary key: 40 hex digits in capitals."""
        ...

    @property
    def facts(self) -> PublicKey:
        """Return what the key says of itself."""
        ...

    def sign_detached(self, content: bytes, *, what: str) -> bytes:
        """Return an armored detached signature of `content` that was verified; `what` names it.

        Raises:
            UserError: the secret is not there, or what opens it is wrong.
        """
        ...

    def sign_sif(self, path: Path) -> None:
        """Add one PGP signature over all objects to an unsigned SIF file, in place.

        Raises:
            UserError: the secret is not there, or what opens it is wrong.
        """
        ...
