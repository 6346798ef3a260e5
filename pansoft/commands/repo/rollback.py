# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo rollback`: the tree of an older revision again."""

from __future__ import annotations

import click

from cvmfs.publishing.rollback import rollback as roll_back
from pansoft import clock, target, workspace
from pansoft.commands.repo.publications import show
from pansoft.context import Context


@click.command()
@click.argument("revision")
@click.option("-m", "--message", default="", help="Why, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def rollback(context: Context, *, revision: str, message: str, as_json: bool) -> None:
    """Publish the tree of an older REVISION (a number, a tag or a date) as a new one; the log keeps both.

    Example: pansoft repo rollback trunk-previous -m "7 breaks the menus"
    """
    repository, keys = target.to_change(workspace.state_of(context), at=clock.now())
    publication = roll_back(repository, keys, revision, at=clock.now(), message=message)
    show(publication, as_json=as_json)
