# SPDX-License-Identifier: BSD-3-Clause
"""Many random transactions beside the same changes to a folder: the trees stay equal and every rule holds."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.format.entries import Kind
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import Reader
from tests.cvmfs.samples import AT, read

NAMES = ("a", "b", "c", "d")
ROUNDS = 12


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_keep_every_rule(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    twin = tmp_path / "twin"
    twin.mkdir()
    for number in range(ROUNDS):
        with transaction(repository, keys, at=AT, message=f"{number}", chunk_size=50) as tx:
            for _ in range(chance.randint(1, 4)):
                _change(chance, tx, twin, tmp_path / "new")

        with read(repository, keys) as reader:
            assert _tree(reader) == _folder(twin), f"round {number}"
            assert check(reader).findings == (), f"round {number}"


def _change(chance: random.Random, tx: Transaction, twin: Path, scratch: Path) -> None:
    """Do one change in the transaction and in the folder beside it."""
    path = "/".join(chance.choices(NAMES, k=chance.randint(1, 3)))
    place = twin / path
    match chance.choice(("tree", "tree", "bytes", "remove", "nest")):
        case "tree":
            shutil.rmtree(scratch, ignore_errors=True)
            _grow(chance, scratch, depth=3)
            if _has_file_above(twin, place):
                return
            tx.put_tree(scratch, path, nest=chance.random() < 0.3)
            _forget(place)
            shutil.copytree(scratch, place, symlinks=True)
        case "bytes":
            if _has_file_above(twin, place) or (place.is_dir() and not place.is_symlink()):
                with pytest.raises(UserError):
                    tx.put_bytes(b"refused", path)
                return
            content = chance.randbytes(chance.randint(0, 120))
            tx.put_bytes(content, path)
            _forget(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        case "remove":
            tx.remove(path)
            if not _has_file_above(twin, place):
                _forget(place)
        case "nest":
            if place.is_dir() and not place.is_symlink() and not _has_file_above(twin, place):
                tx.nest(path)


def _grow(chance: random.Random, folder: Path, depth: int) -> None:
    """Fill a new folder at random: files with contents, some with several names, links, folders."""
    folder.mkdir(parents=True)
    files: list[Path] = []
    for name in chance.sample(NAMES, chance.randint(0, len(NAMES))):
        match chance.choice(("file", "link", "hard link", "folder", "folder")):
            case "file":
                (folder / name).write_bytes(chance.randbytes(chance.randint(0, 120)))
                files.append(folder / name)
            case "link":
                (folder / name).symlink_to(chance.choice(NAMES))
            case "hard link" if files:
                (folder / name).hardlink_to(chance.choice(files))
            case _ if depth:
                _grow(chance, folder / name, depth - 1)
                if chance.random() < 0.2:
                    (folder / name / ".cvmfscatalog").touch()
            case _:
                pass


def _has_file_above(twin: Path, place: Path) -> bool:
    above = [parent for parent in place.parents if parent != twin and parent.is_relative_to(twin)]
    return any(parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in above)


def _forget(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _tree(reader: Reader) -> dict[str, object]:
    found: dict[str, object] = {}
    for entry in reader.walk():
        if entry.path and entry.name != ".cvmfscatalog":
            what = entry.kind, entry.target
            found[entry.path] = (
                (*what, reader.read_entry(entry)) if entry.kind is Kind.FILE else what
            )
    return found


def _folder(twin: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in twin.rglob("*"):
        if path.name == ".cvmfscatalog":
            continue
        name = str(path.relative_to(twin))
        if path.is_symlink():
            found[name] = (Kind.SYMLINK, str(path.readlink()))
        elif path.is_dir():
            found[name] = (Kind.DIRECTORY, "")
        else:
            found[name] = (Kind.FILE, "", path.read_bytes())
    return found
