# SPDX-License-Identifier: BSD-3-Clause
"""A tiny two-partition SIF file and keys, made once by the real programs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import process
from tests.trust.people import World
from trust import keys
from trust.keys import FolderKey, KeyInfo

NOW = datetime.now(UTC).replace(microsecond=0)


def run(*argv: str | Path, **more: str) -> None:
    process.run(argv, reason="prepare a test", timeout_s=120)


def tiny_sif(folder: Path) -> Path:
    """Make a SIF with a definition, a primary partition and an overlay partition, as builds do."""
    folder.mkdir(parents=True, exist_ok=True)
    sif = folder / "tiny.sif"
    (folder / "definition").write_text("bootstrap: pansoft\n")
    for name in ("base", "delta"):
        tree = folder / f"{name}.tree"
        tree.mkdir()
        (tree / "file").write_text(f"this is the {name}\n" * 50)
        squashfs = folder / f"{name}.sqfs"
        run("mksquashfs", tree, squashfs, "-quiet", "-no-progress", "-all-root")
    run("apptainer", "sif", "new", sif)
    common = ("--groupid", "1")
    run("apptainer", "sif", "add", sif, folder / "definition", "--datatype", "1", *common)
    for name, kind in (("base", "2"), ("delta", "4")):
        run(
            *("apptainer", "sif", "add", sif, folder / f"{name}.sqfs", "--datatype", "4"),
            *("--parttype", kind, "--partfs", "1", "--partarch", "2"),
            *("--filename", name, *common),
        )
    return sif


def new_key(folder: Path, name: str) -> tuple[FolderKey, KeyInfo]:
    info = keys.keygen(
        folder / "keys" / name,
        name=f"{name} key",
        email=f"{name}@example.org",
        public=folder / f"{name}.asc",
        bits=2048,
    )
    return keys.open_key(info.folder), info


@pytest.fixture(scope="session")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sif(tmp_path_factory.mktemp("sif"))


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> FolderKey:
    return new_key(tmp_path_factory.mktemp("key"), "release")[0]


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> FolderKey:
    return new_key(tmp_path_factory.mktemp("other"), "other")[0]


def public(key: FolderKey) -> Path:
    """Return the public half of a key, as a partner has it."""
    return next(key.folder.parent.parent.glob("*.asc"))


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a file into the test's own folder, where it may be spoilt."""
    return lambda source: Path(shutil.copy(source, tmp_path / source.name))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "trust-policy")
