# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci update`: recipes follow what upstream has, each step for somebody to review."""

from __future__ import annotations

import click

from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_USER
from pansoft import clock
from pansoft.ci.job import check_can_post, job_of
from pansoft.ci.updates import settings
from pansoft.ci.updates.outcome import Became, as_json, as_text
from pansoft.ci.updates.run import Ran, Way, run
from pansoft.context import Context
from pansoft.identity import environment


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--post",
    is_flag=True,
    help="Change nothing here; let each update have a branch and a merge request in GitLab. Takes "
    "PANSOFT_GITLAB_TOKEN and the variables of a job.",
)
@click.option(
    "--most",
    type=click.IntRange(min=0),
    help="With --post: how many merge requests of updates are open at a time; by default what "
    f"{settings.FILE} says, or {settings.MOST}.",
)
@click.option(
    "--test", is_flag=True, help="Build each and run its tests; one that fails is a draft."
)
@click.option("--dry-run", is_flag=True, help="Only say what is newer; nothing is locked.")
@click.option("--json", "as_json_", is_flag=True, help="Print JSON.")
@click.pass_obj
def update(
    context: Context,
    *,
    names: tuple[str, ...],
    post: bool,
    most: int | None,
    test: bool,
    dry_run: bool,
    as_json_: bool,
) -> int:
    """Find newer upstream versions of the recipes NAMES, or of all, and make the step to them.

    The recipe gets the version and the pin, with its comments and layout, and a new lock. One that cannot be
    made holds no other back, is explained, and ends with status 2. Groups and what is held stand in
    recipes/updates.yaml.

    Example: pansoft ci update gemmi --dry-run
    """
    if post and dry_run:
        raise click.UsageError("--post and --dry-run contradict each other")
    if most is not None and not post:
        raise click.UsageError("--most belongs to --post")
    way = Way.POST if post else Way.LOOK if dry_run else Way.WRITE
    variables = environment()
    job = job_of(variables)
    if post:
        check_can_post(job, variables)
    ran = run(context, names, way, job, most=most, test=test, at=clock.now())
    if as_json_:
        click.echo(readable_json(_as_json(ran)), nl=False)
    else:
        for outcome in ran.outcomes:
            click.echo(as_text(outcome))
        for name, why in ran.not_followed if names else ():
            click.echo(f"{name} {why}, so nothing is looked for", err=True)
        if not ran.outcomes:
            click.echo("nothing is newer", err=True)
    is_failed = any(outcome.became is Became.FAILED for outcome in ran.outcomes)
    return EXIT_USER if is_failed else EXIT_DONE


def _as_json(ran: Ran) -> dict[str, Json]:
    return {
        "updates": [as_json(outcome) for outcome in ran.outcomes],
        "not_followed": [{"name": name, "why": why} for name, why in ran.not_followed],
    }
