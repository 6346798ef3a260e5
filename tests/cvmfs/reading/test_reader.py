# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import zlib
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.errors import (
    FormatInvalid,
    NotFound,
    ObjectCorrupted,
    RepositoryError,
    SignatureInvalid,
    Unreachable,
    WhitelistExpired,
    WrongRepository,
)
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, sign_whitelist
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, CHUNK, FQRN, LATER, flip_byte, read


def test_directory_is_listed_by_name(published: Repository, keys: RepositoryKeys) -> None:
    reader = read(published, keys)

    assert [entry.name for entry in reader.listdir("/odd/linked/")] == ["one", "three", "two"]
    assert reader.lookup("odd/nothing") is None
    assert reader.lookup("not/even/the/directory") is None


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (0, 10),
        (4 * CHUNK - 3, 7),
        (4 * CHUNK, 1),
        (3, 8 * CHUNK + 9),
        (9 * CHUNK, 99),
        (30 * CHUNK, 1),
    ],
    ids=["start", "across chunks", "chunk start", "several chunks", "end", "past the end"],
)
def test_part_of_a_chunked_file_is_read(
    published: Repository, keys: RepositoryKeys, published_tree: Path, offset: int, size: int
) -> None:
    expected = (published_tree / "large.bin").read_bytes()[offset : offset + size]

    assert read(published, keys).read("odd/large.bin", offset, size) == expected


def test_file_opens_as_a_stream(
    published: Repository, keys: RepositoryKeys, published_tree: Path
) -> None:
    expected = (published_tree / "large.bin").read_bytes()

    with read(published, keys).open("odd/large.bin") as stream:
        assert stream.read(5) == expected[:5]
        assert stream.seek(-7, 2) == len(expected) - 7
        assert stream.read() == expected[-7:]
        assert stream.seek(4 * CHUNK - 1) == 4 * CHUNK - 1
        assert stream.read(3 * CHUNK) == expected[4 * CHUNK - 1 : 7 * CHUNK - 1]
        assert stream.read() == expected[7 * CHUNK - 1 :]


def test_what_is_not_a_file_is_not_read(published: Repository, keys: RepositoryKeys) -> None:
    reader = read(published, keys)

    with pytest.raises(RepositoryError, match="/odd/linked is a directory"):
        reader.read("odd/linked")
    with pytest.raises(RepositoryError, match="/odd/empty is a file, not a directory"):
        reader.listdir("odd/empty")
    with pytest.raises(NotFound, match="nothing at /odd/none in revision 2"):
        reader.read("odd/none")


def test_http_reads_the_same_and_fills_the_cache(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    local = {entry.path: entry for entry in read(published, keys).walk()}
    with serving(published.folder) as url:
        reader = open_reader(url, FQRN, keys.public_key, tmp_path / "cache", at=AT)
        assert {entry.path: entry for entry in reader.walk()} == local
        content = reader.read("odd/large.bin")
    assert content == read(published, keys).read("odd/large.bin")

    again = open_reader(published.folder, FQRN, keys.public_key, at=AT).entry("odd/large.bin")
    assert len(again.chunks) == 3
    kept = {path.name for path in (tmp_path / "cache").glob("??/*")}
    assert {chunk.content_hash[2:] + "P" for chunk in again.chunks} < kept


def test_damaged_cache_is_fetched_again(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with serving(published.folder) as url:
        for _ in range(2):
            reader = open_reader(url, FQRN, keys.public_key, tmp_path / "cache", at=AT)
            assert reader.read("odd/script.sh").startswith(b"#!/bin/sh")
            for kept in (tmp_path / "cache").glob("??/*"):
                flip_byte(kept)


def test_flipped_byte_in_a_file_is_an_error_that_names_the_object(
    published: Repository, keys: RepositoryKeys
) -> None:
    content_hash = read(published, keys).entry("odd/empty").content_hash
    script = read(published, keys).entry("odd/script.sh").content_hash
    assert content_hash is not None
    assert script is not None
    path = published.folder / object_path(script, Suffix.FILE)
    flip_byte(path)

    with pytest.raises(ObjectCorrupted) as caught:
        read(published, keys).read("odd/script.sh")

    assert str(path) in caught.value.message
    assert f"expected was {script}" in caught.value.message
    assert caught.value.exit_code == 3


def test_truncated_chunk_is_refused(published: Repository, keys: RepositoryKeys) -> None:
    chunk = read(published, keys).entry("odd/large.bin").chunks[1]
    path = published.folder / object_path(chunk.content_hash, Suffix.CHUNK)
    path.write_bytes(path.read_bytes()[:-1])

    assert read(published, keys).read("odd/large.bin", 0, 4) == bytes((0, 1, 7, 9))
    with pytest.raises(ObjectCorrupted):
        read(published, keys).read("odd/large.bin", chunk.piece.offset, 10)


def test_missing_object_is_named(published: Repository, keys: RepositoryKeys) -> None:
    entry = read(published, keys).entry("odd/script.sh")
    assert entry.content_hash is not None
    (published.folder / object_path(entry.content_hash, Suffix.FILE)).unlink()

    with pytest.raises(NotFound, match=entry.content_hash[2:]):
        read(published, keys).read("odd/script.sh")


@pytest.mark.parametrize("nested", [False, True], ids=["root", "nested"])
def test_flipped_byte_in_a_catalog_is_refused(
    published: Repository, keys: RepositoryKeys, *, nested: bool
) -> None:
    reader = read(published, keys)
    wanted = reader.nested_catalog_with("odd" if nested else "")
    flip_byte(published.folder / object_path(wanted.content_hash, Suffix.CATALOG))

    with pytest.raises(ObjectCorrupted, match=wanted.content_hash):
        read(published, keys).lookup("odd/empty")


def test_flipped_byte_in_the_certificate_is_refused(
    published: Repository, keys: RepositoryKeys
) -> None:
    flip_byte(published.folder / object_path(published.manifest.certificate, Suffix.CERTIFICATE))

    with pytest.raises(ObjectCorrupted, match="X was changed"):
        read(published, keys)


@pytest.mark.parametrize("file", [".cvmfspublished", ".cvmfswhitelist"])
@pytest.mark.parametrize("position", [5, -1], ids=["text", "signature"])
def test_flipped_byte_in_a_signed_file_is_refused(
    published: Repository, keys: RepositoryKeys, file: str, position: int
) -> None:
    flip_byte(published.folder / file, position)

    with pytest.raises(SignatureInvalid, match=file):
        read(published, keys)


def test_wrong_master_key_is_refused(published: Repository, other_keys: RepositoryKeys) -> None:
    with pytest.raises(SignatureInvalid, match=r"\.cvmfswhitelist"):
        read(published, other_keys)


def test_certificate_that_is_not_on_the_whitelist_is_refused(
    published: Repository, keys: RepositoryKeys, other_keys: RepositoryKeys
) -> None:
    stranger = type(keys)(
        FQRN, keys.repository_key, other_keys.certificate, keys.public_key, keys.master_key
    )
    sign_whitelist(published, stranger, at=AT)

    with pytest.raises(SignatureInvalid, match="not on the whitelist"):
        read(published, keys)


def test_expired_whitelist_is_refused_with_its_date(
    published: Repository, keys: RepositoryKeys
) -> None:
    with pytest.raises(WhitelistExpired, match="expired on 2026-03-31 12:00 UTC") as caught:
        read(published, keys, at=AT + timedelta(days=30))

    assert caught.value.hint is not None
    sign_whitelist(published, keys, at=AT + timedelta(days=30))
    assert read(published, keys, at=AT + timedelta(days=30)).revision == 2


def test_repository_of_another_name_is_refused(published: Repository, keys: RepositoryKeys) -> None:
    with pytest.raises(WrongRepository, match=r"software\.example\.org, not other\.example\.org"):
        open_reader(published.folder, "other.example.org", keys.public_key, at=AT)


def test_catalog_of_another_directory_is_refused(
    published: Repository, keys: RepositoryKeys
) -> None:
    reader = read(published, keys)
    nested = reader.nested_catalog_with("odd")

    with pytest.raises(FormatInvalid, match="is the catalog of /odd, not of /elsewhere"):
        reader.catalog(type(nested)("elsewhere", nested.content_hash, nested.size))


def test_object_that_is_no_catalog_is_refused(published: Repository, keys: RepositoryKeys) -> None:
    reader = read(published, keys)
    stored = published.store.put(zlib.compress(b"SQLite format 3" + b"x" * 999), Suffix.CATALOG)
    published.storage.make_durable()

    with pytest.raises(FormatInvalid, match="not an SQLite catalog"):
        reader.catalog(type(reader.nested_catalog_with(""))("", stored.content_hash, 0))


def test_reader_stays_with_its_revision_until_refreshed(
    published: Repository, keys: RepositoryKeys
) -> None:
    reader = read(published, keys)
    assert reader.refreshed(at=AT) is reader
    with transaction(published, keys, at=LATER, message="more") as tx:
        tx.put_bytes(b"new\n", "new")

    newest = reader.refreshed(at=LATER)

    assert reader.lookup("new") is None
    assert newest.read("new") == b"new\n"


def test_older_revision_than_before_is_refused(published: Repository, keys: RepositoryKeys) -> None:
    old = (published.folder / ".cvmfspublished").read_bytes()
    with transaction(published, keys, at=LATER, message="more") as tx:
        tx.put_bytes(b"new\n", "new")
    reader = read(published, keys)
    (published.folder / ".cvmfspublished").write_bytes(old)

    with pytest.raises(SignatureInvalid, match="older than revision 3"):
        reader.refreshed(at=LATER)


def test_server_that_is_not_there_is_named(keys: RepositoryKeys) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9/cvmfs"):
        open_reader(f"http://127.0.0.1:9/cvmfs/{FQRN}", FQRN, keys.public_key, at=AT)


def test_folder_without_a_repository_is_named(tmp_path: Path, keys: RepositoryKeys) -> None:
    with pytest.raises(NotFound, match=r"\.cvmfspublished is missing"):
        open_reader(tmp_path, FQRN, keys.public_key, at=AT)


def test_address_that_is_none_is_refused(keys: RepositoryKeys) -> None:
    with pytest.raises(UserError, match="not the address"):
        open_reader("ftp://host/x", FQRN, keys.public_key, at=AT)
