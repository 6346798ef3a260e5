# SPDX-License-Identifier: BSD-3-Clause
"""What an image costs: our build of one recipe beside `apptainer build` of the same packages.

    make bench NAME=build

Both install the same .debs, offline, on the same base, which exists before in both and is not
measured: an unpacked folder for us, a local SIF for Apptainer. Both run as the build user. "New
bytes" is what a store that has the base must keep: Apptainer packs the base again, we do not.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from bench.measuring import Cost, answer, measured
from builder.images import plan, sif
from builder.images.base import Base, ensure_base
from builder.images.build import build
from builder.images.build_user import BuildUser, build_user
from builder.images.plan import BuildPlan
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import read_base_lock, read_package_lock
from builder.recipes import load
from builder.state import State
from core import process
from core.console import Console, readable_size

ROOT = Path(__file__).resolve().parent.parent
OURS, THEIRS = "pansoft", "apptainer build"
_POST = """\
Bootstrap: localimage
From: {base}

%post
    printf 'deb [trusted=yes] file:/mnt ./\\n' > /tmp/sources.list
    mkdir -p /tmp/lists/partial
    set -- -q -y --no-install-recommends -o Dir::Etc::sourcelist=/tmp/sources.list \\
        -o Dir::Etc::sourceparts=- -o Dir::State::lists=/tmp/lists -o APT::Sandbox::User=root
    export DEBIAN_FRONTEND=noninteractive
    apt-get "$@" update
    apt-get "$@" install {packages}
    rm -rf /tmp/lists /tmp/sources.list
"""


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="hdf5-tools", help="one of Debian packages only")
    parser.add_argument("--repeat", type=int, default=3, help="the medians are shown")
    parser.add_argument("--state", type=Path, help="a state with inputs and bases, to save time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-build-") as folder:
        Path(folder).chmod(0o755)
        wanted, user = _plan(options.recipe), build_user()
        state = State((options.state or Path(folder) / "state").absolute())
        fetch(wanted.inputs, InputCache(state.inputs), console=Console())
        base = ensure_base(wanted.base, state, user=user, console=Console())
        rows: dict[str, list[Cost]] = {OURS: [], THEIRS: []}
        for number in range(options.repeat):
            place = Path(folder) / str(number)
            rows[OURS].append(_ours(wanted, state, base, place / "ours", user))
            rows[THEIRS].append(_theirs(wanted, state, base, place / "theirs", user))
    _show(options.recipe, {name: _median(costs) for name, costs in rows.items()}, options.repeat)


def _plan(name: str) -> BuildPlan:
    recipe = load.load_recipe(ROOT / "recipes" / name)
    base = load.load_base(ROOT / "recipes" / "bases" / recipe.base)
    planned = plan.plan_base(base, read_base_lock(base))
    return plan.plan_package(recipe, read_package_lock(recipe, planned.lock), planned)


def _ours(wanted: BuildPlan, state: State, base: Base, folder: Path, user: BuildUser) -> Cost:
    """Return the cost of our build in a fresh state that has the inputs and the base."""
    folder.mkdir(parents=True)
    for name in ("inputs", "bases"):
        (folder / name).symlink_to(state.folder / name)
    with measured() as cost:
        made = build(wanted, State(folder), user=user, console=Console(quiet=True))
    cost.bytes = made.image.size - base.size
    return cost


def _theirs(wanted: BuildPlan, state: State, base: Base, folder: Path, user: BuildUser) -> Cost:
    """Return the cost of `apptainer build` from a local image of the base, with its defaults."""
    user.own(folder)
    archive = folder / "archive"
    cache = InputCache(state.inputs)
    for deb in wanted.debian:
        link = archive / "pool" / deb.sha256[:2] / deb.sha256
        link.parent.mkdir(parents=True, exist_ok=True)
        process.run(
            ["cp", cache.need(deb.sha256, name=deb.name), link], reason="lay out the archive"
        )
    (archive / "Packages").write_text(packages_index(wanted.debian, cache), encoding="utf-8")
    local = folder / "base.sif"
    system = sif.SifObject(
        sif.DataType.PARTITION, "base", base.squashfs, sif.PartitionType.PRIMARY_SYSTEM
    )
    sif.write_sif(local, (system,), identity=wanted.identity, epoch=0, architecture="amd64")
    packages = " ".join(f"{deb.name}={deb.version}" for deb in wanted.debian)
    definition = folder / "image.def"
    definition.write_text(_POST.format(base=local, packages=packages), encoding="utf-8")
    image = folder / "image.sif"
    command = user.command(
        ["apptainer", "build", "--bind", f"{archive}:/mnt", image, definition], reach=[folder]
    )
    environment = user.environment(
        HOME=str(folder), APPTAINER_TMPDIR=str(folder), APPTAINER_CACHEDIR=str(folder / "cache")
    )
    with measured() as cost:
        process.run(
            command, reason="build with Apptainer", env=environment, cwd=folder, timeout_s=3600
        )
    cost.bytes = image.stat().st_size
    return cost


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        bytes=int(statistics.median(cost.bytes for cost in costs)),
    )


def _show(recipe: str, rows: dict[str, Cost], repeat: int) -> None:
    print(f"{recipe + ', median of ' + str(repeat):30}{'wall s':>9}{'cpu s':>9}{'new bytes':>12}")
    for name, row in rows.items():
        print(f"{name:30}{row.wall:>9.2f}{row.cpu:>9.2f}{readable_size(row.bytes):>12}")
    ours, theirs = rows[OURS], rows[THEIRS]
    figures = {
        name: {"wall": round(row.wall, 2), "cpu": round(row.cpu, 2), "bytes": row.bytes}
        for name, row in rows.items()
    }
    ratios = {
        f"{recipe}.cpu": round(ours.cpu / theirs.cpu, 4),
        f"{recipe}.bytes": round(ours.bytes / theirs.bytes, 4),
        f"{recipe}.wall": round(ours.wall / theirs.wall, 4),
    }
    print(answer("build", figures=figures, ratios=ratios))


if __name__ == "__main__":
    main()
