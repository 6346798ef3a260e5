# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft apply`: make the repository equal to git."""

from __future__ import annotations

import os
from pathlib import Path

import click

from builder.recipes.recipe import Channel
from builder.state import State
from catalog.entry import FILE_NAME
from catalog.profiles import in_words
from catalog.retired import PATH as RETIRED
from core.canonical import readable_json
from core.console import readable_size
from core.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USER
from cvmfs.backends.backend import Published
from pansoft import clock, loop, planning, publish, published, shown, target, workspace
from pansoft.context import Context
from pansoft.executors import Choice, Kind, executor_of, executor_options
from pansoft.explain import explain
from pansoft.loop import LoopReport
from pansoft.planning import UNPUBLISHED, Planning, Status
from pansoft.reports import run_report
from pansoft.reports.plan_table import tell_for_sites, tell_plan
from pansoft.reports.run_report import Stopwatch
from pansoft.shipping import KEPT
from pansoft.signing_keys import KeyChoice, key_of, key_options
from pansoft.sizes import parse_size
from pansoft.turns import turn
from trust.evidence import Purpose
from trust.verdict import reasons

_MOVED = (Status.PROMOTED, Status.RETIRING, Status.RETURNED)


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be done, and the commands or requests of publishing, and do nothing.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Whether to wait while another run is under way, which is the default, or to give up.",
)
@click.option(
    "--identity-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the token that says who publishes, for repositories that others read; by "
    "default the variable that the policy names.",
)
@click.option(
    "--shown",
    "shown_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder with what the reports of merge requests showed: an image of the same plan with other "
    "bytes is not published, and packages that none of them showed are named.",
)
@click.option(
    "--forward",
    is_flag=True,
    help="Do nothing, and end with status 2, where a newer commit was applied before, as by a pipeline that "
    "somebody retries.",
)
@click.option(
    "--keep",
    metavar="SIZE",
    help="How much published images may take in the state folder; the least recently used go, and "
    "are made again when they are needed. By default 8G.",
)
@click.option(
    "--report",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for report.html and report.json; by default report/ of the state folder.",
)
@executor_options
@key_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def apply(
    context: Context,
    *,
    names: tuple[str, ...],
    dry_run: bool,
    wait: bool,
    identity_file: Path | None,
    shown_folder: Path | None,
    forward: bool,
    keep: str | None,
    folder: Path | None,
    choice: Choice,
    key_choice: KeyChoice,
    as_json: bool,
) -> int:
    """Bring the recipes NAMES, or all, into the repository: fetch, build, test, sign, publish.

    What is new becomes visible in one revision, or, where it is more than 4 GB, in several. Stopped at
    any moment and run again, it goes on where it was; run twice it does nothing the second time. One
    run at a time: another one waits. A report of the run is left for people and programs, and what was
    published stands in the journal: pansoft log.

    Example: pansoft apply hdf5-tools
    """
    if dry_run:
        if forward:
            _check_forward(context, State(context.state))
        recipes = workspace.recipes_named(context, names)
        found = planning.plan(context, recipes, at=clock.now())
        tell_plan(found, as_json=as_json)
        if not as_json:
            tell_steps(context, found)
        return 0
    state = workspace.state_of(context)
    with turn(state, context.console, now=clock.now, wait=wait):
        if forward:
            _check_forward(context, state)
        # what is in git now: whoever had the turn before may have taken a while
        recipes = workspace.recipes_named(context, names)
        at, watch = clock.now(), Stopwatch()
        report = loop.apply(
            context,
            recipes,
            at=at,
            key=key_of(context, key_choice, at=at, make_local=True),
            jobs=choice.at_once if choice.kind is Kind.LOCAL else os.cpu_count() or 1,
            executor=executor_of(context, choice),
            identity_file=identity_file,
            shown=shown.read(shown_folder) if shown_folder else None,
            kept=parse_size(keep) if keep else KEPT,
        )
        folder = folder or state.report
        told = run_report.report_of(report, watch, at=at, before=run_report.rows_before(folder))
        page = run_report.write(told, folder)
    if as_json:
        click.echo(readable_json(loop.as_json(report)), nl=False)
    else:
        tell(report)
        click.echo(f"report: {page}", err=True)
    if names and report.for_sites:  # whoever asks for one by its name wants to know the way
        for item in report.for_sites:
            explain(item.error)
        return status_of(report) or EXIT_USER
    return status_of(report)


def _check_forward(context: Context, state: State) -> None:
    from pansoft.forward import check_forward  # what reads git is slow to load

    check_forward(context.project, state.journal, context.console.say)


def tell(report: LoopReport) -> None:
    """Print what the loop did."""
    for failure in report.failures:
        click.echo(f"{failure.name}: {failure.stage} failed", err=True)
        explain(failure.error)
    tell_for_sites([item.recipe.name for item in report.for_sites])
    outcome = report.outcome
    if outcome is not None:
        for verdict in outcome.refused:
            said = "does not retire it" if verdict.purpose is Purpose.RETIRE else "keeps it out"
            if (verdict.name, verdict.version) in outcome.stayed:
                said = "leaves it in the channel in which it is"
            click.echo(f"{verdict.name} {verdict.version}: the policy {said}", err=True)
            click.echo(reasons(verdict), err=True)
            for fix in dict.fromkeys(finding.fix for finding in verdict.refusals if finding.fix):
                click.echo(f"hint: {fix}", err=True)
            if verdict.purpose is not Purpose.RETIRE:
                hint = f"pansoft trust explain {verdict.name} --purpose publish says more"
                click.echo(f"hint: {hint}", err=True)
        for sentence in in_words(outcome.conflicts):
            click.echo(f"warning: {sentence}", err=True)
        for note in outcome.notes:
            click.echo(f"federation: {note}", err=True)
        publication, count = outcome.publication, len(outcome.fresh)
        for entry in outcome.promoted:
            click.echo(f"promoted {entry.name} {entry.version} to {entry.channel}")
        for item in outcome.retired:
            click.echo(f"retired {item.name} {item.version}")
        if publication.is_new:
            done = f"published {count} package{'s' if count != 1 else ''} as revision "
            click.echo(f"{done}{publication.revision}{_stored(publication)}")
        else:
            click.echo(f"nothing to do: revision {publication.revision} is what git says")


def _stored(publication: Published) -> str:
    """Return what was added to the repository, where whoever stored it says so."""
    if publication.new_bytes is None:
        return ""
    return f": {readable_size(publication.new_bytes)} new in {publication.new_objects} objects"


def tell_steps(context: Context, found: Planning) -> None:
    """Print the commands or requests that publishing would make."""
    fresh = [item.recipe for item in found.planned if item.status in UNPUBLISHED]
    moved = [line for line in planning.lines(found) if line.status in _MOVED]
    if not fresh and not moved:
        return
    paths = [
        f"{form}/{recipe.name}/{recipe.version}"
        for recipe in fresh
        for form in published.forms_of(recipe.delivery)
    ]
    paths += [
        f"{published.IMAGES}/{line.name}/{line.version}/{FILE_NAME}"
        for line in moved
        if line.status is Status.PROMOTED
    ]
    if any(line.status is not Status.PROMOTED for line in moved):
        paths.append(RETIRED)
    channels = {recipe.release.channel for recipe in fresh} if not moved else set(Channel)
    paths += [*sorted(map(str, channels)), "trust"]
    named = [f"{recipe.name} {recipe.version}" for recipe in fresh]
    message = publish.message_of([*named, *(f"{line.name} {line.version}" for line in moved)])
    state = State(context.state)  # nothing is made for the sake of looking
    click.echo("then, to publish:")
    for step in target.steps(state, paths, message=message, at=clock.now()):
        click.echo(f"    {step}")


def status_of(report: LoopReport) -> int:
    """Return the exit status that follows from what the loop did."""
    if report.outcome is not None and report.outcome.refused:
        return EXIT_REFUSED
    if report.failures:
        return max(failure.error.exit_code for failure in report.failures)
    return EXIT_DONE
