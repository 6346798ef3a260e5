# SPDX-License-Identifier: BSD-3-Clause
"""A key whose secret a gpg agent has: on a person's own machine, or on a smart card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trust.keys.secret_files import read_secret
from trust.programs import gnupg
from trust.programs.gnupg import PublicKey
from trust.signing import sif_signature


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key in somebody's gpg home. Without a passphrase file the agent asks, or knows it already."""

    home: Path
    facts: PublicKey
    public_file: Path
    at: datetime
    passphrase_file: Path | None = None

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the primary key."""
        return self.facts.fingerprint

    def sign_detached(self, content: bytes, *, what: str) -> bytes:
        """Return an armored detached signature of `content`; `what` names it in messages."""
        signature = self._signed(content, cleartext=False)
        gnupg.verify_detached(content, signature, public_keys=[self.public_file], what=what)
        return signature

    def sign_sif(self, path: Path) -> None:
        """Put the agent's signature into a SIF file, in place."""
        sif_signature.sign(
            path, fingerprint=self.fingerprint, at=self.at, cleartext=self._cleartext
        )

    def _cleartext(self, text: bytes) -> bytes:
        signed = self._signed(text, cleartext=True)
        gnupg.verify_cleartext(signed, public_keys=[self.public_file], what="the new signature")
        return signed

    def _signed(self, content: bytes, *, cleartext: bool) -> bytes:
        file = self.passphrase_file
        return gnupg.agent_sign(
            content,
            home=self.home,
            fingerprint=self.fingerprint,
            passphrase=read_secret(file, what="passphrase file") if file else None,
            cleartext=cleartext,
        )
