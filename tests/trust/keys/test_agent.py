# SPDX-License-Identifier: BSD-3-Clause
"""A key of a gpg agent: what it signs is what everybody verifies, and its secret stays where it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from tests.gpg_homes import PASSPHRASE, GpgHome
from tests.trust.conftest import NOW
from trust.keys.description import open_described
from trust.programs import gnupg
from trust.signing.signatures import sign_sif, verify_sif

pytestmark = pytest.mark.needs("apptainer", "gpg")

Copy = Callable[[Path], Path]


def test_an_image_signed_by_an_agent_is_what_apptainer_verifies(
    gpg_home: GpgHome, plain: str, unsigned: Path, copy_of: Copy, tmp_path: Path
) -> None:
    key = gpg_home.key(tmp_path / "key", plain, at=NOW)
    path = copy_of(unsigned)

    sign_sif(path, key)

    report = verify_sif(path, public_keys=[tmp_path / "key" / "public.asc"])
    assert report.fingerprints == (plain,)
    assert len(report.objects) == 3


def test_a_detached_signature_of_an_agent_fits_only_its_bytes(
    gpg_home: GpgHome, plain: str, tmp_path: Path
) -> None:
    key = gpg_home.key(tmp_path / "key", plain, at=NOW)
    public = [tmp_path / "key" / "public.asc"]

    signature = key.sign_detached(b"what was said", what="it")

    good = gnupg.verify_detached(b"what was said", signature, public_keys=public, what="it")
    assert good.fingerprint == key.fingerprint == plain
    with pytest.raises(Refused, match="it was altered"):
        gnupg.verify_detached(b"else", signature, public_keys=public, what="it")


def test_the_agent_asks_for_the_passphrase_and_remembers_it(
    gpg_home: GpgHome, locked: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = gpg_home.key(tmp_path / "key", locked, at=NOW)
    gpg_home.forget()
    before = gpg_home.asked

    key.sign_detached(b"one", what="it")
    key.sign_detached(b"two", what="it")

    assert gpg_home.asked == before + 1
    assert PASSPHRASE not in caplog.text


def test_a_passphrase_file_answers_in_place_of_a_person(
    gpg_home: GpgHome, locked: str, tmp_path: Path
) -> None:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text(PASSPHRASE + "\n")
    key = gpg_home.key(tmp_path / "key", locked, at=NOW, passphrase_file=file)
    gpg_home.forget()
    before = gpg_home.asked

    key.sign_detached(b"one", what="it")

    assert gpg_home.asked == before
    gpg_home.forget()
    file.write_text("wrong one\n")
    with pytest.raises(UserError, match="did not sign with the key") as said:
        key.sign_detached(b"one", what="it")
    assert "wrong one" not in f"{said.value.message} {said.value.hint}"
    file.chmod(0o640)
    with pytest.raises(UserError, match=r"can be read by others \(mode 640\)"):
        key.sign_detached(b"one", what="it")


def test_an_agent_without_the_key_is_refused(gpg_home: GpgHome, plain: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no secret key 00000"):
        gnupg.agent_key(gpg_home.folder, "0" * 40)

    key = gpg_home.key(tmp_path / "key", plain, at=NOW)
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    file = tmp_path / "key" / "key.yaml"
    file.write_text(file.read_text().replace(str(gpg_home.folder), str(empty)))
    moved = open_described(tmp_path / "key", at=NOW)
    with pytest.raises(UserError, match=f"did not sign with the key {key.fingerprint}"):
        moved.sign_detached(b"one", what="it")


def test_a_home_that_others_can_read_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)

    with pytest.raises(UserError, match=r"can be read by others \(mode 755\)"):
        gnupg.agent_key(home, "0" * 40)
    with pytest.raises(UserError, match="there is no gpg home"):
        gnupg.agent_key(tmp_path / "none", "0" * 40)
