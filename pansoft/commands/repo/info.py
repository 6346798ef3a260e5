# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo info`: what a web server says of itself to monitors."""

from __future__ import annotations

from pathlib import Path

import click

from cvmfs.mirroring.server_info import Contact, write_server_info


@click.command()
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--administrator", default="", help="Who looks after the server.")
@click.option("--email", default="", help="Where they are reached.")
@click.option("--organisation", default="", help="For whom.")
def info(*, root: Path, administrator: str, email: str, organisation: str) -> None:
    """Write ROOT/info/v1/ for a web server that exports ROOT as /cvmfs: its repositories, its contact.

    Run it again when a repository was added. A contact that is not named stays as it was.

    Example: pansoft repo info /srv/cvmfs --email cvmfs@example.org
    """
    contact = Contact(administrator, email, organisation)
    found = write_server_info(root, contact if contact != Contact() else None)
    for repository in found:
        click.echo(f"{'replica' if repository.is_replica else 'original':8}  {repository.fqrn}")
