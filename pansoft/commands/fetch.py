# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft fetch`: bring what locks name into the input cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from builder.executors.executor import named
from builder.images.plan import BuildPlan, Retired
from builder.inputs import fetch as fetching
from builder.inputs.cache import InputCache
from builder.inputs.downloads import NotHeld, is_download
from builder.inputs.export import export as export_inputs
from builder.inputs.locations import parse_location
from core.console import readable_size
from core.events import Stage
from pansoft import workspace
from pansoft.context import Context
from pansoft.reports.plan_table import tell_for_sites


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--from",
    "places",
    multiple=True,
    metavar="LOCATION",
    help="Where else to look when the host's archives do not have an input: a folder, the address "
    "of an input archive, or KIND=ADDRESS (folder, archive, debian, python, npm). May be repeated.",
)
@click.option(
    "--export",
    "target",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also copy the inputs into an input archive, which other machines can fetch from.",
)
@click.pass_obj
def fetch(
    context: Context, *, names: tuple[str, ...], places: tuple[str, ...], target: Path | None
) -> None:
    """Download the inputs of the recipes NAMES, or of all, and verify every byte.

    Downloads run in parallel and go on where they were cut. Building needs no network after this.
    Locations that are always to be asked belong in site.yaml of the state folder.

    Example: pansoft fetch hdf5-tools --from debian=https://snapshot.example.org/debian/20260601
    """
    further = [parse_location(place) for place in places]
    state = workspace.state_of(context)
    cache = InputCache(state.inputs)
    plans, for_sites = _plans(context, names)
    inputs = [item for plan in plans for item in (*plan.base.lock.inputs, *plan.inputs)]
    locks: dict[str, str] = {}
    for plan in plans:
        locks |= fetching.locked_in(f"recipes/{plan.name}/lock.json", plan.inputs)
    for base in {base.name: base for plan in plans for base in plan.base.layers}.values():
        locks |= fetching.locked_in(f"recipes/bases/{base.name}/lock.json", base.lock.own_inputs)
    one = named(plans[0]) if len(plans) == 1 else ()
    with context.events.stage(Stage.FETCH, *one) as note:
        done = fetching.fetch(inputs, cache, console=context.console, locks=locks, further=further)
        note.bytes = done.bytes
        note.reused(not done.downloaded)
    click.echo(f"{done.wanted} inputs are in the cache, {done.downloaded} of them came just now")
    tell_for_sites(for_sites)
    if target is not None:
        shared = [item for item in inputs if not is_download(item)]  # the licence is one site's
        archive = export_inputs(shared, cache, target)
        click.echo(
            f"{archive.wanted} inputs are in {target}, {archive.copied} of them came just now "
            f"({readable_size(archive.bytes)})"
        )


def _plans(context: Context, names: Sequence[str]) -> tuple[tuple[BuildPlan, ...], tuple[str, ...]]:
    """Return the plans of recipes, and the names of those whose download is not here.

    Raises:
        Retired: a recipe of these names is; among all of them it is passed over.
    """
    plans, for_sites = [], []
    for recipe in workspace.recipes_named(context, names):
        try:
            plans.append(workspace.plan_of(context, recipe))
        except NotHeld:
            for_sites.append(recipe.name)
        except Retired:
            if names:
                raise
    return tuple(plans), tuple(for_sites)
