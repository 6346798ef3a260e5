# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid
from cvmfs.format.catalog import Catalog
from cvmfs.format.hashes import Suffix
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.paths import AUTOMATIC, join
from cvmfs.publishing.local_tree import TreeRules
from cvmfs.publishing.publish import Publication, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.publishing.splitting import CatalogSizes, too_heavy
from cvmfs.reading.reader import Reader
from tests.cvmfs.random_trees import edit, grow, published_tree_of, tree_of
from tests.cvmfs.samples import AT, object_file, read, repository_snapshot, snapshot

SIZES = CatalogSizes(max_rows=20, min_rows=6)
ROUNDS = 5


def catalogs_of(reader: Reader, path: str = "") -> dict[str, Catalog]:
    """Return every catalog from the one at a path downward."""
    catalog = reader.catalog_with(path)
    found = {path: catalog}
    for nested in catalog.nested:
        found |= catalogs_of(reader, nested)
    return found


def automatic(reader: Reader) -> set[str]:
    """Return where the catalogs are that were made for their size."""
    return {path for path in catalogs_of(reader) if reader.lookup(join(path, AUTOMATIC))}


def put_files(repository: Repository, keys: RepositoryKeys, counts: dict[str, int]) -> Publication:
    """Publish so many files in each directory, in place of what is there."""
    with transaction(repository, keys, at=AT, sizes=SIZES) as tx:
        for directory, count in counts.items():
            tx.remove(directory)
            for number in range(count):
                tx.put_bytes(b"x", f"{directory}/{number:03}")
    return tx.published


def test_large_catalog_is_split_where_it_is_heaviest(
    repository: Repository, keys: RepositoryKeys
) -> None:
    put_files(repository, keys, {"a": 4, "b": 9, "c": 12})

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "c"}
        assert automatic(reader) == {"c"}
        assert check(reader).findings == ()


def test_small_automatic_catalogs_are_merged_and_others_stay(
    repository: Repository, keys: RepositoryKeys
) -> None:
    put_files(repository, keys, {"a": 15, "b/c": 15, "d": 1})
    with transaction(repository, keys, at=AT, sizes=SIZES) as tx:
        tx.nest("d")
    assert set(catalogs_of(read(repository, keys))) == {"", "a", "b", "d"}

    put_files(repository, keys, {"a": 2, "b/c": 14})

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "b", "d"}
        assert reader.lookup("a/.cvmfscatalog") is None
        assert reader.lookup(f"a/{AUTOMATIC}") is None
        assert check(reader).findings == ()


def test_catalog_that_is_asked_for_is_there_to_stay(
    repository: Repository, keys: RepositoryKeys
) -> None:
    put_files(repository, keys, {"a": 15, "b": 15})
    assert automatic(read(repository, keys)) == {"b"}
    with transaction(repository, keys, at=AT, sizes=SIZES) as tx:
        tx.nest("b")
        for number in range(15):
            tx.remove(f"b/{number:03}")

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "b"}
        assert automatic(reader) == set()
        assert check(reader).findings == ()


def test_catalogs_that_did_not_change_are_not_opened(
    repository: Repository, keys: RepositoryKeys
) -> None:
    put_files(repository, keys, {"a": 15, "b": 15, "c": 15})
    nested = read(repository, keys).catalog_with("").nested
    hidden = object_file(repository, nested["b"].content_hash, Suffix.CATALOG)
    hidden.rename(repository.folder / "hidden")  # opening it would fail

    put_files(repository, keys, {"c": 14})

    (repository.folder / "hidden").rename(hidden)
    assert check(read(repository, keys)).findings == ()


def test_split_at_a_directory_takes_nested_catalogs_along(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with transaction(repository, keys, at=AT, sizes=None) as tx:
        for number in range(30):
            tx.put_bytes(b"x", f"all/{number:02}/file")
        for number in range(0, 30, 7):
            tx.nest(f"all/{number:02}")
    assert set(catalogs_of(read(repository, keys))) == {
        "", "all/00", "all/07", "all/14", "all/21", "all/28",
    }  # fmt: skip

    with transaction(repository, keys, at=AT, sizes=CatalogSizes(56, 10)) as tx:
        tx.put_bytes(b"x", "more")

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {
            "", "all", "all/00", "all/07", "all/14", "all/21", "all/28",
        }  # fmt: skip
        assert check(reader).findings == ()


@pytest.mark.parametrize("seed", range(6))
def test_random_trees_are_split_and_merged_and_stay_equal(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "tree"
    rules = TreeRules(xattrs=True)
    for number in range(ROUNDS):
        if number % 3 == 0:
            shutil.rmtree(folder, ignore_errors=True)
            grow(chance, folder, marked=0.1)
        for attempt in ("first", "again"):
            with transaction(repository, keys, at=AT, chunk_size=50, sizes=SIZES) as tx:
                tx.put_tree(folder, "tree", rules=rules)
            if attempt == "again":
                assert not tx.published.is_new, f"round {number}"

        with read(repository, keys) as reader:
            assert published_tree_of(reader, "tree") == tree_of(folder), f"round {number}"
            assert check(reader).findings == (), f"round {number}"
            for path, catalog in catalogs_of(reader).items():
                left = too_heavy(catalog.directories(path), path, SIZES)
                assert catalog.row_count <= SIZES.max_rows or left == [], path
        edit(chance, folder)


def test_catalog_whose_marker_is_removed_is_merged(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    with transaction(published, keys, at=AT) as tx:
        tx.nest("odd/linked")
    with transaction(published, keys, at=AT) as tx:
        tx.remove("odd/.cvmfscatalog")
        tx.remove("odd/with spaces/.cvmfscatalog")  # there is none
        tx.remove("nothing/.cvmfscatalog")

    with read(published, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "odd/linked"}
        assert repository_snapshot(reader, "odd") == snapshot(published_tree)
        assert check(reader).findings == ()


def test_copy_of_a_published_tree_is_not_nested_for_its_size(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree" / "large").mkdir(parents=True)
    (tmp_path / "tree" / "marked").mkdir()
    for name in ("large/.cvmfscatalog", f"large/{AUTOMATIC}", "marked/.cvmfscatalog"):
        (tmp_path / "tree" / name).touch()

    with transaction(repository, keys, at=AT) as tx:
        tx.put_tree(tmp_path / "tree", "tree")

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "tree/marked"}
        assert reader.listdir("tree/large") == ()


@pytest.mark.parametrize(
    ("directories", "expected"),
    [
        ({"": 10}, []),
        ({"": 0, "a": 12, "b": 9}, ["a"]),
        ({"": 0, "a": 9, "b": 9}, ["b"]),
        ({"": 0, "a": 0, "a/b": 12, "a/c": 9}, ["a/b"]),
        ({"": 0, "a": 17, "b": 17, "c": 17}, ["c", "b", "a"]),
        ({"": 30, "a": 2, "b": 2}, []),
        ({"": 0, **{f"d{number}": 2 for number in range(20)}}, []),
    ],
    ids=["small", "heaviest", "equal", "deep", "all", "files", "many light ones"],
)
def test_heaviest_directories_leave_until_the_rest_is_light(
    directories: dict[str, int], expected: list[str]
) -> None:
    assert too_heavy(directories, "", SIZES) == expected


@pytest.mark.parametrize(("max_rows", "min_rows"), [(10, 6), (10, 2), (0, 0)])
def test_sizes_that_would_split_and_merge_for_ever_are_refused(
    max_rows: int, min_rows: int
) -> None:
    with pytest.raises(UserError, match="at most half"):
        CatalogSizes(max_rows, min_rows)


def test_patterns_in_the_repository_make_nested_catalogs(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with transaction(repository, keys, at=AT) as tx:
        tx.put_bytes(b"x", "images/old/1.0/file")
        tx.put_bytes(b"x", "trees/old/1.0/file")
    with transaction(repository, keys, at=AT) as tx:
        tx.put_bytes(b"/images/*/*\n! *.part\n", ".cvmfsdirtab")
        tx.put_bytes(b"x", "images/old/2.part/file")
    assert set(catalogs_of(read(repository, keys))) == {"", "images/old/1.0"}

    with transaction(repository, keys, at=AT) as tx:
        tx.put_bytes(b"x", "images/new/1.0/file")
        tx.put_bytes(b"x", "images/gone/1.0/file")
        tx.remove("images/gone")

    with read(repository, keys) as reader:
        assert set(catalogs_of(reader)) == {"", "images/old/1.0", "images/new/1.0"}
        assert check(reader).findings == ()


def test_patterns_that_are_wrong_publish_nothing(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(FormatInvalid, match=r"/\.cvmfsdirtab:1: "),
        transaction(repository, keys, at=AT) as tx,
    ):
        tx.put_bytes(b"images/*\n", ".cvmfsdirtab")

    assert repository.manifest.revision == 1
