# SPDX-License-Identifier: BSD-3-Clause
"""Lay the layers of a container image over each other: unpack_layers {ROOT} {PLAIN TAR}...

Runs inside the build's user namespace, without a network. Its own root is moved to ROOT before the
first layer is looked at, so that no name and no link in a layer leads anywhere else. Of what a layer
holds, devices, sockets and pipes are left out, as are extended attributes (and with them file
capabilities); set-uid and set-gid bits are cleared. Whiteouts take away what lower layers brought
(OCI image specification 1.1, `layer.md`). A tar is removed when it is laid out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
NOBODY = 65534  # who owns what belongs to an id that this namespace does not have
BLOCK = 1 << 20

# Folders that the build mounts on; whatever the image has there is not wanted.
MOUNTED = {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "tmp": 0o1777}
EMPTIED = (*MOUNTED, ".singularity.d", "etc/hostname", "etc/resolv.conf", "etc/mtab")


class Broken(Exception):
    """A layer that cannot be laid out, in words."""


class Tree:
    """The root file system that grows; `times` are those of its folders, set when all is in them."""

    def __init__(self) -> None:
        self.times: dict[Path, int] = {}
        self.left_out = 0

    def take_away(self, layer: BinaryIO) -> None:
        """Remove what a layer takes away of those below it."""
        for _, _, path in members(layer):
            if path.name == OPAQUE:
                if path.parent.is_dir():
                    for below in sorted(path.parent.iterdir()):
                        self.remove(below)
            elif path.name.startswith(WHITEOUT):
                self.remove(path.with_name(path.name.removeprefix(WHITEOUT)))

    def lay_out(self, layer: BinaryIO) -> None:
        """Write what a layer holds over what is there."""
        for tar, member, path in members(layer):
            if path == Path() or path.name.startswith(WHITEOUT):
                continue
            if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
                self.left_out += 1
                continue
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if not (member.isdir() and path.is_dir() and not path.is_symlink()):
                self.remove(path)
                make(tar, member, path)
            if not member.islnk():
                give(member, path)
            if member.isdir():
                self.times[path] = int(member.mtime)

    def remove(self, path: Path) -> None:
        """Remove a file, a link, or a folder with all that is in it; nothing is fine as well."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            for known in [known for known in self.times if known.is_relative_to(path)]:
                del self.times[known]
        else:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def become_a_base(self) -> None:
        """Give the root what a build and Apptainer rely on, and take out what is the host's.

        Raises:
            Broken: a build cannot work in it.
        """
        for name in EMPTIED:
            self.remove(Path(name))
        for name, mode in MOUNTED.items():
            Path(name).mkdir()
            Path(name).chmod(mode)
        Path("etc").mkdir(mode=0o755, exist_ok=True)
        Path("etc/resolv.conf").touch(0o644)
        Path("/").chmod(0o755)
        if not os.access("bin/sh", os.X_OK):
            raise Broken("the image has no /bin/sh, and programs in it are started by one")

    def set_times(self) -> None:
        """Give folders the times that their layers say."""
        for path, time in sorted(self.times.items(), reverse=True):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # reached by a link
                os.utime(path, (time, time), follow_symlinks=False)


def main(root: Path, tars: list[Path]) -> None:
    """Lay every layer over those before it, then make of it what a base is."""
    layers = [tar.open("rb") for tar in tars]
    folders = [os.open(tar.parent, os.O_RDONLY | os.O_DIRECTORY) for tar in tars]
    os.chroot(root)
    os.chdir("/")
    os.umask(0)
    tree = Tree()
    for number, layer in enumerate(layers):
        try:
            tree.take_away(layer)
            layer.seek(0)
            tree.lay_out(layer)
        except (OSError, ValueError, OverflowError, tarfile.TarError, Broken) as err:
            raise Broken(f"layer {number + 1} of {len(tars)} cannot be laid out: {err}") from err
        layer.close()
        os.unlink(tars[number].name, dir_fd=folders[number])
    tree.become_a_base()
    tree.set_times()
    print(f"left out {tree.left_out} devices, sockets and pipes")  # noqa: T201 - a script


def members(layer: BinaryIO) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Path]]:
    """Yield each member of a layer with its path below the root."""
    with tarfile.open(fileobj=layer, mode="r:") as tar:
        for member in tar:
            yield tar, member, below_root(member.name)


def below_root(name: str) -> Path:
    """Return a name in a layer as a path below the root.

    Raises:
        Broken: it leads out of it.
    """
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise Broken(f"it has the name {name!r}")
    return Path(*(part for part in path.parts if part != path.anchor))


def make(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Make a folder, a file or a link where nothing is."""
    if member.isdir():
        path.mkdir()
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        os.link(below_root(member.linkname), path, follow_symlinks=False)
    else:
        source = tar.extractfile(member)
        with path.open("xb") as target:
            if source is not None:
                shutil.copyfileobj(source, target, BLOCK)


def give(member: tarfile.TarInfo, path: Path) -> None:
    """Set the owner, the mode and the time of what was just made."""
    try:
        os.chown(path, member.uid, member.gid, follow_symlinks=False)
    except OSError:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    if not member.issym():
        path.chmod(member.mode & 0o1777)
    time = int(member.mtime)
    os.utime(path, (time, time), follow_symlinks=False)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    except (Broken, OSError) as broken:
        sys.exit(f"pansoft: {broken}")
