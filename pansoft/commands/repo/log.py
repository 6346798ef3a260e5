# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo log`: its revisions."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.canonical import readable_json
from core.console import readable_size
from cvmfs.publishing.revisions import Revision, revisions
from cvmfs.reading.difference import Totals
from pansoft import clock, target, workspace
from pansoft.context import Context


@click.command()
@click.option("-n", "limit", type=click.IntRange(min=1), help="List that many only.")
@click.option("--stat", is_flag=True, help="Count the paths that changed; reads more catalogs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def log(context: Context, *, limit: int | None, stat: bool, as_json: bool) -> None:
    """List the revisions of the repository, newest first: what was said, tags, how much it grew.

    Example: pansoft repo log -n 10 --stat
    """
    state = workspace.state_of(context)
    with target.read(state, at=clock.now()) as reader:
        found = revisions(reader, limit=limit, with_changes=stat)
        if as_json:
            click.echo(readable_json([_facts(revision) for revision in found]), nl=False)
            return
        for revision in found:
            tag = revision.tag
            click.echo(
                f"{tag.revision:>5}  {tag.time:%Y-%m-%d %H:%M:%S}  {tag.description}{_names(revision)}"
            )
            click.echo(f"{'':7}{_growth(revision)}")


def _names(revision: Revision) -> str:
    return f"  ({', '.join(revision.names)})" if revision.names else ""


def _growth(revision: Revision) -> str:
    sign = "-" if revision.grown_bytes < 0 else "+"
    grown = f"{sign}{readable_size(abs(revision.grown_bytes))}"
    text = (
        f"{revision.grown_entries:+d} entries, {grown}, {readable_size(revision.file_bytes)} in all"
    )
    return f"{text}; {_counts(revision.changes)}" if revision.changes else text


def _counts(totals: Totals) -> str:
    return f"{totals.added} added, {totals.removed} removed, {totals.changed} changed"


def _facts(revision: Revision) -> dict[str, object]:
    tag = revision.tag
    return {
        "name": tag.name,
        "revision": tag.revision,
        "root_hash": str(tag.root_hash),
        "timestamp": tag.timestamp,
        "description": tag.description,
        "tags": list(revision.names),
        "entries": revision.entries,
        "file_bytes": revision.file_bytes,
        "grown_entries": revision.grown_entries,
        "grown_bytes": revision.grown_bytes,
        "changes": None if revision.changes is None else asdict(revision.changes),
    }
