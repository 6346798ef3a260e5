# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci requests`: packages that somebody asks for in an issue become merge requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_USER, UserError
from pansoft import clock
from pansoft.ci.job import check_can_post, job_of
from pansoft.context import Context
from pansoft.identity import environment

if TYPE_CHECKING:
    from pansoft.ci.requests.outcome import Outcome

MOST = 5


@click.command()
@click.option(
    "--post",
    is_flag=True,
    help="Let each issue have a branch and a merge request in GitLab, or a note that says what is missing. "
    "Takes PANSOFT_GITLAB_TOKEN and the variables of a job.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="With --post: how many issues are answered in a run.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say which issues are in order; the same as neither this nor --post.",
)
@click.option(
    "--form",
    "form_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with a form: its recipe is written into the checkout, and GitLab is not asked.",
)
@click.option("--json", "as_json_", is_flag=True, help="Print JSON.")
@click.pass_obj
def requests(
    context: Context,
    *,
    post: bool,
    most: int,
    dry_run: bool,
    form_file: Path | None,
    as_json_: bool,
) -> int:
    """Make recipes of the forms in which people ask for packages, in open issues of GitLab.

    Each has one merge request, with whoever asked as co-author, and one note on the issue. Nothing of a
    package is run. Confidential issues are left alone. One that cannot be looked for ends with status 2.

    Example: pansoft ci requests --dry-run
    """
    if post and (dry_run or form_file):
        raise click.UsageError("--post contradicts --dry-run and --form")
    # imported here: the client takes its time
    from pansoft.ci.requests import run
    from pansoft.ci.requests.outcome import Became, as_json, as_text

    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if not as_json_:
            click.echo(as_text(outcome))

    if form_file is not None:
        tell(run.write(context, _read(form_file), at=clock.now()))
    else:
        variables = environment()
        job = job_of(variables)
        check_can_post(job, variables)
        found = (
            run.post(context, job, most=most, at=clock.now()) if post else run.look(context, job)
        )
        for each in found:
            tell(each)
    if as_json_:
        click.echo(readable_json({"requests": [as_json(each) for each in outcomes]}), nl=False)
    elif not outcomes:
        click.echo("nobody asks for anything", err=True)
    ends = {Became.FAILED, Became.INCOMPLETE} if form_file is not None else {Became.FAILED}
    return EXIT_USER if any(each.became in ends for each in outcomes) else EXIT_DONE


def _read(file: Path) -> str:
    """Return what a form says.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise UserError(f"the form {file} cannot be read", hint="it is a text in UTF-8") from err
