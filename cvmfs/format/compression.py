# SPDX-License-Identifier: BSD-3-Clause
"""zlib containers (RFC 1950), or nothing for files that are compressed already.

Catalogs, history, certificates and metainfo are always compressed; the flags of a file's row say how its
content is (catalog_sql.h). A gzip container is refused by clients. What writes the container is free, since
an object is named by what is stored: ISA-L is ten times as fast as zlib for some more bytes. The adapter to
isal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Protocol, cast

from isal import isal_zlib

from cvmfs.errors import FormatInvalid

LEVEL = 3
"""Of ISA-L's levels 0 to 3 the one that packs best. Levels 1 and 2 are a little faster, but the same input
gave other bytes once in some 20,000 times, so the same tree would not be the same revision."""

EMPTY = bytes.fromhex("789c030000000001")
"""The empty file as every publisher stores it, whatever compresses other files."""

_NOT_ZLIB = cast("type[Exception]", isal_zlib.error)  # its type hint says that it is an instance
_COMPRESSED_ALREADY = frozenset(
    {
        ".sif", ".squashfs", ".sqfs",
        ".gz", ".tgz", ".bz2", ".xz", ".txz", ".zst", ".lz4", ".br", ".zip", ".7z",
        ".jar", ".whl", ".deb", ".rpm",
        ".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4", ".webm", ".woff2",
    }
)  # fmt: skip


class Compression(IntEnum):
    """How a file's content is stored; the numbers are those of the row's flags, bits 11 to 13."""

    ZLIB = 0
    NONE = 1


def worth_compressing(path: str) -> bool:
    """Return whether a file of this name gains by compression, judged by its ending."""
    return PurePosixPath(path).suffix.lower() not in _COMPRESSED_ALREADY


@dataclass(frozen=True, slots=True)
class CompressionRules:
    """Judges a file by patterns for its path, and by its ending where none fits.

    `*` crosses slashes; what fits both lists is compressed. A transaction takes one as `compress`.
    """

    compressed: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()

    def __call__(self, path: str) -> bool:
        """Return whether the file at a path of the repository is to be compressed."""
        if any(fnmatchcase(path, pattern) for pattern in self.compressed):
            return True
        if any(fnmatchcase(path, pattern) for pattern in self.stored):
            return False
        return worth_compressing(path)


def compress(data: bytes | memoryview, compression: Compression = Compression.ZLIB) -> bytes:
    """Return what is stored for `data`."""
    if compression is Compression.NONE:
        return bytes(data)
    return isal_zlib.compress(data, LEVEL) if data else EMPTY


class Compressor(Protocol):
    """Compresses a stream piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece and return what is ready."""

    def flush(self) -> bytes:
        """Return the rest."""


def compressor() -> Compressor:
    """Return what compresses a stream into a zlib container."""
    return isal_zlib.compressobj(LEVEL)


def decompress(stored: bytes, compression: Compression, *, where: str) -> bytes:
    """Return the content of stored bytes; `where` names the object.

    Raises:
        FormatInvalid: they are not a zlib container.
    """
    if compression is Compression.NONE:
        return stored
    try:
        return isal_zlib.decompress(stored)
    except _NOT_ZLIB as err:
        raise FormatInvalid(f"{where} is not compressed with zlib: {err}") from err
