# SPDX-License-Identifier: BSD-3-Clause
"""The tree of an image: what its programs see as their root, file by file.

It follows from the image alone, whose bytes were tested: its file systems are unpacked and laid over one
another by the kernel, as when Apptainer starts it. The same image gives the same tree, times included.
`builder/images/unpacking/plain.py` says what is changed so that it can be published for everybody.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.images.sif import partition_offsets
from core import process
from core.errors import UserError

SCRIPTS = (
    Path(__file__).parent / "unpacking"
)  # not with what runs in builds and decides their bytes
_TIMEOUT_S = 2 * 3600.0
_NEEDED = "apt-get install squashfs-tools"


@contextmanager
def tree_of(image: Path, *, user: BuildUser, scratch: Path) -> Iterator[Path]:
    """Give the tree of an image, for the time of the block.

    Args:
        image: a SIF file with squashfs partitions.
        user: who unpacks it; its namespaces are all the rights that this takes.
        scratch: below this folder; it needs room for the tree three times.

    Raises:
        UserError: the image cannot be unpacked.
    """
    offsets = partition_offsets(image)
    if not offsets:
        raise UserError(f"{image} has no file system in it", hint="name an image with programs")
    process.find("unsquashfs", reason="make the tree of an image", hint=_NEEDED)
    script = (SCRIPTS / "tree.sh").read_text(encoding="utf-8")
    with sandbox.scratch_folder(scratch, user) as folder:
        plain = folder / "plain.py"
        shutil.copyfile(SCRIPTS / plain.name, plain)
        argv = [*sandbox.namespaces(network=False), "sh", "-c", script, "tree"]
        process.run(
            user.command(["env", f"--chdir={folder}", *argv], reach=[image.parent, folder]),
            reason=f"make the tree of {image.name}",
            env=user.environment(
                IMAGE=str(image), OFFSETS="\n".join(map(str, offsets)), PLAIN=str(plain)
            ),
            timeout_s=_TIMEOUT_S,
            hint=f"is there room? can {user.name} read {image}?",
        )
        yield folder / "root"
