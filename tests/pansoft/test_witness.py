# SPDX-License-Identifier: BSD-3-Clause
"""When a version was published: a mount of its repository says so, and nobody else does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.entry import write_entry
from cvmfs.format.keys import create_keys
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import create_repository
from pansoft.witness import witnessed
from tests.catalog.samples import entry

pytestmark = pytest.mark.needs("fusermount3")

NOW = datetime.now(UTC).replace(microsecond=0)
FQRN = "witness.example.org"
DAY = datetime(2026, 5, 9, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder `images` of a mount: a version, one in the wrong place, one of another repository."""
    folder = tmp_path_factory.mktemp("witness")
    published = "2026-05-09T12:00:00Z"
    good = write_entry(entry("tiny", "1.0", fqrn=FQRN, published=published))
    other = write_entry(entry("tiny", "3.0", fqrn="other.example.org", published=published))
    keys = create_keys(folder, FQRN, at=NOW)
    repository = create_repository(folder / "repository", keys, at=NOW)
    with transaction(repository, keys, at=NOW) as tx:
        tx.put_bytes(good, "images/tiny/1.0/entry.json")
        tx.put_bytes(b"an image", "images/tiny/1.0/tiny.sif")
        tx.put_bytes(good, "images/tiny/2.0/entry.json")
        tx.put_bytes(other, "images/tiny/3.0/entry.json")
        tx.put_bytes(b"{}", "images/tiny/4.0/entry.json")
        tx.put_bytes(b"an image", "images/tiny/5.0/tiny.sif")
    with (
        serving(repository.folder) as url,
        mounted(url, FQRN, keys.public_key, folder / "m") as mount,
    ):
        yield mount / "images"


def test_the_repository_says_when_it_published_a_version(images: Path) -> None:
    assert witnessed(images / "tiny" / "1.0") == DAY
    assert witnessed(images / "tiny" / "1.0" / "tiny.sif") == DAY


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("2.0", id="an entry of another version"),
        pytest.param("3.0", id="an entry of another repository"),
        pytest.param("4.0", id="no entry"),
        pytest.param("5.0", id="nothing"),
    ],
)
def test_an_entry_in_the_wrong_place_is_no_witness(images: Path, version: str) -> None:
    assert witnessed(images / "tiny" / version) is None


def test_a_copied_folder_is_no_witness_whatever_it_shows(images: Path, tmp_path: Path) -> None:
    """Anybody can write `entry.json` and set the attribute in a folder of their own."""
    folder = tmp_path / "images" / "tiny" / "1.0"
    shutil.copytree(images / "tiny" / "1.0", folder)
    os.setxattr(folder / "entry.json", "user.fqrn", FQRN.encode())

    assert witnessed(folder) is None
    assert witnessed(folder / "tiny.sif") is None
