# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo unlock`: who holds the repository, and an end to that."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.canonical import readable_json
from core.errors import Busy
from cvmfs.errors import RepositoryError
from cvmfs.publishing.lease import Holder, break_lease, holder_of
from cvmfs.publishing.repository import Repository
from pansoft import embedded, workspace
from pansoft.context import Context


@click.command()
@click.option("--force", is_flag=True, help="Break the lease: its holder will not publish.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def unlock(context: Context, *, force: bool, as_json: bool) -> None:
    """Say who holds the repository for publishing; with --force take it from them.

    A holder that died is noticed by the next publisher without this. One that still works finds its lease
    gone before it publishes, and publishes nothing.

    Example: pansoft repo unlock
    """
    repository = embedded.open_embedded(workspace.state_of(context))
    holder = _holder(repository, force=force)
    if as_json:
        facts = None if holder is None else {**asdict(holder), "is_dead": holder.is_dead}
        click.echo(readable_json({"holder": facts}), nl=False)
    else:
        click.echo(_told(repository, holder))
    if not force:
        return
    if holder is not None:
        context.console.say(f"breaking the lease of {holder}")
    broken = break_lease(repository.storage)
    if broken is not None and holder is not None and broken.token != holder.token:
        raise Busy(f"the lease that was broken is another one by now: {broken}")
    context.console.say(f"{repository.fqrn} is free")


def _holder(repository: Repository, *, force: bool) -> Holder | None:
    try:
        return holder_of(repository.storage)
    except RepositoryError:  # a lease that nobody can read is what --force is for as well
        if not force:
            raise
        return None


def _told(repository: Repository, holder: Holder | None) -> str:
    if holder is None:
        return f"nobody holds {repository.fqrn}"
    if holder.is_dead:
        return f"{repository.fqrn} was held by {holder}; that process is gone, the next publisher goes on"
    return f"{repository.fqrn} is held by {holder}"
