# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft check`: is every recipe right?"""

from __future__ import annotations

import click

from builder.recipes.check import check as check_recipes
from core import reports
from core.errors import EXIT_USER
from core.problems import errors, in_order
from pansoft import clock
from pansoft.ci.updates.settings import settings_problems
from pansoft.context import Context
from pansoft.policy_check import policy_problems


@click.command()
@click.argument("targets", nargs=-1, metavar="[NAME|PATH]...")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in reports.Format]),
    default=reports.Format.TEXT.value,
    show_default=True,
    help="text for people, json for programs, gitlab for a Code Quality report, sarif for editors.",
)
@click.pass_obj
def check(context: Context, *, targets: tuple[str, ...], form: str) -> None:
    """Check recipes, bases and the trust policy without building anything; all if none is named.

    With all of them also recipes/updates.yaml is looked at.

    Every problem is shown with its file, line and column, the rule it breaks and how to mend it.

    Example: pansoft check hdf5-tools recipes/pyfai --format gitlab
    """
    report = check_recipes(context.project, targets)
    refusals = policy_problems(context, report.recipes, at=clock.now())
    of_updates = () if targets else settings_problems(context.project)
    problems = in_order((*report.problems, *refusals, *of_updates))
    chosen = reports.Format(form)
    if problems or chosen is not reports.Format.TEXT:
        root = None if chosen is reports.Format.TEXT else context.project
        click.echo(reports.render(problems, chosen, root=root).rstrip("\n"))
    good = len(report.recipes) + len(report.bases)
    count = len(problems)
    context.console.say(
        f"{count} problem{'s' if count != 1 else ''} found, {good} without a fault"
        if count
        else f"{good} checked, no problem found"
    )
    if errors(problems):
        raise click.exceptions.Exit(EXIT_USER)
