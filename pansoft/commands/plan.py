# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft plan`: what would be done for each recipe, and why; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

import click

from core.canonical import readable_json
from core.errors import UserError
from pansoft import clock, planning, workspace
from pansoft.changes import Changes, Kind, changes_since
from pansoft.context import Context
from pansoft.explained_plan import explanation_of, in_words
from pansoft.planning import Line, Planning, Status
from trust.codec import to_json

_SHOWN = 12  # of the paths beside recipes: a branch may touch thousands
_KINDS = {
    Kind.NEW: "new",
    Kind.GONE: "gone",
    Kind.REBUILT: "with another image",
    Kind.TESTED: "with other tests",
    Kind.TOLD: "that only say something else",
}


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--since",
    metavar="REV",
    help="Only what differs from where the checkout left this branch or commit, and what in it.",
)
@click.option("--why", metavar="NAME", help="Explain the plan of one recipe instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every input of each plan.")
@click.pass_obj
def plan(
    context: Context, *, names: tuple[str, ...], since: str | None, why: str | None, as_json: bool
) -> None:
    """Show what is new, built and published of the recipes NAMES, or of all.

    What did not change since the last time is not read again. With --since, what a branch changes: a recipe
    whose base changed is built again, one that only says something else is not.

    Example: pansoft plan --since origin/main
    """
    if sum(map(bool, (names, since, why))) > 1:
        raise UserError(
            "NAMES, --since and --why ask different questions",
            hint="ask one of them: pansoft plan --since origin/main",
        )
    if why:
        explained = explanation_of(context, why, at=clock.now())
        click.echo(
            readable_json(to_json(explained)) if as_json else in_words(explained), nl=not as_json
        )
    elif since:
        _tell_changes(context, changes_since(context, since), as_json=as_json)
    elif as_json:
        recipes = workspace.recipes_named(context, names)
        tell_plan(planning.plan(context, recipes, at=clock.now()), as_json=True)
    else:
        _tell(planning.overview(context, names, at=clock.now()))


def tell_plan(found: Planning, *, as_json: bool) -> None:
    """Print a plan: a line for each package, or JSON with every input."""
    if as_json:
        click.echo(readable_json(_items(found)), nl=False)
    else:
        _tell(planning.lines(found))


def _tell(lines: Sequence[Line]) -> None:
    width = max((len(_title(line)) for line in lines), default=0)
    for line in lines:
        plan_id = (line.plan or "")[:12]
        click.echo(f"{line.status:<9}  {_title(line):<{width}}  {plan_id:<12}  {line.why}")
    mine = [line for line in lines if line.status not in (Status.SITE, Status.RETIRED)]
    todo = sum(line.status is not Status.PUBLISHED for line in mine)
    click.echo(f"{todo} of {len(mine)} packages to bring along" if todo else "nothing to do")
    tell_for_sites([line.name for line in lines if line.status is Status.SITE])


def tell_for_sites(names: Sequence[str]) -> None:
    """Print which packages are for sites with a licence of their own."""
    if names:
        many = f"{len(names)} packages are" if len(names) > 1 else "1 package is"
        click.echo(f"{many} installed by each site's licence holder: {', '.join(sorted(names))}")


def _tell_changes(context: Context, found: Changes, *, as_json: bool) -> None:
    """Print what a branch changes: a line for each recipe, then the bases and what else it touches."""
    keys = [item.key for item in found.recipes if item.kind is not Kind.GONE]
    lines = planning.overview(context, keys, at=clock.now()) if keys else ()
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
    todo = sum(line.status in (Status.NEW, Status.BUILT) for line in lines)
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


def _title(line: Line) -> str:
    return f"{line.name} {line.version}"


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
    others += [(item, Status.RETIRED) for item in found.retired]
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
