# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft verify`: may this image be believed, who says so, under which policy."""

from __future__ import annotations

from pathlib import Path

import click

from builder import sign as signing
from core.canonical import readable_json
from core.errors import Refused
from pansoft import clock
from pansoft.context import Context
from trust.keys import local_policy
from trust.policy import load_policy


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Another policy folder than the project's, for instance your site's.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def verify(context: Context, *, path: Path, policy: Path | None, as_json: bool) -> None:
    """Say who signed an image, when and under which policy; refuse anything altered (exit 3).

    PATH is a .sif file with its statement beside it, or the folder of a published version, on
    a read-only mount as well.

    Example: pansoft verify /cvmfs/software.pansoft.local/images/hdf5-tools/1.10.8
    """
    trusted = load_policy(policy or context.policy, local=local_policy(context.state))
    try:
        _, report = signing.verify(path, policy=trusted, at=clock.now())
    except Refused as err:
        if as_json:
            click.echo(readable_json({"accepted": False, "reason": err.message}), nl=False)
        raise
    if as_json:
        click.echo(readable_json(signing.as_json(report)), nl=False)
    else:
        click.echo(signing.text(report))
