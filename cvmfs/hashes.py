# SPDX-License-Identifier: BSD-3-Clause
"""Content hashes: an object's name is the SHA-1 of the bytes that are stored, compressed or not."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import NewType

from cvmfs.errors import FormatInvalid

ContentHash = NewType("ContentHash", str)
"""A hash as the format prints it: lower-case hex."""

NO_HASH = ContentHash("0" * 40)
EMPTY_FILE = ContentHash("e8ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78")
"""The compressed empty file; clients expect the object to exist."""

_HEX = re.compile(r"[0-9a-f]{40}")


class Suffix(StrEnum):
    """What an object is, as its name says (crypto/hash.h); the suffix is not part of what is hashed."""

    FILE = ""
    CATALOG = "C"
    HISTORY = "H"
    CERTIFICATE = "X"
    METAINFO = "M"
    CHUNK = "P"


class Hasher:
    """Takes bytes and gives their content hash."""

    def __init__(self, data: bytes | memoryview = b"") -> None:
        self._digest = hashlib.sha1(data, usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        """Take more bytes."""
        self._digest.update(data)

    def content_hash(self) -> ContentHash:
        """Return the hash of everything taken so far."""
        return ContentHash(self._digest.hexdigest())


def hash_of(data: bytes | memoryview) -> ContentHash:
    """Return the content hash of stored bytes."""
    return Hasher(data).content_hash()


def parse_hash(text: str, *, where: str) -> ContentHash:
    """Return `text` as a content hash; `where` names the file that it was read from.

    Raises:
        FormatInvalid: it is none.
    """
    if not _HEX.fullmatch(text):
        raise FormatInvalid(f"{where}: {text!r} is not a content hash of 40 hex digits")
    return ContentHash(text)


def to_blob(content_hash: ContentHash) -> bytes:
    """Return the hash as catalogs hold it: 20 bytes."""
    return bytes.fromhex(content_hash)


def from_blob(blob: bytes) -> ContentHash:
    """Return the hash that a catalog holds."""
    return ContentHash(blob.hex())


def object_path(content_hash: ContentHash, suffix: Suffix) -> str:
    """Return where an object is, from the repository's folder: `data/ab/cdef…C`."""
    return f"data/{content_hash[:2]}/{content_hash[2:]}{suffix}"
