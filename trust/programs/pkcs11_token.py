# SPDX-License-Identifier: BSD-3-Clause
"""Keys inside a PKCS#11 token: a smart card, a hardware security module. The only user of python-pkcs11.

The token makes signatures and gives its public keys away; the secret never leaves it. The PIN goes
from a private file into the library's memory and nowhere else. A session lasts for one signature,
one at a time: the library's login is shared by all threads of a process, and a token that was plugged
in or exchanged meanwhile is only seen by a library that looks again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import (
    MultipleObjectsReturned,
    MultipleTokensReturned,
    NoSuchKey,
    NoSuchToken,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
)

from core.errors import UserError
from trust.programs.openpgp import EcNumbers, PublicNumbers, RsaNumbers

_ONE_AT_A_TIME = threading.Lock()
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
"""The curve's object identifier in DER."""
_POINT_BYTES = 65


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a key is: the library that talks to the token, the token's label, the key's id (CKA_ID)."""

    module: Path
    token: str
    object_id: bytes

    @property
    def title(self) -> str:
        """Return how messages name it."""
        return f"the key {self.object_id.hex()} of the token '{self.token}'"


@dataclass(frozen=True, slots=True)
class OpenToken:
    """A session in which the PIN was right; only inside of `opened`."""

    place: TokenPlace
    session: Any  # Any: the library's classes are made by Cython, without types

    def numbers(self) -> PublicNumbers:
        """Return the public half of the key.

        Raises:
            UserError: it is neither RSA nor ECDSA over P-256.
        """
        key = self._key(ObjectClass.PUBLIC_KEY)
        if key.key_type is KeyType.RSA:
            return RsaNumbers(
                int.from_bytes(key[Attribute.MODULUS], "big"),
                int.from_bytes(key[Attribute.PUBLIC_EXPONENT], "big"),
            )
        if key.key_type is not KeyType.EC or key[Attribute.EC_PARAMS] != _P256:
            raise UserError(
                f"{self.place.title} is of a kind that does not sign images here",
                hint="make an RSA key, or an elliptic one over P-256 (prime256v1)",
            )
        return EcNumbers(
            key[Attribute.EC_POINT][-_POINT_BYTES:]
        )  # without the tag that DER gives it

    def sign(self, data: bytes) -> tuple[int, ...]:
        """Return the numbers of a signature of the SHA-256 of `data`: one for RSA, r and s for ECDSA."""
        key = self._key(ObjectClass.PRIVATE_KEY)
        if key.key_type is KeyType.RSA:
            return (int.from_bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS), "big"),)
        raw = key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA)
        half = len(raw) // 2
        return int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")

    def _key(self, kind: ObjectClass) -> Any:
        return self.session.get_key(object_class=kind, id=self.place.object_id)


@contextlib.contextmanager
def opened(place: TokenPlace, *, pin: str) -> Iterator[OpenToken]:
    """Give a session with a token, for the time of the block.

    Raises:
        UserError: no such library, token or key, or a wrong PIN; never with the PIN in it.
    """
    check_module(place.module)
    with _ONE_AT_A_TIME:
        try:
            library = pkcs11.lib(str(place.module))
            library.reinitialize()
            token = library.get_token(token_label=place.token)
            with token.open(user_pin=pin) as session:
                yield OpenToken(place, session)
        except (PKCS11Error, RuntimeError) as err:
            raise _explained(err, place) from None  # the cause holds the call and its arguments


def check_module(module: Path) -> None:
    """Refuse a library that somebody else could have put there: it is loaded and sees the PIN.

    Raises:
        UserError: it is not there, or others may write to it.
    """
    try:
        facts = module.stat()
    except OSError as err:
        raise UserError(
            f"there is no PKCS#11 library {module}",
            hint="it comes with the token's software; SoftHSM's is libsofthsm2.so",
        ) from err
    if facts.st_mode & 0o022 or facts.st_uid not in {0, os.geteuid()}:
        raise UserError(
            f"the PKCS#11 library {module} can be changed by others",
            hint=f"it must belong to root or to you: ls -l '{module}'",
        )


def _explained(err: Exception, place: TokenPlace) -> UserError:
    match err:
        case NoSuchToken() | MultipleTokensReturned():
            seen = "more than one token" if isinstance(err, MultipleTokensReturned) else "no token"
            return UserError(
                f"{place.module.name} sees {seen} with the label '{place.token}'",
                hint=f"is it plugged in? pkcs11-tool --module '{place.module}' --list-token-slots",
            )
        case PinIncorrect() | PinInvalid() | PinLenRange():
            return UserError(
                f"the PIN for the token '{place.token}' is wrong",
                hint="mind that a token locks itself after a few wrong ones",
            )
        case PinLocked():
            return UserError(
                f"the token '{place.token}' is locked after too many wrong PINs",
                hint="its security officer can set a new one",
            )
        case NoSuchKey() | MultipleObjectsReturned():
            return UserError(
                f"{place.title} is not there, or is there more than once",
                hint=f"pkcs11-tool --module '{place.module}' --list-objects",
            )
        case _:
            return UserError(f"{place.title} could not be used: {type(err).__name__}")
