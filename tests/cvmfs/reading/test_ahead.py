# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cvmfs.errors import NotFound
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.ahead import Ahead
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, CHUNK, FQRN
from tests.cvmfs.servers import Well, misbehaving


def test_what_is_being_fetched_is_waited_for() -> None:
    ahead, go, done = Ahead(threads=1), threading.Event(), []

    def fetch() -> None:
        go.wait(10)
        done.append("fetched")

    ahead.begin("one", fetch)
    threading.Timer(0.05, go.set).start()
    ahead.settle("one")

    assert done == ["fetched"]
    ahead.close()


def test_what_is_only_planned_is_left_to_who_wants_it() -> None:
    ahead, go, done = Ahead(threads=1), threading.Event(), []
    ahead.begin("one", lambda: go.wait(10))
    ahead.begin("two", lambda: done.append("two"))

    ahead.settle("two")
    ahead.settle("never begun")
    go.set()
    ahead.close()

    assert done == []


def test_what_cannot_be_fetched_harms_nobody() -> None:
    ahead = Ahead(threads=1)

    def fetch() -> None:
        raise NotFound("it is missing")

    ahead.begin("one", fetch)
    ahead.settle("one")
    ahead.begin("one", lambda: None)
    ahead.close()


@pytest.fixture(name="image")
def _image(published: Repository, keys: RepositoryKeys) -> bytes:
    """Publish a file of 16 chunks and give its content."""
    content = b"".join(bytes((n,)) * CHUNK for n in range(16))
    with transaction(published, keys, at=AT, message="image", chunk_size=CHUNK) as tx:
        tx.put_bytes(content, "image.sif")
    return content


def test_next_chunks_come_before_they_are_asked_for(
    published: Repository, keys: RepositoryKeys, image: bytes, tmp_path: Path
) -> None:
    ahead = Ahead()
    with misbehaving(published.folder, Well()) as server:
        reader = open_reader(
            server.url, FQRN, keys.public_key, tmp_path / "cache", at=AT, ahead=ahead
        )
        entry = reader.entry("image.sif")
        reader.read_ahead(entry, 0, 3 * CHUNK)
        ahead.close()  # waits for what has begun
        fetched = [path for path in server.asked if path.endswith("P")]

        assert len(fetched) <= 3
        content = reader.read("image.sif", 0, 5 * CHUNK)
        asked = [path for path in server.asked if path.endswith("P")]

    assert content == image[: 5 * CHUNK]
    assert len(asked) == len(set(asked)) == 5
