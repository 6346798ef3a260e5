# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo resign`: a new whitelist."""

from __future__ import annotations

import click

from cvmfs.repository import sign_whitelist
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.pass_obj
def resign(context: Context) -> None:
    """Sign the repository's whitelist anew, for 30 days; needs the master key.

    Example: pansoft repo resign
    """
    repository, keys = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    whitelist = sign_whitelist(repository, keys, at=clock.now())
    click.echo(
        f"the whitelist of {repository.fqrn} is good until {whitelist.expires:%Y-%m-%d %H:%M} UTC"
    )
