# SPDX-License-Identifier: BSD-3-Clause
"""The life of a key: extended, followed by another, revoked; each kind where its secret is."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from tests.gpg_homes import PASSPHRASE, GpgHome
from tests.tokens import LABEL, MODULE, SoftToken
from tests.trust.conftest import NOW
from trust import keys
from trust.keys import life
from trust.keys.folder import revocation_file
from trust.programs import gnupg
from trust.programs.pkcs11_token import TokenPlace

pytestmark = pytest.mark.needs("apptainer", "gpg")

YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def passphrase_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("secret") / "passphrase"
    file.touch(mode=0o600)
    file.write_text(PASSPHRASE + "\n")
    return file


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, passphrase_file: Path) -> Path:
    """A state with one release key, `release`, that ends in 30 days."""
    state = tmp_path_factory.mktemp("state")
    keys.keygen(
        keys.private_folder(state, "release"),
        name="Release",
        email="release@example.org",
        public=state / "release.asc",
        passphrase_file=passphrase_file,
        valid_days=30,
    )
    return state


def added_agent(state: Path, gpg_home: GpgHome, fingerprint: str, name: str = "agent") -> None:
    life.add_agent(
        state,
        name,
        home=gpg_home.folder,
        fingerprint=fingerprint,
        public=state / f"{name}.asc",
        passphrase_file=None,
    )


def added_token(state: Path, token: SoftToken) -> None:
    life.add_token(
        state,
        "token",
        TokenPlace(MODULE, LABEL, b"\x02"),
        holder="Token",
        email="token@example.org",
        days=30,
        public=state / "token.asc",
        pin_file=token.pin_file,
        at=NOW,
    )


def test_a_key_with_a_passphrase_is_extended(state: Path, passphrase_file: Path) -> None:
    before = keys.open_key(keys.private_folder(state, "release")).facts

    public = life.extend(state, "release", days=365, at=NOW, secret_file=passphrase_file)

    (state / "longer.asc").write_bytes(public)
    after = gnupg.read_key(state / "longer.asc")
    assert before.expires is not None
    assert after.expires is not None
    assert after.fingerprint == before.fingerprint
    assert after.expires - before.expires > timedelta(days=300)
    key = keys.open_named(state, "release", at=NOW, secret_file=passphrase_file)
    assert key.facts == after
    signature = key.sign_detached(b"still the same key", what="it")
    good = gnupg.verify_detached(
        b"still the same key", signature, public_keys=[state / "release.asc"], what="it"
    )
    assert good.fingerprint == before.fingerprint
    folder = keys.private_folder(state, "release")
    assert {path.name for path in folder.iterdir()} == {"pgp-public", "pgp-secret"}


def test_a_key_is_not_extended_without_its_passphrase(state: Path, tmp_path: Path) -> None:
    before = (keys.private_folder(state, "release") / "pgp-secret").read_bytes()
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("quite wrong\n")

    with pytest.raises(UserError, match="is extended with its passphrase"):
        life.extend(state, "release", days=365, at=NOW, secret_file=None)
    with pytest.raises(UserError, match="could not be extended") as said:
        life.extend(state, "release", days=365, at=NOW, secret_file=wrong)

    assert "quite wrong" not in said.value.message
    assert (keys.private_folder(state, "release") / "pgp-secret").read_bytes() == before


def test_an_agent_extends_its_key(gpg_home: GpgHome, tmp_path: Path) -> None:
    fingerprint = gpg_home.new_key("extended")
    added_agent(tmp_path, gpg_home, fingerprint)

    public = life.extend(tmp_path, "agent", days=400, at=NOW, secret_file=None)

    (tmp_path / "agent.asc").write_bytes(public)
    expires = gnupg.read_key(tmp_path / "agent.asc").expires
    assert expires is not None
    assert expires > NOW + YEAR
    assert keys.open_named(tmp_path, "agent", at=NOW).facts.expires == expires


@pytest.mark.needs("softhsm2-util", "pkcs11-tool")
def test_a_token_extends_its_key(token: SoftToken, tmp_path: Path) -> None:
    added_token(tmp_path, token)

    life.extend(tmp_path, "token", days=400, at=NOW, secret_file=None)

    facts = keys.open_named(tmp_path, "token", at=NOW).facts
    assert facts.expires == NOW + timedelta(days=400)
    assert facts.fingerprint == gnupg.read_key(tmp_path / "token.asc").fingerprint


def test_both_keys_sign_that_one_follows_the_other(
    state: Path, passphrase_file: Path, gpg_home: GpgHome, plain: str, tmp_path: Path
) -> None:
    added_agent(tmp_path, gpg_home, plain)
    old = keys.open_named(state, "release", at=NOW, secret_file=passphrase_file)
    new = keys.open_named(tmp_path, "agent", at=NOW)

    done = life.rotate(old, new, at=NOW, overlap=timedelta(days=30), folder=tmp_path / "keys")

    content = done.announcement.read_bytes()
    public = [state / "release.asc", tmp_path / "agent.asc"]
    signers = [
        gnupg.verify_detached(content, file.read_bytes(), public_keys=public, what="it").fingerprint
        for file in done.signatures
    ]
    assert signers == [old.fingerprint, new.fingerprint]
    assert (done.begins, done.ends) == (NOW.date(), NOW.date() + timedelta(days=30))
    assert all(each.encode() in content for each in signers)
    with pytest.raises(UserError, match="cannot follow itself"):
        life.rotate(old, old, at=NOW, overlap=YEAR, folder=tmp_path / "keys")


def test_a_key_is_made_with_its_revocation_kept_apart(state: Path, tmp_path: Path) -> None:
    certificate = revocation_file(keys.private_folder(state, "release"))
    before = (state / "release.asc").read_bytes()

    facts = life.revoke(state / "release.asc", certificate, output=tmp_path / "revoked.asc")

    assert certificate.parent == state / "keys" / "revocations"
    assert stat.S_IMODE(certificate.stat().st_mode) == 0o600
    revoked = gnupg.read_key(tmp_path / "revoked.asc")
    assert (revoked.fingerprint, revoked.revoked) == (facts.fingerprint, True)
    assert (state / "release.asc").read_bytes() == before


@pytest.mark.needs("softhsm2-util", "pkcs11-tool")
def test_a_tokens_revocation_is_made_while_the_token_is_there(
    token: SoftToken, tmp_path: Path
) -> None:
    added_token(tmp_path, token)
    key = keys.open_named(tmp_path, "token", at=NOW)
    signature = key.sign_detached(b"said", what="it")
    certificate = revocation_file(keys.private_folder(tmp_path, "token"))

    life.revoke(tmp_path / "token.asc", certificate, output=tmp_path / "revoked.asc")

    with pytest.raises(Refused, match="revoked key"):
        gnupg.verify_detached(b"said", signature, public_keys=[tmp_path / "revoked.asc"], what="it")


def test_a_certificate_of_another_key_revokes_nothing(
    state: Path, gpg_home: GpgHome, plain: str, tmp_path: Path
) -> None:
    added_agent(tmp_path, gpg_home, plain)
    certificate = revocation_file(keys.private_folder(state, "release"))

    for wrong in (certificate, tmp_path / "agent.asc"):
        with pytest.raises(UserError, match="no revocation certificate of the key"):
            life.revoke(tmp_path / "agent.asc", wrong, output=tmp_path / "revoked.asc")
    with pytest.raises(UserError, match="there is no revocation certificate"):
        life.revoke(tmp_path / "agent.asc", tmp_path / "none", output=tmp_path / "revoked.asc")

    assert not (tmp_path / "revoked.asc").exists()


def test_keys_are_told_apart_by_where_their_secret_is(
    state: Path, gpg_home: GpgHome, plain: str
) -> None:
    added_agent(state, gpg_home, plain, "carried")

    found = {each.name: each.kind for each in life.known(state, at=NOW)}

    assert found == {"carried": "agent", "release": "folder"}
    with pytest.raises(UserError, match="there is a key named 'carried' already"):
        added_agent(state, gpg_home, plain, "carried")
    with pytest.raises(UserError, match="is not the name of a key"):
        added_agent(state, gpg_home, plain, "../out")
    with pytest.raises(UserError, match="there is no private key named 'nobody'") as said:
        keys.open_named(state, "nobody", at=NOW)
    assert said.value.hint == "the keys are: carried, release; make one: pansoft trust keygen"
