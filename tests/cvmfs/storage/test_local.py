# SPDX-License-Identifier: BSD-3-Clause
"""A directory as a storage, and the odd places that it may be in."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core import process
from core.errors import UserError
from core.files import DiskFull
from cvmfs.errors import LeaseLost, NotFound, RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.storage import local
from cvmfs.storage.local import SCRATCH, LocalStorage
from tests.cvmfs.samples import AT, read

ONE, TWO = "data/11/1111", "data/22/2222"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """Give a storage with nothing in it."""
    storage = LocalStorage(tmp_path / "storage")
    storage.prepare()
    return storage


def test_object_has_its_name_when_it_is_on_the_disk(storage: LocalStorage) -> None:
    storage.put(ONE, b"content")
    assert (storage.get(ONE), storage.size(ONE)) == (b"content", 7)
    assert not (storage.folder / ONE).exists()

    storage.make_durable()

    assert (storage.folder / ONE).read_bytes() == b"content"
    assert [file.path for file in storage.files("data/")] == [ONE]


def test_names_are_given_in_the_order_of_putting(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    name = LocalStorage._name

    def remember(self: LocalStorage, file: str, path: str) -> None:
        named.append(path)
        name(self, file, path)

    monkeypatch.setattr(LocalStorage, "_name", remember)
    paths = [f"data/{number:02x}/x" for number in (7, 3, 200, 1)]

    for path in paths:
        storage.put(path, b"x")
    storage.make_durable()

    assert named == paths


def test_many_objects_get_their_names_on_the_way(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_NAMED_AFTER_OBJECTS", 10)

    for number in range(25):
        storage.put(f"data/00/{number}", b"x")

    assert len(list(storage.files("data/"))) == 20


def test_discarded_objects_were_never_there(storage: LocalStorage) -> None:
    storage.put(ONE, b"content")

    storage.discard()
    storage.make_durable()

    assert storage.size(ONE) is None
    with pytest.raises(NotFound):
        storage.get(ONE)
    assert list((storage.folder / SCRATCH).iterdir()) == []


def test_what_a_killed_writer_left_of_a_control_file_goes(storage: LocalStorage) -> None:
    left = storage.folder / "..cvmfspublished.ab12cd"
    left.write_text("half")

    storage.discard()

    assert not left.exists()


def test_unfinished_object_that_another_publisher_removed_is_told(storage: LocalStorage) -> None:
    storage.put(ONE, b"content")
    LocalStorage(storage.folder).discard()
    for file in (storage.folder / SCRATCH).iterdir():
        file.unlink()

    with pytest.raises((LeaseLost, RepositoryError)):
        storage.make_durable()


def test_copy_without_empty_directories_is_a_storage(storage: LocalStorage) -> None:
    (storage.folder / "data" / "11").rmdir()

    storage.put(ONE, b"content")
    storage.make_durable()

    assert (storage.folder / ONE).read_bytes() == b"content"


def test_control_file_is_swapped_against_what_it_holds(storage: LocalStorage) -> None:
    assert storage.swap(".control", None, b"1")
    assert not storage.swap(".control", None, b"2")
    assert not storage.swap(".control", b"0", b"2")
    assert storage.swap(".control", b"1", b"2")

    assert storage.get(".control") == b"2"


# -- odd places


def _file_in_the_way(folder: Path) -> None:
    folder.write_text("a file")


def _file_for_data(folder: Path) -> None:
    folder.mkdir()
    (folder / "data").write_text("a file")


def _below_a_file(folder: Path) -> None:
    folder.parent.rmdir()
    folder.parent.write_text("a file")


@pytest.mark.parametrize("spoil", [_file_in_the_way, _file_for_data, _below_a_file])
def test_file_where_a_folder_should_be_is_named(
    spoil: Callable[[Path], None], keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    spoil(tmp_path / "below" / "repository")

    with pytest.raises(RepositoryError, match="a file is where a folder should be") as refused:
        create_repository(tmp_path / "below" / "repository", keys, at=AT)

    assert str(tmp_path / "below") in refused.value.message
    assert refused.value.hint


def test_folder_of_somebody_else_is_named(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from cvmfs.publishing.publish import transaction\n"
        "from cvmfs.publishing.repository import open_repository\n"
        "from cvmfs.format.keys import load_keys\n"
        "from core.errors import UserError\n"
        "from tests.cvmfs.samples import AT, FQRN\n"
        "keys = load_keys(Path(sys.argv[2]), FQRN)\n"
        "os.setgroups([]) if os.getuid() == 0 else None\n"
        "os.setresgid(65534, 65534, 65534) if os.getuid() == 0 else os.chmod(sys.argv[1], 0o555)\n"
        "os.setresuid(65534, 65534, 65534) if os.getuid() == 0 else None\n"
        "try:\n"
        "    with transaction(open_repository(sys.argv[1], FQRN), keys, at=AT) as tx:\n"
        "        tx.put_bytes(b'', 'x')\n"
        "except UserError as err:\n"
        "    print(type(err).__name__, err.message, err.hint)\n"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    for lock in repository.folder.glob(".*.lock"):
        lock.unlink()

    said = process.run(
        [sys.executable, "-c", program, repository.folder, keys.public_key.parent],
        reason="publish as another user",
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )

    assert said.stdout.startswith(f"RepositoryError {repository.folder}/.publish.lock")
    assert "may not be written by this user" in said.stdout
    assert "publish as the user who owns it" in said.stdout


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "mounted read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_disk_that_fails_is_explained(
    number: int,
    words: str,
    repository: Repository,
    keys: RepositoryKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), "/somewhere")

    monkeypatch.setattr(LocalStorage, "_scratch_name", fail)
    with (
        pytest.raises(UserError, match=words) as failed,
        transaction(repository, keys, at=AT) as tx,
    ):
        tx.put_bytes(b"new\n", "new")

    assert failed.value.hint
    assert read(repository, keys).revision == 1


def test_catalog_that_finds_the_disk_full_is_explained(
    repository: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/scratch")

    monkeypatch.setattr("cvmfs.publishing.objects.ObjectStore.put_file", fail)
    with pytest.raises(DiskFull), transaction(repository, keys, at=AT) as tx:
        tx.put_bytes(b"new\n", "new")

    monkeypatch.undo()
    assert read(repository, keys).revision == 1
