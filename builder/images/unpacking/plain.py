# SPDX-License-Identifier: BSD-3-Clause
"""Make the tree of an image fit to be published file by file, for everybody: plain {ROOT}.

- It belongs to one user, since a repository knows no others.
- Everybody may read it and nobody but its owner write to it; folders like /tmp stay sticky.
- Nothing in it is set-uid or set-gid; devices, pipes and sockets are left out.

Runs inside the build's user namespace. Times stay what they are.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

READABLE = 0o444
EXECUTABLE = 0o111
OF_OTHERS = 0o022
SET_ID = stat.S_ISUID | stat.S_ISGID


def main(root: Path) -> None:
    """Go through the tree and mend everything in it."""
    mend(root)
    for folder, folders, names in os.walk(root):
        time = Path(folder).stat().st_mtime_ns
        for name in (*folders, *names):
            mend(Path(folder) / name)
        os.utime(folder, ns=(time, time))  # another one when something in it was removed


def mend(path: Path) -> None:
    """Give a file or folder the mode that it is published with, or remove what is neither."""
    status = path.lstat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        if not stat.S_ISLNK(status.st_mode):
            path.unlink()
            return
        os.chown(path, 0, 0, follow_symlinks=False)
        return
    os.chown(path, 0, 0)
    path.chmod(published_mode(status.st_mode))


def published_mode(mode: int) -> int:
    """Return the permissions that a file or folder of this mode is published with."""
    is_folder = stat.S_ISDIR(mode)
    wanted = (stat.S_IMODE(mode) | READABLE) & ~SET_ID
    if is_folder or mode & EXECUTABLE:
        wanted |= EXECUTABLE
    if is_folder and mode & stat.S_ISVTX:
        return wanted
    return wanted & ~OF_OTHERS & ~stat.S_ISVTX


if __name__ == "__main__":
    main(Path(sys.argv[1]))
