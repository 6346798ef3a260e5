# SPDX-License-Identifier: BSD-3-Clause
"""Trees grown and changed at random, the same for the same seed, and what there is to compare of them."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections import defaultdict
from pathlib import Path

from cvmfs.format.entries import Entry, Kind
from cvmfs.format.xattrs import decode
from cvmfs.reading.reader import Reader

NAMES = (
    "a", "b", "c.sif", "with space", "new\nline", "grüße", os.fsdecode(b"latin-\xe9"), "n" * 255, "-x", "*",
)  # fmt: skip
MODES = (0o000, 0o400, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o6711, 0o1777)
TIMES_NS = (-1, -86_400_000_000_000, 0, 1, 1_700_000_000_123_456_789, 13_000_000_000_000_000_000)
TARGETS = ("a", "../b", "/nowhere/at all", "grüße", "x/" * 300, os.fsdecode(b"\xff\xfe"))
_MARKER = ".cvmfscatalog"
_AUTOMATIC = ".cvmfsautocatalog"

Tree = dict[str, tuple[object, ...]]
"""What is at each path, as far as a client can see it."""


def grow(chance: random.Random, folder: Path, *, depth: int = 3, marked: float = 0.15) -> None:
    """Fill a new folder: files, several names of one file, links, fifos, folders, some marked."""
    folder.mkdir()
    files: list[Path] = []
    for name in chance.sample(NAMES, chance.randint(0, 6)):
        place = folder / name
        match chance.choice(("file", "file", "name", "link", "fifo", "folder", "folder")):
            case "file":
                place.write_bytes(_content(chance))
                files.append(place)
            case "name" if files:
                place.hardlink_to(chance.choice(files))
            case "link":
                place.symlink_to(chance.choice(TARGETS))
            case "fifo":
                os.mkfifo(place)
            case "folder" if depth:
                grow(chance, place, depth=depth - 1, marked=marked)
            case _:
                place.touch()
    if chance.random() < marked:
        (folder / _MARKER).touch()
    for place in [*files, folder]:
        _dress(chance, place)


def edit(chance: random.Random, folder: Path) -> None:
    """Change a few things somewhere in a grown folder; the folder itself stays."""
    for _ in range(chance.randint(0, 4)):
        everything = sorted(path for path in folder.rglob("*") if path.name != _MARKER)
        if not everything:
            break
        place = chance.choice(everything)
        match chance.choice(("remove", "rewrite", "replace", "move", "dress")):
            case "remove":
                _remove(place)
            case "rewrite" if place.is_file() and not place.is_symlink():
                place.chmod(0o600)
                place.write_bytes(_content(chance))
            case "replace":
                _remove(place)
                grow(chance, place, depth=1)
            case "move":
                target = place.with_name(chance.choice(NAMES))
                if not os.path.lexists(target):
                    place.rename(target)
            case _ if not place.is_symlink():
                _dress(chance, place)
            case _:
                pass


def tree_of(folder: Path) -> Tree:
    """Return what a local folder holds."""
    found: Tree = {}
    names: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for path in folder.rglob("*"):
        status, name = path.lstat(), str(path.relative_to(folder))
        if path.name == _MARKER:
            continue
        what: object = None
        if stat.S_ISLNK(status.st_mode):
            what = str(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            what = path.read_bytes()
            names[str(path.parent), status.st_ino].append(name)
        attributes = {key: os.getxattr(path, key) for key in _attribute_names(path)}
        found[name] = (oct(status.st_mode), status.st_mtime_ns, what, attributes)
    return found | _with_names({str(number): group for number, group in enumerate(names.values())})


def published_tree_of(reader: Reader, path: str) -> Tree:
    """Return the same of a directory of a repository."""
    found: Tree = {}
    names: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for entry in reader.walk(path):
        name = entry.path.removeprefix(path).removeprefix("/")
        if not name or entry.name in (_MARKER, _AUTOMATIC):
            continue
        time_ns = entry.mtime * 1_000_000_000 + entry.mtime_ns
        found[name] = (oct(entry.mode), time_ns, _what(reader, entry), decode(entry.xattr))
        if entry.link_group:
            names[entry.path.rpartition("/")[0], entry.link_group].append(name)
    return found | _with_names({str(number): group for number, group in enumerate(names.values())})


def _what(reader: Reader, entry: Entry) -> object:
    if entry.kind is Kind.SYMLINK:
        return entry.target
    return reader.read_entry(entry) if entry.kind is Kind.FILE else None


def _with_names(groups: dict[str, list[str]]) -> Tree:
    """Return the names of each file that has several in one directory, under a name that no file can have."""
    return {f"/{min(group)}": tuple(sorted(group)) for group in groups.values() if len(group) > 1}


def _attribute_names(path: Path) -> list[str]:
    if path.is_symlink():
        return []
    return [name for name in os.listxattr(path) if name.startswith("user.")]


def _content(chance: random.Random) -> bytes:
    size = chance.choice((0, 1, 50, 51, 100, 500))
    return chance.randbytes(size) if chance.random() < 0.5 else bytes(size)


def _dress(chance: random.Random, place: Path) -> None:
    """Give something a mode, a time and an attribute; a folder stays one that its owner can use."""
    mode = chance.choice(MODES) | (0o700 if place.is_dir() else 0o400)
    if place.is_file() and chance.random() < 0.3:
        place.chmod(0o600)
        os.setxattr(place, "user.of", chance.randbytes(chance.choice((0, 1, 255))))
    place.chmod(mode)
    time_ns = chance.choice(TIMES_NS)
    os.utime(place, ns=(time_ns, time_ns))


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()
