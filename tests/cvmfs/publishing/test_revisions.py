# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest

from cvmfs.errors import NotFound
from cvmfs.format.hashes import Suffix
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.publishing.revisions import revisions
from cvmfs.publishing.tagging import add_tag
from cvmfs.reading.difference import Totals
from tests.cvmfs.samples import AT, LATER, object_file, read


@pytest.fixture
def grown(repository: Repository, keys: RepositoryKeys) -> Repository:
    """Give a repository of three revisions."""
    with transaction(repository, keys, at=AT, message="two files") as tx:
        tx.put_bytes(b"12345", "a/one")
        tx.put_bytes(b"1234567890", "a/two")
        tx.nest("a")
    with transaction(repository, keys, at=LATER, message="one less") as tx:
        tx.remove("a/two")
    add_tag(repository, keys, "small", at=LATER)
    return repository


def test_log_says_what_each_revision_is_called_and_how_it_grew(
    grown: Repository, keys: RepositoryKeys
) -> None:
    found = list(revisions(grown))

    assert [(rev.tag.revision, rev.tag.description, rev.names) for rev in found] == [
        (3, "one less", ("small", "trunk")),
        (2, "two files", ("trunk-previous",)),
        (1, "new repository", ()),
    ]
    assert [(rev.file_bytes, rev.grown_bytes) for rev in found] == [(5, -10), (15, 15), (0, 0)]
    # the root of a nested catalog is counted in both, and its marker is a file
    assert [(rev.entries, rev.grown_entries) for rev in found] == [(5, -1), (6, 5), (1, 1)]
    assert {rev.changes for rev in found} == {None}
    assert list(revisions(read(grown, keys))) == found


def test_changes_are_counted_when_asked_for(grown: Repository) -> None:
    assert [rev.changes for rev in revisions(grown, with_changes=True)] == [
        Totals(removed=1, removed_bytes=10),
        Totals(added=3, added_bytes=15),
        None,
    ]


def test_so_many_are_listed_and_the_last_is_compared_too(grown: Repository) -> None:
    everything = list(revisions(grown, with_changes=True))

    assert list(revisions(grown, limit=2, with_changes=True)) == everything[:2]
    assert list(revisions(grown, limit=9, with_changes=True)) == everything


def test_missing_root_catalog_is_named(grown: Repository) -> None:
    oldest = list(revisions(grown))[-1]
    object_file(grown, oldest.tag.root_hash, Suffix.CATALOG).unlink()

    with pytest.raises(NotFound, match=oldest.tag.root_hash[2:]):
        list(revisions(grown))
