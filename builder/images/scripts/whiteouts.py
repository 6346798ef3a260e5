# SPDX-License-Identifier: BSD-3-Clause
"""Replace opaque folders of an overlay's upper layer by explicit whiteouts.

Apptainer mounts overlay partitions without `userxattr`, so `user.overlay.opaque` would be ignored
and what a package deleted would shine through. A character device 0:0 per hidden name is read
everywhere. Runs inside the build's user namespace: whiteouts {UPPER} {BELOW},
where BELOW is all layers below as one.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

OPAQUE = "user.overlay.opaque"


def main(upper: Path, below: Path) -> None:
    """Walk the upper layer and mend every opaque folder."""
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
