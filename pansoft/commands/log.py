# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft log`: what a build said."""

from __future__ import annotations

import click

from builder.images.plan import BuildPlan
from builder.state import State
from core.errors import UserError
from pansoft import workspace
from pansoft.context import Context


@click.command()
@click.argument("name")
@click.option("--path", "path_only", is_flag=True, help="Print where the log is.")
@click.pass_obj
def log(context: Context, *, name: str, path_only: bool) -> None:
    """Print the log of the last build of the recipe NAME, whether it failed or not.

    Example: pansoft log hdf5-tools
    """
    state = State(context.state, context.local)
    [plan] = workspace.plans_named(context, [name])
    kept = [state.failed_log(plan.id), state.base(plan.id) / "build.log"]
    if isinstance(plan, BuildPlan):
        kept[1] = state.image(plan.id) / "build.log"
    for file in kept:
        if file.is_file():
            if path_only:
                click.echo(file)
            else:
                click.echo(file.read_text(encoding="utf-8", errors="replace"), nl=False)
            return
    raise UserError(
        f"{name} was not built as its recipe is now, so there is no log of it",
        hint=f"build it: pansoft build {name}",
    )
