# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo diff`: what differs between two revisions."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.canonical import readable_json
from core.console import readable_size
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.history import TRUNK
from cvmfs.format.paths import absolute, repository_path
from cvmfs.reading.difference import Action, Change, Totals, differences, total
from cvmfs.reading.snapshots import snapshot_of
from pansoft import clock, target, workspace
from pansoft.context import Context

_SIGNS = {Action.ADDED: "+", Action.REMOVED: "-", Action.CHANGED: "~"}


@click.command()
@click.argument("old")
@click.argument("new", default=TRUNK)
@click.option("--path", default="", help="Look at this path and below only.")
@click.option("--stat", is_flag=True, help="Print the totals only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def diff(context: Context, *, old: str, new: str, path: str, stat: bool, as_json: bool) -> None:
    """List what differs between the revisions OLD and NEW, by default the current one: + added, - removed,
    ~ changed. A revision is a number, a tag or a date.

    Example: pansoft repo diff 2026-03-01 trunk --stat
    """
    with target.read(workspace.state_of(context), at=clock.now()) as reader:
        trees = snapshot_of(reader, old), snapshot_of(reader, new)
        changes = list(differences(*trees, repository_path(path)))
    totals = total(changes)
    if as_json:
        facts: dict[str, object] = {"totals": asdict(totals)}
        if not stat:
            facts["changes"] = [_facts(change) for change in changes]
        click.echo(readable_json(facts), nl=False)
        return
    if not stat:
        for change in changes:
            click.echo(_line(change))
    click.echo(_summary(totals))


def _line(change: Change) -> str:
    what = _size(change.entry)
    if change.action is Action.CHANGED:
        what = ", ".join(change.aspects)
        if "content" in change.aspects and change.old is not None and change.new is not None:
            what += f": {_size(change.old)} → {_size(change.new)}"
    return f"{_SIGNS[change.action]} {absolute(change.path) or '/'}  ({what})"


def _size(entry: Entry) -> str:
    return readable_size(entry.size) if entry.kind is Kind.FILE else entry.kind.value


def _summary(totals: Totals) -> str:
    return (
        f"{totals.added} added, {totals.removed} removed, {totals.changed} changed; "
        f"{readable_size(totals.added_bytes)} new, {readable_size(totals.removed_bytes)} gone"
    )


def _facts(change: Change) -> dict[str, object]:
    return {
        "path": absolute(change.path) or "/",
        "action": change.action.value,
        "kind": change.entry.kind.value,
        "aspects": list(change.aspects),
        "old_size": None if change.old is None else change.old.size,
        "new_size": None if change.new is None else change.new.size,
    }
