# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci shown`: what the merge requests showed that were merged last."""

from __future__ import annotations

from pathlib import Path

import click

from core.files import write_atomic
from pansoft.checkout import Checkout
from pansoft.ci import kept
from pansoft.ci.job import check_can_post, job_of
from pansoft.context import Context
from pansoft.identity import environment

COMMITS = 20


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder for what they showed, for pansoft apply --shown.",
)
@click.option(
    "--commits",
    type=click.IntRange(min=1),
    default=COMMITS,
    show_default=True,
    help="How many of the last commits of this branch are looked at.",
)
@click.pass_obj
def shown(context: Context, *, output: Path, commits: int) -> None:
    """Fetch what merge requests showed that this branch has merged: the digests of their images.

    pansoft apply --shown publishes no other bytes under the same plan. Takes PANSOFT_GITLAB_TOKEN, with the
    scope read_api, and the variables of a job; where there is no token that is said, and nothing is known.

    Example: pansoft ci shown --output shown
    """
    # imported here: the client takes its time
    from pansoft.ci import merge_requests, posting
    from pansoft.ci.gitlab import Gitlab

    variables = environment()
    job = job_of(variables)
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob(f"*/{kept.FILE}"):
        old.unlink()
    if job.token is None:
        context.console.say(
            "warning: without PANSOFT_GITLAB_TOKEN nobody knows what merge requests showed: "
            "nothing is compared"
        )
        return
    check_can_post(job, variables)
    last = Checkout(context.project).last_commits(commits)
    count = 0
    for number, report in merge_requests.reports_merged(Gitlab(posting.login_of(job)), last):
        if report is None:
            context.console.say(f"!{number}: no pipeline of it left a report")
            continue
        write_atomic(output / f"{number}" / kept.FILE, kept.keep(report.packages))
        count += sum(package.sha256 is not None for package in report.packages)
    click.echo(f"{count} image{'' if count == 1 else 's'} shown: {output}")
