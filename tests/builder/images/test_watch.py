# SPDX-License-Identifier: BSD-3-Clause
"""How much a build has written is seen however it is written."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.images.scripts.watch import used_disk
from core import process

BLOCK = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that is removed by a program which knows no depth."""
    yield tmp_path
    process.run(["rm", "-rf", "--", *tmp_path.iterdir()], reason="remove deep folders")


def deep(folder: Path, depth: int) -> None:
    """Make folders in one another, with a file of one block in the last."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    file = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.write(file, os.urandom(BLOCK))
    os.close(file)
    os.close(here)


def test_files_count_by_what_they_take_and_once(tmp_path: Path) -> None:
    before = used_disk(tmp_path)
    (tmp_path / "one").write_bytes(os.urandom(10 * BLOCK))
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "link").symlink_to("/usr")
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)

    assert used_disk(tmp_path) - before == 10 * BLOCK


def test_folders_that_are_deeper_than_any_recursion_are_measured(folder: Path) -> None:
    deep(folder, 1200)

    assert BLOCK <= used_disk(folder) < math.inf


def test_what_is_too_deep_to_be_measured_is_too_much(folder: Path) -> None:
    deep(folder, 2500)

    assert used_disk(folder) == math.inf


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert used_disk(tmp_path / "gone") == 0
