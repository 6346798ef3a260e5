# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft build`: recipes become images."""

from __future__ import annotations

import click

from builder.images import build as building
from core.canonical import readable_json
from pansoft import workspace
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def build(context: Context, *, names: tuple[str, ...], as_json: bool) -> None:
    """Build the images of the recipes NAMES, offline and as an ordinary user.

    A plan that is built already is left alone.

    Example: pansoft build hdf5-tools
    """
    state, user = workspace.state_of(context), workspace.builder_of(context)
    done = []
    for recipe in workspace.recipes_named(context, names):
        plan = workspace.plan_of(context, recipe)
        made = building.build(plan, state, user=user, console=context.console)
        done.append(
            {
                "name": made.image.name,
                "version": made.image.version,
                "plan": made.image.plan,
                "image": str(made.image.path),
                "sha256": made.image.sha256,
                "size": made.image.size,
                "delta_size": made.image.delta_size,
                "fresh": made.fresh,
            }
        )
        if not as_json:
            word = "built" if made.fresh else "was built already, nothing to do:"
            click.echo(f"{recipe.name} {recipe.version} {word} {made.image.path}")
            click.echo(f"    sha256 {made.image.sha256}")
    if as_json:
        click.echo(readable_json(done), nl=False)
