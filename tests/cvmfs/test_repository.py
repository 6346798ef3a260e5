# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.check import check
from cvmfs.errors import NotFound, WrongRepository
from cvmfs.keys import RepositoryKeys, load_keys
from cvmfs.repository import Repository, create_repository, open_repository
from tests.cvmfs.samples import AT, FQRN, read


def test_new_repository_is_an_empty_root_at_revision_1(
    repository: Repository, keys: RepositoryKeys
) -> None:
    reader = read(repository, keys)

    assert [entry.path for entry in reader.walk()] == [""]
    assert reader.revision == 1
    assert check(reader).findings == ()


def test_opened_repository_is_the_one_that_was_made(repository: Repository) -> None:
    opened = open_repository(repository.folder, FQRN)

    assert (opened.folder, opened.fqrn) == (repository.folder, repository.fqrn)
    assert opened.manifest == repository.manifest


def test_repository_is_not_made_twice(repository: Repository, keys: RepositoryKeys) -> None:
    with pytest.raises(UserError, match=r"a repository in .* already"):
        create_repository(repository.folder, keys, at=AT)


def test_making_one_that_was_broken_off_goes_on(
    repository: Repository, keys: RepositoryKeys
) -> None:
    (repository.folder / ".cvmfspublished").unlink()
    (repository.folder / "data" / "txn" / "left").write_text("x")

    again = create_repository(repository.folder, keys, at=AT)

    assert check(read(again, keys)).findings == ()


def test_making_one_needs_the_master_key(keys: RepositoryKeys, tmp_path: Path) -> None:
    for ending in ("key", "crt", "pub"):
        shutil.copy(keys.public_key.with_name(f"{FQRN}.{ending}"), tmp_path)

    with pytest.raises(UserError, match="master key"):
        create_repository(tmp_path / "new", load_keys(tmp_path, FQRN), at=AT)

    assert not (tmp_path / "new").exists()


def test_repository_of_another_name_is_not_opened(repository: Repository) -> None:
    with pytest.raises(WrongRepository, match=r"software\.example\.org, not other\.example\.org"):
        open_repository(repository.folder, "other.example.org")


def test_folder_without_a_repository_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cvmfspublished is missing"):
        open_repository(tmp_path, FQRN)


def test_metainfo_is_published(keys: RepositoryKeys, tmp_path: Path) -> None:
    repository = create_repository(
        tmp_path / "r", keys, at=AT, metainfo={"organisation": "a facility"}
    )

    reader = read(repository, keys)
    assert reader.manifest.metainfo is not None
    assert check(reader).findings == ()
