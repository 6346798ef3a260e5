# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.difference import differences
from cvmfs.reading.snapshots import Below, Snapshot, current_snapshot, snapshot_of
from tests.cvmfs.samples import (
    AT,
    LATER,
    publish_tree,
    read,
    repository_snapshot,
    snapshot,
)


def is_same(old: Snapshot, path: str, new: Snapshot, target: str) -> bool:
    """Return whether two trees in different places are the same."""
    return not any(differences(Below(old, path), Below(new, target)))


def test_tree_is_copied_without_reading_or_storing_a_content(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    before = {path: path.read_bytes() for path in (published.folder / "data").glob("??/*")}
    contents = [path for path in before if path.name[38:] in ("", "P")]

    with transaction(published, keys, at=LATER) as tx:
        for path in contents:
            path.unlink()
        tx.graft(current_snapshot(published), "odd", "copies/second")

    new = {
        path.name[38:] for path in (published.folder / "data").glob("??/*") if path not in before
    }
    assert new - {""} == {"C", "H"}
    for path in contents:
        path.write_bytes(before[path])
    reader = read(published, keys)
    assert repository_snapshot(reader, "copies/second") == snapshot(published_tree)
    assert reader.entry("copies/second/linked/one").link_count == 3
    assert current_snapshot(published).nested_hash("copies/second") is not None
    assert check(reader).findings == ()


def test_nested_catalogs_that_keep_their_path_keep_their_object(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    then = current_snapshot(published)
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("odd")
        tx.put_bytes(b"other\n", "odd/other")

    with transaction(published, keys, at=LATER) as tx:
        tx.graft(then, "odd")

    assert current_snapshot(published).nested_hash("odd") == then.nested_hash("odd")
    reader = read(published, keys)
    assert repository_snapshot(reader, "odd") == snapshot(published_tree)
    assert check(reader).findings == ()


def test_nested_catalogs_below_a_moved_one_are_written_for_their_new_place(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    (odd_tree / "with spaces" / ".cvmfscatalog").touch()
    (odd_tree / "with spaces" / "deeper" / ".cvmfscatalog").touch()
    publish_tree(repository, keys, odd_tree, "a/odd")

    with transaction(repository, keys, at=LATER) as tx:
        tx.graft(current_snapshot(repository), "a", "b/c")

    tree = current_snapshot(repository)
    nested = tree.nested("b/c/odd/with spaces/deeper")
    assert nested is not None
    assert tree.catalog(nested).root_path == "b/c/odd/with spaces/deeper"
    assert is_same(tree, "a", tree, "b/c")
    report = check(read(repository, keys))
    assert report.findings == ()
    assert report.catalogs == 5


def test_one_name_of_a_hard_link_becomes_a_file_of_its_own(
    published: Repository, keys: RepositoryKeys
) -> None:
    for is_new in (True, False):
        with transaction(published, keys, at=LATER) as tx:
            tx.graft(snapshot_of(published, 2), "odd/linked/one", "alone")
        assert tx.published.is_new is is_new

    reader = read(published, keys)
    assert (reader.entry("alone").link_count, reader.entry("alone").link_group) == (1, 0)
    assert reader.read("alone") == b"three names\n"
    assert check(reader).findings == ()


def test_hard_links_get_groups_that_are_free_where_they_come(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    (odd_tree / "linked" / "pair").write_text("pair")
    (odd_tree / "linked" / "pair too").hardlink_to(odd_tree / "linked" / "pair")
    publish_tree(repository, keys, odd_tree, "one")

    with transaction(repository, keys, at=LATER) as tx:
        tx.graft(current_snapshot(repository), "one", "two")

    reader = read(repository, keys)
    groups = {
        entry.link_group
        for directory in ("one", "two")
        for entry in reader.listdir(f"{directory}/linked")
    }
    assert len(groups) == 4
    assert check(reader).findings == ()


def test_graft_takes_the_place_of_what_was_there(
    published: Repository, keys: RepositoryKeys
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"x", "target/old/file")
        tx.nest("target/old")
        tx.graft(current_snapshot(published), "odd/linked", "target")

    tree = current_snapshot(published)
    assert is_same(tree, "odd/linked", tree, "target")
    assert check(read(published, keys)).findings == ()


def test_graft_of_what_is_there_changes_nothing(
    published: Repository, keys: RepositoryKeys
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.graft(current_snapshot(published), "odd", "second")
    with transaction(published, keys, at=LATER) as tx:
        tx.graft(current_snapshot(published), "odd", "second")
        tx.graft(snapshot_of(published, 2), "odd")

    assert not tx.published.is_new


def test_whole_repository_is_copied_into_a_directory_of_itself(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.graft(current_snapshot(published), "", "odd/backup")

    reader = read(published, keys)
    assert repository_snapshot(reader, "odd/backup/odd") == snapshot(published_tree)
    assert check(reader).findings == ()


@pytest.mark.parametrize(
    ("path", "target", "message"),
    [
        ("nothing/here", "x", "there is nothing at /nothing/here"),
        ("odd", "", "the root of a repository cannot be grafted"),
        ("odd/linked", "odd/script.sh/below", "is a file"),
    ],
)
def test_what_cannot_be_grafted_is_refused_and_nothing_is_published(
    published: Repository, keys: RepositoryKeys, path: str, target: str, message: str
) -> None:
    with (
        pytest.raises(RepositoryError, match=message),
        transaction(published, keys, at=LATER) as tx,
    ):
        tx.graft(current_snapshot(published), path, target)

    assert published.manifest.revision == 2


def test_another_repositorys_tree_is_refused(
    published: Repository, repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        pytest.raises(RepositoryError, match="of another repository"),
        transaction(repository, keys, at=LATER) as tx,
    ):
        tx.graft(current_snapshot(published), "odd")


@pytest.mark.parametrize("seed", range(6))
def test_random_grafts_are_the_trees_they_came_from(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path, seed: int
) -> None:
    """Trees of any revision at any place, some nested, some replaced, some below others."""
    chance = random.Random(seed)
    (odd_tree / "with spaces" / ".cvmfscatalog").touch()
    publish_tree(repository, keys, odd_tree, "odd", nest=bool(seed % 2))
    names = [
        "odd",
        "odd/linked",
        "odd/with spaces",
        "odd/new",
        "x",
        "x/y",
        "x/y/z",
        "w/with spaces",
    ]

    for _ in range(6):
        then = snapshot_of(repository, chance.randint(2, repository.manifest.revision))
        path, target = chance.choice(names), chance.choice(names)
        grafted = nested = False
        with transaction(repository, keys, at=AT) as tx:
            try:
                tx.graft(then, path, target)
                grafted = True
            except NotFound:
                pass
            if chance.random() < 0.3:
                tx.put_bytes(b"%d" % chance.randrange(99), f"{chance.choice(names)}/file")
                grafted = False
            if chance.random() < 0.3:
                nested = _nest(tx, chance.choice(names))
        if grafted:
            assert is_same(then, path, current_snapshot(repository), target)
        assert not nested or check(read(repository, keys)).catalogs > 1
        assert check(read(repository, keys), contents=False).findings == ()


def _nest(tx: Transaction, path: str) -> bool:
    """Nest a directory, if there is one."""
    try:
        tx.nest(path)
    except UserError:
        return False
    return True
