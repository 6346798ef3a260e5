# SPDX-License-Identifier: BSD-3-Clause
"""One row of a catalog: a file, directory or link, with everything a client shows of it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from enum import StrEnum

from cvmfs.format.chunking import Piece
from cvmfs.format.compression import Compression
from cvmfs.format.hashes import ContentHash
from cvmfs.format.paths import name_of

DIRECTORY_SIZE = 4096


class Kind(StrEnum):
    """What a row is. A special is a device, fifo or socket."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a chunked file, in bytes of its content, and the object that holds it."""

    piece: Piece
    content_hash: ContentHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, directory, link or special file of a repository.

    `mode` is the whole st_mode; `size` is in bytes (4096 for a directory, the target's length for a
    symlink, the device number for a device); `mtime` is in whole seconds and `mtime_ns` the nanoseconds
    after. `link_count` is what stat shows; `link_group` is 0 for a file with one name, else a number
    that the names of one file share within their catalog. A file has a `content_hash` or chunks.
    """

    path: str
    mode: int
    size: int
    mtime: int
    mtime_ns: int = 0
    uid: int = 0
    gid: int = 0
    content_hash: ContentHash | None = None
    chunks: tuple[Chunk, ...] = ()
    compression: Compression = Compression.ZLIB
    target: str = ""
    link_count: int = 1
    link_group: int = 0
    is_mountpoint: bool = False
    is_nested_root: bool = False
    xattr: bytes | None = None

    @property
    def name(self) -> str:
        """Return the last part of the path; empty for the root."""
        return name_of(self.path)

    @property
    def kind(self) -> Kind:
        """Return what it is."""
        if stat.S_ISREG(self.mode):
            return Kind.FILE
        if stat.S_ISDIR(self.mode):
            return Kind.DIRECTORY
        if stat.S_ISLNK(self.mode):
            return Kind.SYMLINK
        return Kind.SPECIAL

    @property
    def is_directory(self) -> bool:
        """Return whether it can hold other entries."""
        return stat.S_ISDIR(self.mode)
