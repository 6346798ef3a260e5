# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo init`: make the embedded repository."""

from __future__ import annotations

import click

from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.pass_obj
def init(context: Context) -> None:
    """Make the embedded repository and its keys; nothing happens where they are.

    Example: pansoft repo init
    """
    repository, _ = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    click.echo(
        f"{repository.fqrn} is in {repository.folder}, revision {repository.manifest.revision}"
    )
