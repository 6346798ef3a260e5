# SPDX-License-Identifier: BSD-3-Clause
"""OpenPGP packets of version 4 (RFC 4880, RFC 6637) for a key whose arithmetic somebody else does.

A PKCS#11 token signs numbers and knows nothing of OpenPGP, and gpg talks to smart cards of its own
kind only. So the packets are written here, and the token is asked for the one number that needs the
secret. What comes out is verified by gpg before it leaves `trust.keys`.

RSA and ECDSA over P-256, always with SHA-256: gpg wants a longer hash for longer curves. One primary
key that certifies and signs, one name, no subkeys: what gpg and Apptainer both read.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from trust.programs import armors

_RSA, _ECDSA, _SHA256 = 1, 19, 8
_PUBLIC_KEY, _USER_ID, _SIGNATURE = 6, 13, 2
_BINARY, _TEXT, _POSITIVE, _REVOKES_KEY = 0x00, 0x01, 0x13, 0x20
_P256: Final = bytes.fromhex("2a8648ce3d030107")
"""The object identifier of the curve, without tag and length."""

REASONS: Final = {"unspecified": 0, "superseded": 1, "compromised": 2, "retired": 3}
"""Why a key is revoked, in RFC 4880's numbers."""


@dataclass(frozen=True, slots=True)
class RsaNumbers:
    """The public half of an RSA key."""

    modulus: int
    exponent: int


@dataclass(frozen=True, slots=True)
class EcNumbers:
    """The public half of an ECDSA key over P-256; `point` is uncompressed: 4, x, y."""

    point: bytes


PublicNumbers: TypeAlias = RsaNumbers | EcNumbers
Sign: TypeAlias = Callable[[bytes], tuple[int, ...]]
"""Gives the signature of the SHA-256 of some bytes: one number for RSA, r and s for ECDSA."""


@dataclass(frozen=True, slots=True)
class PacketKey:
    """A public key as OpenPGP sees it: its numbers and the second in which it was made."""

    numbers: PublicNumbers
    created: datetime

    @property
    def body(self) -> bytes:
        """Return the body of its packet."""
        seconds = int(self.created.timestamp())
        match self.numbers:
            case RsaNumbers(modulus, exponent):
                return struct.pack(">BIB", 4, seconds, _RSA) + _mpi(modulus) + _mpi(exponent)
            case EcNumbers(point):
                head = struct.pack(">BIBB", 4, seconds, _ECDSA, len(_P256))
                return head + _P256 + _mpi(int.from_bytes(point, "big"))

    @property
    def algorithm(self) -> int:
        """Return the number of its algorithm."""
        return _RSA if isinstance(self.numbers, RsaNumbers) else _ECDSA

    @property
    def fingerprint(self) -> str:
        """Return its fingerprint: 40 hex digits in capitals."""
        return hashlib.sha1(self._hashed, usedforsecurity=False).hexdigest().upper()

    @property
    def _hashed(self) -> bytes:
        return b"\x99" + struct.pack(">H", len(self.body)) + self.body

    def certificate(self, user_id: str, *, expires: datetime, at: datetime, sign: Sign) -> bytes:
        """Return the key with its holder's name and the signature that binds the two, in binary.

        Args:
            user_id: `Name <mail>`.
            expires: when the key ends.
            at: when this is signed; a later one overrides an earlier one, which extends a key.
            sign: asks the secret half.
        """
        name = user_id.encode()
        seconds = int((expires - self.created).total_seconds())
        bound = self._hashed + b"\xb4" + struct.pack(">I", len(name)) + name
        more = (
            _subpacket(27, b"\x03")  # it certifies and signs
            + _subpacket(9, struct.pack(">I", seconds))
            + _subpacket(21, bytes([_SHA256]))
            + _subpacket(25, b"\x01")
        )
        signature = self._signature(_POSITIVE, bound, at=at, more=more, sign=sign)
        return _packet(_PUBLIC_KEY, self.body) + _packet(_USER_ID, name) + signature

    def detached(self, content: bytes, *, at: datetime, sign: Sign) -> bytes:
        """Return an armored detached signature of some bytes."""
        return armors.armor("SIGNATURE", self._signature(_BINARY, content, at=at, sign=sign))

    def cleartext(self, text: bytes, *, at: datetime, sign: Sign) -> bytes:
        """Return a text with its signature around it, as `gpg --clearsign` does.

        Args:
            text: lines that neither begin with "-" nor end with a space, the last one ended.
            at: when it is signed.
            sign: asks the secret half.
        """
        lines = text.removesuffix(b"\n").split(b"\n")
        if any(line.startswith(b"-") or line != line.rstrip() for line in lines):
            raise ValueError("these lines would have to be escaped")
        signature = self._signature(_TEXT, b"\r\n".join(lines), at=at, sign=sign)
        head = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
        return head + b"\n".join(lines) + b"\n" + armors.armor("SIGNATURE", signature)

    def revocation(self, *, reason: str, why: str, at: datetime, sign: Sign) -> bytes:
        """Return the armored certificate that revokes the key, for one of `REASONS`."""
        more = _subpacket(29, bytes([REASONS[reason]]) + why.encode())
        made = self._signature(_REVOKES_KEY, self._hashed, at=at, more=more, sign=sign)
        return armors.armor("PUBLIC KEY BLOCK", made)

    def _signature(
        self, kind: int, signed: bytes, *, at: datetime, sign: Sign, more: bytes = b""
    ) -> bytes:
        """Return a signature packet: what is signed, what is said about it, and how much was said."""
        whole = bytes.fromhex(self.fingerprint)
        said = _subpacket(33, b"\x04" + whole)
        said += _subpacket(2, struct.pack(">I", int(at.timestamp()))) + more
        head = struct.pack(">BBBBH", 4, kind, self.algorithm, _SHA256, len(said)) + said
        everything = signed + head + struct.pack(">BBI", 4, 0xFF, len(head))
        issuer = _subpacket(16, whole[-8:])
        check = hashlib.sha256(everything).digest()[:2]
        numbers = b"".join(_mpi(number) for number in sign(everything))
        body = head + struct.pack(">H", len(issuer)) + issuer + check + numbers
        return _packet(_SIGNATURE, body)


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0x80 | tag << 2 | 2]) + struct.pack(">I", len(body)) + body


def _subpacket(kind: int, body: bytes) -> bytes:
    """Return a subpacket; all of ours but a long reason are shorter than 192 bytes."""
    size = len(body) + 1
    length = bytes([size]) if size < 192 else b"\xff" + struct.pack(">I", size)
    return length + bytes([kind]) + body


def _mpi(number: int) -> bytes:
    bits = number.bit_length()
    return struct.pack(">H", bits) + number.to_bytes((bits + 7) // 8, "big")
