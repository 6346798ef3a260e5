# SPDX-License-Identifier: BSD-3-Clause
"""A chain of certificates: what leads to an authority, and every way in which one does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.errors import Refused, UserError
from tests.authorities import TestAuthority, pem, write_key
from tests.trust.conftest import NOW
from trust.signing import x509_chain

BEGINS = NOW - timedelta(days=1)
SAID = b"what was said"


@dataclass(frozen=True, slots=True)
class Case:
    """An authority, a holder's chain, and the holder's signature of `SAID`."""

    authority: TestAuthority
    chain: bytes
    signature: bytes

    def check(self, *, at: datetime = NOW, **changed: Any) -> x509_chain.Certified:
        told = {
            "roots": pem(self.authority.root),
            "revocations": self.authority.lists(),
            "signed": SAID,
            "signature": self.signature,
            **changed,
        }
        chain = told.pop("chain", self.chain)
        return x509_chain.check(chain, at=at, **told)


@pytest.fixture(scope="module")
def authority() -> TestAuthority:
    return TestAuthority("ESRF", BEGINS)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def case(authority: TestAuthority, key: ec.EllipticCurvePrivateKey) -> Case:
    signature = key.sign(SAID, ec.ECDSA(hashes.SHA256()))
    return Case(authority, authority.issue("release", key.public_key()), signature)


def test_a_holder_is_named_with_the_certificates_days(case: Case) -> None:
    found = case.check()

    assert (found.subject, found.revoked) == ("CN=release", False)
    assert (found.begins, found.ends) == (BEGINS, BEGINS + timedelta(days=30))
    assert found.sha256 == x509_chain.subject_of(case.chain)[1]


def test_a_revoked_holder_is_told_as_such(case: Case) -> None:
    assert case.check(revocations=case.authority.lists(revoked=[case.chain])).revoked


def test_a_chain_that_does_not_hold_is_refused(case: Case, key: ec.EllipticCurvePrivateKey) -> None:
    mine, other = case.authority, TestAuthority("ILL", BEGINS)
    public, late = key.public_key(), BEGINS + timedelta(days=31)
    leaf = case.chain[: case.chain.index(b"-----END") + 26]
    refused: dict[str, tuple[dict[str, Any], str]] = {
        "other bytes": ({"signed": b"else"}, "the signature by CN=release does not fit"),
        "another authority": ({"roots": pem(other.root)}, "does not lead to the authority"),
        "the one between left out": ({"chain": leaf}, "does not lead to the authority"),
        "expired": ({"at": late, "revocations": mine.lists(days=90)}, "does not lead"),
        "not begun": ({"at": BEGINS - timedelta(days=1)}, "does not lead"),
        "not for signatures": (
            {"chain": mine.issue("release", public, signs=False)},
            "does not lead",
        ),
        "an authority itself": ({"chain": mine.issue("release", public, ca=True)}, "does not lead"),
        "lists of another": ({"revocations": other.lists()}, "no revocation list of CN=ESRF"),
        "lists out of date": (
            {"at": NOW + timedelta(days=5), "revocations": mine.lists(days=3)},
            "no revocation list of CN=ESRF .* is in force",
        ),
        "the one between revoked": (
            {"revocations": mine.lists(below_root=True)},
            "certificate of CN=ESRF issuing, which issued it, is revoked",
        ),
        "no lists": ({"revocations": b"nothing"}, "these are no revocation lists"),
        "no chain": ({"chain": b"nothing"}, "no chain of certificates"),
    }

    for changed, message in refused.values():
        with pytest.raises(Refused, match=message):
            case.check(**changed)


def test_a_forged_list_of_the_right_name_does_not_count(case: Case) -> None:
    forger = TestAuthority("ESRF", BEGINS)

    with pytest.raises(Refused, match="no revocation list"):
        case.check(revocations=forger.lists())


def test_a_key_in_a_file_signs_and_is_guarded(
    case: Case, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    file = write_key(tmp_path / "key.pem", key, passphrase="a passphrase")
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("a passphrase\n")

    def sign(chain: bytes = case.chain, secret: Path | None = passphrase) -> bytes:
        return x509_chain.sign_with_file(SAID, chain=chain, key=file, passphrase_file=secret)

    assert case.check(signature=sign()).subject == "CN=release"
    other = case.authority.issue("other", ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(UserError, match="is not the one of the certificate of CN=other"):
        sign(other)
    with pytest.raises(UserError, match="cannot be read"):
        sign(secret=None)
    passphrase.write_text("wrong\n")
    with pytest.raises(UserError, match="cannot be read") as said:
        sign()
    assert "wrong" not in f"{said.value} {said.value.__cause__!r}"
    file.chmod(0o640)
    with pytest.raises(UserError, match=r"private key .* can be read by others \(mode 640\)"):
        sign()


def test_a_key_of_a_kind_that_nobody_checks_is_refused(case: Case, tmp_path: Path) -> None:
    key: Any = ed25519.Ed25519PrivateKey.generate()

    with pytest.raises(UserError, match="neither RSA nor ECDSA"):
        x509_chain.sign_with_file(
            SAID,
            chain=case.chain,
            key=write_key(tmp_path / "key.pem", key),
            passphrase_file=None,
        )
