# SPDX-License-Identifier: BSD-3-Clause
"""The armored form of OpenPGP data, which people mail and git shows (RFC 4880, section 6)."""

from __future__ import annotations

import base64
import binascii
import re

from core.errors import UserError

_WIDTH = 64


def armor(kind: str, binary: bytes) -> bytes:
    """Return binary data as an armored block of this kind, `PUBLIC KEY BLOCK` for instance."""
    body = base64.b64encode(binary).decode()
    lines = [body[at : at + _WIDTH] for at in range(0, len(body), _WIDTH)]
    check = base64.b64encode(_crc24(binary).to_bytes(3, "big")).decode()
    begin, end = f"-----BEGIN PGP {kind}-----", f"-----END PGP {kind}-----"
    return "\n".join([begin, "", *lines, f"={check}", end, ""]).encode()


def dearmor(text: bytes) -> bytes:
    """Return the binary form of an armored PGP block; the binary form is returned as it is.

    Raises:
        UserError: it is neither.
    """
    if text[:1] and text[0] & 0x80:
        return text
    block = re.search(
        rb"-----BEGIN PGP [A-Z ]+-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]+?)"
        rb"(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END PGP ",
        text,
    )
    try:
        if block:
            return base64.b64decode(b"".join(block[1].split()), validate=True)
    except binascii.Error:
        pass
    raise UserError("this is not an armored PGP block")


def _crc24(binary: bytes) -> int:
    crc = 0xB704CE
    for byte in binary:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF
