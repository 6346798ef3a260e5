# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import process
from core.errors import UserError
from cvmfs.errors import FormatInvalid, SignatureInvalid, WhitelistExpired, WrongRepository
from cvmfs.format.hashes import Algorithm
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.whitelist import Whitelist, fingerprint, parse, sign, verify
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, sign_whitelist
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


def test_several_certificates_and_remarks_are_read(keys: RepositoryKeys) -> None:
    mine = fingerprint(keys.certificate)
    theirs = fingerprint(keys.certificate, Algorithm.SHAKE128)
    text = (
        f"20260301123015\nE20260331120000\nN{FQRN}\n# two of them\n"
        f"{mine} # the old one\n{theirs}\tthe new one\n\n"
    )

    assert parse(text.encode() + b"--\nx\ny", where="here").fingerprints == (mine, theirs)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Vpkcs7", "asks for pkcs7, which is not supported"),
        ("Wcachain", "asks for cachain, which is not supported"),
        ("AA:BB", "'AA:BB' is not a fingerprint"),
        ("aa" + ":aa" * 19, "is not a fingerprint"),
        ("AA" + ":AA" * 19 + "-MD5", "is not a fingerprint"),
    ],
)
def test_line_that_is_no_fingerprint_is_refused_by_name(
    line: str, message: str, keys: RepositoryKeys
) -> None:
    text = f"20260301123015\nE20260331120000\nN{FQRN}\n{line}\n{fingerprint(keys.certificate)}\n"

    with pytest.raises(FormatInvalid, match=message):
        parse(text.encode() + b"--\nx\ny", where="here")


def test_expiry_counts_to_the_hour_as_for_clients(keys: RepositoryKeys) -> None:
    within = EXPIRES + timedelta(minutes=59)
    content = sign(Whitelist(FQRN, AT, within, (fingerprint(keys.certificate),)), keys.master())

    with pytest.raises(WhitelistExpired):
        verify(content, keys.master().public_key(), fqrn=FQRN, at=EXPIRES, where="here")


@pytest.mark.parametrize(
    ("days_before", "expected"),
    [(8, ""), (6, "is good until 2026-03-31 12:00 UTC only"), (0, "expired on 2026-03-31")],
)
def test_publisher_is_told_in_time(
    days_before: int,
    expected: str,
    repository: Repository,
    keys: RepositoryKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with transaction(repository, keys, at=EXPIRES - timedelta(days=days_before)) as tx:
        tx.put_bytes(b"x", "x")

    said = " ".join(record.message for record in caplog.records if record.levelname == "WARNING")
    assert expected in said
    assert bool(said) == bool(expected)


@pytest.mark.parametrize("days", [0, -1])
def test_whitelist_for_no_days_is_not_signed(
    days: int, repository: Repository, keys: RepositoryKeys
) -> None:
    with pytest.raises(UserError, match="days"):
        sign_whitelist(repository, keys, at=AT, valid_days=days)


def test_signing_anew_moves_the_date(repository: Repository, keys: RepositoryKeys) -> None:
    signed = sign_whitelist(repository, keys, at=AT + timedelta(days=20), valid_days=10)

    assert repository.whitelist == signed
    assert signed.expires == datetime(2026, 3, 31, 12, tzinfo=UTC)
