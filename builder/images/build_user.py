# SPDX-License-Identifier: BSD-3-Clause
"""Builds and tests run as an ordinary user, also when the caller is root.

Root hands over to the build user with `setpriv`. Where that user cannot walk down to the files a
build needs (a checkout below /root, a temporary folder of mode 700), a mount namespace of its own
shows it those folders under the names they have, and nothing else of what is closed to it.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import process
from core.errors import UserError

BUILD_USER = "pansoft-build"

# When we are killed, so is what runs for us, and with it everything in its namespaces.
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")

# Each folder of PANSOFT_COVERS is covered by an empty one, in which only those of PANSOFT_OPENS are
# seen; both are lists with a newline between the paths.
_REACH = """
set -eu
mount -t tmpfs -o mode=755 tmpfs "$PANSOFT_HOLD"
index=0
IFS='
'
for folder in $PANSOFT_OPENS; do
    mkdir "$PANSOFT_HOLD/$index"; mount --rbind "$folder" "$PANSOFT_HOLD/$index"; index=$((index + 1))
done
for folder in $PANSOFT_COVERS; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
index=0
for folder in $PANSOFT_OPENS; do
    mkdir -p "$folder"; mount --move "$PANSOFT_HOLD/$index" "$folder"; index=$((index + 1))
done
umount "$PANSOFT_HOLD"
unset PANSOFT_HOLD PANSOFT_OPENS PANSOFT_COVERS IFS
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class BuildUser:
    """Who runs builds and tests: `switches` is whether the caller has to become it first."""

    name: str
    uid: int
    gid: int
    switches: bool

    def command(self, argv: Sequence[str | Path], *, reach: Sequence[Path]) -> list[str]:
        """Return the command line that runs `argv` as this user, able to walk to all of `reach`."""
        command = [*_DIES_WITH_US, "--", *map(str, argv)]
        if not self.switches:
            return command
        become = [
            *_DIES_WITH_US, f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--",
            *map(str, argv),
        ]  # fmt: skip
        if odd := [path for path in reach if "\n" in str(path)]:
            raise UserError(f"a build cannot use a folder with a line break in its name: {odd[0]}")
        # both names of a folder behind a link: either may lead through a closed one
        ways = {way for path in reach for way in (path.absolute(), path.resolve())}
        opens = {way: cover for way in sorted(ways) if (cover := self._closed_above(way))}
        if not opens:
            return become
        return [
            "env",
            f"PANSOFT_HOLD={mount_holder(reach)}",
            "PANSOFT_COVERS=" + "\n".join(sorted({str(cover) for cover in opens.values()})),
            "PANSOFT_OPENS=" + "\n".join(map(str, opens)),
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-c", _REACH, "reach"),
            *become,
        ]

    def contained(self, argv: Sequence[str | Path], *, reach: Sequence[Path]) -> list[str]:
        """Return the same as `command`, with everything that is started in a process namespace.

        All of it ends with us, also what has left its parent or, as Apptainer does, asked not to be
        killed with it.
        """
        own = ["--pid", "--fork", "--kill-child", "--mount-proc"]
        if not self.switches:
            own = ["--user", "--map-current-user", *own]
        return [*_DIES_WITH_US, "--", "unshare", *own, "--", *self.command(argv, reach=reach)]

    def own(self, folder: Path) -> Path:
        """Create a folder that belongs to this user, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Make this user the owner of a file, a folder or a link."""
        if self.switches:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def environment(self, **more: str) -> Mapping[str, str]:
        """Return the whole environment of a program of a build: nothing of the caller's leaks."""
        return {
            "PATH": process.SYSTEM_PATH,
            "LC_ALL": "C.UTF-8",
            "HOME": "/nonexistent",
            "USER": self.name,
            **more,
        }

    def _closed_above(self, path: Path) -> Path | None:
        """Return the topmost folder above `path` (or itself) that this user may not walk through."""
        for folder in (*reversed(path.parents), path):
            try:
                status = folder.stat()
            except FileNotFoundError:
                return None
            if status.st_uid == self.uid:
                needed = stat.S_IXUSR
            elif status.st_gid == self.gid:
                needed = stat.S_IXGRP
            else:
                needed = stat.S_IXOTH
            if not status.st_mode & needed:
                return folder
        return None


def mount_holder(paths: Sequence[Path]) -> Path:
    """Return a folder to mount things on inside a mount namespace, that hides none of `paths`."""
    for holder in (Path("/mnt"), Path("/media"), Path("/srv"), Path("/opt")):
        if holder.is_dir() and not any(path.resolve().is_relative_to(holder) for path in paths):
            return holder
    raise UserError(
        "no folder is free to mount on: /mnt, /media, /srv and /opt all hold files of this build",
        hint="keep the state in another place: --state DIR",
    )


def build_user() -> BuildUser:
    """Return who runs builds: the caller, or for root the user that `make setup` made.

    Raises:
        UserError: the caller is root and there is no such user.
    """
    if os.geteuid() != 0:
        return BuildUser(_caller_name(), os.geteuid(), os.getegid(), switches=False)
    try:
        user = pwd.getpwnam(BUILD_USER)
    except KeyError as err:
        raise UserError(
            f"root does not build; the user {BUILD_USER} that builds for it does not exist",
            hint=f"useradd --create-home --shell /usr/sbin/nologin {BUILD_USER}",
        ) from err
    return BuildUser(user.pw_name, user.pw_uid, user.pw_gid, switches=True)


def _caller_name() -> str:
    """Return the caller's name, or its number where nothing names it, as in some containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
