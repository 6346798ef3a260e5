# SPDX-License-Identifier: BSD-3-Clause
"""What a layer costs when a program starts: the same files in one partition, in two, in three …

    make bench NAME=layers ARGS=var/images/<plan>/silx.sif

The file systems of a built image are unpacked into one tree and packed again: all of it as one
partition, and a system partition with the Python packages dealt out to one, two, three overlay
partitions, as layers have them. Genuine Apptainer runs commands in each as the build user, in turns,
so that what else the machine does falls on all alike. The page cache is warm.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measuring import Cost, answer, measured
from builder.images.build_user import BuildUser, build_user
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from core import process
from trust.signing import sif

_PACKAGES = "opt/venv/lib/python3.11/site-packages"
_LEVEL = 6
COMMANDS = {
    "true": ("true",),
    "import": ("/opt/venv/bin/python", "-c", "import numpy, scipy, h5py, matplotlib"),
}


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path, help="an image that has the packages imported here")
    parser.add_argument("--repeat", type=int, default=9, help="the medians are shown")
    parser.add_argument("--partitions", type=int, default=5, help="up to so many")
    options = parser.parse_args()
    user = build_user()
    with tempfile.TemporaryDirectory(prefix="bench-layers-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        tree = _unpacked(options.image, folder / "tree")
        images = dict(_variants(tree, folder, options.partitions))
        costs: dict[tuple[int, str], list[Cost]] = {}
        for turn in range(options.repeat + 1):
            for count, image in images.items():
                for name, argv in COMMANDS.items():
                    cost = _start(image, argv, user)
                    if turn:  # the first fills the page cache
                        costs.setdefault((count, name), []).append(cost)
    _show(costs, sorted(images), options.repeat)


def _unpacked(image: Path, tree: Path) -> Path:
    """Return a folder with what all partitions of an image come to; deleted files may be in it."""
    for item in sif.read(image).objects:
        if item.kind == sif.PARTITION:
            process.run(
                ["unsquashfs", "-quiet", "-no-progress", "-ignore-errors", "-force",
                 "-offset", str(item.offset), "-dest", tree, image],
                reason="unpack an image", check=False,
            )  # fmt: skip
    return tree


def _variants(tree: Path, folder: Path, most: int) -> Iterator[tuple[int, Path]]:
    """Yield images of the tree by the number of their partitions."""
    yield 1, _image(folder / "1.sif", [_packed(tree, folder / "whole")])
    packages = folder / "packages"
    shutil.move(tree / _PACKAGES, packages)
    system = _packed(tree, folder / "system")
    entries = sorted(packages.iterdir())
    for count in range(2, most + 1):
        parts = []
        for number in range(count - 1):
            part = folder / f"part-{count}-{number}"
            place = part / _PACKAGES
            place.mkdir(parents=True)
            for entry in entries[number :: count - 1]:
                process.run(["cp", "-al", entry, place], reason="deal out packages")
            parts.append(_packed(part, folder / f"packed-{count}-{number}"))
        yield count, _image(folder / f"{count}.sif", [system, *parts])


def _packed(tree: Path, target: Path) -> Path:
    process.run(
        ["mksquashfs", tree, target, "-comp", "zstd", "-Xcompression-level", str(_LEVEL),
         "-all-root", "-no-xattrs", "-noappend", "-quiet", "-no-progress"],
        reason="pack a file system", timeout_s=1200,
    )  # fmt: skip
    return target


def _image(target: Path, partitions: Sequence[Path]) -> Path:
    kinds = [PartitionType.PRIMARY_SYSTEM, *[PartitionType.OVERLAY] * (len(partitions) - 1)]
    objects = [
        SifObject(DataType.PARTITION, partition.name, partition, kind)
        for partition, kind in zip(partitions, kinds, strict=True)
    ]
    write_sif(target, objects, identity=uuid.UUID(int=0), epoch=0, architecture="amd64")
    target.chmod(0o755)
    return target


def _start(image: Path, argv: Sequence[str], user: BuildUser) -> Cost:
    command = user.command(["apptainer", "--silent", "exec", image, *argv], reach=[image.parent])
    with measured() as cost:
        process.run(command, reason="run a program", env=user.environment(), cwd=Path("/"))
    return cost


def _show(costs: dict[tuple[int, str], list[Cost]], counts: Sequence[int], repeat: int) -> None:
    print(f"{'partitions, median of ' + str(repeat):26}", *(f"{name:>16}" for name in COMMANDS))
    figures: dict[str, dict[str, float]] = {}
    for count in counts:
        cells = []
        for name in COMMANDS:
            wall = statistics.median(cost.wall for cost in costs[count, name])
            least = min(cost.wall for cost in costs[count, name])
            cpu = statistics.median(cost.cpu for cost in costs[count, name])
            figures[f"{count}.{name}"] = {
                "wall": round(wall, 3), "least": round(least, 3), "cpu": round(cpu, 3)
            }  # fmt: skip
            cells.append(f"{wall:>6.2f}{least:>5.2f}{cpu:>5.2f}")
        print(f"{count:26}", *cells)
    print("wall s, least wall s, CPU s")
    ratios = {
        f"{count}.{name}": round(
            figures[f"{count}.{name}"]["wall"] / figures[f"1.{name}"]["wall"], 3
        )
        for count in counts
        for name in COMMANDS
    }
    print(answer("layers", figures=figures, ratios=ratios))


if __name__ == "__main__":
    main()
