# SPDX-License-Identifier: BSD-3-Clause
"""Where a large file is cut, so that a part can be fetched alone and an equal part is stored once.

Clients take any cuts, as long as chunks follow one another. Two ways are here, of one shape: every so many
bytes, and where the content says. Both begin a chunk at every mark that is given by a publisher who knows the
file's structure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from core.errors import UserError

CHUNK_SIZE = 4 * 1024 * 1024
"""Bytes of a chunk. A file of up to this size is one plain object; the cuts are free for a writer."""

Read = Callable[[int, int], bytes]
"""Gives so many bytes of a file from an offset."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file, in bytes of its content."""

    offset: int
    size: int


class Cutter(Protocol):
    """A way to cut files."""

    @property
    def whole(self) -> int:
        """Return the size in bytes up to which a file is not cut."""

    def cut(self, size: int, marks: Sequence[int], read: Read) -> tuple[Piece, ...]:
        """Return the chunks of a file of `size` bytes; they follow one another from 0 to the end.

        A chunk begins at every mark that lies inside the file, so two files that hold the same bytes between
        two marks have the same chunks there, wherever the marks are.
        """


CutPolicy = Callable[[str], Cutter]
"""Says how the file at a path of the repository is cut."""


@dataclass(frozen=True, slots=True)
class FixedCuts:
    """Cuts every `chunk_size` bytes. Nothing is read for it."""

    chunk_size: int = CHUNK_SIZE

    @property
    def whole(self) -> int:
        """Return the size of a chunk."""
        return self.chunk_size

    def cut(self, size: int, marks: Sequence[int], read: Read) -> tuple[Piece, ...]:  # noqa: ARG002 - one shape
        """Return the chunks of a file of `size` bytes."""
        return cut(size, marks, chunk_size=self.chunk_size)


_ANCHORS = (b"\x5a\xc3", b"\x00\x48\x8d", b".\n", b"0\n")
_APART = (1 << 16) // 3
"""How far apart anchors are in compressed data, on average: three of them are two bytes long."""

SMALLEST_AVERAGE = 1 << 16

_JUDGED = 16
_STEP = 64


@dataclass(frozen=True, slots=True)
class ContentCuts:
    """Cuts where the content says, about every `average` bytes: what follows an insertion keeps its chunks.

    A cut is before one of a few short anchors, if the checksum of the 16 bytes from there allows it: one
    anchor for data that is compressed, others for programs, text and tables. Looking for them is a search
    that the interpreter does fast; a rolling hash over every byte takes a compiled library. A chunk has half
    the average at least and twice it at most, which is where data without any anchor is cut.
    """

    average: int

    def __post_init__(self) -> None:
        """Refuse sizes for which there are not enough anchors."""
        if self.average < SMALLEST_AVERAGE:
            raise UserError(
                f"chunks of {self.average} bytes are too small to be cut by content: "
                f"give {SMALLEST_AVERAGE} or more"
            )

    @property
    def whole(self) -> int:
        """Return the largest size of a chunk."""
        return 2 * self.average

    def cut(self, size: int, marks: Sequence[int], read: Read) -> tuple[Piece, ...]:
        """Return the chunks of a file of `size` bytes."""
        pieces: list[Piece] = []
        for start, end in _stretches(size, marks):
            offset = start
            while end - offset > self.whole:
                length = self._first(
                    read(offset + self.average // 2, self.whole - self.average // 2)
                )
                pieces.append(Piece(offset, length))
                offset += length
            pieces.append(Piece(offset, end - offset))
        return tuple(pieces)

    def _first(self, window: bytes) -> int:
        """Return the size of a chunk, given the bytes among which it may end."""
        one_in = max(1, self.average // (2 * _APART))
        found = {anchor: window.find(anchor) for anchor in _ANCHORS}
        last = len(window) - _JUDGED
        while candidates := [(at, anchor) for anchor, at in found.items() if 0 <= at <= last]:
            at, anchor = min(candidates)
            if zlib.crc32(window[at : at + _JUDGED]) % one_in == 0:
                return self.average // 2 + at
            found[anchor] = window.find(anchor, at + _STEP)
        return self.whole


def cut(size: int, marks: Sequence[int] = (), *, chunk_size: int = CHUNK_SIZE) -> tuple[Piece, ...]:
    """Return the chunks of a file of `size` bytes that is cut every `chunk_size` bytes and at its marks."""
    return tuple(
        Piece(offset, min(chunk_size, end - offset))
        for start, end in _stretches(size, marks)
        for offset in range(start, end, chunk_size)
    )


def _stretches(size: int, marks: Sequence[int]) -> list[tuple[int, int]]:
    """Return the stretches of a file between its marks."""
    inside = {mark for mark in marks if 0 < mark < size}
    return list(pairwise([0, *sorted(inside), size])) if size else []
