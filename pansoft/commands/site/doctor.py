# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site doctor`: is the site as it should be, and for how long."""

from __future__ import annotations

from pathlib import Path

import click

from core.canonical import readable_json
from core.errors import EXIT_USER
from pansoft import clock
from pansoft.context import Context
from pansoft.site import health, reports
from pansoft.site.health import State
from pansoft.site.settings import SitePlaces


@click.command()
@click.option(
    "--mount",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the repository is mounted, if not below /cvmfs.",
)
@click.option(
    "--warn-days",
    default=2,
    show_default=True,
    help="Say so when something counts for no more days than this (exit 2).",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def doctor(context: Context, *, mount: Path | None, warn_days: int, as_json: bool) -> int:
    """Say whether every file is in place, what setup would change now, and what expires when.

    Exit 2 when there is something to mend.

    Example: pansoft site doctor --warn-days 7
    """
    signs = health.look_over(
        SitePlaces(context.state), warn_days=warn_days, mount=mount, at=clock.now()
    )
    if as_json:
        click.echo(readable_json(reports.health_json(signs)), nl=False)
    else:
        click.echo(reports.health_text(signs))
    return EXIT_USER if any(sign.state in (State.BAD, State.SOON) for sign in signs) else 0
