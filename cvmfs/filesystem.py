# SPDX-License-Identifier: BSD-3-Clause
"""The FUSE operations on a repository: what `ls`, `cat` and programs see. The adapter to mfusepy's calls.

One thread. The kernel keeps attributes and pages for a few seconds, so most requests never come here.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from core.errors import UserError
from cvmfs.entries import Entry, Kind
from cvmfs.paths import parent_of
from cvmfs.reader import Reader

log = logging.getLogger(__name__)

BLOCK = 4096
_SECTOR = 512
_NANOSECONDS = 1_000_000_000
_NAME_MAX = 255
_KEPT_ENTRIES = 100_000
_INODE_MASK = (1 << 63) - 1


class RepositoryFilesystem:
    """A repository as a file system, read-only, that follows new revisions.

    A file that is open is read from the revision in which it was opened, but the kernel keeps pages by
    path: publish a change under a new path (a version in the path), not under programs that use it.
    When a new manifest does not verify or the source does not answer, the revision at hand stays.
    """

    use_ns = True

    def __init__(self, reader: Reader, *, clock: Callable[[], datetime], refresh_s: float) -> None:
        self._reader = reader
        self._clock = clock
        self._refresh_s = refresh_s
        self._looked_at = time.monotonic()
        self._entries: dict[str, Entry | None] = {}
        self._open_files: dict[int, tuple[Reader, Entry]] = {}
        self._handles = itertools.count(1)

    # -- what mfusepy calls

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return the status of a path."""
        if fh is not None and fh in self._open_files:
            return _status(self._open_files[fh][1])
        return _status(self._entry(path))

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:  # noqa: ARG002
        """Return the names in a directory."""
        entry = self._entry(path)
        with _as_errno(path):
            children = self._reader.listdir(entry.path)
        for child in children:
            self._keep(child.path, child)
        names = [(".", entry), ("..", entry)] + [(child.name, child) for child in children]
        return iter(
            [(name, {"st_mode": item.mode, "st_ino": _inode(item)}, 0) for name, item in names]
        )

    def readlink(self, path: str) -> str:
        """Return the target of a link."""
        entry = self._entry(path)
        if entry.kind is not Kind.SYMLINK:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return entry.target

    def open(self, path: str, flags: int) -> int:
        """Return a handle for reading."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        entry = self._entry(path)
        handle = next(self._handles)
        self._open_files[handle] = (self._reader, entry)
        return handle

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return a stretch of an open file."""
        reader, entry = self._open_files[fh]
        with _as_errno(path):
            return reader.read_entry(entry, offset, size)

    def release(self, path: str, fh: int) -> int:  # noqa: ARG002
        """Forget a handle."""
        self._open_files.pop(fh, None)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        """Return how much the repository holds; there is no free space."""
        with _as_errno(path):
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
        if not name.startswith("user."):
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        value = self._attributes(self._entry(path)).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return value.encode()

    def listxattr(self, path: str) -> list[str]:
        """Return the names for which `getxattr` has values."""
        return sorted(self._attributes(self._entry(path)))

    # -- behind the calls

    def _attributes(self, entry: Entry) -> dict[str, str]:
        if not entry.path:
            return {
                "user.fqrn": self._reader.fqrn,
                "user.revision": str(self._reader.revision),
                "user.root_hash": self._reader.root_hash,
            }
        if entry.kind is not Kind.FILE:
            return {}
        hashes = {"user.hash": entry.content_hash} if entry.content_hash else {}
        return {**hashes, "user.chunks": str(len(entry.chunks) or 1)}

    def _entry(self, path: str) -> Entry:
        self._refresh()
        wanted = path.strip("/")
        if wanted in self._entries:
            entry = self._entries[wanted]
        else:
            with _as_errno(path):
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
        now = time.monotonic()
        if now - self._looked_at < self._refresh_s:
            return
        self._looked_at = now
        try:
            newest = self._reader.refreshed(at=self._clock())
        except UserError as err:
            log.warning("staying at revision %d: %s", self._reader.revision, err)
            return
        if newest is not self._reader:
            log.info("revision %d of %s is here", newest.revision, newest.fqrn)
            self._reader = newest
            self._entries.clear()


@contextmanager
def _as_errno(path: str) -> Iterator[None]:
    """Turn what cannot be read into an input/output error for the program and a sentence for the log."""
    try:
        yield
    except UserError as err:
        log.error("%s cannot be read: %s", path, err)  # noqa: TRY400 - a sentence, no traceback
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from err


def _status(entry: Entry) -> dict[str, int]:
    is_device = entry.kind is Kind.SPECIAL
    time_ns = entry.mtime * _NANOSECONDS + entry.mtime_ns
    size = 0 if is_device else entry.size
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
