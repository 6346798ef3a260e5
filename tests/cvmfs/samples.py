# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of this folder publish, and short ways to look at a repository."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from cvmfs.format.hashes import ContentHash, Suffix, object_path
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import Publication, transaction
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import Reader, open_reader

FQRN = "software.example.org"
AT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
CHUNK = 1 << 20


def make_odd_tree(folder: Path) -> Path:
    """Fill a folder with everything that a tree may hold, and return it."""
    (folder / "with spaces" / "deeper").mkdir(parents=True)
    (folder / "with spaces" / "a b.txt").write_text("spaces\n")
    (folder / "grüße-日本語").write_text("utf-8\n", encoding="utf-8")
    (folder / ("n" * 255)).write_text("a long name\n")
    (folder / "empty").touch()
    (folder / "empty directory").mkdir()
    (folder / "link").symlink_to("with spaces/a b.txt")
    (folder / "dangling").symlink_to("/nowhere/at all")
    (folder / "linked").mkdir()
    (folder / "linked" / "one").write_text("three names\n")
    (folder / "linked" / "two").hardlink_to(folder / "linked" / "one")
    (folder / "linked" / "three").hardlink_to(folder / "linked" / "one")
    (folder / "elsewhere").hardlink_to(folder / "linked" / "one")
    (folder / "large.bin").write_bytes(
        b"".join(bytes((n, n + 1, 7, 9)) * (CHUNK // 4) for n in range(9)) + b"end"
    )
    (folder / "script.sh").write_text("#!/bin/sh\necho hello\n")
    (folder / "script.sh").chmod(0o755)
    (folder / "secret").write_text("for the owner\n")
    (folder / "secret").chmod(0o400)
    os.mkfifo(folder / "pipe")
    os.utime(folder / "empty", ns=(0, 1_700_000_000_123_456_789))
    return folder


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what a folder holds, by relative path: kind, mode, time in ns, and content or target."""
    return {
        str(path.relative_to(folder)): _status(path)
        for path in sorted(folder.rglob("*"))
        if path.name != ".cvmfscatalog"
    }


def repository_snapshot(reader: Reader, path: str) -> dict[str, tuple[object, ...]]:
    """Return the same of a directory of a repository."""
    found: dict[str, tuple[object, ...]] = {}
    for entry in reader.walk(path):
        if entry.path == path or entry.name == ".cvmfscatalog":
            continue
        what: object = entry.target if stat.S_ISLNK(entry.mode) else None
        if stat.S_ISREG(entry.mode):
            what = reader.read(entry.path)
        time = entry.mtime * 1_000_000_000 + entry.mtime_ns
        found[entry.path.removeprefix(path + "/")] = (oct(entry.mode), time, what)
    return found


def publish_tree(
    repository: Repository,
    keys: RepositoryKeys,
    folder: Path,
    path: str,
    *,
    at: datetime = AT,
    nest: bool = False,
) -> Publication:
    """Publish one folder in a transaction of its own."""
    with transaction(repository, keys, at=at, message=f"put {path}") as tx:
        tx.put_tree(folder, path, nest=nest)
    return tx.published


def read(repository: Repository, keys: RepositoryKeys, *, at: datetime = AT) -> Reader:
    """Return a verified reader of a repository's folder."""
    return open_reader(repository.folder, FQRN, keys.public_key, at=at)


def object_file(repository: Repository, content_hash: ContentHash, suffix: Suffix) -> Path:
    """Return the file of an object."""
    return repository.folder / object_path(content_hash, suffix)


def flip_byte(file: Path, position: int = -1) -> None:
    """Change one byte of a file."""
    content = bytearray(file.read_bytes())
    content[position] ^= 0x01
    file.write_bytes(content)


def _status(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    what: object = str(path.readlink()) if path.is_symlink() else None
    if stat.S_ISREG(status.st_mode):
        what = path.read_bytes()
    return (oct(status.st_mode), status.st_mtime_ns, what)
