# SPDX-License-Identifier: BSD-3-Clause
"""Contents of objects at hand: verified once, then read many times, as a mount does with parts of an image.

An object that is stored as it is, in a directory of this machine or in the cache, is mapped, not copied.
Others are kept decompressed in memory, up to a limit.
"""

from __future__ import annotations

import mmap
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from cvmfs.cache import ObjectCache
from cvmfs.compression import Compression, decompress
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted
from cvmfs.fetch import Source
from cvmfs.hashes import ContentHash, Suffix, hash_of, object_path

MEMORY_BYTES = 128 * 1024 * 1024
_MAPPED = 512


@dataclass
class Contents:
    """The objects of a source and what was read of them lately. It belongs to one thread."""

    source: Source
    cache: ObjectCache | None = None
    memory_bytes: int = MEMORY_BYTES
    _decompressed: OrderedDict[str, bytes] = field(default_factory=OrderedDict, repr=False)
    _mapped: OrderedDict[str, mmap.mmap] = field(default_factory=OrderedDict, repr=False)
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
        self._verify(content_hash, hash_of(stored), path)
        if self.cache is not None and self.source.folder is None:
            self.cache.put(content_hash, suffix, stored)
        return stored

    def decompressed(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return what a compressed object holds; nothing is kept of it in memory."""
        where = self.source.describe(object_path(content_hash, suffix))
        return decompress(self.stored(content_hash, suffix), Compression.ZLIB, where=where)

    def content(
        self, content_hash: ContentHash, suffix: Suffix, compression: Compression, size: int
    ) -> bytes | mmap.mmap:
        """Return the content of an object of a file, something whose slices are bytes.

        Raises:
            FormatInvalid: it is not `size` bytes long.
            NotFound: there is none.
            ObjectCorrupted: the bytes at its place have another hash.
        """
        name = f"{content_hash}{suffix}{compression:d}"
        if (mapped := self._mapped.get(name)) is not None:
            self._mapped.move_to_end(name)
            return mapped
        if (kept := self._decompressed.get(name)) is not None:
            self._decompressed.move_to_end(name)
            return kept
        found = self._open(content_hash, suffix, compression, size)
        if len(found) != size:
            where = self.source.describe(object_path(content_hash, suffix))
            raise FormatInvalid(f"{where} holds {len(found)} bytes, the catalog says {size}")
        self._keep(name, found)
        return found

    def clear(self) -> None:
        """Forget everything that was kept."""
        self._decompressed.clear()
        self._mapped.clear()  # a mapping is closed when its last user lets go
        self._size = 0

    def _open(
        self, content_hash: ContentHash, suffix: Suffix, compression: Compression, size: int
    ) -> bytes | mmap.mmap:
        path = object_path(content_hash, suffix)
        if compression is Compression.NONE and size > 0:
            mapped = self._map(content_hash, suffix)
            if mapped is not None:
                return mapped
        stored = self.stored(content_hash, suffix)
        return decompress(stored, compression, where=self.source.describe(path))

    def _map(self, content_hash: ContentHash, suffix: Suffix) -> mmap.mmap | None:
        """Return the object's file mapped and verified, when it is on this machine."""
        path = object_path(content_hash, suffix)
        if self.source.folder is not None:
            file = self.source.folder / path
        elif self.cache is not None:
            self.stored(content_hash, suffix)
            file = self.cache.path(content_hash, suffix)
        else:
            return None
        mapped = _map_file(file)
        if mapped is None:
            return None
        with memoryview(mapped) as view:
            self._verify(content_hash, hash_of(view), path)
        return mapped

    def _keep(self, name: str, content: bytes | mmap.mmap) -> None:
        if isinstance(content, mmap.mmap):
            self._mapped[name] = content
            while len(self._mapped) > _MAPPED:
                self._mapped.popitem(last=False)
            return
        self._decompressed[name] = content
        self._size += len(content)
        while self._size > self.memory_bytes and len(self._decompressed) > 1:
            self._size -= len(self._decompressed.popitem(last=False)[1])

    def _verify(self, expected: ContentHash, found: ContentHash, path: str) -> None:
        if found != expected:
            raise ObjectCorrupted(
                f"{self.source.describe(path)} was changed: its hash is {found}, expected was {expected}"
            )


def _map_file(file: Path) -> mmap.mmap | None:
    try:
        with file.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as err:
        raise NotFound(f"{file} is missing") from err
    except (OSError, ValueError):  # an empty file cannot be mapped: read it the plain way
        return None
