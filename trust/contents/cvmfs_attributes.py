# SPDX-License-Identifier: BSD-3-Clause
"""What a CVMFS client says of a file on its mount: the hashes of the objects that hold it.

The client checks an object against its hash when it is read, so a file whose list of objects is the
signed one has the signed content, or cannot be read at all. Nothing is fetched to learn the list: it
comes out of the catalog. Names and forms of the attributes: magic_xattr.cc of CVMFS. A long list comes in
pages, `user.chunk_list~1` and so on, each under the same head.

Attributes of this name can be set on an ordinary file system by anybody who may write to it. So
they count on a FUSE mount only that shows a repository's name at the file; there, they are what the client
program says, and who can put another program in its place can as well put other bytes.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import Refused, UserError

MOUNTS = Path("/proc/self/mountinfo")
_HEAD = "hash,offset,size"
_MAX_PAGES = 10_000
_ABSENT = {errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES}


class NotShown(UserError):
    """No CVMFS client shows content hashes here: the file has to be read."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client shows of a file: bytes, `zlib` or `none`, and each object as `hash,offset,size`."""

    size: int
    compression: str
    chunks: tuple[str, ...]


def repository_at(path: Path, *, mounts: Path = MOUNTS) -> str:
    """Return the name of the CVMFS repository whose mount a path is on.

    Raises:
        NotShown: it is on no such mount.
    """
    if not _file_system(path, mounts).startswith("fuse"):
        raise NotShown(f"{path} is not on a mount of CVMFS")
    return _attribute(path, "user.fqrn")


def shown(path: Path) -> Shown:
    """Return what the client shows of a file; the caller has asked `repository_at`.

    Raises:
        NotShown: nothing.
        Refused: something that is no list of objects.
    """
    size = path.lstat().st_size
    compression = _attribute(path, "user.compression")
    chunks = _rows(path, _attribute(path, "user.chunk_list"))
    page = 1
    while _bytes_in(path, chunks) < size and page < _MAX_PAGES:
        chunks += _rows(path, _attribute(path, f"user.chunk_list~{page}"))
        page += 1
    return Shown(size, compression, chunks)


def _rows(path: Path, text: str) -> tuple[str, ...]:
    head, *rows = text.splitlines()
    if head != _HEAD or not rows:
        raise Refused(f"the client shows no list of objects for {path}: {text[:80]!r}")
    return tuple(rows)


def _bytes_in(path: Path, chunks: tuple[str, ...]) -> int:
    try:
        return sum(int(row.rsplit(",", 1)[1]) for row in chunks)
    except (ValueError, IndexError) as err:
        raise Refused(f"the client shows no list of objects for {path}") from err


def _attribute(path: Path, name: str) -> str:
    try:
        return os.getxattr(path, name, follow_symlinks=False).decode("ascii", "replace")
    except OSError as err:
        if err.errno not in _ABSENT:
            raise UserError(f"{path} cannot be looked at: {err.strerror}") from err
        raise NotShown(f"{path} does not show {name}, as files on a mount of CVMFS do") from err


def _file_system(path: Path, mounts: Path) -> str:
    """Return the type of the file system that a path is on, empty if the kernel does not list it."""
    device = path.lstat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == number:
            return after.split()[0]
    return ""
