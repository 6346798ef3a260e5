# SPDX-License-Identifier: BSD-3-Clause
"""A key in a PKCS#11 token. The token does the arithmetic, `trust.programs.openpgp` makes PGP of it.

The token's bare key gets a holder, a first day and an expiry date once, in a certificate that it
signs itself: the public key that a policy lists. The second in which it was made is part of an
OpenPGP fingerprint, so the certificate is kept beside the description and never made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import UserError
from trust.keys.secret_files import read_secret
from trust.programs import armors, gnupg, pkcs11_token
from trust.programs.gnupg import PublicKey
from trust.programs.openpgp import PacketKey, Sign
from trust.programs.pkcs11_token import TokenPlace
from trust.signing import sif_signature


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key in a token, and the file with its PIN; `at` is now."""

    place: TokenPlace
    pin_file: Path
    facts: PublicKey
    public_file: Path
    at: datetime

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the primary key."""
        return self.facts.fingerprint

    @property
    def made(self) -> datetime:
        """Return the time that its signatures carry: none is older than the key, or gpg refuses it."""
        return max(self.at, self.facts.created)

    def sign_detached(self, content: bytes, *, what: str) -> bytes:
        """Return an armored detached signature of `content`; `what` names it in messages."""
        signature = self._ask(lambda key, sign: key.detached(content, at=self.made, sign=sign))
        gnupg.verify_detached(content, signature, public_keys=[self.public_file], what=what)
        return signature

    def sign_sif(self, path: Path) -> None:
        """Put the token's signature into a SIF file, in place."""
        sif_signature.sign(
            path, fingerprint=self.fingerprint, at=self.made, cleartext=self._cleartext
        )

    def certified(self, *, expires: datetime) -> bytes:
        """Return the armored public key with another expiry date."""
        binary = self._ask(
            lambda key, sign: key.certificate(
                self.facts.name, expires=expires, at=self.made, sign=sign
            )
        )
        return armors.armor("PUBLIC KEY BLOCK", binary)

    def revocation(self, *, reason: str, why: str) -> bytes:
        """Return the armored certificate that revokes the key."""
        return self._ask(
            lambda key, sign: key.revocation(reason=reason, why=why, at=self.made, sign=sign)
        )

    def sign_bare(self, data: bytes) -> tuple[int, ...]:
        """Return the numbers of a signature of the SHA-256 of `data`, without PGP around them."""
        pin = read_secret(self.pin_file, what="PIN file")
        with pkcs11_token.opened(self.place, pin=pin) as token:
            return token.sign(data)

    def _cleartext(self, text: bytes) -> bytes:
        signed = self._ask(lambda key, sign: key.cleartext(text, at=self.made, sign=sign))
        gnupg.verify_cleartext(signed, public_keys=[self.public_file], what="the new signature")
        return signed

    def _ask(self, make: Callable[[PacketKey, Sign], bytes]) -> bytes:
        pin = read_secret(self.pin_file, what="PIN file")
        with pkcs11_token.opened(self.place, pin=pin) as token:
            key = PacketKey(token.numbers(), self.facts.created)
            if key.fingerprint != self.fingerprint:
                raise UserError(
                    f"{self.place.title} is not the one of the fingerprint {self.fingerprint}",
                    hint="is it the right token? a key that was made anew is another key",
                )
            return make(key, token.sign)


def certify(
    place: TokenPlace, *, pin_file: Path, holder: str, at: datetime, expires: datetime
) -> bytes:
    """Return a new armored public key for the bare key of a token.

    Args:
        place: where the key is.
        pin_file: holds the PIN.
        holder: `Name <mail>`.
        at: the key's first second: another one is another key.
        expires: when it ends.

    Raises:
        UserError: the token or the key is not there, or the PIN is wrong.
    """
    with pkcs11_token.opened(place, pin=read_secret(pin_file, what="PIN file")) as token:
        key = PacketKey(token.numbers(), at)
        return armors.armor(
            "PUBLIC KEY BLOCK",
            key.certificate(holder, expires=expires, at=at, sign=token.sign),
        )
