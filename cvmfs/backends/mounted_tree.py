# SPDX-License-Identifier: BSD-3-Clause
"""A repository as a folder that may be written while a transaction of the genuine server is open.

What is there already, with the same content, mode and time, is left alone, so that nothing put is nothing
changed. A nested catalog is a directory with a `.cvmfscatalog` in it (the server makes the catalog).
"""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from cvmfs.backends.backend import Outcome
from cvmfs.errors import RepositoryError
from cvmfs.format.entries import Entry
from cvmfs.format.paths import MARKER, MARKERS, name_of, parent_of, prefixes, repository_path

_PERMISSIONS = 0o7777


class MountedTree:
    """Changes to a mounted repository; times are compared in seconds, which every server keeps.

    `at` is in seconds since 1970; `own` is the name of a file of ours that is not to be touched.
    """

    def __init__(self, mount: Path, *, at: int, own: str = "") -> None:
        self._mount = mount
        self._at = at
        self._kept = {*MARKERS, own}
        self.outcome: Outcome | None = None
        self.is_changed = False
        self.files = 0
        self.logical_bytes = 0

    @property
    def published(self) -> Outcome:
        """Return what was published, once the block of the transaction has ended."""
        if self.outcome is None:
            raise RuntimeError("the transaction has not been published")
        return self.outcome

    def put_tree(self, folder: Path, path: str, *, nest: bool = False) -> None:
        """Put a local folder at `path`, in place of what is there; a nested catalog stays one.

        Raises:
            RepositoryError: something in the folder cannot be read or written.
        """
        target = repository_path(path)
        if not folder.is_dir():
            raise RepositoryError(f"{folder} is not a folder")
        self._make_directories(parent_of(target))
        try:
            self._mirror(folder.resolve(), self._mount / target)
        except OSError as err:
            raise RepositoryError(f"cannot put {err.filename or folder}: {err.strerror}") from err
        if nest:
            self.nest(target)

    def put_file(self, file: Path, path: str) -> None:
        """Put one local file at `path`, the one it leads to if it is a link.

        Raises:
            RepositoryError: it cannot be read or written, or a directory is in its place.
        """
        target = self._file(path)
        source = file.resolve()
        if source.is_dir():
            raise RepositoryError(f"{file} is a folder", hint="put it with put_tree")
        try:
            self._place(source, target)
        except OSError as err:
            raise RepositoryError(f"cannot put {err.filename or file}: {err.strerror}") from err

    def put_bytes(
        self, content: bytes, path: str, *, mode: int = 0o644, mtime: int | None = None
    ) -> None:
        """Put a file of this content at `path`; without `mtime` an equal file keeps its time.

        Raises:
            RepositoryError: a directory is in its place.
        """
        target = self._file(path)
        self.files += 1
        self.logical_bytes += len(content)
        time = self._at if mtime is None else mtime
        if target.is_file() and not target.is_symlink():
            status = target.stat()
            is_same = (
                stat.S_IMODE(status.st_mode) == mode
                and mtime in (None, int(status.st_mtime))
                and target.read_bytes() == content
            )
            if is_same:
                return
        self._remove(target)
        target.write_bytes(content)
        target.chmod(mode & _PERMISSIONS)
        os.utime(target, (time, time))
        self.is_changed = True

    def remove(self, path: str) -> None:
        """Remove what is at `path` and below; nothing happens when there is nothing.

        Raises:
            RepositoryError: it is the root.
        """
        target = repository_path(path)
        if not target:
            raise RepositoryError("the root of a repository cannot be removed")
        if self.exists(target):
            self._remove(self._mount / target)

    def nest(self, path: str) -> None:
        """Make the directory at `path` a nested catalog.

        Raises:
            RepositoryError: it is no directory, or the root.
        """
        target = repository_path(path)
        folder = self._mount / target
        if not target or not self.exists(target) or folder.is_symlink() or not folder.is_dir():
            raise RepositoryError(f"/{target} cannot become a nested catalog: it is no directory")
        if not (folder / MARKER).exists():
            status = folder.stat()
            (folder / MARKER).touch()
            os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.is_changed = True

    def exists(self, path: str) -> bool:
        """Return whether something is at `path`, as this transaction leaves it."""
        target = repository_path(path)
        above = [self._mount / prefix for prefix in prefixes(parent_of(target))]
        if any(folder.is_symlink() or not folder.is_dir() for folder in above):
            return False
        return os.path.lexists(self._mount / target)

    def stored(self, path: str) -> Entry | None:  # noqa: ARG002 - the server cuts and names objects
        """Return None: the server makes the objects, after all has been put."""
        return None

    # -- the steps of the above

    def _file(self, path: str) -> Path:
        """Return where a file goes, in a directory that is there."""
        target = repository_path(path)
        if not target or name_of(target) in self._kept:
            raise RepositoryError(f"{path!r} cannot be a file of its own")
        self._make_directories(parent_of(target))
        file = self._mount / target
        if file.is_dir() and not file.is_symlink():
            raise RepositoryError(
                f"/{target} is a directory", hint="remove it first if it is to become a file"
            )
        return file

    def _make_directories(self, path: str) -> None:
        """Make directories where missing; nothing is written through a link that leads elsewhere."""
        for prefix in prefixes(path):
            folder = self._mount / prefix
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                raise RepositoryError(
                    f"cannot make the directory /{path}: /{prefix} is not a directory",
                    hint=f"remove /{prefix} first, in the same transaction if you like",
                )
            if not folder.exists():
                folder.mkdir(mode=0o755)
                os.utime(folder, (self._at, self._at))
                self.is_changed = True

    def _mirror(self, source: Path, target: Path) -> None:
        """Make a directory hold exactly what the local one holds, names of one file in it included."""
        if not target.is_dir() or target.is_symlink():
            self._remove(target)
            target.mkdir()
            self.is_changed = True
        wanted = {child.name: child for child in source.iterdir() if child.name not in MARKERS}
        for child in target.iterdir():
            if child.name not in wanted and child.name not in self._kept:
                self._remove(child)
        leaders: dict[tuple[int, int], Path] = {}
        for name in sorted(wanted):
            child, place = wanted[name], target / name
            status = child.lstat()
            inode = (status.st_dev, status.st_ino)
            if stat.S_ISDIR(status.st_mode):
                self._mirror(child, place)
            elif stat.S_ISREG(status.st_mode) and inode in leaders:
                self._link(leaders[inode], place)
            else:
                self._place(child, place)
                leaders[inode] = place
        if (source / MARKER).exists() and not (target / MARKER).exists():
            (target / MARKER).touch()
            self.is_changed = True
        self._copy_status(source, target)

    def _place(self, source: Path, target: Path) -> None:
        """Put a file, link or special file, unless it is there."""
        status = source.lstat()
        if stat.S_ISREG(status.st_mode):
            self.files += 1
            self.logical_bytes += status.st_size
        if _is_same(source, target):
            return
        self._remove(target)
        if stat.S_ISLNK(status.st_mode):
            target.symlink_to(source.readlink())
        elif stat.S_ISREG(status.st_mode):
            shutil.copyfile(source, target)
        else:
            os.mknod(target, status.st_mode, status.st_rdev)
        self._copy_status(source, target)
        self.is_changed = True

    def _link(self, leader: Path, target: Path) -> None:
        if os.path.lexists(target) and target.lstat().st_ino == leader.lstat().st_ino:
            return
        self._remove(target)
        target.hardlink_to(leader)
        self.is_changed = True

    def _copy_status(self, source: Path, target: Path) -> None:
        """Give mode, time and attributes of a local file."""
        old, new = target.lstat(), source.lstat()
        shutil.copystat(source, target, follow_symlinks=False)
        if (old.st_mode, int(old.st_mtime)) != (new.st_mode, int(new.st_mtime)):
            self.is_changed = True

    def _remove(self, target: Path) -> None:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            with suppress(FileNotFoundError):
                target.unlink()
                self.is_changed = True
            return
        self.is_changed = True


def _is_same(source: Path, target: Path) -> bool:
    """Return whether two are alike in kind, mode, time and content or target."""
    if not os.path.lexists(target):
        return False
    ours, theirs = source.lstat(), target.lstat()
    if ours.st_mode != theirs.st_mode or int(ours.st_mtime) != int(theirs.st_mtime):
        return False
    if stat.S_ISLNK(ours.st_mode):
        return source.readlink() == target.readlink()
    if stat.S_ISREG(ours.st_mode):
        return filecmp.cmp(source, target, shallow=False)
    return ours.st_rdev == theirs.st_rdev
