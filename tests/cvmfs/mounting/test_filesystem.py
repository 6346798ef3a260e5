# SPDX-License-Identifier: BSD-3-Clause
"""What is hard to see through a mount; the rest is in test_mount.py."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cvmfs.format.keys import RepositoryKeys
from cvmfs.mounting.filesystem import RepositoryFilesystem
from cvmfs.mounting.follow import Follower
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.ahead import Ahead
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, FQRN
from tests.cvmfs.servers import Server, Well, misbehaving

CHUNK = 1 << 17
COUNT = 64
STEP = 1 << 16


@dataclass(frozen=True, slots=True)
class Far:
    """A file system on a server, the server, and the content of `image.sif`."""

    filesystem: RepositoryFilesystem
    ahead: Ahead
    server: Server
    image: bytes

    def read(self, offsets: range) -> bool:
        """Read steps of the image, and return whether each was what it should be."""
        handle = self.filesystem.open("/image.sif", os.O_RDONLY)
        return all(
            self.filesystem.read("/image.sif", STEP, offset, handle)
            == self.image[offset : offset + STEP]
            for offset in offsets
        )

    def chunks_asked_for(self) -> int:
        """Return how many chunks were asked for once nothing is being fetched any more."""
        self.ahead.close()
        return sum(path.endswith("P") for path in self.server.asked)


@pytest.fixture(name="far")
def _far(published: Repository, keys: RepositoryKeys, tmp_path: Path) -> Iterator[Far]:
    image = os.urandom(COUNT * CHUNK)
    with transaction(published, keys, at=AT, message="image", chunk_size=CHUNK) as tx:
        tx.put_bytes(image, "image.sif")
    ahead = Ahead()
    with misbehaving(published.folder, Well()) as server:
        reader = open_reader(
            server.url, FQRN, keys.public_key, tmp_path / "cache", at=AT, ahead=ahead
        )
        follower = Follower(reader, clock=lambda: AT, every_s=60)
        yield Far(
            RepositoryFilesystem(reader, follower=follower, environment={}), ahead, server, image
        )
        reader.close()


def test_what_is_read_in_a_row_is_fetched_ahead(far: Far) -> None:
    assert far.read(range(0, 16 * CHUNK, STEP))

    assert far.chunks_asked_for() > 16


def test_each_chunk_is_fetched_once(far: Far) -> None:
    assert far.read(range(0, COUNT * CHUNK, STEP))

    assert far.chunks_asked_for() == COUNT


def test_what_is_read_here_and_there_is_not_fetched_ahead(far: Far) -> None:
    offsets = range(0, COUNT * CHUNK, 4 * CHUNK)

    assert far.read(offsets)

    assert far.chunks_asked_for() == len(offsets)


def test_chunks_that_one_read_touches_are_fetched_once(far: Far) -> None:
    assert far.read(range(CHUNK - STEP // 2, CHUNK, STEP))

    assert far.chunks_asked_for() == 2


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda files: files.getattr("/none"), errno.ENOENT),
        (lambda files: files.readlink("/odd/empty"), errno.EINVAL),
        (lambda files: files.open("/odd/empty", os.O_RDWR), errno.EROFS),
        (lambda files: files.getxattr("/odd", "user.hash"), errno.ENODATA),
        (lambda files: files.listxattr("/none"), errno.ENOENT),
    ],
    ids=["missing", "no link", "write", "missing attribute", "attributes of nothing"],
)
def test_refusal_has_its_number(
    far: Far, operation: Callable[[RepositoryFilesystem], object], expected: int
) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is asserted
        operation(far.filesystem)

    assert caught.value.errno == expected


def test_directory_above_has_its_own_number(far: Far) -> None:
    numbers = {name: status["st_ino"] for name, status, _ in far.filesystem.readdir("/odd", 0)}

    assert numbers["."] == far.filesystem.getattr("/odd")["st_ino"]
    assert numbers[".."] == far.filesystem.getattr("/")["st_ino"]
    assert numbers["."] != numbers[".."]


def test_size_of_the_file_system_is_that_of_its_files(far: Far) -> None:
    facts = far.filesystem.statfs("/")

    assert facts["f_blocks"] * facts["f_frsize"] >= len(far.image)
    assert facts["f_files"] > 10
