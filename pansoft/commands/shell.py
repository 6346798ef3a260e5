# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft shell`: look around in an image as its tests see it, or in a build that failed."""

from __future__ import annotations

import os

import click

from builder.images import apptainer, kept, sandbox
from builder.images import build as building
from builder.images.build import BuildOptions
from builder.images.build_user import BuildUser
from builder.images.failure import BuildFailed
from builder.images.kept import Kept
from builder.images.plan import BuildPlan
from builder.state import State
from core.errors import UserError
from core.files import shared_lock
from pansoft import workspace
from pansoft.context import Context
from pansoft.explain import explain


@click.command()
@click.argument("name")
@click.option(
    "--at-failure",
    is_flag=True,
    help="Open it in the sandbox of the build that failed, as root of its namespace.",
)
@click.pass_obj
def shell(context: Context, *, name: str, at_failure: bool) -> int:
    """Open a shell in the image of the recipe NAME: confined, offline, in an empty folder.

    With --at-failure it opens where the build failed, with what was installed until then, what the
    script left in /tmp, and its variables. Where no sandbox was kept, it is built again first.

    Example: pansoft shell hdf5-tools
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    (recipe,) = workspace.recipes_named(context, [name])
    plan = workspace.plan_of(context, recipe)
    term = os.environ.get("TERM", "dumb")
    if at_failure:
        return kept.enter(_failed(context, plan, state, user), state, user=user, term=term)
    with shared_lock(state.in_use):
        made = building.build(plan, state, user=user, console=context.console)
        with sandbox.scratch_folder(state.scratch, user) as work:
            return apptainer.interactive(made.image.path, ["sh"], work=work, user=user, term=term)


def _failed(context: Context, plan: BuildPlan, state: State, user: BuildUser) -> Kept:
    """Return the kept sandbox of a plan, built again where there is none."""
    if (found := _kept(plan, state)) is not None:
        return found
    try:
        options = BuildOptions(keep=True)
        building.build(plan, state, user=user, console=context.console, options=options)
    except BuildFailed as err:
        explain(err)
    if (found := _kept(plan, state)) is not None:
        return found
    raise UserError(
        f"the build of {plan.name} did not fail",
        hint=f"look into its image: pansoft shell {plan.name}",
    )


def _kept(plan: BuildPlan, state: State) -> Kept | None:
    return next((item for item in kept.kept_sandboxes(state) if item.plan == plan.id), None)
