# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from core import process
from cvmfs.errors import FormatInvalid, RepositoryError, SignatureInvalid, WrongRepository
from cvmfs.format.hashes import ContentHash
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import Manifest, parse_manifest, sign_manifest, verify_manifest
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, FQRN

MANIFEST = Manifest(
    fqrn=FQRN,
    revision=7,
    root_hash=ContentHash("a" * 40),
    root_size=57344,
    certificate=ContentHash("b" * 40),
    published=1_700_000_000,
    history=ContentHash("c" * 40),
    metainfo=ContentHash("d" * 40),
)


def test_text_is_that_of_the_genuine_publisher() -> None:
    assert MANIFEST.text().decode() == (
        f"C{'a' * 40}\n"
        "B57344\n"
        "Rd41d8cd98f00b204e9800998ecf8427e\n"
        "D240\n"
        "S7\n"
        "Gno\n"
        "Ano\n"
        f"N{FQRN}\n"
        f"X{'b' * 40}\n"
        f"H{'c' * 40}\n"
        "T1700000000\n"
        f"M{'d' * 40}\n"
    )


def test_signed_manifest_is_read_back(keys: RepositoryKeys) -> None:
    content = sign_manifest(MANIFEST, keys.repository_key)

    key = keys.repository_key.public_key()
    assert verify_manifest(content, key, where="here") == MANIFEST


@pytest.mark.needs("openssl")
def test_openssl_verifies_the_signature_with_sha1(keys: RepositoryKeys, tmp_path: Path) -> None:
    content = sign_manifest(MANIFEST, keys.repository_key)
    text, _, rest = content.partition(b"--\n")
    printed, _, signature = rest.partition(b"\n")
    (tmp_path / "hash").write_bytes(printed)
    (tmp_path / "signature").write_bytes(signature)
    certificate = keys.public_key.with_suffix(".crt")
    public = process.run(
        ["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], reason="get the key"
    ).stdout
    (tmp_path / "public").write_text(public)

    done = process.run(
        ["openssl", "dgst", "-sha1", "-verify", tmp_path / "public", "-signature", tmp_path / "signature",
         tmp_path / "hash"],
        reason="verify",
    )  # fmt: skip

    assert done.stdout.strip() == "Verified OK"
    assert printed.decode() == hashlib.sha1(text).hexdigest()


def test_changed_text_is_refused(keys: RepositoryKeys) -> None:
    content = sign_manifest(MANIFEST, keys.repository_key).replace(b"\nS7\n", b"\nS8\n")

    with pytest.raises(SignatureInvalid, match="was changed"):
        verify_manifest(content, keys.repository_key.public_key(), where="here")


def test_manifest_of_another_key_is_refused(
    keys: RepositoryKeys, other_keys: RepositoryKeys
) -> None:
    content = sign_manifest(MANIFEST, other_keys.repository_key)

    with pytest.raises(SignatureInvalid, match="not signed by the key"):
        verify_manifest(content, keys.repository_key.public_key(), where="here")


@pytest.mark.parametrize("letter", list("CRDSNX"))
def test_manifest_without_a_line_that_clients_need_is_refused(letter: str) -> None:
    lines = [line for line in MANIFEST.text().decode().splitlines() if line[0] != letter]

    with pytest.raises(FormatInvalid, match=f"no line {letter}"):
        parse_manifest("\n".join(lines).encode() + b"\n--\nx\ny", where="here")


@pytest.mark.parametrize(
    ("line", "message"),
    [("S-1", "digits"), ("S 7", "digits"), ("S\u0663", "digits"), ("Ssix", "digits"), ("D", "digits"),
     ("B1.5", "digits"), ("Cabc", "not a content hash"), ("Y0", "not a content hash"),
     ("R00", "MD5 of the root path")],
)  # fmt: skip
def test_malformed_line_is_refused(line: str, message: str) -> None:
    lines = [other for other in MANIFEST.text().decode().splitlines() if other[0] != line[0]]

    with pytest.raises(FormatInvalid, match=message):
        parse_manifest("\n".join([*lines, line]).encode() + b"\n--\nx\ny", where="here")


def test_lines_of_others_are_signed_again_as_they_were(keys: RepositoryKeys) -> None:
    theirs = replace(MANIFEST, others=(("L", "a" * 40), ("Z", "größe\udcff")))

    content = sign_manifest(theirs, keys.repository_key)

    read = verify_manifest(content, keys.repository_key.public_key(), where="here")
    assert read == theirs
    assert read.text() == theirs.text()


def test_repository_with_alternative_paths_is_read_and_not_published(keys: RepositoryKeys) -> None:
    text = MANIFEST.text().replace(b"\nAno\n", b"\nAyes\n")

    manifest = parse_manifest(text + b"--\nx\ny", where="here")

    assert manifest.has_alternative_paths
    with pytest.raises(RepositoryError, match="alternative paths"):
        sign_manifest(manifest, keys.repository_key)


def test_manifest_of_few_lines_is_read() -> None:
    """Those that clients require: a manifest of another publisher may have no more."""
    lines = [line for line in MANIFEST.text().decode().splitlines() if line[0] in "CRDSNX"]

    manifest = parse_manifest("\n".join(lines).encode() + b"\n--\nx\ny", where="here")

    assert (manifest.revision, manifest.history, manifest.root_size) == (7, None, 0)


def test_manifest_of_another_repository_is_refused(
    published: Repository, keys: RepositoryKeys
) -> None:
    other = replace(published.manifest, fqrn="other.example.org")
    (published.folder / ".cvmfspublished").write_bytes(sign_manifest(other, keys.repository_key))

    with pytest.raises(WrongRepository, match=r"manifest of other\.example\.org"):
        open_reader(published.folder, FQRN, keys.public_key, at=AT)


@pytest.mark.parametrize("content", [b"", b"garbage", b"Cxx\n--\n", b"\xff\xfe\n--\n\n"])
def test_garbage_is_refused(content: bytes, keys: RepositoryKeys) -> None:
    with pytest.raises(FormatInvalid):
        verify_manifest(content, keys.repository_key.public_key(), where="here")
