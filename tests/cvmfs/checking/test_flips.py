# SPDX-License-Identifier: BSD-3-Clause
"""A repository with one byte changed or its end cut off, at every place: always refused, in right words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted, SignatureInvalid
from cvmfs.format.hashes import ContentHash, Suffix, algorithm_of
from cvmfs.format.keys import RepositoryKeys, load_public_key
from cvmfs.format.manifest import verify_manifest
from cvmfs.format.whitelist import verify
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, FQRN, read

SIGNED = (".cvmfspublished", ".cvmfswhitelist")
ALL_OF = 1000
SOME_OF = 200
"""Bytes of an object up to which every one is changed; how many of a larger one, by chance."""


@pytest.fixture(name="small")
def _small(keys: RepositoryKeys, tmp_path: Path) -> Repository:
    """Give a repository with one of each kind of object."""
    repository = create_repository(tmp_path / "small", keys, at=AT)
    with transaction(repository, keys, at=AT, chunk_size=1000) as tx:
        tx.put_bytes(b"text\n" * 40, "nested/text")
        tx.put_bytes(random.Random(1).randbytes(2100), "nested/chunks")
        tx.put_bytes(b"as it is" * 30, "image.sif")
        tx.nest("nested")
    return repository


def flipped(content: bytes, position: int, bit: int | None = None) -> bytes:
    """Return a content with one bit of one byte changed; which one follows from the place if not given."""
    changed = bytearray(content)
    changed[position] ^= 1 << (position % 8 if bit is None else bit)
    return bytes(changed)


def changes(content: bytes) -> Iterator[bytes]:
    """Return a content with every single bit changed."""
    for position in range(len(content)):
        for bit in range(8):
            yield flipped(content, position, bit)


def test_every_bit_of_the_manifest_matters(small: Repository, keys: RepositoryKeys) -> None:
    content = (small.folder / ".cvmfspublished").read_bytes()
    key = keys.repository_key.public_key()
    assert verify_manifest(content, key, where="here").fqrn == FQRN

    for changed in changes(content):
        with pytest.raises((SignatureInvalid, FormatInvalid)):
            verify_manifest(changed, key, where="here")


def test_every_bit_of_the_whitelist_matters(small: Repository, keys: RepositoryKeys) -> None:
    content = (small.folder / ".cvmfswhitelist").read_bytes()
    key = load_public_key(keys.public_key)
    assert verify(content, key, fqrn=FQRN, at=AT, where="here").fqrn == FQRN

    for changed in changes(content):
        with pytest.raises((SignatureInvalid, FormatInvalid)):
            verify(changed, key, fqrn=FQRN, at=AT, where="here")


@pytest.mark.parametrize("name", SIGNED)
def test_a_reader_refuses_every_changed_byte_and_every_cut_of_a_signed_file(
    name: str, small: Repository, keys: RepositoryKeys
) -> None:
    file = small.folder / name
    content = file.read_bytes()
    text_ends = content.index(b"\n--\n") + 1

    for position in range(len(content)):  # one bit of each: the tests above change them all
        file.write_bytes(flipped(content, position))
        with pytest.raises((SignatureInvalid, FormatInvalid)) as refused:
            open_reader(small.folder, FQRN, keys.public_key, at=AT)
        if position < text_ends - 1:
            assert isinstance(refused.value, SignatureInvalid), position
            assert "was changed" in str(refused.value), position
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises((SignatureInvalid, FormatInvalid)):
            open_reader(small.folder, FQRN, keys.public_key, at=AT)
    for longer in (b"\n", b"\0", b"x" * 300):
        file.write_bytes(content + longer)
        with pytest.raises(SignatureInvalid):
            open_reader(small.folder, FQRN, keys.public_key, at=AT)


def test_every_byte_of_every_object_matters(small: Repository, keys: RepositoryKeys) -> None:
    chance = random.Random(0)
    kinds: set[Suffix] = set()
    with read(small, keys) as reader:
        for file in sorted((small.folder / "data").glob("??/*")):
            content_hash, suffix = _name(file)
            kinds.add(suffix)
            content = file.read_bytes()
            for position in _places(chance, len(content)):
                file.write_bytes(flipped(content, position))
                with pytest.raises(ObjectCorrupted, match=content_hash):
                    reader.stored_object(content_hash, suffix)
                file.write_bytes(content[:position])
                with pytest.raises(ObjectCorrupted, match=content_hash):
                    reader.stored_object(content_hash, suffix)
            file.write_bytes(content + b"\0")
            with pytest.raises(ObjectCorrupted, match=content_hash):
                reader.stored_object(content_hash, suffix)
            file.write_bytes(content)

    assert kinds == set(Suffix)
    assert check(read(small, keys)).is_sound


def test_check_names_each_object_that_was_changed_or_is_gone(
    small: Repository, keys: RepositoryKeys
) -> None:
    looked_at = 0
    for file in sorted((small.folder / "data").glob("??/*")):
        content_hash, _ = _name(file)
        if content_hash == small.manifest.certificate:
            continue  # without it nothing is opened: see the next test
        content = file.read_bytes()
        for broken in (flipped(content, -1, 0), None):
            if broken is None:
                file.unlink()
            else:
                file.write_bytes(broken)
            found = check(read(small, keys)).findings
            file.write_bytes(content)
            if found:
                looked_at += 1
                assert any(file.name in str(finding) for finding in found), found
    unused = 1  # the first history, which nobody refers to once there is a second
    assert looked_at == 2 * (len(list((small.folder / "data").glob("??/*"))) - 1 - unused)


@pytest.mark.parametrize("broken", ["changed", "gone"])
def test_certificate_that_is_broken_is_refused(
    broken: str, small: Repository, keys: RepositoryKeys
) -> None:
    content_hash = small.manifest.certificate
    file = small.folder / "data" / content_hash[:2] / (content_hash[2:] + Suffix.CERTIFICATE)
    content = file.read_bytes()
    if broken == "gone":
        file.unlink()
        with pytest.raises(NotFound, match=file.name):
            read(small, keys)
        return

    for position in range(len(content)):
        file.write_bytes(flipped(content, position))
        with pytest.raises(ObjectCorrupted, match=content_hash):
            read(small, keys)


def test_changed_public_key_is_refused(
    small: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    content = keys.public_key.read_bytes()
    body = range(content.index(b"\n") + 1, content.rindex(b"\n-----END"))
    for position in (place for place in body if content[place] != ord("\n")):
        (tmp_path / "changed.pub").write_bytes(flipped(content, position, 0))
        with pytest.raises(UserError):
            open_reader(small.folder, FQRN, tmp_path / "changed.pub", at=AT)


def _name(file: Path) -> tuple[ContentHash, Suffix]:
    """Return the hash and the kind in the name of an object of an SHA-1 repository."""
    name = file.parent.name + file.name
    content_hash = ContentHash(name[:40])
    algorithm_of(content_hash)
    return content_hash, Suffix(name[40:])


def _places(chance: random.Random, size: int) -> list[int]:
    return list(range(size)) if size <= ALL_OF else chance.sample(range(size), SOME_OF)
