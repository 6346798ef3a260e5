# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci post`: tell the open merge requests what their pipelines found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.canonical import Json, readable_json
from core.errors import EXIT_DONE, EXIT_USER
from pansoft.ci.job import check_can_post, job_of
from pansoft.context import Context
from pansoft.identity import environment

if TYPE_CHECKING:
    from pansoft.ci.merge_requests import Told


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def post(context: Context, *, as_json: bool) -> int:
    """Let every open merge request have the note of its last pipeline, a label, and a commit status.

    For a schedule of the default branch: only there a token can be kept from what merge requests run. What
    their pipelines left is read as a stranger's word; whose recipes they change is read in this checkout. Run
    twice, nothing is there twice.

    Example: pansoft ci post
    """
    # imported here: the client takes its time
    from pansoft.ci import merge_requests, posting
    from pansoft.ci.gitlab import Gitlab

    variables = environment()
    job = job_of(variables)
    check_can_post(job, variables)
    told = tuple(merge_requests.tell_open(Gitlab(posting.login_of(job)), job, context.project))
    if as_json:
        click.echo(readable_json([_as_json(each) for each in told]), nl=False)
    else:
        for each in told:
            click.echo(f"!{each.number}: {_in_words(each)}")
    return EXIT_USER if any(each.why for each in told) else EXIT_DONE


def _in_words(told: Told) -> str:
    if told.why is not None:
        return f"not told: {told.why}"
    if told.told is None or told.told.note is None:
        return "no report yet"
    return f"note {told.told.note.how}"


def _as_json(told: Told) -> dict[str, Json]:
    note = told.told.note if told.told else None
    return {
        "merge_request": told.number,
        "note": note.how.value if note else None,
        "why": told.why,
    }
