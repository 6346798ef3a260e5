# SPDX-License-Identifier: BSD-3-Clause
"""Reading before there is a key: for what proves itself, limited, and of no use to a verified reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Refused
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted
from cvmfs.format.hashes import Suffix
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.reading.unverified import open_unverified
from tests.cvmfs.samples import AT, FQRN, flip_byte, object_file, publish_tree, read


@pytest.fixture
def small(tmp_path: Path, keys: RepositoryKeys) -> Repository:
    """Give a repository with two files in it."""
    repository = create_repository(tmp_path / "small", keys, at=AT)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "root.json").write_bytes(b'{"signed": "by facilities"}')
    (tree / "large").write_bytes(b"x" * 2000)
    publish_tree(repository, keys, tree, "trust", nest=True)
    return repository


def folder_of(repository: Repository) -> Path:
    folder = repository.storage.folder
    assert folder is not None
    return folder


def test_files_are_read_over_http_without_a_key(small: Repository) -> None:
    with serving(folder_of(small)) as url:
        files = open_unverified(url)
        content = files.read("trust/root.json", limit=1000)
        files.close()

    assert (files.fqrn, content) == (FQRN, b'{"signed": "by facilities"}')


def test_more_than_the_limit_is_not_fetched(small: Repository) -> None:
    files = open_unverified(folder_of(small))

    with pytest.raises(FormatInvalid, match="more than the allowed 1000 bytes"):
        files.read("trust/large", limit=1000)


def test_what_is_not_there_is_said(small: Repository) -> None:
    with pytest.raises(NotFound):
        open_unverified(folder_of(small)).read("trust/nothing", limit=1)


def test_another_repository_is_refused(small: Repository) -> None:
    with pytest.raises(FormatInvalid, match=f"is the repository {FQRN}, not other.example.org"):
        open_unverified(folder_of(small), fqrn="other.example.org")


def test_an_object_still_has_its_hash(small: Repository, keys: RepositoryKeys) -> None:
    with read(small, keys) as reader:
        content_hash = reader.entry("trust/root.json").content_hash
    assert content_hash is not None
    flip_byte(object_file(small, content_hash, Suffix.FILE))

    with pytest.raises(ObjectCorrupted):
        open_unverified(folder_of(small)).read("trust/root.json", limit=1000)


def test_it_never_becomes_a_verified_reader(small: Repository, keys: RepositoryKeys) -> None:
    files = open_unverified(folder_of(small))
    create_repository(folder_of(small).with_name("newer"), keys, at=AT)
    folder_of(small).with_name("newer").joinpath(MANIFEST).replace(folder_of(small) / MANIFEST)

    with pytest.raises(Refused, match="without its public key"):
        files._reader.refreshed(at=AT)
