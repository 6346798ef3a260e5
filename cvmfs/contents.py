# SPDX-License-Identifier: BSD-3-Clause
"""Contents of objects at hand: verified once, then read many times, as a mount does with parts of an image.

An object that is stored as it is, in a directory of this machine or in the cache, is read from its file,
which is kept open. Others are kept decompressed in memory, up to a limit.
"""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cvmfs.cache import ObjectCache
from cvmfs.compression import Compression, decompress
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted
from cvmfs.fetch import Source
from cvmfs.hashes import (
    Algorithm,
    ContentHash,
    Hasher,
    Suffix,
    algorithm_of,
    hash_like,
    object_path,
)

MEMORY_BYTES = 128 * 1024 * 1024
_OPEN_FILES = 256
_BLOCK = 1 << 20


class Content(Protocol):
    """What an object of a file holds."""

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""

    def part(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop`, which has to be inside."""


@dataclass
class Contents:
    """The objects of a source and what was read of them lately. It belongs to one thread."""

    source: Source
    cache: ObjectCache | None = None
    memory_bytes: int = MEMORY_BYTES
    _in_memory: OrderedDict[str, _InMemory] = field(default_factory=OrderedDict, repr=False)
    _on_disk: OrderedDict[str, _OnDisk] = field(default_factory=OrderedDict, repr=False)
    _size: int = 0

    def stored(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the stored bytes of an object, which have its hash.

        Raises:
            NotFound: there is none.
            ObjectCorrupted: the bytes at its place have another hash.
        """
        path = object_path(content_hash, suffix)
        if self.cache is not None and self.source.folder is None:
            cached = self.cache.get(content_hash, suffix)
            if cached is not None:
                return cached
        stored = self.source.get(path)
        self._verify(content_hash, hash_like(content_hash, stored), path)
        if self.cache is not None and self.source.folder is None:
            self.cache.put(content_hash, suffix, stored)
        return stored

    def decompressed(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return what a compressed object holds; nothing is kept of it in memory."""
        where = self.source.describe(object_path(content_hash, suffix))
        return decompress(self.stored(content_hash, suffix), Compression.ZLIB, where=where)

    def content(
        self, content_hash: ContentHash, suffix: Suffix, compression: Compression, size: int
    ) -> Content:
        """Return the content of an object of a file.

        Raises:
            FormatInvalid: it is not `size` bytes long.
            NotFound: there is none.
            ObjectCorrupted: the bytes at its place have another hash.
        """
        name = f"{content_hash}{suffix}{compression:d}"
        for kept in (self._on_disk, self._in_memory):
            if name in kept:
                kept.move_to_end(name)
                return kept[name]
        found = self._open(content_hash, suffix, compression)
        if found.size != size:
            where = self.source.describe(object_path(content_hash, suffix))
            raise FormatInvalid(f"{where} holds {found.size} bytes, the catalog says {size}")
        self._keep(name, found)
        return found

    def clear(self) -> None:
        """Forget everything that was kept."""
        self._in_memory.clear()
        self._on_disk.clear()
        self._size = 0

    def _open(
        self, content_hash: ContentHash, suffix: Suffix, compression: Compression
    ) -> _InMemory | _OnDisk:
        path = object_path(content_hash, suffix)
        if compression is Compression.NONE:
            file = self._file(content_hash, suffix)
            if file is not None:
                opened = _OnDisk(file)
                self._verify(content_hash, opened.content_hash(algorithm_of(content_hash)), path)
                return opened
        stored = self.stored(content_hash, suffix)
        return _InMemory(decompress(stored, compression, where=self.source.describe(path)))

    def _file(self, content_hash: ContentHash, suffix: Suffix) -> Path | None:
        """Return the object's file, when it is on this machine or can be brought there."""
        if self.source.folder is not None:
            return self.source.folder / object_path(content_hash, suffix)
        if self.cache is None:
            return None
        self.stored(content_hash, suffix)
        file = self.cache.path(content_hash, suffix)
        return file if file.exists() else None

    def _keep(self, name: str, content: _InMemory | _OnDisk) -> None:
        if isinstance(content, _OnDisk):
            self._on_disk[name] = content
            while len(self._on_disk) > _OPEN_FILES:
                self._on_disk.popitem(last=False)
            return
        self._in_memory[name] = content
        self._size += content.size
        while self._size > self.memory_bytes and len(self._in_memory) > 1:
            self._size -= self._in_memory.popitem(last=False)[1].size

    def _verify(self, expected: ContentHash, found: ContentHash, path: str) -> None:
        if found != expected:
            raise ObjectCorrupted(
                f"{self.source.describe(path)} was changed: its hash is {found}, expected was {expected}"
            )


class _InMemory:
    """A content in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def part(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]


class _OnDisk:
    """A content that is a file. It is read, not mapped: a file that shrinks would kill us with SIGBUS."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as err:
            raise NotFound(f"{file} is missing") from err
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def part(self, start: int, stop: int) -> bytes:
        data = os.pread(self._descriptor, stop - start, start)
        if len(data) != stop - start:
            raise ObjectCorrupted(f"{self._file} became shorter since it was verified")
        return data

    def content_hash(self, algorithm: Algorithm) -> ContentHash:
        hasher, offset = Hasher(algorithm=algorithm), 0
        while block := os.pread(self._descriptor, _BLOCK, offset):
            hasher.update(block)
            offset += len(block)
        return hasher.content_hash()
