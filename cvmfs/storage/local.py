# SPDX-License-Identifier: BSD-3-Clause
"""A repository in a directory of this machine, as a web server exports it.

An object is written under `data/txn` and takes its name when it is complete, so a killed writer leaves
scratch files and no half object. The 256 directories and the scratch folder are those of the genuine
uploader (upload_local.cc).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.files import sync_folder, write_atomic
from cvmfs.fetch import FolderSource
from cvmfs.storage.storage import StoredFile

SCRATCH = "data/txn"
_MUTEX = ".control.lock"
_SYNCED_ONE_BY_ONE = 8
_PUTS_AT_MOST = 4


class LocalStorage(FolderSource):
    """Files below a directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._new: list[Path] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return what it is, for tests."""
        return f"LocalStorage({str(self._folder)!r})"

    @property
    def parallel_puts(self) -> int:
        """Return how many processors there are, up to four: putting is compressing here."""
        return min(_PUTS_AT_MOST, os.cpu_count() or 1)

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, or None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return os.stat(f"{self._folder}/{path}").st_size  # noqa: PTH116 - once for every object
        return None

    def prepare(self) -> None:
        """Make the directories that the genuine uploader expects to exist."""
        for number in range(256):
            (self._folder / "data" / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        (self._folder / SCRATCH).mkdir(exist_ok=True)

    def put(self, path: str, content: bytes) -> None:
        """Put an object, whole or not at all."""
        scratch = f"{self._folder}/{SCRATCH}/put.{os.getpid()}.{next(self._numbers)}"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        self._name(Path(scratch), path)

    def put_file(self, path: str, file: Path) -> None:
        """Put an object that is in a scratch file of the same file system."""
        self._name(file, path)

    def make_durable(self) -> None:
        """Return when every object put so far survives a power cut.

        A few objects are synced one by one, so that a small change does not wait for what others write to the
        same disk; for many, one sync of the file system is quicker.
        """
        with self._lock:
            new, self._new = self._new, []
        if len(new) <= _SYNCED_ONE_BY_ONE:
            for path in new:
                _sync_file(path)
            for folder in sorted({path.parent for path in new}):
                sync_folder(folder)
            return
        _sync_file_system(self._folder)

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Replace a control file if it holds `old`; a lock file makes it one step among processes."""
        with (self._folder / _MUTEX).open("a") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            file = self._folder / path
            found = file.read_bytes() if file.exists() else None
            if found != old:
                return False
            write_atomic(file, new)
            return True

    def replace(self, path: str, content: bytes) -> None:
        """Replace a control file by rename."""
        write_atomic(self._folder / path, content)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Return the files whose path begins with `prefix`; unfinished ones are none."""
        # Only the directories that the prefix leads into are read.
        start, _, _ = prefix.rpartition("/")
        for folder, folders, names in os.walk(self._folder / start):
            inside = os.path.relpath(folder, self._folder)
            inside = "" if inside == "." else inside + "/"
            folders[:] = sorted(
                name
                for name in folders
                if f"{inside}{name}" != SCRATCH
                and (f"{inside}{name}/".startswith(prefix) or prefix.startswith(f"{inside}{name}/"))
            )
            for name in sorted(names):
                path = f"{inside}{name}"
                if not path.startswith(prefix):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = (Path(folder) / name).stat()
                    yield StoredFile(path, status.st_size, status.st_mtime)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files; those that are gone already do not matter."""
        for path in paths:
            (self._folder / path).unlink(missing_ok=True)

    def _name(self, scratch: Path, path: str) -> None:
        target = self._folder / path
        scratch.replace(target)
        with self._lock:
            self._new.append(target)


def _sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
