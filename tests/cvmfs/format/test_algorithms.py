# SPDX-License-Identifier: BSD-3-Clause
"""Repositories whose objects are named by each algorithm that clients know, or by several."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.format.hashes import Algorithm, algorithm_of, empty_file
from cvmfs.format.history import log
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.whitelist import fingerprint
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository, sign_whitelist
from cvmfs.publishing.rollback import rollback
from tests.cvmfs.samples import AT, FQRN, LATER, publish_tree, read, repository_snapshot, snapshot

ALGORITHMS = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda one: one.name.lower())


def _endings(repository: Repository) -> set[str]:
    """Return what follows the digits in the names of all objects, without the kinds of object."""
    names = (path.name[38:] for path in (repository.folder / "data").glob("??/*"))
    return {name.rstrip("CHXMP") for name in names}


@ALGORITHMS
def test_repository_of_every_algorithm_is_published_read_and_changed(
    algorithm: Algorithm, keys: RepositoryKeys, odd_tree: Path, tmp_path: Path
) -> None:
    repository = create_repository(tmp_path / "repository", keys, at=AT, algorithm=algorithm)
    publish_tree(repository, keys, odd_tree, "odd", nest=True)
    with transaction(repository, keys, at=LATER, message="less") as tx:
        tx.remove("odd/linked")
        tx.put_bytes(b"", "empty.sif")
        tx.nest("odd/with spaces")
    rollback(repository, keys, 2, at=LATER)

    with read(repository, keys) as reader:
        assert repository_snapshot(reader, "odd") == snapshot(odd_tree)
        assert check(reader).findings == ()
    assert len(log(repository)) == 4
    assert algorithm_of(repository.manifest.root_hash) is algorithm
    assert repository.whitelist.fingerprints == (fingerprint(keys.certificate, algorithm),)
    assert _endings(repository) == {algorithm.ending}


@ALGORITHMS
def test_every_empty_file_is_the_object_that_clients_know(
    algorithm: Algorithm, keys: RepositoryKeys, tmp_path: Path
) -> None:
    repository = create_repository(tmp_path / "repository", keys, at=AT, algorithm=algorithm)
    (tmp_path / "empty.sif").touch()

    with transaction(repository, keys, at=AT) as tx:
        tx.put_bytes(b"", "a.sif")
        tx.put_file(tmp_path / "empty.sif", "b.sif")

    with read(repository, keys) as reader:
        assert {reader.entry(name).content_hash for name in ("a.sif", "b.sif")} == {
            empty_file(algorithm)
        }


@pytest.mark.needs("fusermount3")
def test_mount_shows_a_repository_of_a_newer_algorithm(
    keys: RepositoryKeys, odd_tree: Path, tmp_path: Path
) -> None:
    now = datetime.now(UTC)  # the mount process looks at the clock
    repository = create_repository(tmp_path / "r", keys, at=now, algorithm=Algorithm.SHAKE128)
    publish_tree(repository, keys, odd_tree, "odd", at=now, nest=True)

    with mounted(repository.folder, FQRN, keys.public_key, tmp_path / "m") as mountpoint:
        assert snapshot(mountpoint / "odd") == snapshot(odd_tree)


def test_repository_changes_over_as_it_is_published_to(
    published: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    old = read(published, keys).entry("odd/secret").content_hash

    with transaction(published, keys, at=LATER, algorithm=Algorithm.SHAKE128) as tx:
        tx.put_tree(odd_tree, "again", nest=True)
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"new\n", "odd/new")

    with read(published, keys) as reader:
        new = reader.entry("again/secret").content_hash
        assert old is not None
        assert new is not None
        assert reader.entry("odd/secret").content_hash == old
        assert [algorithm_of(found) for found in (old, new, reader.root_hash)] == [
            Algorithm.SHA1, Algorithm.SHAKE128, Algorithm.SHAKE128,
        ]  # fmt: skip
        assert reader.read("again/secret") == reader.read("odd/secret")
        assert check(reader).findings == ()
    assert published.whitelist.fingerprints == (fingerprint(keys.certificate),)
    sign_whitelist(published, keys, at=LATER)
    assert published.whitelist.fingerprints[0].endswith("-SHAKE128")
    assert check(read(published, keys, at=LATER)).findings == ()
