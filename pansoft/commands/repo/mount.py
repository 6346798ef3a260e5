# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo mount`: mount it, or a partner's."""

from __future__ import annotations

from pathlib import Path

import click

from cvmfs import mount as mounting
from pansoft import embedded, workspace
from pansoft.context import Context


@click.command()
@click.argument("mountpoint", type=click.Path(file_okay=False, path_type=Path))
@click.option("--source", help="An HTTP address instead of the embedded repository's folder.")
@click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The repository's public key, by default the embedded repository's.",
)
@click.option("--fqrn", default=embedded.FQRN, show_default=True, help="The repository's name.")
@click.pass_obj
def mount(
    context: Context, *, mountpoint: Path, source: str | None, public_key: Path | None, fqrn: str
) -> None:
    """Mount the repository read-only at MOUNTPOINT; every byte that is read is verified.

    A partner gives the address and the public key of another facility's repository.

    Example: pansoft repo mount /tmp/software
    """
    state = workspace.state_of(context)
    mounting.start_mount(
        source or state.repository,
        fqrn,
        public_key or embedded.public_key(state),
        mountpoint.absolute(),
        cache=state.folder / "client-cache" if source else None,
        log_file=state.folder / "mount.log",
    )
    click.echo(f"mounted at {mountpoint}; now: . {mountpoint}/testing/setup.sh")
