# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.errors import NotFound, SignatureInvalid, WrongRepository
from cvmfs.format.keys import RepositoryKeys, create_keys, load_keys
from cvmfs.format.metainfo import Metainfo
from cvmfs.format.whitelist import fingerprint
from cvmfs.publishing.describe import describe
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import (
    Repository,
    create_repository,
    open_repository,
    sign_whitelist,
)
from cvmfs.publishing.rollback import rollback
from cvmfs.publishing.rotation import rotate
from tests.cvmfs.samples import AT, FQRN, LATER, read


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


def test_everything_but_whitelists_is_done_without_the_master_key(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    for ending in ("key", "crt", "pub"):
        shutil.copy(keys.public_key.with_name(f"{FQRN}.{ending}"), tmp_path)
    own = load_keys(tmp_path, FQRN)

    with transaction(repository, own, at=AT) as tx:
        tx.put_bytes(b"x", "file")
    rollback(repository, own, "1", at=AT)
    describe(repository, own, Metainfo(email="a@b"), at=AT)

    assert check(read(repository, own)).findings == ()
    assert repository.manifest.revision == 3
    for signing in (
        lambda: sign_whitelist(repository, own, at=AT),
        lambda: create_repository(tmp_path / "new", own, at=AT),
        lambda: rotate(repository, tmp_path, at=AT),
    ):
        with pytest.raises(UserError, match="master key"):
            signing()
    assert check(read(repository, load_keys(tmp_path, FQRN))).findings == ()


def test_key_is_replaced_while_the_old_one_still_counts(
    published: Repository, own_keys: Path, keys: RepositoryKeys
) -> None:
    before = load_keys(own_keys, FQRN)
    old_manifest = (published.folder / ".cvmfspublished").read_bytes()

    after = rotate(published, own_keys, at=LATER)

    assert after.certificate != before.certificate
    assert published.whitelist.fingerprints == (
        fingerprint(after.certificate),
        fingerprint(before.certificate),
    )
    reader = read(published, keys, at=LATER)
    assert reader.revision == 2
    assert reader.read("odd/secret") == b"for the owner\n"
    assert check(reader).findings == ()
    with transaction(published, after, at=LATER) as tx:
        tx.put_bytes(b"x", "new")
    rollback(published, after, "2", at=LATER)

    (published.folder / ".cvmfspublished").write_bytes(old_manifest)
    assert read(published, keys, at=LATER).revision == 2  # as a mirror may show it still
    sign_whitelist(published, after, at=LATER)
    with pytest.raises(SignatureInvalid, match="not on the whitelist"):
        read(published, keys, at=LATER)
    with (
        pytest.raises(UserError, match="does not name the certificate"),
        transaction(published, before, at=LATER),
    ):
        pass


@pytest.mark.parametrize("left", [1, 2, 3])
def test_replacing_a_key_goes_on_where_it_was_broken_off(
    published: Repository, own_keys: Path, keys: RepositoryKeys, left: int
) -> None:
    """Done before: the new key is made, it is introduced, it has its place without its certificate."""
    old = load_keys(own_keys, FQRN)
    new = create_keys(own_keys / "made", FQRN, at=LATER)
    (own_keys / "made" / f"{FQRN}.key").rename(own_keys / f"{FQRN}.key.next")
    (own_keys / "made" / f"{FQRN}.crt").rename(own_keys / f"{FQRN}.crt.next")
    if left > 1:
        new = replace(new, master_key=keys.master_key)
        sign_whitelist(published, new, at=LATER, others=[old.certificate])
    if left > 2:
        (own_keys / f"{FQRN}.key.next").rename(own_keys / f"{FQRN}.key")
        with pytest.raises(UserError, match="another key") as refused:
            load_keys(own_keys, FQRN)
        assert "rekey" in str(refused.value.hint)

    after = rotate(published, own_keys, at=LATER)

    assert after.certificate == new.certificate
    assert not list(own_keys.glob("*.next"))
    assert check(read(published, keys, at=LATER)).findings == ()


@pytest.fixture(name="own_keys")
def _own_keys(keys: RepositoryKeys, tmp_path: Path) -> Path:
    """Give a folder with keys of one's own, which may be replaced."""
    return shutil.copytree(keys.public_key.parent, tmp_path / "own keys")
