# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cvmfs.backends.mounted_tree import MountedTree
from cvmfs.errors import RepositoryError
from tests.cvmfs.samples import make_odd_tree, snapshot

AT = 1_700_000_000


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """Give a folder such as a repository is mounted at."""
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


def opened(mount: Path) -> MountedTree:
    return MountedTree(mount, at=AT)


def test_tree_is_as_it_was(mount: Path, tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    work = opened(mount)

    work.put_tree(tree, "a/b", nest=True)

    assert snapshot(mount / "a" / "b") == snapshot(tree)
    assert (mount / "a" / "b" / ".cvmfscatalog").exists()
    assert (mount / "a" / "b" / "linked" / "one").stat().st_nlink == 3
    assert (mount / "a" / "b" / "elsewhere").stat().st_nlink == 1
    assert work.is_changed


@pytest.mark.parametrize(
    "act",
    [
        lambda work, tree: work.put_tree(tree, "a/b", nest=True),
        lambda work, tree: work.put_file(tree / "script.sh", "bin/script"),
        lambda work, tree: work.put_bytes(b"same\n", "bytes"),
        lambda work, tree: work.remove("nothing"),
        lambda work, tree: work.nest("a/b"),
    ],
    ids=["tree", "file", "bytes", "remove", "nest"],
)
def test_what_is_there_is_left_alone(
    mount: Path, tmp_path: Path, act: Callable[[MountedTree, Path], None]
) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    first = opened(mount)
    first.put_tree(tree, "a/b", nest=True)
    first.put_file(tree / "script.sh", "bin/script")
    first.put_bytes(b"same\n", "bytes")
    second = MountedTree(mount, at=AT + 60)

    act(second, tree)

    assert not second.is_changed
    assert (mount / "bytes").stat().st_mtime == AT


@pytest.mark.parametrize("change", ["content", "mode", "time", "gone", "new", "kind", "target"])
def test_every_change_is_noticed(mount: Path, tmp_path: Path, change: str) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    opened(mount).put_tree(tree, "x")
    file, link = tree / "script.sh", tree / "link"
    times = file.stat()
    if change == "content":
        file.write_text(file.read_text().replace("hello", "HELLO"))
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "mode":
        file.chmod(0o700)
    elif change == "time":
        os.utime(file, (AT, AT))
    elif change == "gone":
        file.unlink()
    elif change == "new":
        (tree / "more").touch()
    elif change == "kind":
        file.unlink()
        file.mkdir()
    else:
        link.unlink()
        link.symlink_to("elsewhere")
    work = opened(mount)

    work.put_tree(tree, "x")

    assert work.is_changed
    assert snapshot(mount / "x") == snapshot(tree)


def test_catalogs_that_the_server_made_stay(mount: Path, tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    work = opened(mount)
    work.put_tree(tree, "x")
    for marker in (".cvmfscatalog", ".cvmfsautocatalog"):
        (mount / "x" / "linked" / marker).touch()

    work.put_tree(tree, "x")

    assert (mount / "x" / "linked" / ".cvmfscatalog").exists()
    assert (mount / "x" / "linked" / ".cvmfsautocatalog").exists()


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a//b", "/"])
def test_paths_stay_inside(mount: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(RepositoryError):
        opened(mount).put_bytes(b"", path)

    assert not (tmp_path / "out").exists()


def test_directory_is_not_replaced_by_a_file(mount: Path) -> None:
    work = opened(mount)
    work.put_bytes(b"", "a/file")

    with pytest.raises(RepositoryError, match="/a is a directory"):
        work.put_bytes(b"", "a")


def test_missing_file_is_named(mount: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"cannot put .*none: No such file"):
        opened(mount).put_file(tmp_path / "none", "file")


def test_files_and_bytes_are_counted(mount: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "one").write_bytes(b"12345")
    work = opened(mount)

    work.put_tree(tree, "tree")
    work.put_bytes(b"123", "two")

    assert (work.files, work.logical_bytes) == (2, 8)
