# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import process
from cvmfs.errors import FormatInvalid, SignatureInvalid, WhitelistExpired, WrongRepository
from cvmfs.keys import RepositoryKeys
from cvmfs.repository import Repository, sign_whitelist
from cvmfs.whitelist import Whitelist, fingerprint, sign, verify
from tests.cvmfs.samples import AT, FQRN

EXPIRES = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(name="content")
def _content(keys: RepositoryKeys) -> bytes:
    return sign(Whitelist(FQRN, AT, EXPIRES, (fingerprint(keys.certificate),)), keys.master())


def test_text_is_that_of_the_genuine_server(keys: RepositoryKeys) -> None:
    text = Whitelist(FQRN, AT, EXPIRES, (fingerprint(keys.certificate),)).text().decode()

    assert text == f"20260301123015\nE20260331120000\nN{FQRN}\n{fingerprint(keys.certificate)}\n"


@pytest.mark.needs("openssl")
def test_openssl_recovers_the_bare_hash_from_the_signature(
    content: bytes, keys: RepositoryKeys, tmp_path: Path
) -> None:
    text, _, rest = content.partition(b"--\n")
    printed, _, signature = rest.partition(b"\n")
    (tmp_path / "signature").write_bytes(signature)

    recovered = process.run(
        ["openssl", "pkeyutl", "-verifyrecover", "-pubin", "-inkey", keys.public_key,
         "-in", tmp_path / "signature"],
        reason="recover",
    ).stdout  # fmt: skip

    assert recovered == printed.decode() == hashlib.sha1(text).hexdigest()


@pytest.mark.needs("openssl")
def test_openssl_prints_the_same_fingerprint(keys: RepositoryKeys) -> None:
    certificate = keys.public_key.with_suffix(".crt")

    printed = process.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha1"], reason="print"
    ).stdout

    assert printed.strip().partition("=")[2] == fingerprint(keys.certificate)


def test_whitelist_is_valid_until_its_hour(content: bytes, keys: RepositoryKeys) -> None:
    key = keys.master().public_key()
    just_before = EXPIRES - timedelta(seconds=1)

    assert verify(content, key, fqrn=FQRN, at=just_before, where="here").expires == EXPIRES
    with pytest.raises(WhitelistExpired, match="2026-03-31 12:00 UTC"):
        verify(content, key, fqrn=FQRN, at=EXPIRES, where="here")


def test_whitelist_of_another_repository_is_refused(content: bytes, keys: RepositoryKeys) -> None:
    with pytest.raises(WrongRepository, match=r"other\.example\.org"):
        verify(content, keys.master().public_key(), fqrn="other.example.org", at=AT, where="here")


def test_whitelist_of_another_master_key_is_refused(
    content: bytes, other_keys: RepositoryKeys
) -> None:
    with pytest.raises(SignatureInvalid):
        verify(content, other_keys.master().public_key(), fqrn=FQRN, at=AT, where="here")


def test_whitelist_with_a_later_date_is_refused(content: bytes, keys: RepositoryKeys) -> None:
    changed = content.replace(b"E2026", b"E2099")

    with pytest.raises(SignatureInvalid, match="was changed"):
        verify(changed, keys.master().public_key(), fqrn=FQRN, at=AT, where="here")


def test_changed_signature_is_refused(content: bytes, keys: RepositoryKeys) -> None:
    changed = content[:-1] + bytes([content[-1] ^ 1])

    with pytest.raises(SignatureInvalid):
        verify(changed, keys.master().public_key(), fqrn=FQRN, at=AT, where="here")


@pytest.mark.parametrize("content", [b"", b"x\n", b"20260301\nE1\n"])
def test_garbage_is_refused(content: bytes, keys: RepositoryKeys) -> None:
    with pytest.raises(FormatInvalid):
        verify(content, keys.master().public_key(), fqrn=FQRN, at=AT, where="here")


def test_signing_anew_moves_the_date(repository: Repository, keys: RepositoryKeys) -> None:
    signed = sign_whitelist(repository, keys, at=AT + timedelta(days=20), valid_days=10)

    assert repository.whitelist == signed
    assert signed.expires == datetime(2026, 3, 31, 12, tzinfo=UTC)
