# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft plan`: what would be done for each recipe, and why; nothing is changed."""

from __future__ import annotations

import click

from core.canonical import readable_json
from core.errors import UserError
from pansoft import clock, planning, workspace
from pansoft.context import Context
from pansoft.reports.plan_table import tell_lines, tell_plan
from trust.codec import to_json


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    metavar="REV",
    help="Only what differs from where the checkout left this branch or commit, and what in it.",
)
@click.option("--why", metavar="NAME", help="Explain the plan of one recipe instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every input of each plan.")
@click.pass_obj
def plan(
    context: Context, *, names: tuple[str, ...], since: str | None, why: str | None, as_json: bool
) -> None:
    """Show what is new, built and published of the recipes NAMES, or of all.

    What did not change since the last time is not read again. With --since, what a branch changes: a recipe
    whose base changed is built again, one that only says something else is not.

    Example: pansoft plan --since origin/main
    """
    if sum(map(bool, (names, since, why))) > 1:
        raise UserError(
            "NAMES, --since and --why ask different questions",
            hint="ask one of them: pansoft plan --since origin/main",
        )
    at = clock.now()
    if why:
        # imported here and below: no other question waits for what reads git
        from pansoft.explained_plan import explanation_of, in_words

        explained = explanation_of(context, why, at=at)
        click.echo(
            readable_json(to_json(explained)) if as_json else in_words(explained), nl=not as_json
        )
    elif since:
        from pansoft.changes import changes_since
        from pansoft.reports.changes_table import tell_changes

        tell_changes(context, changes_since(context, since), at=at, as_json=as_json)
    elif as_json:
        recipes = workspace.recipes_named(context, names)
        orphaned = () if names else planning.orphaned(context, at=at)
        tell_plan(planning.plan(context, recipes, at=at), as_json=True, orphaned=orphaned)
    else:
        tell_lines(planning.overview(context, names, at=at))
