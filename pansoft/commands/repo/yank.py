# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo yank`: one path as it was."""

from __future__ import annotations

import click

from cvmfs.publishing.rollback import yank as yank_path
from pansoft import clock, target, workspace
from pansoft.commands.repo.publications import show
from pansoft.context import Context


@click.command()
@click.argument("path")
@click.option("--to", "revision", required=True, help="A revision: a number, a tag or a date.")
@click.option("-m", "--message", default="", help="Why, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def yank(context: Context, *, path: str, revision: str, message: str, as_json: bool) -> None:
    """Bring one PATH back to what it was in an older revision, or remove it if it was not there.

    Everything else stays as it is; the log keeps all revisions.

    Example: pansoft repo yank /testing/catalog --to 7
    """
    repository, keys = target.to_change(workspace.state_of(context), at=clock.now())
    publication = yank_path(repository, keys, path, revision, at=clock.now(), message=message)
    show(publication, as_json=as_json)
