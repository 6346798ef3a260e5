# SPDX-License-Identifier: BSD-3-Clause
"""Files that are old or new but never half, their hashes, and locks between processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.console import readable_size
from core.errors import Busy, UserError

_BLOCK = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where there is no room, or no quota."""


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's content, in hex, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing; it takes the name at the end, or vanishes on an error.

    The content is on the disk before the name is, so a crash leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomic(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Give `path` this content, all of it or none; text is written as UTF-8."""
    with atomic_file(path, mode=mode) as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)


def copy_atomic(source: Path, target: Path, *, mode: int = 0o644) -> None:
    """Copy a file's content so that `target` is never half written."""
    with source.open("rb") as reader, atomic_file(target, mode=mode) as writer:
        shutil.copyfileobj(reader, writer, _BLOCK)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path` to fill; it takes the name at the end, or vanishes on an error.

    A folder that already has the name is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            path.replace(old / "was")
            temporary.replace(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive_lock(
    path: Path, *, purpose: str, wait: bool = False, said: Callable[[], str] = str
) -> Iterator[None]:
    """Hold a lock file for the time of the block; the kernel frees it when the process dies.

    Args:
        path: the lock file, made where missing.
        purpose: what for, in words: "publish".
        wait: whether to wait for a holder to end, in place of giving up.
        said: gives what others are told of the holder beside its process, asked when the lock is held.

    Raises:
        Busy: another process holds it; the message says which one and what for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as err:
            stream.seek(0)
            holder = _holder(stream.read())
            raise Busy(
                f"cannot {purpose}: {holder}",
                hint=f"wait for it to end; the lock is {path} and frees itself",
            ) from err
        stream.seek(0)
        stream.truncate()
        json.dump({"pid": os.getpid(), "purpose": purpose, "said": said()}, stream)
        stream.flush()
        yield


def is_locked(path: Path) -> bool:
    """Return whether another process holds a lock file for itself."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a lock file together with others, for the time of the block; `exclusive_lock` waits for all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


def mark_used(paths: Iterable[Path]) -> None:
    """Remember that files and folders were used now, in their own times.

    What somebody else owns is used without a mark.
    """
    for path in paths:
        with contextlib.suppress(OSError):
            os.utime(path)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file or folder from another one that has its name later; None where none is."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


class DiskFull(UserError):
    """There is no room left where the state is."""


def free_space(folder: Path) -> int:
    """Return how many bytes may still be written where this folder is."""
    while not folder.exists():
        folder = folder.parent
    figures = os.statvfs(folder)
    return figures.f_bavail * figures.f_frsize


def full_disk(folder: Path) -> DiskFull:
    """Return the error that says that the disk of this folder is full, and what makes room."""
    return DiskFull(
        f"the disk is full: {readable_size(free_space(folder))} free where {folder} is",
        hint="see what may go with 'pansoft cache status' and make room with "
        "'pansoft cache prune --unused', or keep the state on another disk: --state DIR",
    )


@contextlib.contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn what the system says of a full disk into words, for the time of the block.

    Raises:
        DiskFull: there was no room, or no quota.
    """
    try:
        yield
    except OSError as err:
        if err.errno not in FULL:
            raise
        raise full_disk(folder) from err


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        said = f", {holder['said']}" if holder.get("said") else ""
        return f"process {holder['pid']} is at it ({holder['purpose']}{said})"
    except (ValueError, KeyError, TypeError):
        return "another process is at it"
