# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator

import pytest

from cvmfs.format.keys import RepositoryKeys
from cvmfs.mounting.follow import Follower
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, open_repository
from cvmfs.publishing.tagging import add_tag, remove_tags
from cvmfs.reading.reader import Reader, open_reader
from tests.cvmfs.samples import AT, FQRN, LATER, flip_byte


@pytest.fixture(name="reader")
def _reader(published: Repository, keys: RepositoryKeys) -> Reader:
    return open_reader(published.folder, FQRN, keys.public_key, at=AT)


@pytest.fixture(name="follower")
def _follower(reader: Reader) -> Iterator[Follower]:
    follower = Follower(reader, clock=lambda: LATER, every_s=0.02)
    follower.start()
    yield follower
    follower.stop()


def publish(repository: Repository, keys: RepositoryKeys) -> None:
    """Publish one more revision."""
    with transaction(repository, keys, at=LATER, message="new") as tx:
        tx.put_bytes(b"new\n", "new")


def wait_for_newer(follower: Follower, reader: Reader) -> Reader:
    """Return the newer reader once there is one."""
    end = time.monotonic() + 30
    while (newer := follower.newer_than(reader)) is None:
        assert time.monotonic() < end, "no newer revision was found"
        time.sleep(0.01)
    return newer


def test_nothing_is_newer_at_first(follower: Follower, reader: Reader) -> None:
    assert follower.newer_than(reader) is None
    assert follower.next_look_s <= 0.02


def test_new_revision_is_given_to_the_thread_that_asks(
    published: Repository, keys: RepositoryKeys, follower: Follower, reader: Reader
) -> None:
    publish(published, keys)

    newer = wait_for_newer(follower, reader)

    assert newer.location is reader.location
    assert newer.read("new") == b"new\n"
    assert follower.newer_than(newer) is None


def test_revision_whose_root_catalog_is_damaged_is_not_followed(
    published: Repository,
    keys: RepositoryKeys,
    follower: Follower,
    reader: Reader,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "cvmfs.mounting.follow"):
        publish_damaged(published, keys)
        end = time.monotonic() + 30
        while len([m for m in caplog.messages if "staying" in m and "was changed" in m]) < 3:
            assert time.monotonic() < end, "nothing was said"
            time.sleep(0.01)

    assert follower.newer_than(reader) is None
    said = [
        r for r in caplog.records if r.levelno == logging.WARNING and "was changed" in r.message
    ]
    assert len(said) == 1


def test_tag_that_goes_leaves_its_last_revision(
    published: Repository,
    keys: RepositoryKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_tag(published, keys, "proven", at=AT, revision=1)
    newest = open_reader(published.folder, FQRN, keys.public_key, at=AT)
    follower = Follower(newest, clock=lambda: LATER, every_s=0.02, tag="proven")
    tagged = follower.newer_than(newest)
    assert tagged is not None
    assert tagged.revision == 1
    follower.start()
    with caplog.at_level(logging.DEBUG, "cvmfs.mounting.follow"):
        remove_tags(published, keys, ["proven"], at=LATER)
        end = time.monotonic() + 30
        while len([m for m in caplog.messages if "has no tag 'proven'" in m]) < 3:
            assert time.monotonic() < end, "nothing was said"
            time.sleep(0.01)
        add_tag(published, keys, "proven", at=LATER, revision=2)
        moved = wait_for_newer(follower, tagged)
    follower.stop()

    assert moved.revision == 2
    said = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 1


def publish_damaged(repository: Repository, keys: RepositoryKeys) -> None:
    """Publish one more revision whose root catalog is damaged before its manifest can be seen."""
    away = repository.folder.with_name("away")
    shutil.copytree(repository.folder, away)
    elsewhere = open_repository(away, FQRN)
    publish(elsewhere, keys)
    root = elsewhere.manifest.root_hash
    flip_byte(away / "data" / root[:2] / f"{root[2:]}C")
    shutil.copytree(away / "data", repository.folder / "data", dirs_exist_ok=True)
    (away / ".cvmfspublished").replace(repository.folder / ".cvmfspublished")
