# SPDX-License-Identifier: BSD-3-Clause
"""Paths inside a repository: relative text without `.`, `..` or empty parts; the root is the empty text."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from typing import NamedTuple

from cvmfs.errors import RepositoryError

MARKER = ".cvmfscatalog"
"""The empty file that every nested catalog's directory holds (swissknife_check.cc)."""

AUTOMATIC = ".cvmfsautocatalog"
"""The empty file beside the marker of a catalog made for its size alone (catalog_balancer_impl.h)."""

MARKERS = (MARKER, AUTOMATIC)
"""Files that stand for nested catalogs: they come and go with those."""

_NAME_BYTES = 255
_FQRN = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)+"
)
_FQRN_LENGTH = 60


class PathKey(NamedTuple):
    """The key of a path in a catalog: the two halves of its MD5 as signed numbers."""

    first: int
    second: int


NO_KEY = PathKey(0, 0)
"""The parent of the root."""


def repository_path(text: str) -> str:
    """Return `text` as a path inside a repository; a leading or trailing slash does not matter.

    Raises:
        RepositoryError: it has a part that a directory cannot have.
    """
    path = text.strip("/")
    if not path:
        return ""
    for part in path.split("/"):
        if part in ("", ".", "..") or "\0" in part:
            raise RepositoryError(
                f"{text!r} is not a path inside a repository: it has the part {part!r}",
                hint="give the path from the root of the repository, like images/foo/1.0",
            )
        if len(os.fsencode(part)) > _NAME_BYTES:
            raise RepositoryError(f"{text!r}: the name {part!r} is longer than {_NAME_BYTES} bytes")
    return path


def repository_name(fqrn: str) -> str:
    """Return `fqrn` if it can name a repository: `software.example.org`.

    Raises:
        RepositoryError: it cannot.
    """
    if not _FQRN.fullmatch(fqrn) or len(fqrn) > _FQRN_LENGTH:
        raise RepositoryError(
            f"{fqrn!r} cannot name a repository",
            hint="use a name of letters, digits and dashes with at least one dot, like software.example.org",
        )
    return fqrn


def absolute(path: str) -> str:
    """Return the path as the format writes it: with a leading slash, the root empty."""
    return f"/{path}" if path else ""


def key_of(path: str) -> PathKey:
    """Return the catalog key of a path: the MD5 of the absolute path, cut in two.

    The halves are little-endian signed 64-bit numbers (crypto/hash.cc, `Md5::ToIntPair`).
    """
    digest = hashlib.md5(os.fsencode(absolute(path)), usedforsecurity=False).digest()
    return PathKey(*struct.unpack("<qq", digest))


def parent_of(path: str) -> str:
    """Return the directory a path is in; the root is its own."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Return the last part of a path; empty for the root."""
    return path.rpartition("/")[2]


def join(directory: str, name: str) -> str:
    """Return the path of `name` in a directory."""
    return f"{directory}/{name}" if directory else name


def is_inside(path: str, directory: str) -> bool:
    """Return whether a path is the directory or below it."""
    return not directory or path == directory or path.startswith(directory + "/")


def prefixes(path: str) -> list[str]:
    """Return the path's directories from the first below the root down to the path itself."""
    parts = path.split("/") if path else []
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
