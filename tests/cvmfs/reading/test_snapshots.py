# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted
from cvmfs.format.catalog import NestedCatalog
from cvmfs.format.hashes import ContentHash, Suffix
from cvmfs.format.history import Tag, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.snapshots import (
    Snapshot,
    current_snapshot,
    find,
    reader_at,
    snapshot_at,
    snapshot_of,
)
from tests.cvmfs.samples import LATER, flip_byte, object_file, read


def tag(name: str, revision: int, day: int) -> Tag:
    """Return a tag of a revision that was published at noon of a day."""
    time = int(datetime(2026, 3, day, 12, tzinfo=UTC).timestamp())
    return Tag(name, ContentHash(f"{revision:040x}"), revision, time, "", 0)


TAGS = (
    tag("generic-1", 1, 1),
    tag("generic-2", 2, 2),
    tag("generic-3", 3, 3),
    tag("summer", 2, 2),
    tag("trunk", 3, 3),
    tag("trunk-previous", 2, 2),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2", "generic-2"),
        ("summer", "summer"),
        ("trunk", "trunk"),
        ("2026-03-02", "generic-2"),
        ("2026-03-02T11:00", "generic-1"),
        ("2026-03-02T12:00:00+00:00", "generic-2"),
        ("2026-03-02T12:30:00+01:00", "generic-1"),
        ("2027-01-01", "generic-3"),
    ],
)
def test_revisions_are_found_by_number_name_and_date(text: str, name: str) -> None:
    assert find(TAGS, text, fqrn="a.b").name == name


@pytest.mark.parametrize("text", ["9", "winter", "2026-02-28", "", "2026-13-01"])
def test_revision_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(NotFound, match=r"a\.b has no tag"):
        find(TAGS, text, fqrn="a.b")


def test_writer_and_reader_see_the_same_tree(published: Repository, keys: RepositoryKeys) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("odd")

    for source in (published, read(published, keys)):
        then, now = snapshot_of(source, 2), current_snapshot(source)
        assert [entry.path for entry in now.children("")] == []
        assert len(then.children("odd")) > 10
        entry = then.get("odd/linked/one")
        assert entry is not None
        assert entry.link_count == 3
        assert then.nested_hash("odd") is not None
        assert then.nested_hash("odd/linked") is None
        assert then.nested_hash("") == then.root.content_hash


def test_old_revision_is_checked_like_the_current_one(
    published: Repository, keys: RepositoryKeys
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("odd")

    old = find(tags_of(published), 2, fqrn=published.fqrn)
    reader = reader_at(read(published, keys), old)

    assert reader.read("odd/script.sh").startswith(b"#!/bin/sh")
    assert check(reader).findings == ()


def test_damaged_and_swapped_catalogs_are_refused(published: Repository) -> None:
    tree = current_snapshot(published)
    nested = tree.nested("odd")
    assert nested is not None
    with pytest.raises(FormatInvalid, match="is the catalog of /odd, not of /other"):
        tree.catalog(NestedCatalog("other", nested.content_hash, 0))

    flip_byte(object_file(published, nested.content_hash, Suffix.CATALOG))
    fresh = Snapshot(published, tree.root)
    with pytest.raises(ObjectCorrupted):
        fresh.children("odd")
    assert snapshot_at(published, tags_of(published)[0]).children("") is not None
