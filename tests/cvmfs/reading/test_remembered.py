# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from cvmfs.errors import SignatureInvalid, Unreachable, WhitelistExpired
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository, sign_whitelist
from cvmfs.reading.cache import ObjectCache
from cvmfs.reading.reader import open_reader
from cvmfs.reading.remembered import Remembered
from tests.cvmfs.samples import AT, FQRN, LATER, flip_byte
from tests.cvmfs.servers import Status, Well, misbehaving

NOBODY = f"http://127.0.0.1:9/cvmfs/{FQRN}"


def publish(repository: Repository, keys: RepositoryKeys, name: str) -> bytes:
    """Publish one file in a revision of its own, and return the manifest that was before."""
    before = (repository.folder / MANIFEST).read_bytes()
    with transaction(repository, keys, at=LATER, message=name) as tx:
        tx.put_bytes(b"new\n", name)
    return before


@pytest.fixture(name="cache")
def _cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_older_revision_is_refused_by_the_next_run(
    published: Repository, keys: RepositoryKeys, cache: Path
) -> None:
    old = publish(published, keys, "new")
    with serving(published.folder) as url:
        open_reader(url, FQRN, keys.public_key, cache, at=LATER).close()
        (published.folder / MANIFEST).write_bytes(old)

        with pytest.raises(SignatureInvalid, match=r"of revision 2 .*, older than revision 3"):
            open_reader(url, FQRN, keys.public_key, cache, at=LATER)

    assert open_reader(published.folder, FQRN, keys.public_key, at=LATER).revision == 2


def test_mirror_that_lags_is_left_for_one_that_does_not(
    published: Repository, keys: RepositoryKeys, cache: Path, tmp_path: Path
) -> None:
    old = publish(published, keys, "new")
    with serving(published.folder) as url:
        open_reader(url, FQRN, keys.public_key, cache, at=LATER).close()
        with misbehaving(tmp_path, Well()) as behind:
            (tmp_path / MANIFEST).write_bytes(old)
            for name in (".cvmfswhitelist", "data"):
                (tmp_path / name).symlink_to(published.folder / name)
            hosts = [behind.url, url]
            with open_reader(hosts, FQRN, keys.public_key, cache, at=LATER) as reader:
                assert reader.revision == 3


def test_mirror_with_an_expired_whitelist_is_left_for_one_without(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    much_later = AT + timedelta(days=40)
    with misbehaving(tmp_path, Well()) as behind, serving(published.folder) as url:
        (tmp_path / ".cvmfswhitelist").write_bytes(
            (published.folder / ".cvmfswhitelist").read_bytes()
        )
        for name in (MANIFEST, "data"):
            (tmp_path / name).symlink_to(published.folder / name)
        sign_whitelist(published, keys, at=much_later)

        with open_reader([behind.url, url], FQRN, keys.public_key, at=much_later) as reader:
            assert reader.revision == 2


def test_what_was_read_is_read_again_when_no_server_answers(
    published: Repository, keys: RepositoryKeys, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(published.folder) as url,
        open_reader(url, FQRN, keys.public_key, cache, at=AT) as reader,
    ):
        content = reader.read("odd/large.bin")
    with (
        caplog.at_level(logging.WARNING, "cvmfs.reading.reader"),
        open_reader(NOBODY, FQRN, keys.public_key, cache, at=LATER) as reader,
    ):
        assert reader.revision == 2
        assert reader.read("odd/large.bin") == content
        with pytest.raises(Unreachable):
            reader.read("odd/script.sh")

    assert f"no server of {FQRN} answers, revision 2 of 2026-03-01" in caplog.text


def test_expired_whitelist_is_refused_without_a_server_as_well(
    published: Repository, keys: RepositoryKeys, cache: Path
) -> None:
    with serving(published.folder) as url:
        open_reader(url, FQRN, keys.public_key, cache, at=AT).close()

    with pytest.raises(WhitelistExpired, match="expired on 2026-03-31"):
        open_reader(NOBODY, FQRN, keys.public_key, cache, at=AT + timedelta(days=30))


def test_nothing_is_read_without_a_server_the_first_time(keys: RepositoryKeys, cache: Path) -> None:
    with pytest.raises(Unreachable):
        open_reader(NOBODY, FQRN, keys.public_key, cache, at=AT)


def test_server_that_lies_is_not_as_one_that_is_silent(
    published: Repository, keys: RepositoryKeys, cache: Path
) -> None:
    with serving(published.folder) as url:
        open_reader(url, FQRN, keys.public_key, cache, at=AT).close()
        flip_byte(published.folder / MANIFEST)

        with pytest.raises(SignatureInvalid):
            open_reader(url, FQRN, keys.public_key, cache, at=AT)


def test_what_was_seen_under_another_key_does_not_count(
    published: Repository,
    keys: RepositoryKeys,
    other_keys: RepositoryKeys,
    cache: Path,
    tmp_path: Path,
) -> None:
    publish(published, keys, "new")
    open_reader(published.folder, FQRN, keys.public_key, cache, at=LATER).close()
    other = create_repository(tmp_path / "other", other_keys, at=AT)

    with open_reader(other.folder, FQRN, other_keys.public_key, cache, at=AT) as reader:
        assert reader.revision == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"manifest": "?"}', b"\xff"])
def test_damaged_memory_is_said_and_made_anew(
    published: Repository,
    keys: RepositoryKeys,
    cache: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = Remembered(ObjectCache(cache), FQRN).file
    file.parent.mkdir()
    file.write_bytes(content)

    open_reader(published.folder, FQRN, keys.public_key, cache, at=AT).close()

    assert "older revisions would be accepted" in caplog.text
    assert Remembered(ObjectCache(cache), FQRN).read() is not None


def test_changed_memory_does_not_count(
    published: Repository, keys: RepositoryKeys, cache: Path
) -> None:
    open_reader(published.folder, FQRN, keys.public_key, cache, at=AT).close()
    remembered = Remembered(ObjectCache(cache), FQRN)
    seen = remembered.read()
    assert seen is not None
    changed = seen.manifest.replace(b"\nS2\n", b"\nS9\n")
    remembered.write(type(seen)(changed, seen.whitelist, seen.certificate))

    with pytest.raises(SignatureInvalid):
        open_reader(NOBODY, FQRN, keys.public_key, cache, at=AT)
    assert open_reader(published.folder, FQRN, keys.public_key, cache, at=AT).revision == 2


def test_new_revision_is_what_is_remembered(
    published: Repository, keys: RepositoryKeys, cache: Path
) -> None:
    with misbehaving(published.folder, Well()) as server:
        reader = open_reader(server.url, FQRN, keys.public_key, cache, at=AT)
        publish(published, keys, "new")
        reader.refreshed(at=LATER)
        server.behaviour = Status(503)

        assert open_reader(server.url, FQRN, keys.public_key, cache, at=LATER).revision == 3
