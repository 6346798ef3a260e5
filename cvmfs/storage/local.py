# SPDX-License-Identifier: BSD-3-Clause
"""A repository in a directory of this machine, as a web server exports it.

An object is written below `data/txn` and takes its name when its bytes are on the disk. So whatever has a
name is whole: after a kill, a power cut or a full disk as well, and nothing that is there is ever looked at
again. Names are given in the order in which objects were put. The 256 directories and the scratch folder are
those of the genuine uploader (upload_local.cc).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.files import sync_folder, write_atomic
from cvmfs.errors import LeaseLost
from cvmfs.sources.fetch import FolderSource
from cvmfs.storage.storage import StoredFile
from cvmfs.storage.trouble import in_words

SCRATCH = "data/txn"
CONTROL_LOCK = ".control.lock"
"""Held while a control file is changed."""

_UNFINISHED_CONTROL = "..*"  # as `write_atomic` names them
_SYNCED_ONE_BY_ONE = 8
_PUTS_AT_MOST = 4
_NAMED_AFTER_OBJECTS = 4096
_NAMED_AFTER_BYTES = 1 << 30
_NUMBERS = itertools.count()


class LocalStorage(FolderSource):
    """Files below a directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._unnamed: dict[str, str] = {}
        self._unnamed_bytes = 0
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        """Return what it is, for tests."""
        return f"LocalStorage({str(self._folder)!r})"

    @property
    def parallel_puts(self) -> int:
        """Return how many processors there are, up to four: putting is compressing here."""
        return min(_PUTS_AT_MOST, os.cpu_count() or 1)

    def get(self, path: str) -> bytes:
        """Return a file's bytes, those of an object without a name as well."""
        if path not in self._unnamed:
            return super().get(path)
        with self._lock:
            scratch = self._unnamed.get(path)
            return super().get(path) if scratch is None else Path(scratch).read_bytes()

    def size(self, path: str) -> int | None:
        """Return how many bytes a file has, or None where there is none."""
        # Strings, not paths: this is asked for every object that is put.
        for file in (self._unnamed.get(path), f"{self._folder}/{path}"):
            if file is not None:
                try:
                    return os.stat(file).st_size  # noqa: PTH116
                except FileNotFoundError:
                    continue
                except OSError as err:
                    raise in_words(err, self._folder) from err
        return None

    def prepare(self) -> None:
        """Make the directories that the genuine uploader expects to exist."""
        with self._explained():
            for number in range(256):
                (self._folder / "data" / f"{number:02x}").mkdir(parents=True, exist_ok=True)
            (self._folder / SCRATCH).mkdir(exist_ok=True)
            _sync_file_system(self._folder)
            sync_folder(self._folder.parent)

    def put(self, path: str, content: bytes) -> None:
        """Put an object, whole or not at all."""
        with self._explained():
            scratch = self._scratch_name()
            descriptor = os.open(
                scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
            )
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(descriptor, view) :]
            finally:
                os.close(descriptor)
        self._put(path, scratch, len(content))

    def put_file(self, path: str, file: Path) -> None:
        """Put an object that is in a scratch file of the same file system."""
        with self._explained():
            scratch = self._scratch_name()
            size = file.stat().st_size
            file.rename(scratch)
        self._put(path, scratch, size)

    def make_durable(self) -> None:
        """Put what was put on the disk, then give it its names, then put those on the disk.

        A few objects are synced one by one, so that a small change does not wait for what others write to the
        same disk; for many, one sync of the file system is quicker.
        """
        with self._lock, self._explained():
            if not self._unnamed:
                return
            folders = sorted({os.path.dirname(path) for path in self._unnamed})  # noqa: PTH120
            are_few = len(self._unnamed) <= _SYNCED_ONE_BY_ONE
            if are_few:
                for scratch in self._unnamed.values():
                    _sync_file(scratch)
            else:
                _sync_file_system(self._folder)
            for path in list(self._unnamed):
                self._name(self._unnamed.pop(path), path)
            self._unnamed_bytes = 0
            if are_few:
                for folder in folders:
                    sync_folder(self._folder / folder)
            else:
                _sync_file_system(self._folder)

    def discard(self) -> None:
        """Forget objects without a name, and remove what killed writers left of control files."""
        with self._lock:
            for scratch in self._unnamed.values():
                Path(scratch).unlink(missing_ok=True)
            self._unnamed.clear()
            self._unnamed_bytes = 0
        with (
            self._mutex()
        ):  # whoever writes a control file holds it, so what is seen now is left over
            for leftover in self._folder.glob(_UNFINISHED_CONTROL):
                leftover.unlink(missing_ok=True)

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        """Replace a control file if it holds `old`; a lock file makes it one step among processes."""
        with self._mutex():
            file = self._folder / path
            found = file.read_bytes() if file.exists() else None
            if found != old:
                return False
            write_atomic(file, new)
            return True

    def replace(self, path: str, content: bytes) -> None:
        """Replace a control file by rename."""
        with self._mutex():
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
        with self._explained():
            for path in paths:
                (self._folder / path).unlink(missing_ok=True)

    def _scratch_name(self) -> str:
        return f"{self._folder}/{SCRATCH}/put.{os.getpid()}.{next(_NUMBERS)}"

    def _put(self, path: str, scratch: str, size: int) -> None:
        """Remember an object that waits for its name; so many and no more do."""
        with self._lock:
            self._unnamed[path] = scratch
            self._unnamed_bytes += size
            if (
                len(self._unnamed) >= _NAMED_AFTER_OBJECTS
                or self._unnamed_bytes >= _NAMED_AFTER_BYTES
            ):
                self.make_durable()

    def _name(self, scratch: str, path: str) -> None:
        target = self._folder / path
        try:
            os.replace(scratch, target)  # noqa: PTH105 - once for every object
        except FileNotFoundError as err:
            if not Path(scratch).exists():
                raise LeaseLost(
                    f"the unfinished object {scratch} is gone: another publisher cleaned up",
                    hint="this machine stood still for too long; run it again",
                ) from err
            target.parent.mkdir(parents=True)  # a copy of a repository may lack empty directories
            os.replace(scratch, target)  # noqa: PTH105
            sync_folder(target.parent.parent)

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        with self._explained(), (self._folder / CONTROL_LOCK).open("a") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise in_words(err, self._folder) from err


def _sync_file(path: str) -> None:
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
