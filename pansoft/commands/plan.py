# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft plan`: what would be done for each recipe, and why; nothing is changed."""

from __future__ import annotations

import click

from builder.recipes.recipe import Recipe
from core.canonical import readable_json
from pansoft import clock, planning, workspace
from pansoft.context import Context
from pansoft.planning import Planning, Status

BLOCKED = "blocked"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every input of each plan.")
@click.pass_obj
def plan(context: Context, *, names: tuple[str, ...], as_json: bool) -> None:
    """Show what is new, built and published of the recipes NAMES, or of all.

    Example: pansoft plan
    """
    recipes = workspace.recipes_named(context, names)
    tell_plan(planning.plan(context, recipes, at=clock.now()), as_json=as_json)


def tell_plan(found: Planning, *, as_json: bool) -> None:
    """Print a plan: a line for each package, or JSON with every input."""
    if as_json:
        click.echo(readable_json(_items(found)), nl=False)
        return
    rows = [(item.recipe, str(item.status), item.plan.id[:12], item.why) for item in found.planned]
    rows += [(item.recipe, BLOCKED, "", item.why) for item in found.blocked]
    width = max((len(_title(recipe)) for recipe, *_ in rows), default=0)
    for recipe, status, plan_id, why in rows:
        click.echo(f"{status:<9}  {_title(recipe):<{width}}  {plan_id:<12}  {why}")
    todo = sum(status != Status.PUBLISHED for _, status, *_ in rows)
    click.echo(f"{todo} of {len(rows)} packages to bring along" if todo else "nothing to do")


def _items(found: Planning) -> list[dict[str, object]]:
    planned: list[dict[str, object]] = [
        {
            "name": item.recipe.name,
            "version": item.recipe.version,
            "status": item.status,
            "why": item.why,
            "id": item.plan.id,
            "plan": item.plan.as_json(),
        }
        for item in found.planned
    ]
    return planned + [
        {
            "name": item.recipe.name,
            "version": item.recipe.version,
            "status": BLOCKED,
            "why": item.why,
            "hint": item.error.hint,
        }
        for item in found.blocked
    ]


def _title(recipe: Recipe) -> str:
    return f"{recipe.name} {recipe.version}"
