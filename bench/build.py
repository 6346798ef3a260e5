# SPDX-License-Identifier: BSD-3-Clause
"""What images cost: our builds beside `apptainer build` of the equivalent definition files.

    make bench NAME=build

Both install the same .debs and wheels, offline, on the same base, which exists before in both and is
not measured: unpacked layers for us, a local image with one partition for Apptainer. Both run as the
build user. "New bytes" is what a store that has the base must keep: Apptainer packs the base again,
we do not. With --stored also what all recipes together need, bases included, beside the sum of their
images.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.forms import pack, unpack
from bench.measuring import Cost, answer, measured
from builder.images.base import Base, ensure_base
from builder.images.build import build
from builder.images.build_user import BuildUser, build_user
from builder.images.equivalent import equivalent
from builder.images.plan import ARCHITECTURE, BuildPlan
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.recipes.definition import definition_text
from builder.recipes.recipe import Install, Recipe
from builder.state import State
from core import process
from core.console import Console, readable_size
from core.files import copy_atomic
from pansoft import workspace
from pansoft.context import Context

ROOT = Path(__file__).resolve().parent.parent
OURS, THEIRS = "pansoft", "apptainer build"
RECIPES = (
    "hdf5-tools",
    "gnuplot",
    "fityk",
    "pyfai",
)  # of .debs: a tool, a plotter, a GUI; of wheels
_QUIET = Console(quiet=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """A recipe to build, and its built base: unpacked layers, and an image of them in one partition."""

    recipe: Recipe
    plan: BuildPlan
    base: Base
    base_image: Path


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", action="append", help=f"by default {', '.join(RECIPES)}")
    parser.add_argument("--repeat", type=int, default=3, help="the medians are shown")
    parser.add_argument(
        "--stored", action="store_true", help="build all recipes, add their bytes up"
    )
    parser.add_argument("--state", type=Path, help="a state with inputs and bases, to save time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-build-") as name:
        folder, user = Path(name), build_user()
        folder.chmod(0o755)
        context = Context(ROOT, (options.state or folder / "state").absolute(), _QUIET)
        figures: dict[str, object] = {}
        ratios: dict[str, float] = {}
        for recipe in options.recipe or RECIPES:
            subject = _subject(context, recipe, user.own(folder / recipe), user)
            ours, theirs = [], []
            for number in range(options.repeat):
                place = folder / f"{recipe}-{number}"
                ours.append(_ours(subject, context, place / "ours", user))
                theirs.append(_theirs(subject, context, place / "theirs", user))
            rows = {OURS: _median(ours), THEIRS: _median(theirs)}
            _show(recipe, rows, options.repeat)
            figures[recipe] = {name: _figures(row) for name, row in rows.items()}
            ratios |= {f"{recipe}.{key}": share for key, share in _ratios(rows).items()}
        if options.stored:
            stored, images, count = _stored(context, user)
            print(f"{count} packages and their bases: {readable_size(stored)} stored, "
                  f"{readable_size(images)} as images of their own")  # fmt: skip
            figures["stored"] = {"packages": count, "stored": stored, "images": images}
            ratios["stored.bytes"] = round(stored / images, 4)
    print(answer("build", figures=figures, ratios=ratios))


def _subject(context: Context, name: str, folder: Path, user: BuildUser) -> Subject:
    """Return a recipe with all that a build of it needs, which is not measured."""
    [recipe] = workspace.recipes_named(context, [name])
    plan, state = workspace.plan_of(context, recipe), State(context.state)
    fetch(plan.inputs, InputCache(state.inputs), console=_QUIET)
    base = ensure_base(plan.base, state, user=user, console=_QUIET)
    layers = [layer.squashfs for layer in base.layers]
    squashfs = layers[0]
    if len(layers) > 1:
        unpack(layers, folder, user)
        squashfs = pack(range(len(layers)), folder, folder / "base.squashfs", "-comp zstd", user)
    image = folder / "base.sif"
    system = SifObject(DataType.PARTITION, "base", squashfs, PartitionType.PRIMARY_SYSTEM)
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    write_sif(image, (system,), identity=identity, epoch=0, architecture=ARCHITECTURE)
    return Subject(recipe, plan, base, image)


def _ours(subject: Subject, context: Context, folder: Path, user: BuildUser) -> Cost:
    """Return the cost of our build in a fresh state that has the inputs and the base."""
    folder.mkdir(parents=True)
    for name in ("inputs", "bases"):
        (folder / name).symlink_to(context.state / name)
    with measured() as cost:
        made = build(subject.plan, State(folder), user=user, console=_QUIET)
    cost.bytes = made.image.size - sum(layer.size for layer in subject.base.layers)
    return cost


def _theirs(subject: Subject, context: Context, folder: Path, user: BuildUser) -> Cost:
    """Return the cost of `apptainer build` of the equivalent definition, with its defaults."""
    user.own(folder)
    inputs = folder / "inputs"
    _lay_out(subject.plan, InputCache(State(context.state).inputs), inputs)
    definition = folder / "image.def"
    wanted = equivalent(subject.recipe, subject.plan, base=subject.base_image)
    definition.write_text(definition_text(wanted), encoding="utf-8")
    given = {"archive": "[trusted=yes] file:/mnt ./", "pip": "--no-index --find-links /mnt/wheels"}
    arguments = [
        part
        for name, _ in wanted.arguments
        if name in given
        for part in ("--build-arg", f"{name}={given[name]}")
    ]
    image = folder / "image.sif"
    command = user.command(
        [
            "apptainer",
            "build",
            "--notest",
            "--bind",
            f"{inputs}:/mnt",
            *arguments,
            image,
            definition,
        ],
        reach=[folder, subject.base_image.parent],
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


def _lay_out(plan: BuildPlan, cache: InputCache, folder: Path) -> None:
    """Write the inputs as a flat archive for apt and a folder of wheels for pip."""
    debs = (*plan.debian, *plan.tools)
    places = [(item, folder / "pool" / item.sha256[:2] / item.sha256) for item in debs]
    copies = [(cache.need(item.sha256, name=item.name), place) for item, place in places]
    copies += [
        (cache.need(item.sha256, name=item.name), folder / "wheels" / item.filename)
        for item in plan.python
    ]
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_atomic(source, target)
    (folder / "Packages").parent.mkdir(parents=True, exist_ok=True)
    (folder / "Packages").write_text(packages_index(debs, cache), encoding="utf-8")


def _stored(context: Context, user: BuildUser) -> tuple[int, int, int]:
    """Return the bytes that all packages need with bases stored once, those of all images, and how
    many packages they are. An image of ours is hardly smaller in one partition.
    """
    state, deltas, images = State(context.state), 0, 0
    layers: dict[str, int] = {}
    every = workspace.recipes_named(context, [])
    recipes = [recipe for recipe in every if recipe.install is Install.PUBLISHER]
    for recipe in recipes:
        plan = workspace.plan_of(context, recipe)
        base = ensure_base(plan.base, state, user=user, console=_QUIET)
        image = build(plan, state, user=user, console=_QUIET).image
        layers |= {layer.sha256: layer.size for layer in base.layers}
        deltas += image.delta_size
        images += image.size
    return sum(layers.values()) + deltas, images, len(recipes)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        bytes=int(statistics.median(cost.bytes for cost in costs)),
    )


def _figures(row: Cost) -> dict[str, float]:
    return {"wall": round(row.wall, 2), "cpu": round(row.cpu, 2), "bytes": row.bytes}


def _ratios(rows: dict[str, Cost]) -> dict[str, float]:
    ours, theirs = rows[OURS], rows[THEIRS]
    return {
        "cpu": round(ours.cpu / theirs.cpu, 4),
        "wall": round(ours.wall / theirs.wall, 4),
        "bytes": round(ours.bytes / theirs.bytes, 4),
    }


def _show(recipe: str, rows: dict[str, Cost], repeat: int) -> None:
    print(f"{recipe + ', median of ' + str(repeat):30}{'wall s':>9}{'cpu s':>9}{'new bytes':>12}")
    for name, row in rows.items():
        print(f"{name:30}{row.wall:>9.2f}{row.cpu:>9.2f}{readable_size(row.bytes):>12}", flush=True)


if __name__ == "__main__":
    main()
