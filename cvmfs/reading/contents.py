# SPDX-License-Identifier: BSD-3-Clause
"""Contents of objects at hand: verified once, then read many times, as a mount does with parts of an image.

An object that is stored as it is, in a directory of this machine or in the cache, is read from its file,
which is kept open. Others are kept decompressed in memory, up to a limit.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.hashes import (
    Algorithm,
    ContentHash,
    Hasher,
    Suffix,
    algorithm_of,
    hash_like,
    object_path,
)
from cvmfs.reading.ahead import Ahead
from cvmfs.reading.cache import ObjectCache, Pin
from cvmfs.sources.fetch import OBJECT_LIMIT, Source, get_checked

MEMORY_BYTES = 128 * 1024 * 1024
_OPEN_FILES = 256
_BLOCK = 1 << 20
_NOTE_EVERY_S = 60.0


class Content(Protocol):
    """What an object of a file holds."""

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""

    def part(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop`, which has to be inside."""


@dataclass
class Contents:
    """The objects of a source and what was read of them lately. It belongs to one thread.

    With a cache and an `ahead`, objects that will be wanted next are fetched in other threads meanwhile.
    """

    source: Source
    cache: ObjectCache | None = None
    memory_bytes: int = MEMORY_BYTES
    ahead: Ahead | None = None
    _in_memory: OrderedDict[str, _InMemory] = field(default_factory=OrderedDict, repr=False)
    _on_disk: OrderedDict[str, _OnDisk] = field(default_factory=OrderedDict, repr=False)
    _size: int = 0

    def stored(
        self, content_hash: ContentHash, suffix: Suffix, *, limit: int = OBJECT_LIMIT
    ) -> bytes:
        """Return the stored bytes of an object, which have its hash; no more than `limit` are fetched.

        Raises:
            NotFound: there is none.
            ObjectCorrupted: the bytes at its place have another hash.
        """
        if self.cache is not None and self._is_cached:
            self._settle(content_hash, suffix)
            cached = self.cache.get(content_hash, suffix)
            if cached is not None:
                return cached
        return self.fetched(content_hash, suffix, limit=limit)

    def fetched(
        self, content_hash: ContentHash, suffix: Suffix, *, limit: int = OBJECT_LIMIT
    ) -> bytes:
        """Return the same, asked of the source, and keep it in the cache. Any thread may do this."""
        path = object_path(content_hash, suffix)

        def check(stored: bytes) -> None:
            self._verify(content_hash, hash_like(content_hash, stored), path)

        stored = get_checked(self.source, path, limit=limit, check=check)
        if self.cache is not None and self._is_cached:
            self.cache.put(content_hash, suffix, stored)
        return stored

    def decompressed(
        self, content_hash: ContentHash, suffix: Suffix, *, size: int | None = None
    ) -> bytes:
        """Return what a compressed object holds; nothing is kept of it in memory.

        `size` is what it holds in bytes, where that is known.
        """
        where = self.source.describe(object_path(content_hash, suffix))
        limit = OBJECT_LIMIT if size is None else _at_most(size)
        stored = self.stored(content_hash, suffix, limit=limit)
        return decompress(stored, Compression.ZLIB, where=where)

    def pin(self, content_hash: ContentHash, suffix: Suffix) -> Pin | None:
        """Keep an object from being cleaned away from the cache for as long as the pin is held."""
        return self.cache.pin(content_hash, suffix) if self.cache and self._is_cached else None

    def local_hash(self, content_hash: ContentHash, suffix: Suffix) -> ContentHash | None:
        """Return the hash of an object as it lies on this machine, or None."""
        if self.source.folder is not None:
            file = self.source.folder / object_path(content_hash, suffix)
        elif self.cache is not None:
            file = self.cache.path(content_hash, suffix)
        else:
            return None
        try:
            return hash_like(content_hash, file.read_bytes())
        except OSError:
            return None

    def read_ahead(self, objects: Iterable[tuple[ContentHash, Suffix, int]]) -> None:
        """Bring objects of these sizes into the cache while others work; there is no harm if it fails."""
        if self.ahead is None or self.cache is None or not self._is_cached:
            return
        for content_hash, suffix, size in objects:
            if not self.cache.has(content_hash, suffix):
                fetch = partial(self.fetched, content_hash, suffix, limit=_at_most(size))
                self.ahead.begin(f"{content_hash}{suffix}", fetch)

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
        found = self._open(content_hash, suffix, compression, size)
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

    @property
    def _is_cached(self) -> bool:
        """Return whether the cache is of use: what is on this machine needs none."""
        return self.cache is not None and self.source.folder is None

    def _settle(self, content_hash: ContentHash, suffix: Suffix) -> None:
        if self.ahead is not None:
            self.ahead.settle(f"{content_hash}{suffix}")

    def _open(
        self, content_hash: ContentHash, suffix: Suffix, compression: Compression, size: int
    ) -> _InMemory | _OnDisk:
        if compression is Compression.NONE:
            if self.source.folder is not None:
                file = self.source.folder / object_path(content_hash, suffix)
                return self._verified_file(_OnDisk(file), content_hash, suffix)
            if self.cache is not None and self._is_cached:
                self._settle(content_hash, suffix)
                with contextlib.suppress(NotFound, ObjectCorrupted):  # else it is fetched, below
                    kept = _OnDisk(self.cache.path(content_hash, suffix), used=self.cache.used)
                    return self._verified_file(kept, content_hash, suffix)
        where = self.source.describe(object_path(content_hash, suffix))
        stored = self.stored(content_hash, suffix, limit=_at_most(size))
        return _InMemory(decompress(stored, compression, where=where))

    def _verified_file(self, file: _OnDisk, content_hash: ContentHash, suffix: Suffix) -> _OnDisk:
        found = file.content_hash(algorithm_of(content_hash))
        self._verify(content_hash, found, object_path(content_hash, suffix))
        return file

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

    def __init__(self, file: Path, used: Callable[[Path], None] | None = None) -> None:
        self._file = file
        self._used = used
        self._noted_at = time.monotonic()
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
        if self._used is not None and time.monotonic() - self._noted_at > _NOTE_EVERY_S:
            self._used(self._file)
            self._noted_at = time.monotonic()
        return data

    def content_hash(self, algorithm: Algorithm) -> ContentHash:
        hasher, offset = Hasher(algorithm=algorithm), 0
        while block := os.pread(self._descriptor, _BLOCK, offset):
            hasher.update(block)
            offset += len(block)
        return hasher.content_hash()


def _at_most(size: int) -> int:
    """Return how many bytes may be stored for `size` bytes of content: zlib adds a little at worst."""
    return size + size // 1000 + 64
