# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.chunking import Piece, cut


@pytest.mark.parametrize(
    ("size", "marks", "expected"),
    [
        (0, (), ()),
        (10, (), (Piece(0, 10),)),
        (25, (), (Piece(0, 10), Piece(10, 10), Piece(20, 5))),
        (25, (3, 17), (Piece(0, 3), Piece(3, 10), Piece(13, 4), Piece(17, 8))),
        (25, (17, 3, 3), (Piece(0, 3), Piece(3, 10), Piece(13, 4), Piece(17, 8))),
        (20, (0, 20, 99), (Piece(0, 10), Piece(10, 10))),
    ],
    ids=["empty", "one", "fixed", "marks", "marks unsorted", "marks outside"],
)
def test_chunks_follow_one_another_and_begin_at_the_marks(
    size: int, marks: tuple[int, ...], expected: tuple[Piece, ...]
) -> None:
    assert cut(size, marks, chunk_size=10) == expected
