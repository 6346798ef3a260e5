# SPDX-License-Identifier: BSD-3-Clause
"""What a branch changes as people and programs read it: a line for each recipe, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from core.canonical import readable_json
from pansoft import planning
from pansoft.changes import Changes, Kind
from pansoft.context import Context
from pansoft.planning import TODO, Line

_SHOWN = 12  # of the paths beside recipes: a branch may touch thousands
_KINDS = {
    Kind.NEW: "new",
    Kind.GONE: "gone",
    Kind.REBUILT: "with another image",
    Kind.TESTED: "with other tests",
    Kind.PROMOTED: "for another channel",
    Kind.RETIRED: "retired",
    Kind.RETURNED: "taken back into use",
    Kind.TOLD: "that only say something else",
}


def tell_changes(context: Context, found: Changes, *, at: datetime, as_json: bool) -> None:
    """Print what a branch changes: a line for each recipe, then the bases and what else it touches."""
    keys = [item.key for item in found.recipes if item.kind is not Kind.GONE]
    lines = planning.overview(context, keys, at=at) if keys else ()
    if as_json:
        click.echo(readable_json(_changes_as_json(found, lines)), nl=False)
        return
    standing = {line.key: line for line in lines}
    width = max((len(item.key) for item in found.recipes), default=0)
    for item in found.recipes:
        line = standing.get(item.key)
        status = f"{line.status:<9}" if line else " " * 9
        click.echo(f"{item.kind:<7}  {status}  {item.key:<{width}}  {'; '.join(item.why)}")
    click.echo(_summary(found, lines))
    for title, paths in (("bases", found.bases), ("beside recipes", found.others)):
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            click.echo(f"{title}: {', '.join(paths[:_SHOWN])}{more}")


def _summary(found: Changes, lines: Sequence[Line]) -> str:
    """Return in a sentence what a branch changes, and how much of it is to be built."""
    since = f"since {found.commit[:12]}"
    if not found.recipes:
        return f"{since}: no recipe differs"
    counts = {kind: sum(item.kind is kind for item in found.recipes) for kind in Kind}
    told = ", ".join(f"{count} {_KINDS[kind]}" for kind, count in counts.items() if count)
    todo = sum(line.status in TODO for line in lines)
    return f"{since}: {told}; {todo} to bring along"


def _changes_as_json(found: Changes, lines: Sequence[Line]) -> dict[str, object]:
    standing = {line.key: line for line in lines}
    recipes = []
    for item in found.recipes:
        line = standing.get(item.key)
        recipes.append(
            {
                "key": item.key,
                "place": item.place,
                "kind": item.kind,
                "why": list(item.why),
                "version": line and line.version,
                "status": line and line.status,
                "plan": line and line.plan,
            }
        )
    return {
        "commit": found.commit,
        "recipes": recipes,
        "bases": list(found.bases),
        "others": list(found.others),
    }
