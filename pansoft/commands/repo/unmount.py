# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo unmount`: end a mount."""

from __future__ import annotations

from pathlib import Path

import click

from cvmfs.mounting import mount as mounting


@click.command()
@click.argument("mountpoint", type=click.Path(file_okay=False, path_type=Path))
def unmount(*, mountpoint: Path) -> None:
    """Unmount what `pansoft repo mount` mounted.

    Example: pansoft repo unmount /tmp/software
    """
    mounting.stop_mount(mountpoint.absolute())
