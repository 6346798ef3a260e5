# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.format.keys import RepositoryKeys, create_keys, load_keys, load_public_key
from tests.cvmfs.samples import AT, FQRN


def test_private_keys_are_for_their_owner_only(keys: RepositoryKeys) -> None:
    folder = keys.public_key.parent

    modes = {file.suffix: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}

    assert modes == {".masterkey": 0o600, ".key": 0o600, ".crt": 0o644, ".pub": 0o644}


def test_keys_do_not_show_in_their_text(keys: RepositoryKeys) -> None:
    assert "key=" not in repr(keys).replace("public_key=", "")


def test_existing_keys_are_not_overwritten(keys: RepositoryKeys) -> None:
    with pytest.raises(UserError, match="not overwritten"):
        create_keys(keys.public_key.parent, FQRN, at=AT)


def test_keys_load_without_the_master_key(keys: RepositoryKeys, tmp_path: Path) -> None:
    for ending in ("key", "crt", "pub"):
        shutil.copy(keys.public_key.with_name(f"{FQRN}.{ending}"), tmp_path)

    loaded = load_keys(tmp_path, FQRN)

    assert loaded.certificate == keys.certificate
    with pytest.raises(UserError, match="master key"):
        loaded.master()


def test_certificate_of_another_key_is_refused(
    keys: RepositoryKeys, other_keys: RepositoryKeys, tmp_path: Path
) -> None:
    shutil.copy(keys.public_key.with_name(f"{FQRN}.key"), tmp_path)
    shutil.copy(other_keys.public_key.with_name(f"{FQRN}.crt"), tmp_path)

    with pytest.raises(UserError, match="another key"):
        load_keys(tmp_path, FQRN)


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_file_that_is_no_public_key_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(content)

    with pytest.raises(UserError, match=r"key\.pub is not a public key"):
        load_public_key(tmp_path / "key.pub")


def test_missing_public_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*nokey\.pub"):
        load_public_key(tmp_path / "nokey.pub")


@pytest.mark.parametrize("ending", ["key", "masterkey"])
def test_private_key_that_others_may_read_is_refused(
    ending: str, keys: RepositoryKeys, tmp_path: Path
) -> None:
    shutil.copytree(keys.public_key.parent, tmp_path / "keys")
    file = tmp_path / "keys" / f"{FQRN}.{ending}"
    file.chmod(0o640)

    with pytest.raises(UserError, match=f"others may read .*{ending}: its mode is 0640") as refused:
        load_keys(tmp_path / "keys", FQRN)

    assert refused.value.hint == f"chmod 600 {file}"
