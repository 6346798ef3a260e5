# SPDX-License-Identifier: BSD-3-Clause
"""Genuine Apptainer with another configuration than the machine's, in a mount namespace of its own.

The Execution Control List and the global key ring are one file each for the whole machine. Ours are
mounted over them where only the program that is run sees them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from builder.images.build_user import build_user
from core import process
from core.process import Completed
from tests.images import BUSYBOX
from trust.programs import apptainer, key_ring
from trust.programs.execution_list import FILE_NAME as LIST_FILE

_BIND = """
set -eu
mount --bind "$1" "$2"
mount --bind "$3" "$4"
shift 4
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class SiteMachine:
    """A machine whose Apptainer is configured by the files of a folder."""

    configuration: Path

    def runs(self, image: Path) -> Completed:
        """Run a program of an image as an ordinary user and return how that ended."""
        user = build_user()
        genuine = apptainer.configuration_folder()
        become: list[str | Path] = [] if user.switches else ["--user", "--map-root-user"]
        files: list[str | Path] = [
            path
            for name in (LIST_FILE, key_ring.FILE_NAME)
            for path in (self.configuration / name, genuine / name)
        ]
        command: list[str | Path] = [
            "apptainer",
            "--silent",
            "exec",
            "--userns",
            image,
            "/bin/busybox",
            "echo",
            "ran",
        ]
        return process.run(
            [
                *("unshare", *become, "--mount", "--propagation", "private"),
                *("sh", "-c", _BIND, "site", *files),
                *user.command(command, reach=[image.parent]),
            ],
            reason="run an image as a site does",
            env=user.environment(),
            cwd=Path("/"),
            check=False,
        )


def runnable_sif(folder: Path) -> Path:
    """Make a SIF file in which a program can be run: busybox alone."""
    tree = folder / "tree"
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin", "var/tmp"):
        (tree / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, tree / "bin" / "busybox")
    squashfs, sif = folder / "base.sqfs", folder / "tiny.sif"
    steps: tuple[list[str | Path], ...] = (
        ["mksquashfs", tree, squashfs, "-quiet", "-no-progress", "-all-root"],
        ["apptainer", "sif", "new", sif],
        [
            *("apptainer", "sif", "add", sif, squashfs, "--datatype", "4", "--groupid", "1"),
            *("--parttype", "2", "--partfs", "1", "--partarch", "2", "--filename", "base"),
        ],
    )
    for argv in steps:
        process.run(argv, reason="make a small image")
    sif.chmod(0o755)
    return sif
