# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo resign`: a new whitelist."""

from __future__ import annotations

import click

from cvmfs.publishing.repository import WHITELIST_VALID_DAYS, sign_whitelist
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=WHITELIST_VALID_DAYS,
    show_default=True,
    help="For how long clients take it.",
)
@click.pass_obj
def resign(context: Context, *, days: int) -> None:
    """Sign the repository's whitelist anew; needs the master key.

    It names the key that signs now: one that `rekey` replaced counts no longer.

    Example: pansoft repo resign --days 30
    """
    repository, keys = embedded.ensure_repository(workspace.state_of(context), at=clock.now())
    whitelist = sign_whitelist(repository, keys, at=clock.now(), valid_days=days)
    click.echo(
        f"the whitelist of {repository.fqrn} is good until {whitelist.expires:%Y-%m-%d %H:%M} UTC"
    )
