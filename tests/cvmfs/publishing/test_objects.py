# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from cvmfs.errors import NotFound, ObjectCorrupted
from cvmfs.format.hashes import ContentHash, Suffix, object_path
from cvmfs.publishing.objects import ObjectStore
from cvmfs.storage.local import SCRATCH, LocalStorage
from tests.cvmfs.samples import flip_byte


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> ObjectStore:
    store = ObjectStore(LocalStorage(tmp_path), tmp_path / SCRATCH)
    store.storage.prepare()
    return store


def test_object_is_stored_once(store: ObjectStore) -> None:
    first, second = store.put(b"content", Suffix.FILE), store.put(b"content", Suffix.FILE)

    assert (first.is_new, second.is_new) == (True, False)
    assert first.content_hash == second.content_hash
    assert (store.new_objects, store.new_bytes) == (1, 7)
    assert store.get(first.content_hash, Suffix.FILE) == b"content"


def test_file_in_blocks_is_the_same_object_as_in_one_piece(
    store: ObjectStore, tmp_path: Path
) -> None:
    content = b"a catalog " * 300_000
    (tmp_path / "file").write_bytes(content)

    stored = store.put_file(tmp_path / "file", Suffix.CATALOG)

    assert zlib.decompress(store.get(stored.content_hash, Suffix.CATALOG)) == content
    assert not store.put_file(tmp_path / "file", Suffix.CATALOG).is_new
    assert [path.name[:4] for path in store.scratch.iterdir()] == ["put."]
    store.storage.make_durable()
    assert list(store.scratch.iterdir()) == []


def test_object_that_a_power_cut_left_short_is_written_again(
    store: ObjectStore, tmp_path: Path
) -> None:
    stored = store.put(b"content", Suffix.FILE)
    store.storage.make_durable()
    (tmp_path / object_path(stored.content_hash, Suffix.FILE)).write_bytes(b"")
    store = ObjectStore(store.storage, store.scratch)

    assert store.put(b"content", Suffix.FILE).is_new
    assert store.get(stored.content_hash, Suffix.FILE) == b"content"


def test_changed_object_is_not_given_out(store: ObjectStore, tmp_path: Path) -> None:
    stored = store.put(b"content", Suffix.FILE)
    store.storage.make_durable()
    flip_byte(tmp_path / object_path(stored.content_hash, Suffix.FILE))

    with pytest.raises(ObjectCorrupted):
        store.get(stored.content_hash, Suffix.FILE)


def test_missing_object_is_named(store: ObjectStore) -> None:
    with pytest.raises(NotFound, match="data/aa/a"):
        store.get(ContentHash("a" * 40), Suffix.FILE)


@pytest.mark.parametrize("count", [1, 100], ids=["one by one", "the file system"])
def test_few_and_many_objects_are_made_durable(store: ObjectStore, count: int) -> None:
    for number in range(count):
        store.put(b"%d" % number, Suffix.FILE)

    store.storage.make_durable()

    assert store.new_objects == count


def test_scratch_is_cleaned_of_files_and_folders(store: ObjectStore) -> None:
    (store.scratch / "left").write_text("x")
    (store.scratch / "folder").mkdir()
    (store.scratch / "folder" / "left").write_text("x")

    store.clean_scratch()

    assert list(store.scratch.iterdir()) == []
