# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft plan`: what would be done for each recipe, and why; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

import click

from core.canonical import readable_json
from pansoft import clock, planning, workspace
from pansoft.context import Context
from pansoft.planning import Planned, Status


@click.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every input of each plan.")
@click.pass_obj
def plan(context: Context, *, names: tuple[str, ...], as_json: bool) -> None:
    """Show what is new, built and published of the recipes NAMES, or of all.

    Example: pansoft plan
    """
    recipes = workspace.recipes_named(context, names)
    planned = planning.plan(context, recipes, at=clock.now())
    tell_plan(planned, as_json=as_json)


def tell_plan(planned: Sequence[Planned], *, as_json: bool) -> None:
    """Print a plan: a line for each package, or JSON with every input."""
    if as_json:
        items = [
            {
                "name": item.recipe.name,
                "version": item.recipe.version,
                "status": item.status,
                "why": item.why,
                "id": item.plan.id,
                "plan": item.plan.as_json(),
            }
            for item in planned
        ]
        click.echo(readable_json(items), nl=False)
        return
    titles = [f"{item.recipe.name} {item.recipe.version}" for item in planned]
    width = max(map(len, titles), default=0)
    for title, item in zip(titles, planned, strict=True):
        click.echo(f"{item.status:<9}  {title:<{width}}  {item.plan.id[:12]}  {item.why}")
    todo = sum(item.status is not Status.PUBLISHED for item in planned)
    click.echo(f"{todo} of {len(planned)} packages to bring along" if todo else "nothing to do")
