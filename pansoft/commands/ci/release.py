# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci release`: the notes of a release of pansoft, where tag, version and changelog agree."""

from __future__ import annotations

from pathlib import Path

import click

from core.files import write_atomic
from pansoft.ci.release import notes
from pansoft.context import Context


@click.command()
@click.option(
    "--tag",
    envvar="CI_COMMIT_TAG",
    required=True,
    help="The tag, v and the version. In the pipeline of a tag GitLab says it.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default it is printed.",
)
@click.pass_obj
def release(context: Context, *, tag: str, output: Path | None) -> None:
    """Write what CHANGELOG.md says of the version of a tag; refuse a tag that is not the version's.

    Example: pansoft ci release --tag v0.2.0 --output release.md
    """
    text = notes(context.project, tag)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text)
        click.echo(output)
