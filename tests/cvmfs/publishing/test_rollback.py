# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.history import log
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.publishing.rollback import rollback, yank
from cvmfs.publishing.tagging import add_tag
from cvmfs.reading.difference import differences
from cvmfs.reading.snapshots import current_snapshot, snapshot_of
from tests.cvmfs.samples import LATER, read, repository_snapshot, snapshot


def test_rollback_publishes_an_old_tree_as_a_new_revision(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    with transaction(published, keys, at=LATER, message="a mistake") as tx:
        tx.remove("odd/linked")
        tx.put_bytes(b"mistake\n", "mistake")

    publication = rollback(published, keys, 2, at=LATER)

    reader = read(published, keys)
    assert (publication.revision, reader.revision) == (4, 4)
    assert repository_snapshot(reader, "odd") == snapshot(published_tree)
    assert reader.lookup("mistake") is None
    assert check(reader).findings == ()
    assert log(published)[0].description == "roll back to revision 2"
    assert reader.catalog_with("").previous == tx.published.root_hash


def test_rollback_to_what_is_published_changes_nothing(
    published: Repository, keys: RepositoryKeys
) -> None:
    assert not rollback(published, keys, 2, at=LATER).is_new


def test_rollback_to_an_unknown_revision_is_refused(
    published: Repository, keys: RepositoryKeys
) -> None:
    with pytest.raises(NotFound, match="no tag for revision 9"):
        rollback(published, keys, 9, at=LATER)


def test_rollback_goes_to_a_tag_and_forward_again(
    published: Repository, keys: RepositoryKeys
) -> None:
    add_tag(published, keys, "good", at=LATER)
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"newer\n", "file")

    rollback(published, keys, "good", at=LATER)
    assert read(published, keys).lookup("file") is None
    rollback(published, keys, "trunk-previous", at=LATER, message="it was right after all")

    assert read(published, keys).read("file") == b"newer\n"
    assert [(tag.revision, tag.description) for tag in log(published)[:2]] == [
        (5, "it was right after all"),
        (4, "roll back to revision 2"),
    ]
    assert check(read(published, keys)).findings == ()


@pytest.mark.parametrize("path", ["odd/linked", "odd/script.sh", "odd", "odd/linked/two"])
def test_yank_brings_one_path_back_and_leaves_the_others(
    published: Repository, keys: RepositoryKeys, path: str
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.remove(path)
        tx.put_bytes(b"newer\n", "elsewhere")

    publication = yank(published, keys, f"/{path}", 2, at=LATER)

    assert publication.revision == 4
    assert log(published)[0].description == f"/{path} as it was in revision 2"
    assert read(published, keys).read("elsewhere") == b"newer\n"
    then, now = snapshot_of(published, 2), current_snapshot(published)
    different = [change.path for change in differences(then, now)]
    # a file that comes back alone is a file of its own, not one of three names
    links = ["odd/linked/one", "odd/linked/three", "odd/linked/two"] if path.endswith("two") else []
    assert different == sorted(["elsewhere", *links])
    assert check(read(published, keys)).findings == ()


def test_yank_removes_what_was_not_there(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"newer\n", "odd/linked/deep/file")
        tx.put_bytes(b"newer\n", "file")

    yank(published, keys, "odd/linked/deep", "trunk-previous", at=LATER)

    reader = read(published, keys)
    assert reader.lookup("odd/linked/deep") is None
    assert reader.lookup("file") is not None
    assert check(reader).findings == ()


def test_yank_to_what_is_there_publishes_nothing(
    published: Repository, keys: RepositoryKeys
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"newer\n", "file")

    assert not yank(published, keys, "odd", 2, at=LATER).is_new


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        ("/", 2, "the root is the whole repository"),
        ("nowhere", 2, "nothing at /nowhere, neither now nor in revision 2"),
        ("odd", 9, "no tag for revision 9"),
        ("odd/../odd", 2, "is not a path inside a repository"),
    ],
)
def test_yank_that_cannot_be_is_refused(
    published: Repository, keys: RepositoryKeys, path: str, to: int, message: str
) -> None:
    with pytest.raises(RepositoryError, match=message):
        yank(published, keys, path, to, at=LATER)

    assert published.manifest.revision == 2
