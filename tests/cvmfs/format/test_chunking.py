# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.format.chunking import ContentCuts, FixedCuts, Piece, cut
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import AT, read

AVERAGE = 1 << 16


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


def content_of(kind: str, size: int = 64 * AVERAGE) -> bytes:
    """Return a content of a kind, the same each time."""
    chance = random.Random(kind)
    match kind:
        case "compressed":
            return chance.randbytes(size)
        case "table":
            rows = (f"{chance.random():.4f},{chance.randrange(10**6)}\n" for _ in range(size // 14))
            return "".join(rows).encode()[:size]
        case "program":  # addresses loaded here and there, as in machine code
            parts = (
                chance.randbytes(chance.randrange(300)) + b"\0H\x8d" for _ in range(size // 100)
            )
            return b"".join(parts)[:size]
        case _:
            return bytes(size)


def pieces_of(content: bytes, marks: tuple[int, ...] = ()) -> list[bytes]:
    """Return a content cut by what is in it."""
    pieces = ContentCuts(AVERAGE).cut(
        len(content), marks, lambda offset, size: content[offset : offset + size]
    )
    return [content[piece.offset : piece.offset + piece.size] for piece in pieces]


@pytest.mark.parametrize("kind", ["compressed", "table", "program", "zeros"])
def test_pieces_are_the_whole_and_within_the_sizes(kind: str) -> None:
    content = content_of(kind)

    pieces = pieces_of(content, marks=(1000, 20 * AVERAGE + 5))

    assert b"".join(pieces) == content
    assert all(len(piece) <= 2 * AVERAGE for piece in pieces)
    ends = {0, 1000, 20 * AVERAGE + 5, len(content)}
    starts = [sum(map(len, pieces[:number])) for number in range(len(pieces))]
    assert ends - {len(content)} <= set(starts)
    for start, piece in zip(starts, pieces, strict=True):
        assert len(piece) >= AVERAGE // 2 or start + len(piece) in ends


@pytest.mark.parametrize("kind", ["compressed", "table", "program"])
def test_an_insertion_leaves_the_other_chunks_as_they_were(kind: str) -> None:
    content = content_of(kind)
    changed = content[: 10 * AVERAGE] + b"inserted" + content[10 * AVERAGE :]

    before, after = set(pieces_of(content)), pieces_of(changed)

    shared = sum(len(piece) for piece in after if piece in before)
    assert shared > 0.8 * len(changed)
    fixed = {
        content[piece.offset :][: piece.size] for piece in cut(len(content), chunk_size=AVERAGE)
    }
    cuts = [
        changed[piece.offset :][: piece.size] for piece in cut(len(changed), chunk_size=AVERAGE)
    ]
    assert sum(len(piece) for piece in cuts if piece in fixed) < 0.2 * len(changed)


def test_average_is_about_what_was_asked_for() -> None:
    pieces = pieces_of(content_of("compressed", 256 * AVERAGE))

    assert 0.7 * AVERAGE < sum(map(len, pieces)) / len(pieces) < 1.4 * AVERAGE


def test_average_that_is_too_small_is_refused() -> None:
    with pytest.raises(UserError, match="too small"):
        ContentCuts(AVERAGE - 1)


def test_each_path_is_cut_in_its_way(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    content = content_of("compressed", 8 * AVERAGE)
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "changed").write_bytes(b"new" + content)

    def by_path(path: str) -> ContentCuts | FixedCuts:
        return ContentCuts(AVERAGE) if path.startswith("by-content/") else FixedCuts(AVERAGE)

    with transaction(repository, keys, at=AT, cutter=by_path) as tx:
        tx.put_file(tmp_path / "file", "by-content/file")
        tx.put_file(tmp_path / "changed", "by-content/changed")
        tx.put_bytes(content, "by-content/memory")
        tx.put_file(tmp_path / "file", "fixed/file")
        tx.put_bytes(content[: 2 * AVERAGE], "by-content/small")

    with read(repository, keys) as reader:
        for path in ("by-content/file", "by-content/memory", "fixed/file"):
            assert reader.read(path) == content
        by_content = reader.entry("by-content/file").chunks
        assert reader.entry("by-content/memory").chunks == by_content
        assert reader.entry("by-content/changed").chunks[1:] != by_content[1:]  # offsets differ
        assert {chunk.content_hash for chunk in by_content[1:]} <= {
            chunk.content_hash for chunk in reader.entry("by-content/changed").chunks
        }
        assert {chunk.piece.size for chunk in reader.entry("fixed/file").chunks} == {AVERAGE}
        assert reader.entry("by-content/small").chunks == ()
        assert check(reader).findings == ()
