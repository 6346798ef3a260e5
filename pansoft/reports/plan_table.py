# SPDX-License-Identifier: BSD-3-Clause
"""A plan as people and programs read it: a line for each package, or JSON with every input."""

from __future__ import annotations

from collections.abc import Sequence

import click

from core.canonical import readable_json
from pansoft import planning
from pansoft.planning import UNPUBLISHED, Line, Planning, Status

_CHANGED = {
    Status.PROMOTED: "to be promoted",
    Status.RETIRING: "to be retired",
    Status.RETURNED: "to be taken back into use",
}

_NOT_MINE = (Status.SITE, Status.RETIRED, Status.ORPHANED)
"""Where nothing is brought along from here."""


def tell_plan(found: Planning, *, as_json: bool, orphaned: Sequence[Line] = ()) -> None:
    """Print a plan: a line for each package, or JSON with every input and what has no recipe."""
    if as_json:
        click.echo(readable_json([*_items(found), *map(_without_recipe, orphaned)]), nl=False)
    else:
        tell_lines(planning.lines(found))


def tell_lines(lines: Sequence[Line]) -> None:
    """Print a line for each package, and how many there are to bring along."""
    width = max((len(_title(line)) for line in lines), default=0)
    for line in lines:
        plan_id = (line.plan or "")[:12]
        click.echo(f"{line.status:<9}  {_title(line):<{width}}  {plan_id:<12}  {line.why}")
    mine = [line for line in lines if line.status not in _NOT_MINE]
    todo = sum(line.status in (*UNPUBLISHED, Status.BLOCKED) for line in mine)
    told = [f"{todo} of {len(mine)} packages to bring along"] if todo else []
    for status, words in _CHANGED.items():
        count = sum(line.status is status for line in lines)
        told += [f"{count} {words}"] if count else []
    click.echo(", ".join(told) or "nothing to do")
    tell_for_sites([line.name for line in lines if line.status is Status.SITE])


def tell_for_sites(names: Sequence[str]) -> None:
    """Print which packages are for sites with a licence of their own."""
    if names:
        many = f"{len(names)} packages are" if len(names) > 1 else "1 package is"
        click.echo(f"{many} installed by each site's licence holder: {', '.join(sorted(names))}")


def _title(line: Line) -> str:
    return f"{line.name} {line.version}"


def _without_recipe(line: Line) -> dict[str, object]:
    return {
        "name": line.name,
        "version": line.version,
        "status": line.status,
        "why": line.why,
        "id": line.plan,
    }


def _items(found: Planning) -> list[dict[str, object]]:
    planned: list[dict[str, object]] = [
        {
            "name": item.recipe.name,
            "version": item.recipe.version,
            "status": item.status,
            "why": item.why,
            "id": item.plan.id,
            "plan": item.plan.as_json(),
        }
        for item in found.planned
    ]
    others = [(item, Status.BLOCKED) for item in found.blocked]
    others += [(item, Status.SITE) for item in found.for_sites]
    others += [(item, (item.standing or (Status.RETIRED,))[0]) for item in found.retired]
    return planned + [
        {
            "name": item.recipe.name,
            "version": item.recipe.version,
            "status": status,
            "why": item.why,
            "hint": item.error.hint,
        }
        for item, status in others
    ]
