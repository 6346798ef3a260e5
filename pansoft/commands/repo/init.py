# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo init`: make the embedded repository."""

from __future__ import annotations

import click

from cvmfs.format.hashes import Algorithm
from pansoft import clock, embedded, workspace
from pansoft.context import Context

ALGORITHMS = {
    "sha1": Algorithm.SHA1,
    "rmd160": Algorithm.RMD160,
    "shake128": Algorithm.SHAKE128,
}


@click.command()
@click.option(
    "--hash",
    "algorithm",
    type=click.Choice(tuple(ALGORITHMS)),
    default="sha1",
    show_default=True,
    help="What names the objects of a new repository; every client knows all of them.",
)
@click.pass_obj
def init(context: Context, *, algorithm: str) -> None:
    """Make the embedded repository and its keys; nothing happens where they are.

    Example: pansoft repo init
    """
    repository, _ = embedded.ensure_repository(
        workspace.state_of(context), at=clock.now(), algorithm=ALGORITHMS[algorithm]
    )
    click.echo(
        f"{repository.fqrn} is in {repository.place}, revision {repository.manifest.revision}"
    )
