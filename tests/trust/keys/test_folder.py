# SPDX-License-Identifier: BSD-3-Clause
"""Keys: made in private folders, never overwritten, never shown."""

from __future__ import annotations

import fcntl
import logging
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import process
from core.errors import Refused, UserError
from tests.trust.conftest import public
from trust import keys
from trust.keys import FolderKey
from trust.policy import Audience, Origin, load_policy
from trust.programs import gnupg
from trust.signing.signatures import sign_sif, verify_sif

pytestmark = pytest.mark.needs("apptainer", "gpg")

ROOT = Path(__file__).parents[3]
PASSPHRASE = "correct horse battery staple"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def passphrase_file(folder: Path, text: str = PASSPHRASE) -> Path:
    file = folder / "passphrase"
    file.touch(mode=0o600)
    file.write_text(text + "\n")
    return file


def test_a_key_lies_in_a_private_folder(key: FolderKey) -> None:
    assert mode(key.folder) == 0o700
    assert {path.name: mode(path) for path in key.folder.iterdir()} == {
        "pgp-public": 0o600,
        "pgp-secret": 0o600,
    }


def test_the_public_half_is_handed_out_armored(key: FolderKey) -> None:
    facts = gnupg.read_key(public(key))

    assert public(key).read_text().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert (facts.fingerprint, facts.name) == (key.fingerprint, "release key <release@example.org>")
    assert not facts.revoked
    assert facts.expires is None


def test_a_key_is_never_overwritten(key: FolderKey, tmp_path: Path) -> None:
    before = (key.folder / "pgp-secret").read_bytes()

    with pytest.raises(UserError, match="there is a key in"):
        keys.keygen(key.folder, name="again", email="a@b.c", public=tmp_path / "x.asc")

    assert (key.folder / "pgp-secret").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "email", "message"),
    [
        ("x", "a@b.c", "2 to 80 characters"),
        ("a <b@c> d", "a@b.c", "without < >"),
        ("a\nb", "a@b.c", "2 to 80 characters"),
        ("good name", "nobody", "is not an e-mail address"),
        ("good name", "a@b.c\nName-Real: x", "is not an e-mail address"),
    ],
)
def test_a_holder_that_gpg_would_misread_is_refused(
    tmp_path: Path, name: str, email: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        keys.keygen(tmp_path / "k", name=name, email=email, public=tmp_path / "x.asc")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("mksquashfs")
def test_a_key_with_a_passphrase_signs_and_expires_and_is_not_shown(
    tmp_path: Path,
    unsigned: Path,
    copy_of: Callable[[Path], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = passphrase_file(tmp_path)
    info = keys.keygen(
        tmp_path / "keys" / "real",
        name="Real key",
        email="real@example.org",
        public=tmp_path / "real.asc",
        passphrase_file=secret,
        valid_days=30,
    )
    path = copy_of(unsigned)

    sign_sif(path, keys.open_key(info.folder, passphrase_file=secret))

    assert verify_sif(path, public_keys=[info.public_key_file]).fingerprints == (info.fingerprint,)
    facts = gnupg.read_key(info.public_key_file)
    assert facts.expires is not None
    assert timedelta(days=29) < facts.expires - datetime.now(UTC) < timedelta(days=31)
    signature = _sign(path, keys.open_key(info.folder, passphrase_file=secret))
    good = gnupg.verify_detached(
        path.read_bytes(), signature, public_keys=[info.public_key_file], what="x"
    )
    assert good.fingerprint == info.fingerprint
    assert PASSPHRASE not in caplog.text
    assert PASSPHRASE not in repr(keys.open_key(info.folder, passphrase_file=secret))

    wrong = passphrase_file(secret.parent, "wrong")
    with pytest.raises(UserError) as said:
        _sign(path, keys.open_key(info.folder, passphrase_file=wrong))
    assert "wrong" not in said.value.message
    with pytest.raises(UserError):
        sign_sif(copy_of(unsigned), keys.open_key(info.folder, passphrase_file=wrong))


def _sign(path: Path, key: FolderKey) -> bytes:
    return gnupg.sign_detached(
        path,
        secret_keyring=key.folder / "pgp-secret",
        fingerprint=key.fingerprint,
        passphrase=key.passphrase(),
    )


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = passphrase_file(tmp_path)
    file.chmod(0o644)

    with pytest.raises(UserError, match=r"can be read by others \(mode 644\)"):
        keys.read_passphrase(file)


def test_a_keys_folder_that_others_can_read_is_refused(tmp_path: Path, key: FolderKey) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    (folder / "pgp-secret").write_bytes((key.folder / "pgp-secret").read_bytes())

    with pytest.raises(UserError, match="can be read by others"):
        keys.open_key(folder)


def test_a_folder_without_a_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no private key") as said:
        keys.open_key(tmp_path / "none")

    assert said.value.hint == "make one: pansoft trust keygen"


def test_a_state_has_one_local_key_and_lists_it(tmp_path: Path) -> None:
    state = tmp_path / "a state"

    first, second = keys.local_key(state), keys.local_key(state)

    assert first == second
    policy = load_policy(ROOT / "trust-policy", local=keys.local_policy(state))
    signer = policy.signer(first.fingerprint)
    assert signer is not None
    assert signer.origin is Origin.LOCAL
    assert gnupg.read_key(signer.key_file).fingerprint == first.fingerprint
    assert policy.sha256 == load_policy(ROOT / "trust-policy").sha256
    assert policy.audience_of("demo.pansoft.local") is Audience.LOCAL


def test_a_crash_between_key_and_list_is_mended(tmp_path: Path) -> None:
    key = keys.local_key(tmp_path)
    (keys.local_policy(tmp_path) / "signers.yaml").unlink()
    (keys.local_policy(tmp_path) / "keys" / "local.asc").write_text("half")

    again = keys.local_key(tmp_path)

    assert again.fingerprint == key.fingerprint
    assert load_policy(ROOT / "trust-policy", local=keys.local_policy(tmp_path)).signer(
        key.fingerprint
    )


def test_a_detached_signature_fits_only_its_bytes_and_its_key(
    key: FolderKey, other_key: FolderKey, tmp_path: Path
) -> None:
    file = tmp_path / "statement"
    file.write_bytes(b"what was said")
    signature = _sign(file, key)

    good = gnupg.verify_detached(
        b"what was said", signature, public_keys=[public(other_key), public(key)], what="it"
    )

    assert good.fingerprint == key.fingerprint
    assert abs(good.made - datetime.now(UTC)) < timedelta(minutes=5)
    with pytest.raises(Refused, match="it was altered"):
        gnupg.verify_detached(b"else", signature, public_keys=[public(key)], what="it")
    with pytest.raises(Refused, match="which the policy does not list"):
        gnupg.verify_detached(
            b"what was said", signature, public_keys=[public(other_key)], what="it"
        )
    for broken in (b"", b"hello", signature[:-60], signature + signature):
        with pytest.raises(Refused):
            gnupg.verify_detached(b"what was said", broken, public_keys=[public(key)], what="it")


def test_a_revoked_key_is_refused_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg: tuple[str | Path, ...] = (
        *("gpg", "--homedir", home),
        *("--batch", "--pinentry-mode", "loopback", "--passphrase", ""),
    )

    def run(*argv: str | Path) -> str:
        return process.run([*gpg, *argv], reason="prepare a revoked key").stdout

    run("--quick-generate-key", "Gone <gone@example.org>", "rsa2048", "sign", "0")
    file = tmp_path / "statement"
    file.write_bytes(b"said before")
    run("--output", tmp_path / "signature", "--armor", "--detach-sign", file)
    [prepared] = (home / "openpgp-revocs.d").iterdir()
    revocation = tmp_path / "revocation.asc"
    revocation.write_text(prepared.read_text().replace(":-----BEGIN", "-----BEGIN"))
    run("--import", revocation)
    run("--armor", "--output", tmp_path / "gone.asc", "--export")
    process.run(["gpgconf", "--homedir", home, "--kill", "all"], reason="end the test")

    assert gnupg.read_key(tmp_path / "gone.asc").revoked
    with pytest.raises(Refused, match="revoked key"):
        gnupg.verify_detached(
            b"said before",
            (tmp_path / "signature").read_bytes(),
            public_keys=[tmp_path / "gone.asc"],
            what="it",
        )


def test_a_gpg_home_that_a_killed_run_left_is_removed_and_one_in_use_is_not(
    key: FolderKey,
) -> None:
    left, used = (Path(f"/dev/shm/pansoft-gpg-test-{name}") for name in ("left", "used"))
    for home in (left, used):
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "in-use").touch()

    with (used / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        gnupg.read_key(public(key))
        assert used.exists()
    assert not left.exists()

    gnupg.read_key(public(key))
    assert not used.exists()


def test_no_gpg_home_is_left_behind(
    key: FolderKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnupg, "_MEMORY", tmp_path)

    gnupg.read_key(public(key))

    assert list(tmp_path.iterdir()) == []
