# SPDX-License-Identifier: BSD-3-Clause
"""How long a program takes to start, by the form that its package is given away in.

    make bench NAME=start

The forms hold the same files: images by compressor and number of partitions, and the unpacked tree.
Each starts `true` and imports a Python module, from the local disk with the files in the page cache
and without, and from a mounted repository whose server is 20 ms away, for the first time and again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from bench.forms import Form, Kind, make_image, make_tree, unpack
from bench.measuring import answer
from builder.images.base import ensure_base
from builder.images.build import build
from builder.images.build_user import BuildUser, build_user
from builder.images.sif import partition_offsets
from builder.state import State
from core import process
from core.console import Console, readable_size
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from pansoft import clock, workspace
from pansoft.context import Context
from trust.signing import sif

ROOT = Path(__file__).resolve().parent.parent
FQRN = "bench.example.org"
THEIRS = "gzip, 1 partition"  # what `apptainer build` makes
PLACES = ("warm", "cold", "first", "again")
KINDS = (
    Kind("gzip", "-comp gzip", 1),
    Kind("lz4", "-comp lz4", 1),
    Kind("zstd 9", "-comp zstd -Xcompression-level 9", 1),
    Kind("zstd 9", "-comp zstd -Xcompression-level 9", 2),
    Kind("zstd 9, 1 MB blocks", "-comp zstd -Xcompression-level 9 -b 1M", 2),
    Kind("zstd 9", "-comp zstd -Xcompression-level 9", 3),
)


Commands: TypeAlias = Mapping[str, tuple[str, ...]]


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="h5py")
    parser.add_argument("--module", default="numpy", help="a Python module in its image")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds to the server")
    parser.add_argument("--state", type=Path, help="a state with inputs and bases, to save time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-start-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = build_user()
        commands: Commands = {
            "true": ("true",),
            f"import {options.module}": ("python3", "-c", f"import {options.module}"),
        }
        forms = _forms(options.recipe, (options.state or folder / "state").absolute(), folder, user)
        rows = {}
        for form in forms:
            print(f"{form.name}: {readable_size(form.cost.bytes)}", file=sys.stderr, flush=True)
            rows[form.name] = _local(form, commands, user, options.repeat)
        for form, times in _distant(
            forms, commands, folder, user, options.latency / 1000, options.repeat
        ):
            rows[form.name] |= times
        _show(options.recipe, forms, commands, rows, options.latency)
        process.run(["rm", "-rf", folder / "forms"], reason="clean up", check=False)


def _forms(recipe: str, state_folder: Path, folder: Path, user: BuildUser) -> list[Form]:
    """Return every form of a package, of which the image is built where that was not done yet."""
    context = Context(project=ROOT, state=state_folder, console=Console(quiet=True))
    [wanted] = workspace.recipes_named(context, [recipe])
    plan, state = workspace.plan_of(context, wanted), State(state_folder)
    base = ensure_base(plan.base, state, user=user, console=context.console)
    image = build(plan, state, user=user, console=context.console).image
    place = user.own(folder / "forms")
    delta = place / "delta.squashfs"
    last = [item for item in sif.read(image.path).objects if item.kind == sif.PARTITION][-1]
    with image.path.open("rb") as stream:
        stream.seek(last.offset)
        delta.write_bytes(stream.read(last.size))
    layers = [*(layer.squashfs for layer in base.layers), delta]
    if len(layers) < 3:  # what a further partition costs, whatever is in it
        layers.append(delta)
    unpack(layers, place, user)
    kinds = [kind for kind in KINDS if kind.partitions <= len(layers)]
    return [*(make_image(kind, len(layers), place, user) for kind in kinds),
            make_tree(len(layers), place, user)]  # fmt: skip


def _local(form: Form, commands: Commands, user: BuildUser, repeat: int) -> dict[str, float]:
    """Return the seconds of each command from the local disk."""
    times: dict[str, float] = {}
    for name, argv in commands.items():
        _start(form.path, argv, user)
        warm = [_start(form.path, argv, user) for _ in range(repeat)]
        times[f"{name}, warm"] = statistics.median(warm)
        cold = []
        for _ in range(repeat):
            _forget(form.path)
            cold.append(_start(form.path, argv, user))
        times[f"{name}, cold"] = statistics.median(cold)
    return times


def _distant(
    forms: Sequence[Form],
    commands: Commands,
    folder: Path,
    user: BuildUser,
    latency_s: float,
    repeat: int,
) -> Iterator[tuple[Form, dict[str, float]]]:
    """Yield the seconds of each command from a mount, with nothing in the client's cache and again."""
    at = clock.now()
    keys = create_keys(folder / "keys", FQRN, at=at)
    repository = create_repository(folder / "repository", keys, at=at)
    _publish(forms, repository, keys, at)
    with _server(folder / "repository", latency_s) as address:
        for form in forms:
            times: dict[str, float] = {}
            for name, argv in commands.items():
                with (
                    tempfile.TemporaryDirectory(prefix="bench-mount-") as place,
                    mounted(
                        address,
                        FQRN,
                        folder / "keys" / f"{FQRN}.pub",
                        Path(place) / "mount",
                        cache=Path(place) / "cache",
                    ) as mount,
                ):
                    Path(place).chmod(0o755)
                    path = mount / form.path.name
                    times[f"{name}, first"] = _start(path, argv, user)
                    again = [_start(path, argv, user) for _ in range(max(1, repeat // 2))]
                    times[f"{name}, again"] = statistics.median(again)
            yield form, times


def _publish(
    forms: Sequence[Form], repository: Repository, keys: RepositoryKeys, at: datetime
) -> None:
    def cuts(file: Path) -> tuple[int, ...]:
        return partition_offsets(file) if file.suffix == ".sif" else ()

    with transaction(repository, keys, at=at, message="forms", cut_marks=cuts) as tx:
        for form in forms:
            if form.path.is_dir():
                tx.put_tree(form.path, form.path.name, nest=True)
            else:
                tx.put_file(form.path, form.path.name)


def _start(path: Path, argv: Sequence[str], user: BuildUser) -> float:
    """Return the seconds that a command takes in an image or a tree."""
    command = user.command(
        ["apptainer", "--silent", "exec", "--containall", str(path), *argv], reach=[path.parent]
    )
    environment = user.environment(APPTAINER_MESSAGELEVEL="-1", HOME="/")
    before = time.perf_counter()
    process.run(command, reason="start it", env=environment, cwd=Path("/"), timeout_s=600)
    return time.perf_counter() - before


def _forget(path: Path) -> None:
    """Take the files of a form out of the page cache."""
    inside = (Path(top, name) for top, _, names in os.walk(path) for name in names)
    for file in [path] if path.is_file() else inside:
        if file.is_symlink() or not file.is_file():
            continue
        with contextlib.suppress(OSError), file.open("rb") as stream:
            os.fsync(stream.fileno())  # what is not on the disk yet stays in the cache
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def _server(storage: Path, latency_s: float) -> Iterator[str]:
    """Serve a repository for the time of the block, each answer after the latency."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(storage))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            time.sleep(latency_s)
            self.path = self.path.removeprefix(f"/cvmfs/{FQRN}")
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/cvmfs/{FQRN}"
        finally:
            server.shutdown()


def _show(
    recipe: str,
    forms: Sequence[Form],
    commands: Commands,
    rows: Mapping[str, Mapping[str, float]],
    latency: float,
) -> None:
    columns = [f"{name}, {place}" for name in commands for place in PLACES]
    print(f"{recipe}; seconds; the mount is {latency:.0f} ms away")
    print(f"{'form':22}{'bytes':>10}{'pack s':>8}" + "".join(f"{c:>21}" for c in columns))
    for form in forms:
        cells = "".join(f"{rows[form.name][column]:>21.2f}" for column in columns)
        print(f"{form.name:22}{readable_size(form.cost.bytes):>10}{form.cost.cpu:>8.1f}{cells}")
    figures = {
        form.name: {
            "bytes": form.cost.bytes,
            "pack_cpu": round(form.cost.cpu, 2),
            **{column: round(rows[form.name][column], 3) for column in columns},
        }
        for form in forms
    }
    theirs = rows[THEIRS]
    ratios = {
        f"{form.name}.{column}": round(rows[form.name][column] / theirs[column], 3)
        for form in forms
        if form.name != THEIRS
        for column in columns
    }
    print(answer("start", figures=figures, ratios=ratios, latency_ms=latency))


if __name__ == "__main__":
    main()
