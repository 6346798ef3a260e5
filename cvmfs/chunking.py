# SPDX-License-Identifier: BSD-3-Clause
"""Where a large file is cut, so that a part can be fetched alone and an equal part is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

CHUNK_SIZE = 4 * 1024 * 1024
"""Bytes of a chunk. A file of up to this size is one plain object; the cuts are free for a writer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file, in bytes of its content."""

    offset: int
    size: int


def cut(size: int, marks: Sequence[int] = (), *, chunk_size: int = CHUNK_SIZE) -> tuple[Piece, ...]:
    """Return the chunks of a file of `size` bytes; they follow one another from 0 to the end.

    A chunk begins at every mark that lies inside the file, so two files that hold the same bytes between two
    marks have the same chunks there, wherever the marks are.
    """
    inside = {mark for mark in marks if 0 < mark < size}
    edges = [0, *sorted(inside), size]
    return tuple(
        Piece(offset, min(chunk_size, end - offset))
        for start, end in pairwise(edges)
        for offset in range(start, end, chunk_size)
    )
