# SPDX-License-Identifier: BSD-3-Clause
"""The FUSE operations on a repository: what `ls`, `cat` and programs see. The adapter to mfusepy's calls.

One thread answers. The kernel keeps attributes and pages for a while, so most requests never come here.
Others look for new revisions and fetch what a program will read next.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import UserError
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.paths import parent_of
from cvmfs.format.variables import expand
from cvmfs.mounting import attributes
from cvmfs.mounting.follow import Follower
from cvmfs.reading.reader import Reader

log = logging.getLogger(__name__)

BLOCK = 4096
_SECTOR = 512
_NANOSECONDS = 1_000_000_000
_NAME_MAX = 255
_KEPT_ENTRIES = 100_000
_INODE_MASK = (1 << 63) - 1
_OUT_OF_ORDER = 256 * 1024
_AHEAD_FROM = 1024 * 1024
_AHEAD_MOST = 8 * 1024 * 1024


@dataclass(slots=True)
class _OpenFile:
    """A file that is read, from the revision in which it was opened, and how it is read."""

    reader: Reader
    entry: Entry
    _next: int = 0
    _in_a_row: int = 0
    _ahead: int = 0

    def read_ahead(self, offset: int, size: int) -> tuple[int, int] | None:
        """Take note of a read, and return offset and size of what is worth fetching now, if something is.

        Nothing at first: whoever looks into an image here and there is not to fetch all of it. The kernel
        asks in parts that may come in another order.
        """
        is_in_a_row = abs(offset - self._next) <= _OUT_OF_ORDER
        end = offset + size
        self._in_a_row = self._in_a_row + size if is_in_a_row else size
        self._ahead = max(self._ahead, end) if is_in_a_row else end
        self._next = end
        window = min(self._in_a_row, _AHEAD_MOST)
        if self._in_a_row < _AHEAD_FROM or self._ahead > end + window // 2:
            return None
        begin, self._ahead = self._ahead, end + window
        return begin, self._ahead - begin


class RepositoryFilesystem:
    """A repository as a file system, read-only, that follows new revisions.

    A file that is open is read from the revision in which it was opened, but the kernel keeps pages by
    path: publish a change under a new path (a version in the path), not under programs that use it.
    `environment` gives the variables in symlinks.
    """

    use_ns = True

    def __init__(
        self, reader: Reader, *, follower: Follower, environment: Mapping[str, str]
    ) -> None:
        self._reader = reader
        self._follower = follower
        self._environment = environment
        self._entries: dict[str, Entry | None] = {}
        self._open_files: dict[int, _OpenFile] = {}
        self._handles = itertools.count(1)
        self._io_errors = 0
        self._last_io_error = 0

    # -- what mfusepy calls

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return the status of a path."""
        if fh is not None and fh in self._open_files:
            return self._status(self._open_files[fh].entry)
        return self._status(self._entry(path))

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:  # noqa: ARG002
        """Return the names in a directory."""
        entry = self._entry(path)
        with self._as_errno(path):
            children = self._reader.listdir(entry.path)
        for child in children:
            self._keep(child.path, child)
        above = self._entry(parent_of(entry.path))
        names = [(".", entry), ("..", above)] + [(child.name, child) for child in children]
        return iter(
            [(name, {"st_mode": item.mode, "st_ino": _inode(item)}, 0) for name, item in names]
        )

    def readlink(self, path: str) -> str:
        """Return the target of a link."""
        entry = self._entry(path)
        if entry.kind is not Kind.SYMLINK:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return expand(entry.target, self._environment)

    def open(self, path: str, flags: int) -> int:
        """Return a handle for reading."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        entry = self._entry(path)
        handle = next(self._handles)
        self._open_files[handle] = _OpenFile(self._reader, entry)
        return handle

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return a stretch of an open file."""
        file = self._open_files[fh]
        with self._as_errno(path):
            data = file.reader.read_entry(file.entry, offset, size)
        if stretch := file.read_ahead(offset, len(data)):
            file.reader.read_ahead(file.entry, *stretch)
        return data

    def release(self, path: str, fh: int) -> int:  # noqa: ARG002
        """Forget a handle."""
        self._open_files.pop(fh, None)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        """Return how much the repository holds; there is no free space."""
        with self._as_errno(path):
            total = self._reader.catalog_with("").statistics().total
        return {
            "f_bsize": BLOCK,
            "f_frsize": BLOCK,
            "f_blocks": -(-total.file_size // BLOCK),
            "f_files": total.entries,
            "f_namemax": _NAME_MAX,
        }

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:  # noqa: ARG002
        """Return what the repository knows of a path, by the names that the genuine client has for it."""
        entry = self._entry(path)
        with self._as_errno(path):
            value = attributes.value(self._mounted(), entry, name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return value

    def listxattr(self, path: str) -> list[str]:
        """Return the names for which `getxattr` has values here."""
        entry = self._entry(path)
        with self._as_errno(path):
            return attributes.names(entry)

    # -- behind the calls

    def _mounted(self) -> attributes.Mounted:
        minutes = round(self._follower.next_look_s / 60)
        return attributes.Mounted(self._reader, minutes, self._io_errors, self._last_io_error)

    def _entry(self, path: str) -> Entry:
        self._refresh()
        wanted = path.strip("/")
        if wanted in self._entries:
            entry = self._entries[wanted]
        else:
            with self._as_errno(path):
                # The kernel asks for every directory above first, so the parent is there and a directory.
                entry = self._reader.lookup(wanted)
            self._keep(wanted, entry)
        if entry is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return entry

    def _keep(self, path: str, entry: Entry | None) -> None:
        if len(self._entries) >= _KEPT_ENTRIES:
            self._entries.clear()
        self._entries[path] = entry

    def _refresh(self) -> None:
        newest = self._follower.newer_than(self._reader)
        if newest is not None:
            self._reader = newest  # files that are open hold on to theirs
            self._entries.clear()

    @contextmanager
    def _as_errno(self, path: str) -> Iterator[None]:
        """Turn what cannot be read into an input/output error for the program and a sentence for the log."""
        try:
            yield
        except UserError as err:
            log.error("%s cannot be read: %s", path, err)  # noqa: TRY400 - a sentence, no traceback
            self._io_errors += 1
            self._last_io_error = int(time.time())
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from err

    def _status(self, entry: Entry) -> dict[str, int]:
        size = entry.size
        if entry.kind is Kind.SYMLINK:
            size = len(os.fsencode(expand(entry.target, self._environment)))
        return _status(entry, 0 if entry.kind is Kind.SPECIAL else size)


def _status(entry: Entry, size: int) -> dict[str, int]:
    is_device = entry.kind is Kind.SPECIAL
    time_ns = entry.mtime * _NANOSECONDS + entry.mtime_ns
    return {
        "st_ino": _inode(entry),
        "st_mode": entry.mode,
        "st_nlink": entry.link_count,
        "st_uid": entry.uid,
        "st_gid": entry.gid,
        "st_rdev": entry.size if is_device else 0,
        "st_size": size,
        "st_blocks": -(-size // _SECTOR),
        "st_blksize": BLOCK,
        "st_atime": time_ns,
        "st_mtime": time_ns,
        "st_ctime": time_ns,
    }


def _inode(entry: Entry) -> int:
    """Return a number that the names of one file share and that stays the same over revisions."""
    text = f"{parent_of(entry.path)}\0{entry.link_group}" if entry.link_group else entry.path
    digest = hashlib.md5(os.fsencode(text), usedforsecurity=False).digest()
    return (int.from_bytes(digest[:8], "little") & _INODE_MASK) or 1
