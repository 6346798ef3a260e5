# SPDX-License-Identifier: BSD-3-Clause
"""Apptainer's global key ring: public PGP keys in binary form, one behind the other (RFC 4880, 4.2 and 12.2).

It is the machine's and may hold keys that others have put there, so it is taken apart and put together
again: ours are replaced, theirs stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.errors import UserError

FILE_NAME = "global-pgp-public"
_PUBLIC_KEY = 6
_VERSION = 4
_SMALLEST = 6  # the version, the time, the algorithm


@dataclass(frozen=True, slots=True)
class Certificate:
    """One public key with all that belongs to it; the fingerprint in capitals."""

    fingerprint: str
    content: bytes


def certificates(ring: bytes) -> tuple[Certificate, ...]:
    """Return the keys of a binary key ring, in their order.

    Raises:
        UserError: it is something else than a row of whole OpenPGP keys.
    """
    begins = [(at, body) for at, kind, body in _packets(ring) if kind == _PUBLIC_KEY]
    if not ring:
        return ()
    if not begins or begins[0][0] != 0:
        raise UserError("this is not a ring of public PGP keys: it does not begin with one")
    ends = [*(at for at, _ in begins[1:]), len(ring)]
    return tuple(
        Certificate(_fingerprint(body), ring[at:end])
        for (at, body), end in zip(begins, ends, strict=True)
    )


def merged(ring: bytes, *, ours: Iterable[bytes], gone: Iterable[str] = ()) -> bytes:
    """Return a ring with our keys in it, after the keys of others that it has.

    Args:
        ring: as it is.
        ours: our keys in binary form.
        gone: fingerprints of keys that were ours.

    Raises:
        UserError: one of them is not a ring of public keys.
    """
    mine = {each.fingerprint: each.content for key in ours for each in certificates(key)}
    out = {*mine, *gone}
    kept = [each.content for each in certificates(ring) if each.fingerprint not in out]
    return b"".join([*kept, *(mine[name] for name in sorted(mine))])


def _packets(ring: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Return where each packet begins, its kind and its content."""
    at = 0
    while at < len(ring):
        tag = ring[at]
        try:
            kind, start, size = _new_header(ring, at) if tag & 0x40 else _old_header(ring, at)
        except IndexError as err:
            raise UserError("the ring of public PGP keys is cut short") from err
        if not tag & 0x80 or start + size > len(ring):
            raise UserError("this is not a ring of whole public PGP keys in binary form")
        yield at, kind, ring[start : start + size]
        at = start + size


def _old_header(ring: bytes, at: int) -> tuple[int, int, int]:
    width = 1 << (ring[at] & 3)
    if width == 8:
        raise UserError("a PGP key of a length that is not said cannot be in a ring")
    field = ring[at + 1 : at + 1 + width]
    return (ring[at] >> 2) & 15, at + 1 + width, int.from_bytes(field, "big")


def _new_header(ring: bytes, at: int) -> tuple[int, int, int]:
    kind, first = ring[at] & 63, ring[at + 1]
    if first < 192:
        return kind, at + 2, first
    if first < 224:
        return kind, at + 3, ((first - 192) << 8) + ring[at + 2] + 192
    if first < 255:
        raise UserError("a PGP key in parts cannot be in a ring")
    return kind, at + 6, int.from_bytes(ring[at + 2 : at + 6], "big")


def _fingerprint(body: bytes) -> str:
    if body[:1] != bytes([_VERSION]) or len(body) < _SMALLEST:
        raise UserError(f"only whole PGP keys of version {_VERSION} are known")
    prefix = b"\x99" + len(body).to_bytes(2, "big")
    return hashlib.sha1(prefix + body, usedforsecurity=False).hexdigest().upper()
