# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft shell`: look around in an image as its tests see it."""

from __future__ import annotations

import os

import click

from builder.images import apptainer, sandbox
from builder.images import build as building
from pansoft import workspace
from pansoft.context import Context


@click.command()
@click.argument("name")
@click.pass_obj
def shell(context: Context, *, name: str) -> int:
    """Open a shell in the image of the recipe NAME: confined, offline, in an empty folder.

    Example: pansoft shell hdf5-tools
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    (recipe,) = workspace.recipes_named(context, [name])
    made = building.build(
        workspace.plan_of(context, recipe), state, user=user, console=context.console
    )
    with sandbox.scratch_folder(state.scratch, user) as work:
        return apptainer.interactive(
            made.image.path, ["sh"], work=work, user=user, term=os.environ.get("TERM", "dumb")
        )
