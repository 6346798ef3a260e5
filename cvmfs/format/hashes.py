# SPDX-License-Identifier: BSD-3-Clause
"""Content hashes: an object's name is the hash of the bytes that are stored, compressed or not.

Clients know three algorithms (crypto/hash.h), all of 20 bytes; a hash of another than SHA-1 is printed with
the algorithm's name behind: `…-shake128`. One repository may hold objects of several.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from enum import IntEnum, StrEnum
from functools import cache, partial
from typing import NewType, Protocol

from cvmfs.errors import FormatInvalid
from cvmfs.format.compression import EMPTY

ContentHash = NewType("ContentHash", str)
"""A hash as the format prints it: lower-case hex, and for newer algorithms a dash and their name."""

NO_HASH = ContentHash("0" * 40)

_BYTES = 20
_DIGITS = 2 * _BYTES
_HASH = re.compile(r"[0-9a-f]{40}(-rmd160|-shake128)?")


class Algorithm(IntEnum):
    """How a hash is made; the numbers are those of the flags of a catalog's row, bits 8 to 10."""

    SHA1 = 0
    RMD160 = 1
    SHAKE128 = 2

    @property
    def ending(self) -> str:
        """Return what is printed behind the digits: nothing for SHA-1."""
        return "" if self is Algorithm.SHA1 else f"-{self.name.lower()}"


_OPENSSL_NAMES = {Algorithm.SHA1: "sha1", Algorithm.RMD160: "ripemd160"}


class Suffix(StrEnum):
    """What an object is, as its name says (crypto/hash.h); the suffix is not part of what is hashed."""

    FILE = ""
    CATALOG = "C"
    HISTORY = "H"
    CERTIFICATE = "X"
    METAINFO = "M"
    CHUNK = "P"


class _Digest(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


class Hasher:
    """Takes bytes and gives their content hash."""

    def __init__(
        self, data: bytes | memoryview = b"", algorithm: Algorithm = Algorithm.SHA1
    ) -> None:
        self._ending = algorithm.ending
        self._digest: _Digest
        self._hex: Callable[[], str]
        if algorithm is Algorithm.SHAKE128:
            shake = hashlib.shake_128(data)
            self._digest, self._hex = shake, partial(shake.hexdigest, _BYTES)
        else:
            digest = hashlib.new(_OPENSSL_NAMES[algorithm], data, usedforsecurity=False)
            self._digest, self._hex = digest, digest.hexdigest

    def update(self, data: bytes | memoryview) -> None:
        """Take more bytes."""
        self._digest.update(data)

    def content_hash(self) -> ContentHash:
        """Return the hash of everything taken so far."""
        return ContentHash(self._hex() + self._ending)


def hash_of(data: bytes | memoryview, algorithm: Algorithm = Algorithm.SHA1) -> ContentHash:
    """Return the content hash of stored bytes."""
    return Hasher(data, algorithm).content_hash()


def hash_like(expected: ContentHash, data: bytes | memoryview) -> ContentHash:
    """Return the hash of stored bytes by the algorithm that another hash was made with."""
    return hash_of(data, algorithm_of(expected))


def algorithm_of(content_hash: ContentHash) -> Algorithm:
    """Return the algorithm that a hash was made with."""
    ending = content_hash[_DIGITS:]
    return Algorithm[ending[1:].upper()] if ending else Algorithm.SHA1


@cache
def empty_file(algorithm: Algorithm) -> ContentHash:
    """Return the hash of the compressed empty file; clients expect the object to exist."""
    return hash_of(EMPTY, algorithm)


def parse_hash(text: str, *, where: str) -> ContentHash:
    """Return `text` as a content hash; `where` names the file that it was read from.

    Raises:
        FormatInvalid: it is none.
    """
    if not _HASH.fullmatch(text):
        raise FormatInvalid(
            f"{where}: {text!r} is not a content hash of 40 hex digits and the name of its algorithm"
        )
    return ContentHash(text)


def to_blob(content_hash: ContentHash) -> bytes:
    """Return the hash as catalogs hold it: 20 bytes; the algorithm is in the flags of the row."""
    return bytes.fromhex(content_hash[:_DIGITS])


def from_blob(blob: bytes, algorithm: Algorithm = Algorithm.SHA1) -> ContentHash:
    """Return the hash that a catalog holds."""
    return ContentHash(blob.hex() + algorithm.ending)


def object_path(content_hash: ContentHash, suffix: Suffix) -> str:
    """Return where an object is, from the repository's folder: `data/ab/cdef…C`."""
    return f"data/{content_hash[:2]}/{content_hash[2:]}{suffix}"
