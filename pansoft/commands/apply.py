# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft apply`: make the repository equal to git."""

from __future__ import annotations

import os

import click

from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_DONE, EXIT_REFUSED
from pansoft import clock, loop, planning, workspace
from pansoft.commands.plan import tell_plan
from pansoft.context import Context
from pansoft.executors import Choice, Kind, executor_of, executor_options
from pansoft.explain import explain
from pansoft.loop import LoopReport
from trust.verdict import reasons


@click.command()
@click.argument("names", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@executor_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def apply(
    context: Context, *, names: tuple[str, ...], dry_run: bool, choice: Choice, as_json: bool
) -> int:
    """Bring the recipes NAMES, or all, into the repository: fetch, build, test, sign, publish.

    Everything that is new becomes visible in one revision. Stopped at any moment and run again, it
    goes on where it was; run twice it does nothing the second time.

    Example: pansoft apply hdf5-tools
    """
    recipes = workspace.recipes_named(context, names)
    if dry_run:
        tell_plan(planning.plan(context, recipes, at=clock.now()), as_json=as_json)
        return 0
    report = loop.apply(
        context,
        recipes,
        at=clock.now(),
        jobs=choice.at_once if choice.kind is Kind.LOCAL else os.cpu_count() or 1,
        executor=executor_of(context, choice),
    )
    if as_json:
        click.echo(readable_json(loop.as_json(report)), nl=False)
    else:
        tell(report)
    return status_of(report)


def tell(report: LoopReport) -> None:
    """Print what the loop did."""
    for failure in report.failures:
        click.echo(f"{failure.name}: {failure.stage} failed", err=True)
        explain(failure.error)
    outcome = report.outcome
    if outcome is not None:
        for verdict in outcome.refused:
            click.echo(f"{verdict.name} {verdict.version}: the policy keeps it out", err=True)
            click.echo(reasons(verdict), err=True)
            for fix in dict.fromkeys(finding.fix for finding in verdict.refusals if finding.fix):
                click.echo(f"hint: {fix}", err=True)
        for conflict in outcome.conflicts:
            click.echo(f"warning: {conflict}", err=True)
        publication, count = outcome.publication, len(outcome.fresh)
        if publication.is_new:
            click.echo(
                f"published {count} package{'s' if count != 1 else ''} as revision "
                f"{publication.revision}: {readable_size(publication.new_bytes)} new in "
                f"{publication.new_objects} objects"
            )
        else:
            click.echo(f"nothing to do: revision {publication.revision} is what git says")


def status_of(report: LoopReport) -> int:
    """Return the exit status that follows from what the loop did."""
    if report.outcome is not None and report.outcome.refused:
        return EXIT_REFUSED
    if report.failures:
        return max(failure.error.exit_code for failure in report.failures)
    return EXIT_DONE
