# SPDX-License-Identifier: BSD-3-Clause
"""zlib containers (RFC 1950), or nothing for files that are compressed already.

Catalogs, history, certificates and metainfo are always compressed; the flags of a file's row say how its
content is (catalog_sql.h). A gzip container is refused by clients.
"""

from __future__ import annotations

import zlib
from enum import IntEnum
from pathlib import PurePosixPath

from cvmfs.errors import FormatInvalid

LEVEL = 6
"""The level of the genuine publisher; any is allowed: objects are named by what is stored."""

_COMPRESSED_ALREADY = frozenset(
    {".sif", ".squashfs", ".sqfs", ".png", ".gz", ".zst", ".xz", ".whl"}
)


class Compression(IntEnum):
    """How a file's content is stored; the numbers are those of the row's flags, bits 11 to 13."""

    ZLIB = 0
    NONE = 1


def worth_compressing(path: str) -> bool:
    """Return whether a file of this name gains by compression, judged by its ending."""
    return PurePosixPath(path).suffix.lower() not in _COMPRESSED_ALREADY


def compress(data: bytes, compression: Compression = Compression.ZLIB) -> bytes:
    """Return what is stored for `data`."""
    return zlib.compress(data, LEVEL) if compression is Compression.ZLIB else data


def decompress(stored: bytes, compression: Compression, *, where: str) -> bytes:
    """Return the content of stored bytes; `where` names the object.

    Raises:
        FormatInvalid: they are not a zlib container.
    """
    if compression is Compression.NONE:
        return stored
    try:
        return zlib.decompress(stored)
    except zlib.error as err:
        raise FormatInvalid(f"{where} is not compressed with zlib: {err}") from err
