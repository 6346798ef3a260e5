# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo rekey`: a new repository key."""

from __future__ import annotations

import click

from cvmfs.publishing.rotation import rotate
from pansoft import clock, embedded, workspace
from pansoft.context import Context


@click.command()
@click.pass_obj
def rekey(context: Context) -> None:
    """Replace the key that signs publications; needs the master key. Clients notice nothing.

    The old key counts until the next whitelist is signed: wait until the mirrors have followed.

    Example: pansoft repo rekey
    """
    state = workspace.state_of(context)
    repository = embedded.open_embedded(state)
    rotate(repository, embedded.keys_folder(state), at=clock.now())
    click.echo(f"a new key signs {repository.fqrn}; end the old one's time: pansoft repo resign")
