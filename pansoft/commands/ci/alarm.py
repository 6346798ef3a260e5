# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci alarm`: an issue for a job that fails, until it succeeds again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder.recipes.folders import key_of, recipe_folders
from builder.recipes.load import read_recipe
from builder.recipes.recipe import Recipe
from core.canonical import readable_json
from core.errors import UserError
from core.hiding import secret_values
from pansoft import clock, workspace
from pansoft.ci.job import Job, check_can_post, job_of
from pansoft.ci.logs import MOST_BYTES, begun_by, relevant
from pansoft.context import Context
from pansoft.identity import environment

if TYPE_CHECKING:
    from pansoft.ci.gitlab import Gitlab, Posted
    from pansoft.ci.gitlab.pipelines import PipelineJob

_STATUSES = ("failed", "success")
_SOURCE, _SCHEDULE = "CI_PIPELINE_SOURCE", "schedule"  # what started the pipeline


@click.command()
@click.argument("job")
@click.option(
    "--status",
    envvar="CI_JOB_STATUS",
    help="How it ended: failed, or success; with another nothing is done. In after_script GitLab says it.",
)
@click.option(
    "--in-pipeline",
    is_flag=True,
    help="With --post: it is another job of this pipeline. GitLab is asked how it ended and what it said, "
    "so that one which runs what others wrote needs no token.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What it said; by default, with --post, the log that GitLab has of this job.",
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="A recipe that it failed on, beside those with which lines of the log begin. May be repeated.",
)
@click.option(
    "--post",
    is_flag=True,
    help="Open, update or close the issue. Takes PANSOFT_GITLAB_TOKEN and the variables of a job.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def alarm(
    context: Context,
    *,
    job: str,
    status: str | None,
    in_pipeline: bool,
    log_file: Path | None,
    packages: tuple[str, ...],
    post: bool,
    as_json: bool,
) -> None:
    """Let GitLab have an issue as long as the job JOB fails, which a schedule runs as a rule.

    There is one, however often it fails: with the lines of the log that say why, without what looks like a
    secret, and with those who answer for the recipes that it names. Without --post it is printed.

    Example: pansoft ci alarm update --status failed --log update.log
    """
    from pansoft.ci import alarm as alarms  # its door to GitLab takes long to load
    from pansoft.ci.gitlab import Gitlab
    from pansoft.ci.posting import login_of

    alarms.check_job(job)
    variables = environment()
    here = job_of(variables)
    if post:
        check_can_post(here, variables)
    gitlab = Gitlab(login_of(here)) if post else None
    number, link = here.number, here.link
    if in_pipeline:
        found = _of_pipeline(gitlab, here, job)
        status, number, link = found.status, found.number, found.link
    if status is None:
        raise click.UsageError("Missing option '--status': how it ended")
    posted: Posted | None = None
    if status == "failed":
        log = _read(log_file)
        if not log and gitlab is not None and number is not None:
            log = gitlab.log_of(number, most=MOST_BYTES)
        lines = relevant(log, secrets=secret_values(variables))
        named = workspace.folders_named(context, packages) if packages else ()
        recipes = _recipes(context, (*map(key_of, named), *begun_by(lines, _keys(context))))
        scheduled = not in_pipeline and variables.get(_SOURCE, _SCHEDULE) == _SCHEDULE
        raised = alarms.Alarm(job, clock.now(), link, lines, recipes, scheduled=scheduled)
        if gitlab is None:
            click.echo(alarms.text_of(raised).description, nl=False)
            return
        posted = alarms.raise_alarm(raised, gitlab)
    elif status == "success" and gitlab is not None:
        posted = alarms.end_alarm(job, link, gitlab)
    if as_json:
        told = {"number": posted.number, "how": posted.how, "link": posted.link} if posted else None
        click.echo(readable_json({"job": job, "status": status, "issue": told}), nl=False)
    elif posted is not None:
        word = "closed" if status == "success" else posted.how.value
        click.echo(f"issue {word}: {posted.link or posted.number}")
    else:
        click.echo("no issue", err=True)


def _of_pipeline(gitlab: Gitlab | None, here: Job, name: str) -> PipelineJob:
    """Return what GitLab says of another job of this pipeline.

    Raises:
        UserError: there is no such job, or this is none.
    """
    if gitlab is None or here.pipeline is None:
        raise UserError(
            "--in-pipeline asks GitLab about the pipeline that it runs in",
            hint="in a job of GitLab, with --post; elsewhere say --status and --log",
        )
    found = gitlab.job_named(here.pipeline, name)
    if found is None:
        raise UserError(f"pipeline {here.pipeline} has no job {name}")
    return found


def _read(file: Path | None) -> str:
    """Return the end of a log.

    Raises:
        UserError: it cannot be read.
    """
    if file is None:
        return ""
    try:
        with file.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(stream.tell() - MOST_BYTES, 0))
            return stream.read().decode("utf-8", "replace")
    except OSError as err:
        raise UserError(f"the log {file} cannot be read: {err.strerror}") from err


def _keys(context: Context) -> tuple[str, ...]:
    return tuple(key_of(folder) for folder in recipe_folders(context.project))


def _recipes(context: Context, keys: tuple[str, ...]) -> tuple[Recipe, ...]:
    """Return the recipes of these names that can be read: one that cannot may be why the job failed."""
    folders = {key_of(folder): folder for folder in recipe_folders(context.project)}
    found = (read_recipe(folders[key]).recipe for key in dict.fromkeys(keys))
    return tuple(recipe for recipe in found if recipe is not None)
