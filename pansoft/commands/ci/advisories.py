# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci advisories`: is anything that is published known to be vulnerable?"""

from __future__ import annotations

from pathlib import Path

import click

from builder.inputs.places import Mirrors
from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_REFUSED, EXIT_USER, UserError
from core.files import write_atomic
from pansoft import clock, workspace
from pansoft.advisories import holdings, text
from pansoft.advisories.remedies import Remedies
from pansoft.advisories.scan import Scan, scan
from pansoft.advisories.sources import Asking
from pansoft.ci.job import check_can_post, job_of
from pansoft.context import Context
from pansoft.identity import environment
from trust.policy import load_policy
from trust.vulnerabilities.advisories import LEVELS


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--locks",
    is_flag=True,
    help="Look at what the locks of the recipes name, not at what is published.",
)
@click.option(
    "--osv",
    multiple=True,
    envvar="PANSOFT_OSV",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="A folder of records in the OSV form, beside those of the policy. May be repeated.",
)
@click.option(
    "--level",
    type=click.Choice(["low", "medium", "high", "critical"]),
    default="low",
    show_default=True,
    help="How bad it has to be; what nobody calls anything counts.",
)
@click.option(
    "--post",
    is_flag=True,
    help="Open, update or close the issue. Takes PANSOFT_GITLAB_TOKEN and the variables of a job.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the JSON there as well.",
)
@click.pass_obj
def advisories(
    context: Context,
    *,
    names: tuple[str, ...],
    locks: bool,
    osv: tuple[Path, ...],
    level: str,
    post: bool,
    as_json: bool,
    output: Path | None,
) -> int:
    """Look for known vulnerabilities of what published packages hold: of NAMES, or of all.

    Nothing is built. Where nothing is published, it is what the locks of the recipes name. Debian's security
    archive, the Python index and records in the OSV form are asked; one that is not says so. Ends with
    status 3 where something is to be done, unless --post has put it into the issue; with 2 where somebody
    could not be asked.

    Example: pansoft ci advisories hdf5-tools --locks
    """
    if post and names:
        raise click.UsageError("the issue is about all packages: --post takes no names")
    variables = environment()
    job = job_of(variables)
    if post:
        check_can_post(job, variables)
    at = clock.now()
    policy = load_policy(context.policy)
    asking = Asking(workspace.state_of(context), policy, osv, Mirrors(), at, context.console)
    by_lock = locks or not holdings.is_published(context, at=at)
    if by_lock and not locks:
        context.console.say("nothing is published: looking at the locks")
    held = holdings.locked(context, names) if by_lock else holdings.published(context, names, at=at)
    if names and not held.held and not held.unknown:
        raise UserError(
            f"nothing is published of {', '.join(names)}",
            hint="look at what the locks name with: pansoft ci advisories --locks",
        )
    found = scan(held, asking, least=LEVELS[level])
    remedies = Remedies(context)
    todo = {row: remedies.of(row) for row in found.rows}
    answer = readable_json(text.as_json(found, todo))
    if output is not None:
        write_atomic(output, answer)
    if as_json:
        click.echo(answer, nl=False)
    else:
        for line in text.lines(found, todo):
            click.echo(line)
    if post:
        # the library behind it takes longer to load than most verbs take
        from pansoft.advisories.issue import tell
        from pansoft.ci.gitlab import Gitlab
        from pansoft.ci.posting import login_of

        posted = tell(found, todo, Gitlab(login_of(job)))
        if posted is not None:
            word = posted.how.value if found.rows else "closed"
            click.echo(f"issue {word}: {posted.link or posted.number}", err=as_json)
    return _status(found, is_told=post)


def _status(found: Scan, *, is_told: bool) -> int:
    """Return the exit status: a job whose findings stand in an issue has done what it is for."""
    if found.rows and not is_told:
        return EXIT_REFUSED
    return EXIT_USER if found.faults else EXIT_DONE
