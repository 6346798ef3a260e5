# SPDX-License-Identifier: BSD-3-Clause
"""A key in a PKCS#11 token: PGP that gpg and Apptainer read, by a secret that never leaves it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core import process
from core.errors import Refused, UserError
from tests.tokens import LABEL, MODULE, PIN, SoftToken
from tests.trust.conftest import NOW
from trust.keys import token as tokens
from trust.keys.description import open_described, write_token
from trust.keys.token import TokenKey
from trust.programs import armors, gnupg
from trust.programs.pkcs11_token import TokenPlace
from trust.signing.signatures import sign_sif, verify_sif

pytestmark = pytest.mark.needs("apptainer", "gpg", "softhsm2-util", "pkcs11-tool")

Copy = Callable[[Path], Path]
RSA, EC, EC_521 = b"\x01", b"\x02", b"\x03"
LATER = NOW + timedelta(days=30)


def place(object_id: bytes, label: str = LABEL, module: Path = MODULE) -> TokenPlace:
    return TokenPlace(module, label, object_id)


def described(folder: Path, token: SoftToken, object_id: bytes = EC) -> TokenKey:
    public = tokens.certify(
        place(object_id),
        pin_file=token.pin_file,
        holder="Token <token@example.org>",
        at=NOW,
        expires=LATER,
    )
    write_token(folder, place(object_id), public=public, pin_file=token.pin_file)
    key = open_described(folder, at=NOW)
    assert isinstance(key, TokenKey)
    return key


@pytest.mark.parametrize("object_id", [RSA, EC], ids=["rsa", "p256"])
def test_an_image_signed_by_a_token_is_what_apptainer_verifies(
    token: SoftToken, unsigned: Path, copy_of: Copy, tmp_path: Path, object_id: bytes
) -> None:
    key = described(tmp_path / "key", token, object_id)
    path = copy_of(unsigned)

    sign_sif(path, key)

    report = verify_sif(path, public_keys=[key.public_file])
    assert report.fingerprints == (key.fingerprint,)
    assert (key.facts.name, key.facts.expires) == ("Token <token@example.org>", LATER)
    raw = bytearray(path.read_bytes())
    raw[33000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Refused, match=r"data object 2 .* was altered"):
        verify_sif(path, public_keys=[key.public_file])


@pytest.mark.parametrize("object_id", [RSA, EC], ids=["rsa", "p256"])
def test_a_detached_signature_of_a_token_fits_only_its_bytes(
    token: SoftToken, tmp_path: Path, object_id: bytes
) -> None:
    key = described(tmp_path / "key", token, object_id)

    signature = key.sign_detached(b"what was said", what="it")

    good = gnupg.verify_detached(
        b"what was said", signature, public_keys=[key.public_file], what="it"
    )
    assert (good.fingerprint, good.made) == (key.fingerprint, NOW)
    with pytest.raises(Refused, match="it was altered"):
        gnupg.verify_detached(b"else", signature, public_keys=[key.public_file], what="it")


def test_the_pin_is_in_no_log_and_no_text(
    token: SoftToken, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = described(tmp_path / "key", token)

    key.sign_detached(b"what was said", what="it")

    assert PIN not in caplog.text + repr(key)
    assert not any(PIN.encode() in file.read_bytes() for file in (tmp_path / "key").iterdir())


def test_a_wrong_pin_is_refused_and_not_shown(token: SoftToken, tmp_path: Path) -> None:
    described(tmp_path / "key", token)
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("9999-wrong\n")
    key = open_described(tmp_path / "key", at=NOW, secret_file=wrong)

    with pytest.raises(UserError, match=f"the PIN for the token '{LABEL}' is wrong") as said:
        key.sign_detached(b"x", what="it")

    assert "9999" not in repr(said.value.__cause__) + said.value.message
    wrong.chmod(0o604)
    with pytest.raises(UserError, match=r"PIN file .* can be read by others \(mode 604\)"):
        key.sign_detached(b"x", what="it")


def test_a_token_that_is_not_there_is_refused(
    token: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = described(tmp_path / "key", token)
    (tmp_path / "none").mkdir()
    config = tmp_path / "unplugged.conf"
    config.write_text(f"directories.tokendir = {tmp_path}/none\nobjectstore.backend = file\n")

    monkeypatch.setenv("SOFTHSM2_CONF", str(config))

    with pytest.raises(UserError, match=f"sees no token with the label '{LABEL}'"):
        key.sign_detached(b"x", what="it")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (place(b"\x77"), "the key 77 of the token .* is not there"),
        (place(EC, label="another"), "sees no token with the label 'another'"),
        (place(EC_521), "is of a kind that does not sign images"),
        (place(EC, module=Path("/nowhere/lib.so")), "there is no PKCS#11 library"),
    ],
    ids=["key", "token", "kind", "library"],
)
def test_what_is_not_where_it_should_be_is_refused(
    token: SoftToken, where: TokenPlace, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tokens.certify(
            where, pin_file=token.pin_file, holder="A <a@example.org>", at=NOW, expires=LATER
        )


def test_a_library_that_others_can_change_is_not_loaded(token: SoftToken, tmp_path: Path) -> None:
    library = Path(shutil.copy(MODULE, tmp_path / "lib.so"))
    library.chmod(0o777)

    with pytest.raises(UserError, match="can be changed by others"):
        tokens.certify(
            place(EC, module=library),
            pin_file=token.pin_file,
            holder="A <a@example.org>",
            at=NOW,
            expires=LATER,
        )


def test_another_key_at_the_same_place_is_refused(token: SoftToken, tmp_path: Path) -> None:
    described(tmp_path / "key", token)
    file = tmp_path / "key" / "key.yaml"
    file.write_text(file.read_text().replace('"object": "02"', '"object": "01"'))

    with pytest.raises(UserError, match="is not the one of the fingerprint"):
        open_described(tmp_path / "key", at=NOW).sign_detached(b"x", what="it")


def test_a_token_extends_and_revokes_its_key(token: SoftToken, tmp_path: Path) -> None:
    key = described(tmp_path / "key", token)
    longer, public = NOW + timedelta(days=400), tmp_path / "longer.asc"

    public.write_bytes(key.certified(expires=longer))

    facts = gnupg.read_key(public)
    assert (facts.fingerprint, facts.expires) == (key.fingerprint, longer)
    certificate = key.revocation(reason="compromised", why="the card was stolen")
    public.write_bytes(
        armors.armor(
            "PUBLIC KEY BLOCK",
            armors.dearmor(public.read_bytes()) + armors.dearmor(certificate),
        )
    )
    with pytest.raises(Refused, match="revoked key"):
        gnupg.verify_detached(
            b"x", key.sign_detached(b"x", what="it"), public_keys=[public], what="it"
        )


def test_gpg_imports_the_certificate_without_a_complaint(token: SoftToken, tmp_path: Path) -> None:
    key = described(tmp_path / "key", token, RSA)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    done = process.run(
        ["gpg", "--homedir", home, "--batch", "--no-autostart", "--import", key.public_file],
        reason="look",
    )

    assert "imported: 1" in done.stderr
    assert "bad" not in done.stderr
