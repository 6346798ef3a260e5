# SPDX-License-Identifier: BSD-3-Clause
"""Keys of the federation: made, opened, and kept from others; a key in a token signs like one in a file."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core import process
from core.errors import UserError
from tests.tokens import LABEL, MODULE, soft_token
from trust.federation.keys import facility_of, make_key, open_signer, public_of, read_public

ROOT = Path(__file__).parents[3]


def passphrase_file(folder: Path, text: str = "correct horse") -> Path:
    file = folder / "passphrase"
    file.touch(mode=0o600)
    file.write_text(text + "\n")
    return file


def test_a_key_that_was_made_signs_for_its_facility(tmp_path: Path) -> None:
    secret, public = tmp_path / "keys" / "esrf.pem", tmp_path / "esrf.pub"

    key_id = make_key(secret, public, passphrase_file=passphrase_file(tmp_path))

    signer = open_signer(secret, passphrase_file=tmp_path / "passphrase")
    key = read_public(public, facility="ESRF")
    key.verify_signature(signer.sign(b"text"), b"text")
    assert key_id == key.keyid == public_of(signer)
    assert facility_of(key) == "ESRF"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    assert b"ENCRYPTED" in secret.read_bytes()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    make_key(tmp_path / "a.pem", tmp_path / "a.pub", passphrase_file=None)

    with pytest.raises(UserError, match=r"there is a key in .*a\.pem already"):
        make_key(tmp_path / "a.pem", tmp_path / "b.pub", passphrase_file=None)
    assert not (tmp_path / "b.pub").exists()


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    make_key(tmp_path / "a.pem", tmp_path / "a.pub", passphrase_file=None)
    (tmp_path / "a.pem").chmod(0o640)

    with pytest.raises(UserError, match="can be read by others"):
        open_signer(tmp_path / "a.pem")


@pytest.mark.parametrize(
    ("encrypted", "given", "reason"),
    [
        (True, None, "is encrypted"),
        (True, "battery staple", "the passphrase is wrong, or it is no key"),
        (False, "battery staple", "needs no passphrase"),
    ],
)
def test_a_key_that_does_not_open_says_why_and_no_secret(
    tmp_path: Path, encrypted: bool, given: str | None, reason: str
) -> None:
    right = passphrase_file(tmp_path)
    make_key(tmp_path / "a.pem", tmp_path / "a.pub", passphrase_file=right if encrypted else None)
    file = passphrase_file(tmp_path, given) if given else None

    with pytest.raises(UserError, match=reason) as caught:
        open_signer(tmp_path / "a.pem", passphrase_file=file)
    assert given is None or given not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff" * 40])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.pem"
    file.touch(mode=0o600)
    file.write_bytes(content)

    with pytest.raises(UserError, match="it is no key in PEM"):
        open_signer(file)
    with pytest.raises(UserError, match="is not a public key in PEM"):
        read_public(file, facility="ESRF")


def test_keys_that_a_facility_has_already_will_do(tmp_path: Path) -> None:
    kinds: tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, ...] = (
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
    )
    for number, made in enumerate(kinds):
        file, public = tmp_path / f"{number}.pem", tmp_path / f"{number}.pub"
        file.touch(mode=0o600)
        file.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        public.write_bytes(
            made.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

        signature = open_signer(file).sign(b"text")

        read_public(public, facility="ILL").verify_signature(signature, b"text")


@pytest.mark.needs("softhsm2-util", "pkcs11-tool")
def test_a_token_holds_a_seat(made_token: Path, tmp_path: Path) -> None:
    """By the command line: the library of a token keeps what it saw for the life of a process."""
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text("0000")
    described = tmp_path / "token.yaml"
    described.write_text(f"kind: pkcs11\nmodule: {MODULE}\ntoken: {LABEL}\nid: 2\npin_file: pin\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(made_token / "softhsm2.conf")}
    run = _runner(_project(tmp_path), tmp_path / "var", environment)
    ill = tmp_path / "keys" / "ill.pem"
    for name in ("ill", "online"):
        make_key(ill.with_stem(name), tmp_path / f"{name}.pub", passphrase_file=None)
    run("federation-key", "esrf", "--token", str(described), "--output", str(tmp_path))
    seats = [f"--seat={name.upper()}={tmp_path}/{name}.pub" for name in ("esrf", "ill")]

    proposal = json.loads(run("found", *seats, f"--online={tmp_path}/online.pub", "--json"))
    expect = f"--expect={proposal['proposal']}"
    said = run("sign-metadata", f"--key={described}", expect, expect=2)
    pin.write_text((made_token / "pin").read_text())
    half = json.loads(run("sign-metadata", f"--key={described}", expect, "--json"))
    done = json.loads(run("sign-metadata", f"--key={ill}", expect, "--json"))

    assert [need["signed"] for need in half["needs"]] == [["ESRF"]] * 3
    assert done["in_force"] is True
    assert "did not sign" in said
    assert "0000" not in said
    pin.chmod(0o644)
    with pytest.raises(UserError, match="can be read by others"):
        open_signer(described)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"id: 2": "id: 9"}, "the key 9 of the token '.*' cannot be opened"),
        ({LABEL: "another"}, "of the token 'another' cannot be opened"),
    ],
)
@pytest.mark.needs("softhsm2-util", "pkcs11-tool")
def test_a_token_that_does_not_answer_is_said_so(
    made_token: Path, tmp_path: Path, changed: dict[str, str], reason: str
) -> None:
    text = f"kind: pkcs11\nmodule: {MODULE}\ntoken: {LABEL}\nid: 2\npin_file: {tmp_path}/pin\n"
    pin = (made_token / "pin").read_text()
    for old, new in changed.items():
        text, pin = text.replace(old, new), pin.replace(old, new)
    (tmp_path / "pin").touch(mode=0o600)
    (tmp_path / "pin").write_text(pin)
    (tmp_path / "token.yaml").write_text(text)
    environment = {**os.environ, "SOFTHSM2_CONF": str(made_token / "softhsm2.conf")}
    run = _runner(_project(tmp_path), tmp_path / "var", environment)

    said = run(
        "federation-key", "esrf", f"--token={tmp_path}/token.yaml", "--output=/nowhere", expect=2
    )

    assert re.search(reason, said), said
    assert "4711" not in said


@pytest.fixture(scope="module")
def made_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("token") / "made"
    with pytest.MonkeyPatch.context() as patch:
        soft_token(folder, patch)
    return folder


def _project(folder: Path) -> Path:
    project = folder / "project"
    (project / "recipes").mkdir(parents=True)
    (project / "trust-policy").mkdir()
    policy = (ROOT / "trust-policy" / "policy.yaml").read_bytes()
    (project / "trust-policy" / "policy.yaml").write_bytes(policy)
    return project


def _runner(project: Path, state: Path, environment: Mapping[str, str]) -> Callable[..., str]:
    """Return what runs a verb of `pansoft trust` as a process of its own, and gives what it says."""

    def run(*words: str, expect: int = 0) -> str:
        done = process.run(
            [
                *(sys.executable, "-m", "pansoft", "-q"),
                *("--project", str(project), "--state", str(state), "trust", *words),
            ],
            reason="run pansoft",
            cwd=ROOT,
            env=environment,
            check=False,
        )
        assert done.returncode == expect, done
        return done.stdout + (done.stderr if expect else "")

    return run
