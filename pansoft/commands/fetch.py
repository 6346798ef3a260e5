# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft fetch`: bring what locks name into the input cache."""

from __future__ import annotations

import click

from builder.inputs import fetch as fetching
from builder.inputs.cache import InputCache
from pansoft import workspace
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1)
@click.pass_obj
def fetch(context: Context, *, names: tuple[str, ...]) -> None:
    """Download the inputs of the recipes NAMES, or of all, and verify every byte.

    Downloads run in parallel and go on where they were cut. Building needs no network after this.

    Example: pansoft fetch hdf5-tools
    """
    state = workspace.state_of(context)
    plans = [
        workspace.plan_of(context, recipe) for recipe in workspace.recipes_named(context, names)
    ]
    inputs = [item for plan in plans for item in (*plan.base.lock.packages, *plan.inputs)]
    done = fetching.fetch(inputs, InputCache(state.inputs), console=context.console)
    click.echo(f"{done.wanted} inputs are in the cache, {done.downloaded} of them came just now")
