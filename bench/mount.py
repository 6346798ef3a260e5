# SPDX-License-Identifier: BSD-3-Clause
"""What programs in images on a mount fetch and wait for, by the size of the chunks that images are cut into.

    make bench NAME=mount ARGS='--state var'

The state has the images of gnuplot and pyfai: `pansoft apply gnuplot pyfai`. They are published into a
repository of their own for every chunk size, and their programs are started from a mount whose server is 20
ms and 100 Mbit/s away, with nothing in the client's cache and again. Then, with the chunk size of
`pansoft apply`: reading an image from front to back, and the status of many files.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.far_server import Line, far
from bench.measuring import answer
from builder.images.build_user import BuildUser, build_user
from builder.images.sif import partition_offsets
from core import process
from core.console import readable_size
from core.errors import UserError
from cvmfs.format.chunking import ContentCuts, Cutter, FixedCuts
from cvmfs.format.keys import create_keys
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository, open_repository
from pansoft import clock
from pansoft.publish import CHUNK_SIZE

FQRN = "bench.example.org"
SIZES = tuple(size * 1024 for size in (128, 256, 512, 1024, 2048, 4096))
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "gnuplot": ("gnuplot", "--version"),
    "pyfai": ("python3", "-c", "import pyFAI"),
}
_BLOCK = 1 << 20
_MBIT = 1_000_000 / 8


@dataclass(frozen=True, slots=True)
class First:
    """The first start of a program from a mount, and the next: seconds, requests, bytes on the wire."""

    image: int
    first_s: float
    again_s: float
    requests: int
    bytes: int

    @property
    def share(self) -> float:
        """Return which part of the image was fetched."""
        return self.bytes / self.image


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk size: what was stored for all images together, and how each started."""

    objects: int
    catalog: int
    starts: Mapping[str, First]


def main() -> None:
    """Measure, and print tables and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("var"), help="where the images are")
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds to the server")
    parser.add_argument("--mbit", type=float, default=100.0, help="megabits per second to it")
    parser.add_argument(
        "--repeat", type=int, default=3, help="first starts, of which the best counts"
    )
    parser.add_argument("--sizes", type=int, nargs="*", help="chunk sizes in KiB")
    parser.add_argument("--by-content", action="store_true", help="cut where the content says")
    options = parser.parse_args()
    images = {name: _image(options.state, name) for name in PROGRAMS}
    sizes = tuple(size * 1024 for size in options.sizes) if options.sizes else SIZES
    with tempfile.TemporaryDirectory(prefix="bench-mount-") as name:
        folder, user = Path(name), build_user()
        folder.chmod(0o755)
        rows = {}
        for size in sizes:
            print(f"chunks of {size // 1024} KiB", file=sys.stderr, flush=True)
            repository = _published(
                folder / str(size), images, _cutter(size, is_by_content=options.by_content)
            )
            rows[size] = _row(repository, images, options, user)
        chosen = CHUNK_SIZE if CHUNK_SIZE in rows else sizes[-1]
        speeds = _speeds(folder / str(chosen), images["pyfai"], options)
    _show(rows, speeds, chosen)


def _image(state: Path, name: str) -> Path:
    found = sorted((state / "signed").glob(f"*/{name}.sif"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UserError(
            f"{state} has no image of {name}", hint=f"pansoft --state {state} apply {name}"
        )
    return found[-1]


def _cutter(size: int, *, is_by_content: bool) -> Cutter:
    """Return how images are cut: every so many bytes, or that on average."""
    return ContentCuts(size) if is_by_content else FixedCuts(size)


def _published(folder: Path, images: Mapping[str, Path], cutter: Cutter) -> Repository:
    """Publish the images, and beside them a tree of many small files, into a repository of its own."""
    at = clock.now()
    folder.mkdir(mode=0o755)
    keys = create_keys(folder / "keys", FQRN, at=at)
    repository = create_repository(folder / "repository", keys, at=at)
    with transaction(
        repository,
        keys,
        at=at,
        message="images",
        cut_marks=lambda file: partition_offsets(file) if file.suffix == ".sif" else (),
        cutter=lambda _: cutter,
    ) as tx:
        for name, image in images.items():
            tx.put_file(image, f"images/{name}.sif")
        tx.nest("images")
        tx.put_tree(Path(os.__file__).parent / "encodings", "tree", nest=True)
    return repository


def _row(
    repository: Repository, images: Mapping[str, Path], options: argparse.Namespace, user: BuildUser
) -> Row:
    chunks = list(repository.folder.glob("data/??/*P"))
    catalogs = [file.stat().st_size for file in repository.folder.glob("data/??/*C")]
    line = (options.latency / 1000, options.mbit * _MBIT)
    starts = {}
    for name in PROGRAMS:
        runs = [_started(repository, images[name], line, user) for _ in range(options.repeat)]
        again = min(run.again_s for run in runs)
        starts[name] = replace(min(runs, key=lambda run: run.first_s), again_s=again)
    return Row(len(chunks), max(catalogs), starts)


def _started(
    repository: Repository, image: Path, line_of: tuple[float, float], user: BuildUser
) -> First:
    line = Line(*line_of)
    name = image.stem
    with _mount(repository, line) as mountpoint:
        there = mountpoint / "images" / image.name
        first = _start(there, PROGRAMS[name], user)
        requests, fetched = line.requests, line.bytes
        again = _start(there, PROGRAMS[name], user)
    return First(image.stat().st_size, first, again, requests, fetched)


@contextlib.contextmanager
def _mount(repository: Repository, line: Line) -> Iterator[Path]:
    """Mount a repository over a line, with an empty cache."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-mount-") as place,
        far(repository.folder, FQRN, line) as url,
    ):
        Path(place).chmod(0o755)
        key = repository.folder.parent / "keys" / f"{FQRN}.pub"
        with mounted(url, FQRN, key, Path(place) / "m", cache=Path(place) / "cache") as mountpoint:
            yield mountpoint


def _start(image: Path, argv: Sequence[str], user: BuildUser) -> float:
    """Return the seconds that a program takes in an image."""
    command = user.command(
        ["apptainer", "--silent", "exec", "--containall", str(image), *argv], reach=[image.parent]
    )
    environment = user.environment(APPTAINER_MESSAGELEVEL="-1", HOME="/")
    before = time.perf_counter()
    process.run(command, reason="start it", env=environment, cwd=Path("/"), timeout_s=600)
    return time.perf_counter() - before


def _speeds(folder: Path, image: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return bytes per second from front to back, and looks at files per second."""
    repository = open_repository(folder / "repository", FQRN)
    speeds: dict[str, float] = {}
    for name, line in (
        ("far", Line(options.latency / 1000, options.mbit * _MBIT)),
        ("near", Line()),
    ):
        with _mount(repository, line) as mountpoint:
            there = mountpoint / "images" / image.name
            speeds[f"read {name}, cold"] = _read(there)
            speeds[f"read {name}, pages"] = _read(there)
            _forget(there)
            speeds[f"read {name}, cache"] = _read(there)
            speeds[f"stat {name}, cold"] = _look(mountpoint / "tree")
            speeds[f"stat {name}, warm"] = _look(mountpoint / "tree")
    _forget(image)
    speeds["read local disk, cold"] = _read(image)
    speeds["read local disk, pages"] = _read(image)
    return speeds


def _read(file: Path) -> float:
    before, size = time.perf_counter(), 0
    with file.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
    return size / (time.perf_counter() - before)


def _look(folder: Path) -> float:
    before = time.perf_counter()
    names = [Path(top, name) for top, _, files in os.walk(folder) for name in files]
    for name in names:
        name.lstat()
    return len(names) / (time.perf_counter() - before)


def _forget(file: Path) -> None:
    """Take a file out of the page cache."""
    with file.open("rb") as stream:
        with contextlib.suppress(OSError):
            os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _show(rows: Mapping[int, Row], speeds: Mapping[str, float], chosen: int) -> None:
    head = "".join(
        f"{f'{name}: first s':>18}{'again s':>9}{'requests':>10}{'bytes':>10}{'share':>7}"
        for name in PROGRAMS
    )
    print(f"{'chunks':>10}{'objects':>9}{'catalog':>10}{head}")
    for size, row in rows.items():
        cells = "".join(
            f"{start.first_s:>18.2f}{start.again_s:>9.2f}{start.requests:>10}"
            f"{readable_size(start.bytes):>10}{start.share:>7.1%}"
            for start in row.starts.values()
        )
        mark = "*" if size == chosen else " "
        print(
            f"{f'{size // 1024} KiB{mark}':>10}{row.objects:>9}{readable_size(row.catalog):>10}{cells}"
        )
    print()
    for name, speed in speeds.items():
        shown = f"{speed:.0f} /s" if name.startswith("stat") else f"{speed / 1e6:.0f} MB/s"
        print(f"{name:24}{shown:>14}")
    figures = {
        f"{size // 1024} KiB": {
            "objects": row.objects,
            "catalog": row.catalog,
            **{
                f"{name}.{key}": round(value, 3)
                for name, start in row.starts.items()
                for key, value in (
                    ("first_s", start.first_s),
                    ("again_s", start.again_s),
                    ("requests", start.requests),
                    ("bytes", start.bytes),
                )
            },
        }
        for size, row in rows.items()
    }
    ratios = {f"{name}.bytes": round(s.share, 3) for name, s in rows[chosen].starts.items()}
    ratios["read.cache"] = round(speeds["read near, cache"] / speeds["read local disk, cold"], 3)
    rounded = {name: round(speed) for name, speed in speeds.items()}
    print(answer("mount", figures={**figures, "speeds": rounded}, ratios=ratios))


if __name__ == "__main__":
    main()
