# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from cvmfs.errors import RepositoryError
from cvmfs.format.chunking import Piece
from cvmfs.format.entries import Chunk, Entry
from cvmfs.format.hashes import Algorithm, ContentHash, Suffix, algorithm_of, empty_file
from cvmfs.publishing.ingest import Ingest, LocalFile
from cvmfs.publishing.objects import ObjectStore
from cvmfs.storage.local import SCRATCH, LocalStorage


@pytest.fixture(name="ingest")
def _ingest(tmp_path: Path) -> Ingest:
    store = ObjectStore(LocalStorage(tmp_path / "store"), tmp_path / "store" / SCRATCH)
    store.storage.prepare()
    return Ingest(store, chunk_size=1000, workers=3)


def local(file: Path, path: str = "x", before: Entry | None = None) -> LocalFile:
    return LocalFile(str(file), path, file.stat().st_size, before)


def test_every_file_has_its_content(ingest: Ingest, tmp_path: Path) -> None:
    files = []
    for number in range(200):
        file = tmp_path / f"{number}"
        file.write_bytes(b"%d" % number * (number * 20))
        files.append(local(file, f"path/{number}"))

    contents = ingest.files(files)

    assert contents.keys() == {one.path for one in files}
    for one in files:
        assert contents[one.path] == ingest.content(Path(one.source).read_bytes(), one.path)
        chunks = contents[one.path].chunks
        assert sum(chunk.piece.size for chunk in chunks) == (one.size if one.size > 1000 else 0)


def test_equal_files_are_one_new_object(ingest: Ingest, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}").write_bytes(b"the same")

    contents = ingest.files(local(tmp_path / f"{n}", f"{n}") for n in range(50))

    assert len(contents) == 50
    assert len(set(contents.values())) == 1
    assert ingest.store.new_objects == 1


def test_empty_file_is_the_known_object(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    content = ingest.files([local(tmp_path / "empty")])["x"]

    assert (content.content_hash, content.chunks, content.size) == (
        empty_file(Algorithm.SHA1),
        (),
        0,
    )
    assert ingest.content(b"", "empty") == content


def test_file_and_bytes_are_the_same_content(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1000)

    content = ingest.files([local(tmp_path / "file")])["x"]

    assert ingest.content(b"abc" * 1000, "x") == content
    assert len(content.chunks) == 3


def test_file_that_shrinks_is_named(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "shrinking"
    file.write_bytes(b"x" * 2000)

    def shrink(path: Path) -> tuple[int, ...]:
        path.write_bytes(b"x")
        return ()

    ingest.cut_marks = shrink
    with pytest.raises(RepositoryError, match="shrinking became shorter"):
        ingest.files([local(file)])


def test_missing_file_is_named(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"cannot read .*none"):
        ingest.files([LocalFile(str(tmp_path / "none"), "x", 5)])


@pytest.mark.parametrize("size", [900, 2500], ids=["one object", "chunks"])
def test_content_that_is_there_keeps_objects_of_another_compressor(
    ingest: Ingest, tmp_path: Path, size: int
) -> None:
    content = os.urandom(size // 2) + bytes(size // 2)
    (tmp_path / "file").write_bytes(content)
    packed = [
        ingest.store.put(zlib.compress(content[at : at + 1000], 1), suffix).content_hash
        for at in range(0, size, 1000)
        for suffix in ([Suffix.FILE] if size <= 1000 else [Suffix.CHUNK])
    ]
    chunks = tuple(
        Chunk(Piece(at, min(1000, size - at)), content_hash)
        for at, content_hash in zip(range(0, size, 1000), packed, strict=True)
    )
    before = Entry(
        path="x",
        mode=0o100644,
        size=size,
        mtime=0,
        content_hash=packed[0] if len(packed) == 1 else None,
        chunks=chunks if len(packed) > 1 else (),
    )
    there = ingest.store.new_objects

    kept = ingest.files([local(tmp_path / "file", before=before)])["x"]

    assert (kept.content_hash, kept.chunks) == (before.content_hash, before.chunks)
    assert ingest.store.new_objects == there

    changed = b"another" + content[7:]
    (tmp_path / "file").write_bytes(changed)
    new = ingest.files([local(tmp_path / "file", before=before)])["x"]
    assert (new.content_hash, new.chunks[:1]) != (before.content_hash, before.chunks[:1])
    assert new.chunks[1:] == before.chunks[1:]
    assert ingest.store.new_objects == there + 1


def test_damaged_object_is_no_reason_to_keep_it(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    missing = ContentHash("ab" * 20)
    before = Entry(path="x", mode=0o100644, size=7, mtime=0, content_hash=missing)

    content = ingest.files([local(tmp_path / "file", before=before)])["x"]

    assert content == ingest.content(b"content", "x")


def test_hashes_of_a_file_are_all_of_the_algorithm_that_is_used_now(
    ingest: Ingest, tmp_path: Path
) -> None:
    content = os.urandom(1500)
    (tmp_path / "file").write_bytes(content)
    packed = [
        ingest.store.put(zlib.compress(content[at : at + 1000], 1), Suffix.CHUNK).content_hash
        for at in (0, 1000)
    ]
    chunks = tuple(
        Chunk(piece, content_hash)
        for piece, content_hash in zip((Piece(0, 1000), Piece(1000, 500)), packed, strict=True)
    )
    before = Entry(path="x", mode=0o100644, size=1500, mtime=0, chunks=chunks)
    (tmp_path / "file").write_bytes(content[:1000] + bytes(500))
    ingest.store.algorithm = Algorithm.SHAKE128

    changed = ingest.files([local(tmp_path / "file", before=before)])["x"]

    found = {algorithm_of(chunk.content_hash) for chunk in changed.chunks}
    assert found == {Algorithm.SHAKE128}
