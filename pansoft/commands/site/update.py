# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft site update`: what a timer runs, so that rotated keys and a new policy need nobody."""

from __future__ import annotations

import click

from pansoft.commands.site.setup import run
from pansoft.context import Context
from pansoft.site import settings
from pansoft.site.settings import SitePlaces
from pansoft.site.setup import Request


@click.command()
@click.option("--dry-run", is_flag=True, help="Show every difference and write nothing.")
@click.option("--force", is_flag=True, help="Write over edited files; a copy of each is kept.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.pass_obj
def update(context: Context, *, dry_run: bool, force: bool, as_json: bool) -> None:
    """Bring keys, policy, Execution Control List and key ring up to date; for a timer.

    New roots of the federation are followed by the thresholds of the old and of the new one.

    Example: pansoft site update --dry-run
    """
    settings.load(SitePlaces(context.state))
    run(context, Request(), dry_run=dry_run, force=force, as_json=as_json)
