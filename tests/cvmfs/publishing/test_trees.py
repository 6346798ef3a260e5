# SPDX-License-Identifier: BSD-3-Clause
"""Everything that a tree may hold, published and compared with what the file system says of it."""

from __future__ import annotations

import os
import random
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.local_tree import TreeRules, VariableLinks
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, sign_whitelist
from tests.cvmfs.random_trees import MODES, NAMES, TIMES_NS, edit, grow, published_tree_of, tree_of
from tests.cvmfs.samples import AT, FQRN, publish_tree, read

ROUNDS = 4
FOUR_GIB = 1 << 32


@pytest.mark.parametrize("seed", range(6))
def test_random_trees_come_back_as_they_were(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "tree"
    grow(chance, folder)
    for number in range(ROUNDS):
        with transaction(repository, keys, at=AT, message=f"{number}", chunk_size=50) as tx:
            tx.put_tree(folder, "tree", nest=number == 1, rules=TreeRules(xattrs=True))

        with read(repository, keys) as reader:
            assert published_tree_of(reader, "tree") == tree_of(folder), f"round {number}"
            assert check(reader).findings == (), f"round {number}"
        edit(chance, folder)


@pytest.mark.parametrize("time_ns", TIMES_NS)
def test_times_are_kept_to_the_nanosecond(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path, time_ns: int
) -> None:
    (tmp_path / "tree").mkdir()
    for name in ("file", "folder"):
        place = tmp_path / "tree" / name
        place.touch() if name == "file" else place.mkdir()
        os.utime(place, ns=(time_ns, time_ns))
    assert (tmp_path / "tree" / "file").stat().st_mtime_ns == time_ns

    publish_tree(repository, keys, tmp_path / "tree", "tree")

    for entry in read(repository, keys).listdir("tree"):
        assert entry.mtime * 1_000_000_000 + entry.mtime_ns == time_ns
        assert 0 <= entry.mtime_ns < 1_000_000_000


def test_sparse_file_keeps_its_size_and_costs_one_object(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(40_000_000)
        stream.seek(20_000_000)
        stream.write(b"data")

    with transaction(repository, keys, at=AT) as tx:
        tx.put_file(tmp_path / "sparse", "sparse")

    reader = read(repository, keys)
    assert reader.entry("sparse").size == 40_000_000
    assert reader.read("sparse") == (tmp_path / "sparse").read_bytes()
    assert len({chunk.content_hash for chunk in reader.entry("sparse").chunks}) == 3
    assert tx.published.new_bytes < 40_000


def test_file_of_more_than_four_gigabytes_is_whole(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with (tmp_path / "huge.sif").open("wb") as stream:
        stream.write(b"begin")
        stream.truncate(FOUR_GIB)
        stream.seek(FOUR_GIB)
        stream.write(b"beyond")

    with transaction(repository, keys, at=AT, chunk_size=64 << 20) as tx:
        tx.put_file(tmp_path / "huge.sif", "huge.sif")

    with read(repository, keys) as reader:
        entry = reader.entry("huge.sif")
        assert entry.size == FOUR_GIB + 6
        assert entry.chunks[-1].piece.offset == FOUR_GIB
        assert len({chunk.content_hash for chunk in entry.chunks}) == 3
        assert reader.read("huge.sif", 0, 6) == b"begin\0"
        assert reader.read("huge.sif", FOUR_GIB - 3, 100) == b"\0\0\0beyond"
        assert reader.catalog_with("").statistics().own.file_size == FOUR_GIB + 6
        assert check(reader).findings == ()


def test_sockets_and_devices_are_refused_unless_asked_for(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir()
    monkeypatch.chdir(tmp_path)  # a socket's path may be a hundred bytes long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("tree/socket")

        with (
            pytest.raises(RepositoryError, match="tree/socket is a socket"),
            transaction(repository, keys, at=AT) as tx,
        ):
            tx.put_tree(tmp_path / "tree", "tree")
        with (
            pytest.raises(RepositoryError, match="/dev/null is a device"),
            transaction(repository, keys, at=AT) as tx,
        ):
            tx.put_file(Path("/dev/null"), "null")
        with transaction(repository, keys, at=AT) as tx:
            tx.put_tree(tmp_path / "tree", "tree", rules=TreeRules(specials=True))
            tx.put_file(Path("/dev/null"), "null", rules=TreeRules(specials=True))

    reader = read(repository, keys)
    assert stat.S_ISSOCK(reader.entry("tree/socket").mode)
    assert reader.entry("null").size == Path("/dev/null").stat().st_rdev
    assert reader.catalog_with("").statistics().own.special == 2
    assert check(reader).findings == ()


def test_variable_link_is_kept_when_asked_for(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "arch").symlink_to("$(ARCH:-x86_64)/bin")

    with transaction(repository, keys, at=AT) as tx:
        rules = TreeRules(variable_links=VariableLinks.KEEP)
        tx.put_tree(tmp_path / "tree", "tree", rules=rules)

    reader = read(repository, keys)
    assert reader.entry("tree/arch").target == "$(ARCH:-x86_64)/bin"
    assert check(reader).findings == ()


def test_names_of_a_file_in_two_directories_become_files(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    (tmp_path / "tree/one/file").write_text("content\n")
    (tmp_path / "tree/two/file").hardlink_to(tmp_path / "tree/one/file")

    publish_tree(repository, keys, tmp_path / "tree", "tree")

    reader = read(repository, keys)
    files = [reader.entry(f"tree/{name}/file") for name in ("one", "two")]
    assert {(file.link_count, file.link_group, file.content_hash) for file in files} == {
        (1, 0, files[0].content_hash)
    }


def test_folder_that_cannot_be_read_is_named(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with (
        pytest.raises(RepositoryError, match="nothing is not a folder"),
        transaction(repository, keys, at=AT) as tx,
    ):
        tx.put_tree(tmp_path / "nothing", "tree")


@pytest.mark.needs("fusermount3")
def test_mount_shows_what_the_file_system_shows(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    now = datetime.now(UTC)  # the mount process looks at the clock
    sign_whitelist(repository, keys, at=now)
    folder = tmp_path / "tree"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / name).write_text(f"{name!r}\n", encoding="utf-8")
        (folder / name).chmod(MODES[number % len(MODES)] | 0o400)
        time_ns = TIMES_NS[number % len(TIMES_NS)]
        os.utime(folder / name, ns=(time_ns, time_ns))
    (folder / "empty").touch()
    (folder / "link").symlink_to("a")

    publish_tree(repository, keys, folder, "tree", at=now)

    with mounted(repository.folder, FQRN, keys.public_key, tmp_path / "m") as mountpoint:
        assert _shown(mountpoint / "tree") == _shown(folder)


def _shown(folder: Path) -> dict[str, tuple[object, ...]]:
    return {
        path.name: (
            oct(path.lstat().st_mode), path.lstat().st_size, path.lstat().st_mtime_ns,
            path.lstat().st_nlink, path.read_bytes(),
        )
        for path in folder.iterdir()
    }  # fmt: skip
