# SPDX-License-Identifier: BSD-3-Clause
"""Make an overlay's upper layer what an image needs of it: explicit whiteouts, and nothing twice.

Apptainer mounts overlay partitions without `userxattr`, so `user.overlay.opaque` would be ignored
and what a package deleted would shine through. A character device 0:0 per hidden name is read
everywhere. A file that was written again as it is below goes: debconf does that to its whole
database for every package. Runs inside the build's user namespace: whiteouts {UPPER} {BELOW},
where BELOW is all layers below as one.
"""

from __future__ import annotations

import filecmp
import os
import stat
import sys
from pathlib import Path

OPAQUE = "user.overlay.opaque"


def main(upper: Path, below: Path) -> None:
    """Mend every opaque folder of the upper layer, then drop what is the same below."""
    mend_opaque_folders(upper, below)
    drop_same_files(upper, below.resolve())


def mend_opaque_folders(upper: Path, below: Path) -> None:
    """Give every opaque folder a whiteout for each name that it hides."""
    for folder, _, _ in os.walk(upper):
        try:
            if os.getxattr(folder, OPAQUE) != b"y":
                continue
        except OSError:
            continue
        hidden = below / Path(folder).relative_to(upper)
        if hidden.is_dir() and not hidden.is_symlink():
            for item in sorted(hidden.iterdir()):
                whiteout = Path(folder) / item.name
                if not os.path.lexists(whiteout):
                    os.mknod(whiteout, stat.S_IFCHR, os.makedev(0, 0))
        os.removexattr(folder, OPAQUE)


def drop_same_files(upper: Path, below: Path) -> None:
    """Remove the files whose content, mode and owner are those of the file below that shows then."""
    for folder, _, names in os.walk(upper):
        hidden = below / Path(folder).relative_to(upper)
        if not names or not hidden.is_dir() or hidden.resolve() != hidden:
            continue  # a link below is no folder to look through
        for name in names:
            if is_same(Path(folder) / name, hidden / name):
                (Path(folder) / name).unlink()


def is_same(file: Path, other: Path) -> bool:
    """Return whether two paths are regular files, each with one name, that differ in time alone."""
    try:
        one, two = file.lstat(), other.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(one.st_mode) or one.st_nlink != 1:
        return False
    facts = [(item.st_mode, item.st_uid, item.st_gid, item.st_size) for item in (one, two)]
    return facts[0] == facts[1] and filecmp.cmp(file, other, shallow=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
