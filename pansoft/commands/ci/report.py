# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci report`: what a change does to packages, for the people of a merge request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder.recipes.check import check
from core.canonical import Json, readable_json
from core.problems import Problem, in_order
from pansoft import clock, workspace
from pansoft.ci import files, gathering
from pansoft.ci.gathering import Gathered
from pansoft.ci.job import Job, check_can_post, job_of
from pansoft.ci.note import Note, Standing, heading
from pansoft.context import Context
from pansoft.identity import environment
from pansoft.policy_check import policy_problems

if TYPE_CHECKING:
    from pansoft.ci.posting import Told


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    metavar="REV",
    help="Also the packages that this branch changes since it left REV, a branch, tag or commit.",
)
@click.option(
    "--from",
    "kept",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder with what reports of other jobs left: what they know of packages is told as well, "
    "and need not be known here.",
)
@click.option(
    "--preview",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder that pansoft ci preview left, or did not: how to mount the preview is told as well.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the files; by default report/gitlab/ of the state folder.",
)
@click.option(
    "--post",
    is_flag=True,
    envvar="PANSOFT_POST",
    help="Also tell GitLab: the note and a label on the merge request, the status of the commit. "
    "Takes PANSOFT_GITLAB_TOKEN and the variables of a job.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def report(
    context: Context,
    *,
    names: tuple[str, ...],
    since: str | None,
    kept: Path | None,
    preview: Path | None,
    output: Path | None,
    post: bool,
    as_json: bool,
) -> None:
    """Write what became of the packages NAMES: a note to read, and the files of GitLab's widgets.

    Without NAMES, --since and --from it is about the last run of apply. Nothing is built, and without --post
    nothing is sent: note.md can be pasted. With --post there is one note however often it runs. Whatever
    became of the packages, this ends with status 0; report.env has the verdict.

    Example: pansoft ci report hdf5-tools --output report
    """
    at, variables = clock.now(), environment()
    job = job_of(variables)
    if post:
        check_can_post(job, variables)
    gathered = gathering.gather(context, names, since=since, kept=kept, preview=preview, at=at)
    folder = output or workspace.state_of(context).report / "gitlab"
    problems = _problems(context, gathered)
    note = files.write(gathered, problems, folder, job=job, root=context.project)
    told = _post(context, note, job) if post else None
    if as_json:
        click.echo(readable_json(_as_json(note, folder, told)), nl=False)
        return
    click.echo(heading(note))
    click.echo(f"{folder / files.NOTE}")


def _problems(context: Context, gathered: Gathered) -> tuple[Problem, ...]:
    """Return what `pansoft check` says of the recipes."""
    if not gathered.folders:
        return ()
    checked = check(context.project, [str(folder) for folder in gathered.folders])
    refusals = policy_problems(context, checked.recipes, at=clock.now())
    return tuple(in_order((*checked.problems, *refusals)))


def _post(context: Context, note: Note, job: Job) -> Told:
    # imported here: most reports are not posted, and the client takes its time
    from pansoft.ci import posting
    from pansoft.ci.gitlab import Gitlab

    told = posting.post(note, job, gitlab=Gitlab(posting.login_of(job)))
    if told.note is None:
        context.console.say(
            "no merge request here: the commit has its status, the note is in the file"
        )
    else:
        context.console.say(f"the note of merge request !{job.merge_request}: {told.note.how}")
    return told


def _as_json(note: Note, folder: Path, told: Told | None) -> dict[str, Json]:
    posted: dict[str, Json] | None = None
    if told is not None:
        posted = {
            "note": told.note.how.value if told.note else None,
            "labels": list(told.labels) if told.labels is not None else None,
            "status": told.status.how.value if told.status else None,
        }
    return {
        "schema": 1,
        "verdict": note.standing.value,
        "packages": {each.value: note.count(each) for each in Standing},
        "folder": str(folder),
        "posted": posted,
    }
