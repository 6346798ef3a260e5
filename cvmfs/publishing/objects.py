# SPDX-License-Identifier: BSD-3-Clause
"""The content-addressed objects of a repository as a writer sees them: put once, counted, got verified.

Used from several threads at once.
"""

from __future__ import annotations

import itertools
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from cvmfs.errors import NotFound, ObjectCorrupted
from cvmfs.format.compression import EMPTY, compress, compressor
from cvmfs.format.hashes import (
    Algorithm,
    ContentHash,
    Hasher,
    Suffix,
    hash_like,
    hash_of,
    object_path,
)
from cvmfs.storage.storage import Storage

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the store: its hash, its size there in bytes, and whether it was not there before."""

    content_hash: ContentHash
    size: int
    is_new: bool


@dataclass
class ObjectStore:
    """The objects of a storage, and how many of them this instance added.

    `scratch` is a folder of this machine for unfinished files; for a storage on this machine it is on the
    same file system. New objects are named by `algorithm`.
    """

    storage: Storage
    scratch: Path
    algorithm: Algorithm = Algorithm.SHA1
    new_objects: int = 0
    new_bytes: int = 0
    _putting: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _numbers: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    def clean_scratch(self) -> None:
        """Remove what a killed transaction left; only the holder of the repository's lease may."""
        self.storage.discard()
        self.scratch.mkdir(parents=True, exist_ok=True)
        for leftover in self.scratch.iterdir():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def scratch_file(self, kind: str) -> Path:
        """Return the path of a scratch file that is not there yet."""
        return self.scratch / f"{kind}.{next(self._numbers)}"

    def put(self, stored: bytes, suffix: Suffix) -> Stored:
        """Store bytes as they are, and return their hash."""
        content_hash = hash_of(stored, self.algorithm)
        path = object_path(content_hash, suffix)
        is_new = self._claim(path) and self.storage.size(path) != len(stored)
        if is_new:
            self.storage.put(path, stored)
            self._count(len(stored))
        return Stored(content_hash, len(stored), is_new)

    def put_compressed(self, content: bytes, suffix: Suffix) -> Stored:
        """Compress bytes, store them, and return the hash of what is stored."""
        return self.put(compress(content), suffix)

    def put_empty_file(self) -> Stored:
        """Store the empty file as every publisher does, whatever compresses other files here."""
        return self.put(EMPTY, Suffix.FILE)

    def put_file(self, file: Path, suffix: Suffix) -> Stored:
        """Compress a file into the store block by block, and return the hash of what is stored."""
        scratch = self.scratch_file("object")
        stream, hasher, size = compressor(), Hasher(algorithm=self.algorithm), 0
        with file.open("rb") as source, scratch.open("xb") as target:
            while True:
                block = source.read(_BLOCK)
                data = stream.compress(block) if block else stream.flush()
                hasher.update(data)
                size += target.write(data)
                if not block:
                    break
        content_hash = hasher.content_hash()
        path = object_path(content_hash, suffix)
        is_new = self._claim(path) and self.storage.size(path) != size
        if is_new:
            self.storage.put_file(path, scratch)
            self._count(size)
        else:
            scratch.unlink()
        return Stored(content_hash, size, is_new)

    def get(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the stored bytes of an object.

        Raises:
            NotFound: there is none.
            ObjectCorrupted: its bytes have another hash.
        """
        path = object_path(content_hash, suffix)
        where = self.storage.describe(path)
        try:
            stored = self.storage.get(path)
        except NotFound as err:
            raise NotFound(f"the object {where} is missing") from err
        found = hash_like(content_hash, stored)
        if found != content_hash:
            raise ObjectCorrupted(
                f"the object {where} has the hash {found}, not the {content_hash} of its name"
            )
        return stored

    def _claim(self, path: str) -> bool:
        """Return whether this thread is the first of this instance to put an object."""
        with self._lock:
            if path in self._putting:
                return False
            self._putting.add(path)
            return True

    def _count(self, size: int) -> None:
        with self._lock:
            self.new_objects += 1
            self.new_bytes += size
