# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.difference import Action, Totals, differences, total
from cvmfs.reading.snapshots import Below, Snapshot, current_snapshot, snapshot_of
from tests.cvmfs.samples import AT, LATER, publish_tree

Row = tuple[str, str, tuple[str, ...]]


def rows(old: Snapshot, new: Snapshot, path: str = "") -> list[Row]:
    """Return what differs, as text."""
    return [
        (change.action.value, change.path, change.aspects) for change in differences(old, new, path)
    ]


def before_and_after(repository: Repository) -> tuple[Snapshot, Snapshot]:
    """Return the last two revisions."""
    return snapshot_of(repository, "trunk-previous"), current_snapshot(repository)


def test_each_kind_of_change_is_told(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"#!/bin/sh\necho good bye\n", "odd/script.sh", mode=0o755)
        tx.put_bytes(b"for the owner\n", "odd/secret", mode=0o644, mtime=0)
        tx.remove("odd/empty directory")
        tx.remove("odd/linked/two")
        tx.put_bytes(b"new\n", "other/deep/file")
        tx.remove("odd/pipe")
        tx.put_bytes(b"was a pipe\n", "odd/pipe")

    old, new = before_and_after(published)
    found = rows(old, new)

    assert found == [
        ("removed", "odd/empty directory", ()),
        ("changed", "odd/linked/one", ("links",)),
        ("changed", "odd/linked/three", ("links",)),
        ("removed", "odd/linked/two", ()),
        ("removed", "odd/pipe", ()),
        ("added", "odd/pipe", ()),
        ("changed", "odd/script.sh", ("content", "time")),
        ("changed", "odd/secret", ("mode", "time")),
        ("added", "other", ()),
        ("added", "other/deep", ()),
        ("added", "other/deep/file", ()),
    ]
    assert rows(old, new, "other/deep") == found[-2:]
    assert rows(new, new) == []


def test_the_way_back_is_the_opposite(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("odd")
        tx.put_bytes(b"x", "a")

    old, new = before_and_after(published)

    opposite = {Action.ADDED: Action.REMOVED, Action.REMOVED: Action.ADDED}
    there = {(opposite[change.action], change.path) for change in differences(old, new)}
    back = {(change.action, change.path) for change in differences(new, old)}
    assert there == back
    assert len(back) > 10


def test_totals_count_paths_and_bytes_of_files(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"12345", "odd/script.sh", mode=0o755)
        tx.put_bytes(b"for the owner\n", "odd/secret", mode=0o644)
        tx.put_bytes(b"1234567", "new")
        tx.remove("odd/with spaces")

    assert total(differences(*before_and_after(published))) == Totals(
        added=1,
        removed=3,
        changed=2,
        added_bytes=5 + 7,
        removed_bytes=len("#!/bin/sh\necho hello\n") + len("spaces\n"),
    )


def test_nesting_is_no_difference(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.nest("odd/linked")

    assert rows(*before_and_after(published)) == []


def test_cost_follows_the_difference(repository: Repository, keys: RepositoryKeys) -> None:
    """Of thirty nested catalogs only those on the way to the change are read."""
    with transaction(repository, keys, at=AT) as tx:
        for number in range(30):
            tx.put_bytes(b"%d" % number, f"packages/p{number}/file")
            tx.nest(f"packages/p{number}")
    with transaction(repository, keys, at=LATER) as tx:
        tx.put_bytes(b"changed", "packages/p7/file")

    old, new = before_and_after(repository)
    assert rows(old, new) == [("changed", "packages/p7/file", ("content", "time"))]
    assert (old.catalogs_read, new.catalogs_read) == (2, 2)


def test_what_a_transaction_did_can_be_compared(
    published: Repository, keys: RepositoryKeys
) -> None:
    then = current_snapshot(published)

    def changed(tx: Transaction) -> list[str]:
        return [change.path for change in differences(then, tx.tree)]

    with transaction(published, keys, at=LATER) as tx:
        assert changed(tx) == []
        tx.put_bytes(b"x", "odd/linked/four")
        tx.put_bytes(b"x", "elsewhere")
        assert changed(tx) == ["elsewhere", "odd/linked/four"]


def test_directories_in_different_places_are_compared(
    repository: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    publish_tree(repository, keys, odd_tree, "one", nest=True)
    publish_tree(repository, keys, odd_tree, "deep/two")
    with transaction(repository, keys, at=LATER) as tx:
        tx.put_bytes(b"x", "deep/two/more")

    tree = current_snapshot(repository)
    found = list(differences(Below(tree, "one"), Below(tree, "deep/two")))

    assert [(change.action, change.path) for change in found] == [(Action.ADDED, "more")]


@pytest.mark.parametrize("path", ["nothing", "odd/nothing/at/all"])
def test_a_path_that_is_nowhere_differs_in_nothing(published: Repository, path: str) -> None:
    tree = current_snapshot(published)

    assert rows(tree, tree, path) == []
