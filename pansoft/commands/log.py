# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft log`: who published what and when; of one recipe, what its build said."""

from __future__ import annotations

import click

from builder.images.plan import BuildPlan
from builder.state import State
from core.canonical import readable_json
from core.errors import UserError
from core.harmless import harmless
from pansoft import journal, turns, workspace
from pansoft.context import Context
from pansoft.reports import journal_table


@click.command()
@click.argument("name", required=False)
@click.option("--path", "path_only", is_flag=True, help="Print where the log is.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Of the journal, so many runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the journal as JSON.")
@click.pass_obj
def log(context: Context, *, name: str | None, path_only: bool, last: int, as_json: bool) -> None:
    """Print who published what and when, or the log of the last build of the recipe NAME.

    The journal tells of every run of `apply`, the newest last: of which commit it was, who ran it, which
    revisions it published, and how it ended or that it was killed.

    Example: pansoft log --last 5
    """
    state = State(context.state, context.local)
    if name is not None:
        _tell_build(context, state, name, path_only=path_only)
    elif path_only:
        click.echo(state.journal)
    else:
        runs = journal.runs_in(state.journal)[-last:]
        is_under_way = turns.is_taken(state)
        if as_json:
            told = journal_table.as_json(runs, is_under_way=is_under_way)
            click.echo(readable_json(told), nl=False)
        else:
            click.echo(journal_table.in_words(runs, is_under_way=is_under_way))


def _tell_build(context: Context, state: State, name: str, *, path_only: bool) -> None:
    """Print what the last build of a recipe said, whether it failed or not."""
    [plan] = workspace.plans_named(context, [name])
    kept = [state.failed_log(plan.id), state.base(plan.id) / "build.log"]
    if isinstance(plan, BuildPlan):
        kept[1] = state.image(plan.id) / "build.log"
    for file in kept:
        if file.is_file():
            if path_only:
                click.echo(file)
            else:
                click.echo(harmless(file.read_text(encoding="utf-8", errors="replace")), nl=False)
            return
    raise UserError(
        f"{name} was not built as its recipe is now, so there is no log of it",
        hint=f"build it: pansoft build {name}",
    )
