# SPDX-License-Identifier: BSD-3-Clause
"""Files that are old or new but never half."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest

from core.errors import Busy
from core.files import (
    atomic_file,
    atomic_folder,
    copy_atomic,
    exclusive_lock,
    sha256_file,
    write_atomic,
)


def test_a_file_is_written_with_its_folder_and_mode(tmp_path: Path) -> None:
    target = tmp_path / "with space" / "file"

    write_atomic(target, "text é", mode=0o600)

    assert target.read_text(encoding="utf-8") == "text é"
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_error_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")

    with contextlib.suppress(RuntimeError), atomic_file(target) as stream:
        stream.write(b"half")
        raise RuntimeError

    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_the_old_one_or_leaves_it(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with atomic_folder(target) as folder:
        (folder / "first").touch()
    with contextlib.suppress(RuntimeError), atomic_folder(target) as folder:
        (folder / "broken").touch()
        raise RuntimeError
    assert [entry.name for entry in target.iterdir()] == ["first"]

    with atomic_folder(target) as folder:
        (folder / "second").touch()

    assert [entry.name for entry in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_copy_has_the_same_hash(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(3_000_000))

    copy_atomic(source, tmp_path / "copy")

    expected = hashlib.sha256(bytes(3_000_000)).hexdigest()
    assert sha256_file(source) == sha256_file(tmp_path / "copy") == expected


def test_a_lock_is_held_by_one_and_names_the_holder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    with (
        exclusive_lock(lock, purpose="publish"),
        pytest.raises(Busy, match=r"cannot build: process \d+ is at it \(publish\)"),
        exclusive_lock(lock, purpose="build"),
    ):
        pass

    with exclusive_lock(lock, purpose="build"):
        pass
