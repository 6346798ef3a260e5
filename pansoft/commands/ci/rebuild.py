# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci rebuild`: build a few published packages again, others each day, and compare."""

from __future__ import annotations

from datetime import datetime

import click

from builder.recipes.recipe import Recipe
from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USER, UserError
from pansoft import clock, planning, workspace
from pansoft import rebuild as rebuilding
from pansoft.ci.rotation import of_day
from pansoft.context import Context
from pansoft.planning import Planned, Status
from pansoft.rebuild import Rebuilt

MOST = 5


@click.command()
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="How many packages.",
)
@click.option(
    "--day",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="Those whose turn it is on another day than today.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def rebuild(context: Context, *, most: int, day: datetime | None, as_json: bool) -> int:
    """Build published packages again from their locks, bases included, and compare them bit by bit.

    Each day it is the turn of others, until all had theirs. Ends with status 3 where bytes differ, with 2
    where a package can no longer be built.

    Example: pansoft ci rebuild --most 3
    """
    at = clock.now()
    found = planning.plan(context, workspace.recipes_named(context, []), at=at).planned
    by_key = {item.recipe.key: item for item in found if item.status is Status.PUBLISHED}
    keys = of_day(by_key, (day or at).date(), most=most)
    if not keys:
        context.console.say("nothing is published as its recipe is now: nothing to compare with")
    results = [(key, _rebuilt(context, by_key[key], at=at)) for key in keys]
    if as_json:
        click.echo(readable_json([_as_json(key, result) for key, result in results]), nl=False)
    else:
        for key, result in results:
            click.echo(f"{key}: {_in_words(result)}")
    return _status([result for _, result in results])


def _rebuilt(context: Context, item: Planned, *, at: datetime) -> Rebuilt | UserError:
    recipe: Recipe = item.recipe
    try:
        return rebuilding.rebuild(
            recipe,
            item.plan,
            workspace.state_of(context),
            user=workspace.builder_of(context),
            console=context.console,
            at=at,
        )
    except UserError as err:
        return err


def _in_words(result: Rebuilt | UserError) -> str:
    if isinstance(result, UserError):
        return f"cannot be built again: {result.message}"
    if result.is_same:
        return f"the same bytes, sha256 {result.sha256}"
    known = ", ".join(f"{where} {sha256}" for where, sha256 in result.known.items())
    name = result.plan.key
    return f"other bytes: {known}, now {result.sha256}; see where: pansoft verify --rebuild {name}"


def _as_json(key: str, result: Rebuilt | UserError) -> dict[str, Json]:
    if isinstance(result, UserError):
        return {"key": key, "same": None, "sha256": None, "why": result.message}
    return {"key": key, "same": result.is_same, "sha256": result.sha256, "why": None}


def _status(results: list[Rebuilt | UserError]) -> int:
    if any(isinstance(each, Rebuilt) and not each.is_same for each in results):
        return EXIT_REFUSED
    return EXIT_USER if any(isinstance(each, UserError) for each in results) else EXIT_DONE
