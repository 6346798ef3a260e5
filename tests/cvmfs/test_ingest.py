# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from cvmfs.errors import RepositoryError
from cvmfs.hashes import Algorithm, empty_file
from cvmfs.ingest import Ingest
from cvmfs.objects import ObjectStore
from cvmfs.storage.local import SCRATCH, LocalStorage


@pytest.fixture(name="ingest")
def _ingest(tmp_path: Path) -> Ingest:
    store = ObjectStore(LocalStorage(tmp_path / "store"), tmp_path / "store" / SCRATCH)
    store.storage.prepare()
    return Ingest(store, chunk_size=1000, workers=3)


def test_contents_come_in_the_order_of_the_files(ingest: Ingest, tmp_path: Path) -> None:
    files = []
    for number in range(200):
        file = tmp_path / f"{number}"
        file.write_bytes(b"%d" % number * (number * 20))
        files.append((file, f"path/{number}"))

    contents = list(ingest.files(files))

    assert [path for path, _ in contents] == [path for _, path in files]
    assert [content.size for _, content in contents] == [f.stat().st_size for f, _ in files]
    assert all(
        sum(c.piece.size for c in content.chunks) in (0, content.size) for _, content in contents
    )


def test_equal_files_are_one_new_object(ingest: Ingest, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}").write_bytes(b"the same")

    contents = [c for _, c in ingest.files((tmp_path / f"{n}", "x") for n in range(50))]

    assert len(set(contents)) == 1
    assert ingest.store.new_objects == 1


def test_empty_file_is_the_known_object(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    [(_, content)] = ingest.files([(tmp_path / "empty", "empty")])

    assert (content.content_hash, content.chunks, content.size) == (
        empty_file(Algorithm.SHA1),
        (),
        0,
    )
    assert ingest.bytes(b"", "empty") == content


def test_file_and_bytes_are_the_same_content(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1000)

    [(_, content)] = ingest.files([(tmp_path / "file", "x")])

    assert ingest.bytes(b"abc" * 1000, "x") == content
    assert len(content.chunks) == 3


def test_file_that_shrinks_is_named(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "shrinking"
    file.write_bytes(b"x" * 2000)

    def shrink(path: Path) -> tuple[int, ...]:
        path.write_bytes(b"x")
        return ()

    ingest.cut_marks = shrink
    with pytest.raises(RepositoryError, match="shrinking became shorter"):
        list(ingest.files([(file, "x")]))


def test_missing_file_is_named(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"cannot read .*none"):
        list(ingest.files([(tmp_path / "none", "x")]))
