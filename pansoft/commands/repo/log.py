# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo log`: its revisions."""

from __future__ import annotations

import click

from core.canonical import readable_json
from cvmfs import history
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def log(context: Context, *, as_json: bool) -> None:
    """List the revisions of the repository, newest first.

    Example: pansoft repo log
    """
    state = workspace.state_of(context)
    with target.read(state, at=clock.now()) as reader:
        tags = history.log(reader)
    if as_json:
        items = [
            {
                "name": tag.name,
                "revision": tag.revision,
                "root_hash": str(tag.root_hash),
                "timestamp": tag.timestamp,
                "description": tag.description,
            }
            for tag in tags
        ]
        click.echo(readable_json(items), nl=False)
        return
    for tag in tags:
        click.echo(f"{tag.revision:>5}  {tag.time:%Y-%m-%d %H:%M:%S}  {tag.description}")
