# SPDX-License-Identifier: BSD-3-Clause
"""A Debian archive small enough to read: a minimal system, and a few packages on top of it."""

from __future__ import annotations

from pathlib import Path

from tests.packages import Deb, debian_archive
from tests.servers import FileServer

ESSENTIAL = "Essential: yes\nPriority: required\n"
SYSTEM = (
    Deb("bash", fields=ESSENTIAL),
    Deb("libc6", "2.36-9", fields="Priority: required\n"),
    Deb("apt"),
    Deb("usr-is-merged"),
    Deb("ca-certificates"),
)
ARCHIVE = (
    *SYSTEM,
    Deb("gnuplot-nox", "5.4.4-1", depends="libgd3 (>= 2)"),
    Deb("libgd3", "2.3.3-9"),
    Deb("gcc", "12.2", depends="libc6-dev, libgd3"),
    Deb("libc6-dev", "2.36-9", depends="libc6 (= 2.36-9)"),
    Deb("broken", depends="no-such-library"),
)


def serve(host: FileServer, folder: Path, debs: tuple[Deb, ...]) -> None:
    """Put an archive of these packages on the host's server, in the place of what was there."""
    host.files = {k: v for k, v in host.files.items() if not k.startswith("/debian/")}
    host.add_folder(debian_archive(folder, debs), at="/debian")
