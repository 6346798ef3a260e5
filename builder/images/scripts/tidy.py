# SPDX-License-Identifier: BSD-3-Clause
"""Take out of a built tree what differs from build to build, and never anything else: tidy {TREE}.

What was built is not trusted: a script may have put a link to elsewhere where a log folder was. So the
root is moved to the tree first, and no link is followed on the way to what is removed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# Caches, logs, locks and backup copies; and what is made by chance: ids of a machine, and keys that
# would be the same secret for everybody who has the image.
REMOVED = (
    "var/cache/apt", "var/cache/debconf/*-old", "var/cache/ldconfig/aux-cache", "var/cache/man",
    "var/cache/fontconfig", "var/lib/apt/lists", "var/lib/apt/extended_states",
    "var/lib/apt/periodic", "var/lib/dpkg/*-old", "var/lib/dpkg/lock*",
    "var/lib/dpkg/triggers/Lock", "var/lib/ucf/cache", "var/lib/systemd", "var/log/*",
    "etc/machine-id", "etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",
    "etc/subuid-", "etc/subgid-", "root/.cache", "root/.wget-hsts", "tmp/*", "run/*", "dev/*",
    "var/lib/dbus/machine-id", "var/lib/sgml-base/*.old", "var/lib/ucf/*.[0-9]", "var/backups/*",
    "etc/xml/*.old", "usr/share/info/dir*", "etc/ssl/private/ssl-cert-snakeoil.key",
    "etc/ssl/certs/ssl-cert-snakeoil.pem", "etc/ssh/ssh_host_*", "var/lib/xkb/*.xkm", "var/mail/*",
    "root/.npm", "root/.cpan*", "root/.gnupg", "root/.config", "root/.local", "root/.lesshst",
    "root/.*history",
)  # fmt: skip


def main(tree: Path) -> None:
    """Remove everything in the tree that one of the patterns names."""
    os.chroot(tree)
    os.chdir("/")
    for pattern in REMOVED:
        folder, _, name = pattern.rpartition("/")
        for path in sorted(named(Path(folder), name)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def named(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield what is in a folder, hidden or not, and has such a name; nothing where a link leads to it."""
    ways = (*reversed(folder.parents), folder)
    if all(way.is_dir() and not way.is_symlink() for way in ways):
        yield from folder.glob(pattern)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
