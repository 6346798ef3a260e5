# SPDX-License-Identifier: BSD-3-Clause
"""Extended attributes of a file: the blob of a catalog's row, and those that a local file has.

The blob (xattr.cc) is a version, a count, then for each attribute the lengths of name and value, name and
value, the lengths in one byte each: at most 255 attributes, and 255 bytes of each name and value. Clients
from 2.12 on know a second version with longer values; older ones show no attribute of such a file at all, so
it is not written here.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from cvmfs.errors import FormatInvalid, RepositoryError

CAPABILITY = "security.capability"
"""What lets a program do more than its user may; the one attribute without which a program can fail."""

_VERSION = 1
_MOST = 255
_OF_THIS_MACHINE = ("security.selinux", "security.ima", "security.evm", "trusted.")
"""Labels and signatures that a machine puts on its own files, and overlay's notes: not part of a tree."""


def encode(attributes: Mapping[str, bytes]) -> bytes | None:
    """Return the blob of a row, or None if there are no attributes; equal attributes are equal bytes.

    Raises:
        RepositoryError: the format cannot hold one; the message names it.
    """
    if not attributes:
        return None
    if len(attributes) > _MOST:
        raise RepositoryError(
            f"{len(attributes)} extended attributes are more than the {_MOST} that CVMFS can hold"
        )
    parts = [bytes((_VERSION, len(attributes)))]
    for name in sorted(attributes):
        key, value = os.fsencode(name), attributes[name]
        if not 0 < len(key) <= _MOST or b"\0" in key:
            raise RepositoryError(
                f"{name!r} cannot name an extended attribute: it needs 1 to {_MOST} bytes, none of them zero"
            )
        if len(value) > _MOST:
            raise RepositoryError(
                f"the extended attribute {name} has {len(value)} bytes, CVMFS holds {_MOST}"
            )
        parts += [bytes((len(key), len(value))), key, value]
    return b"".join(parts)


def decode(blob: bytes | None) -> dict[str, bytes]:
    """Return the attributes that a row's blob holds, by name.

    Raises:
        FormatInvalid: it is not such a blob.
    """
    if blob is None:
        return {}
    if len(blob) < 2 or blob[0] != _VERSION:
        raise FormatInvalid(f"extended attributes of version {blob[:1].hex() or 'none'}, not 01")
    attributes: dict[str, bytes] = {}
    position = 2
    for _ in range(blob[1]):
        lengths = blob[position : position + 2]
        start = position + 2
        middle = start + sum(lengths[:1])
        position = middle + sum(lengths[1:])
        name = os.fsdecode(blob[start:middle])
        if len(lengths) < 2 or position > len(blob) or not name or "\0" in name:
            raise FormatInvalid("extended attributes end before their end, or one has no name")
        if name in attributes:
            raise FormatInvalid(f"extended attributes name {name!r} twice")
        attributes[name] = blob[middle:position]
    if position != len(blob):
        raise FormatInvalid(f"{len(blob) - position} bytes follow the last extended attribute")
    return attributes


def attributes_of(file: str | Path) -> dict[str, bytes]:
    """Return the attributes of a local file, directory or link itself, without those of this machine.

    Raises:
        RepositoryError: they cannot be read.
    """
    try:
        return {
            name: os.getxattr(file, name, follow_symlinks=False)
            for name in os.listxattr(file, follow_symlinks=False)
            if not name.startswith(_OF_THIS_MACHINE)
        }
    except OSError as err:
        if err.errno == errno.ENOTSUP:  # a file system without any
            return {}
        raise RepositoryError(
            f"cannot read the extended attributes of {file}: {err.strerror}"
        ) from err


def has_capability(file: str | Path) -> bool:
    """Return whether a local program carries capabilities."""
    try:
        return CAPABILITY in os.listxattr(file, follow_symlinks=False)
    except OSError:
        return False
