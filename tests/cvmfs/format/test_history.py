# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from dataclasses import replace

from cvmfs.format.hashes import ContentHash
from cvmfs.format.history import log, tagged, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import read


def test_trunk_moves_and_leaves_its_place_to_trunk_previous(repository: Repository) -> None:
    first = tags_of(repository)
    manifest = replace(
        repository.manifest, revision=2, root_hash=ContentHash("b" * 40), published=1_800_000_000
    )

    second = {tag.name: tag for tag in tagged(first, manifest, "a change")}

    assert sorted(second) == [
        "generic-2026-03-01T12:30:15Z",
        "generic-2027-01-15T08:00:00Z",
        "trunk",
        "trunk-previous",
    ]
    assert second["trunk"].root_hash == "b" * 40
    assert second["trunk-previous"].root_hash == repository.manifest.root_hash
    assert second["generic-2027-01-15T08:00:00Z"].description == "a change"


def test_writer_and_reader_see_the_same_log(published: Repository, keys: RepositoryKeys) -> None:
    assert log(published) == log(read(published, keys))
    assert [tag.revision for tag in log(published)] == [2, 1]
