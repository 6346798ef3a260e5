# SPDX-License-Identifier: BSD-3-Clause
"""The content-addressed store of a repository, in a directory.

An object is written under `data/txn` and takes its name when it is complete, so a killed writer leaves
scratch files and no half object. Objects are never changed. `make_durable` has to come between the last
object and the manifest that refers to it. Used from several threads at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from core.files import sync_folder
from cvmfs.compression import LEVEL, compress
from cvmfs.errors import NotFound, ObjectCorrupted
from cvmfs.hashes import ContentHash, Hasher, Suffix, hash_of, object_path

SCRATCH = "data/txn"
_BLOCK = 1 << 20
_SYNCED_ONE_BY_ONE = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the store: its hash, its size there in bytes, and whether it was not there before."""

    content_hash: ContentHash
    size: int
    is_new: bool


@dataclass
class ObjectStore:
    """The objects below `<folder>/data`, and how many of them this instance added."""

    folder: Path
    new_objects: int = 0
    new_bytes: int = 0
    _new: list[Path] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    def create(self) -> None:
        """Make the directories that the genuine uploader expects to exist (upload_local.cc)."""
        for number in range(256):
            (self.folder / "data" / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        (self.folder / SCRATCH).mkdir(exist_ok=True)

    @property
    def scratch(self) -> Path:
        """Return the directory for unfinished files."""
        return self.folder / SCRATCH

    def clean_scratch(self) -> None:
        """Remove what a killed transaction left; only the holder of the repository's lock may."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        for leftover in self.scratch.iterdir():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def path(self, content_hash: ContentHash, suffix: Suffix) -> Path:
        """Return where an object is or would be."""
        return self.folder / object_path(content_hash, suffix)

    def put(self, stored: bytes, suffix: Suffix) -> Stored:
        """Store bytes as they are, and return their hash."""
        content_hash = hash_of(stored)
        target = self.path(content_hash, suffix)
        if self._has(target, len(stored)):
            return Stored(content_hash, len(stored), is_new=False)
        scratch = self.scratch / f"object.{next(self._numbers)}"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            view = memoryview(stored)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        return self._name(scratch, target, content_hash, len(stored))

    def put_compressed(self, content: bytes, suffix: Suffix) -> Stored:
        """Compress bytes, store them, and return the hash of what is stored."""
        return self.put(compress(content), suffix)

    def put_file(self, file: Path, suffix: Suffix) -> Stored:
        """Compress a file into the store block by block, and return the hash of what is stored."""
        scratch = self.scratch / f"object.{next(self._numbers)}"
        compressor, hasher, size = zlib.compressobj(LEVEL), Hasher(), 0
        with file.open("rb") as source, scratch.open("xb") as target:
            while True:
                block = source.read(_BLOCK)
                data = compressor.compress(block) if block else compressor.flush()
                hasher.update(data)
                size += target.write(data)
                if not block:
                    break
        content_hash = hasher.content_hash()
        target_path = self.path(content_hash, suffix)
        if self._has(target_path, size):
            scratch.unlink()
            return Stored(content_hash, size, is_new=False)
        return self._name(scratch, target_path, content_hash, size)

    def get(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the stored bytes of an object.

        Raises:
            NotFound: there is none.
            ObjectCorrupted: its bytes have another hash.
        """
        path = self.path(content_hash, suffix)
        try:
            stored = path.read_bytes()
        except FileNotFoundError as err:
            raise NotFound(f"the object {path} is missing") from err
        found = hash_of(stored)
        if found != content_hash:
            raise ObjectCorrupted(
                f"the object {path} has the hash {found}, not the {content_hash} of its name"
            )
        return stored

    def make_durable(self) -> None:
        """Return when everything written so far survives a power cut.

        A few objects are synced one by one, so that a small change does not wait for what others write to the
        same disk; for many, one sync of the file system is quicker.
        """
        if len(self._new) <= _SYNCED_ONE_BY_ONE:
            for path in self._new:
                sync_file(path)
            for folder in sorted({path.parent for path in self._new}):
                sync_folder(folder)
            return
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(self.folder))
        finally:
            os.close(descriptor)

    def _has(self, path: Path, size: int) -> bool:
        """Return whether a complete object is there; after a power cut a file may be shorter than it was."""
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_size == size
        return False

    def _name(self, scratch: Path, target: Path, content_hash: ContentHash, size: int) -> Stored:
        with self._lock:
            if self._has(target, size):  # another thread had the same content
                scratch.unlink()
                return Stored(content_hash, size, is_new=False)
            scratch.replace(target)
            self.new_objects += 1
            self.new_bytes += size
            self._new.append(target)
        return Stored(content_hash, size, is_new=True)


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
