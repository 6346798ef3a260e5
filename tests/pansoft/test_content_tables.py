# SPDX-License-Identifier: BSD-3-Clause
"""Tables of content hashes, made in a real transaction and checked on a real mount that reads nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import Refused
from core.files import sha256_file
from cvmfs.backends.mounted_tree import MountedTree
from cvmfs.format.hashes import Algorithm
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from pansoft.content_tables import put_table, signed_files
from tests.trust.conftest import key as key
from tests.trust.conftest import public
from trust.contents import content_table
from trust.contents.content_table import ContentTable
from trust.contents.cvmfs_attributes import NotShown
from trust.keys.folder import FolderKey

pytestmark = pytest.mark.needs("apptainer", "gpg", "fusermount3")

NOW = datetime.now(UTC).replace(microsecond=0)
FQRN = "tables.example.org"
FOLDER = "images/x/1.0"
CHUNK = 1024


@dataclass(frozen=True)
class Published:
    """A version in a repository: what was signed, by whom, and where it is served."""

    repository: Repository
    keys: RepositoryKeys
    signed: dict[str, str]
    key: FolderKey

    def table(self, mount: Path) -> ContentTable:
        folder = mount / FOLDER
        return content_table.read(
            folder, subject=folder / "x.sif.statement.json", public_keys=[public(self.key)]
        )


def put_version(published: Published, local: Path, *, algorithm: Algorithm | None = None) -> None:
    """Publish a folder and its table."""
    with transaction(
        published.repository, published.keys, at=NOW, chunk_size=CHUNK, algorithm=algorithm
    ) as tx:
        for file in sorted(local.iterdir()):
            tx.put_file(file, f"{FOLDER}/{file.name}")
        done = put_table(
            tx,
            FOLDER,
            sorted(published.signed.items()),
            subject=local / "x.sif.statement.json",
            repository=FQRN,
            key=published.key,
        )
        assert done


@pytest.fixture(scope="module", name="local")
def _local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    (folder / "x.sif").write_bytes(os.urandom(1500 * CHUNK + 7))
    (folder / "sbom.spdx.json").write_text("{}\n")
    (folder / "empty").touch()
    (folder / "x.sif.statement.json").write_text("the statement\n")
    return folder


@pytest.fixture(scope="module", name="published")
def _published(tmp_path_factory: pytest.TempPathFactory, local: Path, key: FolderKey) -> Published:
    folder = tmp_path_factory.mktemp("published")
    keys = create_keys(folder, FQRN, at=NOW)
    made = Published(
        create_repository(folder / "repository", keys, at=NOW),
        keys,
        dict(signed_files(local.iterdir())),
        key,
    )
    put_version(made, local)
    return made


@pytest.fixture(name="mount")
def _mount(published: Published, tmp_path: Path) -> Iterator[Path]:
    with (
        serving(published.repository.folder) as url,
        mounted(url, FQRN, published.keys.public_key, tmp_path / "m") as target,
    ):
        yield target


def fetched(mount: Path) -> int:
    return int(os.getxattr(mount, "user.rx"))


def test_an_image_is_verified_without_being_read(published: Published, mount: Path) -> None:
    table = published.table(mount)
    before = fetched(mount)

    checked = content_table.verify_by_attributes(mount / FOLDER, table, expected=published.signed)

    assert checked.repository == FQRN
    assert checked.files == 4
    assert checked.bytes > 1500 * CHUNK
    assert checked.algorithms == ("sha1",)
    assert fetched(mount) - before < 10  # KiB, of an image of 1500
    assert len(table.file_at("x.sif").chunks) > 700  # type: ignore[union-attr]  # more than a page


def test_another_image_in_its_place_is_refused(
    published: Published, mount: Path, local: Path, tmp_path: Path
) -> None:
    """The repository's keys are stolen: its catalogs are in order, and hold another image."""
    table = published.table(mount)
    stored = table.file_at("x.sif")
    assert stored is not None
    image = bytearray((local / "x.sif").read_bytes())
    image[700 * CHUNK] ^= 1
    changed = tmp_path / "x.sif"
    changed.write_bytes(image)
    other = create_repository(tmp_path / "other", published.keys, at=NOW)
    with transaction(other, published.keys, at=NOW, chunk_size=CHUNK) as tx:
        tx.put_file(changed, f"{FOLDER}/x.sif")
    with (
        mounted(other.folder, FQRN, published.keys.public_key, tmp_path / "o") as swapped,
        pytest.raises(Refused, match="is held by another object from byte"),
    ):
        content_table.verify_by_attributes(
            swapped / FOLDER, table, expected={"x.sif": stored.sha256}
        )


def test_a_file_that_is_missing_or_a_link_is_refused(
    published: Published, mount: Path, tmp_path: Path
) -> None:
    table = published.table(mount)
    other = create_repository(tmp_path / "other", published.keys, at=NOW)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "x.sif").symlink_to("/etc/passwd")
    with transaction(other, published.keys, at=NOW) as tx:
        tx.put_tree(tmp_path / "t", FOLDER)
    with mounted(other.folder, FQRN, published.keys.public_key, tmp_path / "o") as swapped:
        for name in ("x.sif", "empty"):
            with pytest.raises(Refused, match="is missing, or is no file"):
                content_table.verify_by_attributes(
                    swapped / FOLDER, table, expected={name: published.signed[name]}
                )


def test_a_table_that_disagrees_with_the_statement_is_refused(
    published: Published, mount: Path
) -> None:
    with pytest.raises(Refused, match=r"speaks of another x\.sif than the one that was signed"):
        content_table.verify_by_attributes(
            mount / FOLDER, published.table(mount), expected={"x.sif": "0" * 64}
        )


def test_what_the_table_does_not_list_is_to_be_read(published: Published, mount: Path) -> None:
    with pytest.raises(NotShown, match="does not list more"):
        content_table.verify_by_attributes(
            mount / FOLDER, published.table(mount), expected={"more": "0" * 64}
        )


def test_the_answer_names_a_better_hash_where_the_repository_has_one(
    tmp_path: Path, published: Published, local: Path
) -> None:
    repository = create_repository(tmp_path / "shake", published.keys, at=NOW)
    better = Published(repository, published.keys, published.signed, published.key)
    put_version(better, local, algorithm=Algorithm.SHAKE128)
    with mounted(repository.folder, FQRN, published.keys.public_key, tmp_path / "m") as mount:
        checked = content_table.verify_by_attributes(
            mount / FOLDER, better.table(mount), expected=better.signed
        )

    assert checked.algorithms == ("shake128",)


def test_where_the_server_makes_the_objects_there_is_no_table(
    published: Published, tmp_path: Path, local: Path
) -> None:
    tree = MountedTree(tmp_path, at=0)
    subject = local / "x.sif.statement.json"
    tree.put_file(subject, f"{FOLDER}/{subject.name}")

    done = put_table(
        tree,
        FOLDER,
        [(subject.name, sha256_file(subject))],
        subject=subject,
        repository=FQRN,
        key=published.key,
    )

    assert not done
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == [subject.name]
