# SPDX-License-Identifier: BSD-3-Clause
"""What the system says when a folder cannot be written, in words that name the file and the mend."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UserError
from core.files import FULL, full_disk
from cvmfs.errors import RepositoryError

_NOT_ALLOWED = (errno.EACCES, errno.EPERM)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_OF_THE_DISK = (*FULL, errno.EIO, errno.EROFS)


def in_words(err: OSError, folder: Path) -> UserError:
    """Return the error to raise in place of the system's, for a repository or scratch folder."""
    where = err.filename or str(folder)
    if err.errno in FULL:
        return full_disk(folder)
    if err.errno in _NOT_ALLOWED:
        return RepositoryError(
            f"{where} may not be written by this user: {err.strerror}",
            hint=f"publish as the user who owns it: ls -ld {folder}",
        )
    if err.errno == errno.EROFS:
        return RepositoryError(
            f"{where} is on a file system that is mounted read-only",
            hint="mount it for writing, or publish where it is",
        )
    if err.errno in _IN_THE_WAY:
        return RepositoryError(
            f"{where} cannot be made or used: a file is where a folder should be, or the other way round",
            hint=f"look at it, and move away what is no part of a repository: ls -la {folder}",
        )
    if err.errno in _NO_LOCKS:
        return RepositoryError(
            f"{where} is on a file system without locks: {err.strerror}",
            hint="an old NFS holds no repository: mount it with locks, or keep the repository on a "
            "local disk or in S3",
        )
    return RepositoryError(
        f"cannot write {where}: {err.strerror}",
        hint="is the disk well? The kernel's log says more: dmesg",
    )


@contextmanager
def disk_explained(folder: Path) -> Iterator[None]:
    """Turn what a disk says that is full or fails into words, for the time of the block.

    Raises:
        DiskFull: there was no room, or no quota.
        RepositoryError: it cannot be written.
    """
    try:
        yield
    except OSError as err:
        if err.errno not in _OF_THE_DISK:
            raise
        raise in_words(err, folder) from err
    except sqlite3.OperationalError as err:  # a catalog on its way
        if err.sqlite_errorname == "SQLITE_FULL":
            raise full_disk(folder) from err
        if err.sqlite_errorname.startswith("SQLITE_IOERR"):
            failed = OSError(errno.EIO, os.strerror(errno.EIO), str(folder))
            raise in_words(failed, folder) from err
        raise
