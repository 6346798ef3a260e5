# SPDX-License-Identifier: BSD-3-Clause
"""The forms that one package can be given away in: images by compressor and partitions, and a tree.

All are made of the layers of one built image, in namespaces of the build user, and hold the same
files.
"""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Cost, measured
from builder.images.build_user import BuildUser
from builder.images.plan import ARCHITECTURE
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from core import process

_IN_NAMESPACES = (
    "unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork",
    "--kill-child",
)  # fmt: skip
_UNPACK = """
number=0
for image in "$@"; do
    unsquashfs -quiet -no-progress -dest "layer-$number" "$image" > unpacked 2>&1 || { cat unpacked; exit 1; }
    number=$((number + 1))
done
"""


@dataclass(frozen=True, slots=True)
class Form:
    """A form: what it is called, where it is, what it took to pack, and its bytes."""

    name: str
    path: Path
    cost: Cost


@dataclass(frozen=True, slots=True)
class Kind:
    """An image to make: the options of mksquashfs, and in how many partitions."""

    compressor: str
    options: str
    partitions: int

    @property
    def name(self) -> str:
        """Return what the form is called."""
        several = f"{self.partitions} partitions" if self.partitions > 1 else "1 partition"
        return f"{self.compressor}, {several}"


def unpack(layers: Sequence[Path], folder: Path, user: BuildUser) -> None:
    """Unpack squashfs files, the lowest first, as layer-0, layer-1 and so on."""
    inside(
        folder,
        _UNPACK,
        [str(layer) for layer in layers],
        user,
        reach=[file.parent for file in layers],
    )


def make_image(kind: Kind, count: int, folder: Path, user: BuildUser) -> Form:
    """Return an image of the unpacked layers, `count` of them: the lower ones merged into one.

    Of three layers two partitions are the lower two together and the last: the base and the delta.
    """
    groups = [list(range(count - kind.partitions + 1))]
    groups += [[number] for number in range(count - kind.partitions + 1, count)]
    name = f"{re.sub('[^a-z0-9]', '', kind.compressor)}-{kind.partitions}"
    with measured() as cost:
        packed = [
            pack(group, folder, folder / f"{name}-{index}.squashfs", kind.options, user)
            for index, group in enumerate(groups)
        ]
    image = folder / f"{name}.sif"
    lowest, *others = packed
    objects = [SifObject(DataType.PARTITION, "base", lowest, PartitionType.PRIMARY_SYSTEM)]
    objects += [
        SifObject(DataType.PARTITION, file.stem, file, PartitionType.OVERLAY) for file in others
    ]
    write_sif(
        image,
        objects,
        identity=uuid.uuid5(uuid.NAMESPACE_DNS, name),
        epoch=0,
        architecture=ARCHITECTURE,
    )
    image.chmod(0o755)
    for file in packed:
        file.unlink()
    cost.bytes = image.stat().st_size
    return Form(kind.name, image, cost)


def make_tree(count: int, folder: Path, user: BuildUser) -> Form:
    """Return the unpacked layers as one folder of files."""
    with measured() as cost:
        script = (
            f"{_merged(range(count))}\ncp -a merged tree\ndu --bytes --summarize tree | cut -f 1"
        )
        cost.bytes = int(inside(folder, script, [], user).split()[-1])
    return Form("unpacked tree", folder / "tree", cost)


def pack(layers: Sequence[int], folder: Path, target: Path, options: str, user: BuildUser) -> Path:
    """Pack unpacked layers, merged where they are several, and return the file."""
    script = f"""{_merged(layers)}
mksquashfs merged {shlex.quote(str(target))} {options} -no-xattrs -noappend -no-progress -quiet 1>&2
"""
    inside(folder, script, [], user)
    return target


def inside(
    folder: Path,
    script: str,
    arguments: Sequence[str],
    user: BuildUser,
    *,
    reach: Sequence[Path] = (),
) -> str:
    """Run a shell script in `folder` as root of fresh namespaces, and return what it printed."""
    argv = [*_IN_NAMESPACES, "sh", "-euc", f'cd "$1"; shift\n{script}', "bench", folder, *arguments]
    command = user.command([str(part) for part in argv], reach=[folder, *reach])
    done = process.run(
        command, reason="make a form", env=user.environment(), cwd=Path("/"), timeout_s=3600
    )
    return done.stdout


def _merged(layers: Sequence[int]) -> str:
    """Return the lines that show layers as one folder, `merged`; overlays want two at least."""
    lower = ":".join([*(f"layer-{number}" for number in reversed(layers)), "nothing"])
    return f"mkdir -p merged nothing\nmount -t overlay -o userxattr,lowerdir={lower} overlay merged"
