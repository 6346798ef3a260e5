# SPDX-License-Identifier: BSD-3-Clause
"""Many objects in one blob, as gateways take them (pack.cc, version 2).

A header, then the objects one after the other:

    V2
    S<bytes of all objects>
    N<how many objects>
    --
    C <hash with its algorithm and suffix> <bytes>      for each object, in this order

The digest of a pack is the SHA-1 of its header; every object is held against its own hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cvmfs.format.hashes import ContentHash, hash_of

PACK_SIZE = 16 << 20
"""Bytes of objects at which a pack is sent; the genuine publisher's limit is 200 MiB."""

OBJECTS_AT_MOST = 100_000
"""Objects of a pack at most; receivers refuse a header of more than 100 bytes for each."""

_VERSION = "2"


@dataclass
class ObjectPack:
    """Objects to be sent together, by what a header calls them: `<hash>[-algorithm][suffix]`."""

    limit: int = PACK_SIZE
    size: int = 0
    _names: list[tuple[str, int]] = field(default_factory=list)
    _contents: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many objects there are."""
        return len(self._names)

    @property
    def is_full(self) -> bool:
        """Return whether the pack should be sent before another object is added."""
        return self.size >= self.limit or len(self) >= OBJECTS_AT_MOST

    def add(self, name: str, content: bytes) -> None:
        """Add an object."""
        self._names.append((name, len(content)))
        self._contents.append(content)
        self.size += len(content)

    def header(self) -> bytes:
        """Return the header."""
        lines = [f"V{_VERSION}", f"S{self.size}", f"N{len(self)}", "--"]
        lines += [f"C {name} {size}" for name, size in self._names]
        return "".join(f"{line}\n" for line in lines).encode("ascii")

    def digest(self) -> ContentHash:
        """Return the digest that announces the pack."""
        return hash_of(self.header())

    def contents(self) -> tuple[bytes, ...]:
        """Return the objects' bytes in the header's order."""
        return tuple(self._contents)


def object_name(path: str) -> str:
    """Return what a header calls the object that a storage has at `data/ab/cdef…C`."""
    _, start, rest = path.split("/")
    return start + rest
