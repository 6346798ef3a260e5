# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft lock`: say exactly which inputs a recipe means today, and write it down."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict

import click

from builder.inputs import checking, locking
from builder.inputs.lock import BaseLock, read_base_lock, write_base_lock, write_package_lock
from builder.inputs.upgrading import upgrades
from builder.recipes import load
from builder.recipes.folders import key_of
from builder.recipes.recipe import BaseRecipe, Recipe
from builder.state import State
from core import process
from core.canonical import readable_json
from core.errors import EXIT_DONE, EXIT_USER, InvalidInput, UserError
from pansoft import clock, workspace
from pansoft.context import Context
from pansoft.explain import explain


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing; say which locks of NAMES, or of all, no longer hold and why (exit 2).",
)
@click.option(
    "--upgrade",
    is_flag=True,
    help="Change nothing; show what new locks of NAMES, or of all, would bring.",
)
@click.option("--write", is_flag=True, help="With --upgrade: write the new locks.")
@click.option("--json", "as_json", is_flag=True, help="With --check or --upgrade: print JSON.")
@click.pass_obj
def lock(
    context: Context,
    *,
    names: tuple[str, ...],
    check: bool,
    upgrade: bool,
    write: bool,
    as_json: bool,
) -> int:
    """Resolve recipes and bases NAMES against this host's archives and write their lock.json.

    A base that has no lock yet is locked with the first recipe on it. Locking a base makes the
    locks of the bases and recipes on it stale.

    Example: pansoft lock hdf5-tools
    """
    if check and upgrade:
        raise click.UsageError("--check and --upgrade are two questions: ask one at a time")
    if write and not upgrade:
        raise click.UsageError("--write belongs to --upgrade; without both, locks are written")
    if as_json and not (check or upgrade):
        raise click.UsageError("--json belongs to --check or --upgrade")
    if check:
        return _check(context, names, as_json=as_json)
    if upgrade:
        return _upgrade(context, names, write=write, as_json=as_json)
    if not names:
        raise click.UsageError("name the recipes and bases to lock; --upgrade looks at all")
    with process.ended_by_term():
        return _lock(context, names)


def _lock(context: Context, names: Sequence[str]) -> int:
    """Lock bases and recipes, and return the exit code; one that cannot be locked holds no other back."""
    state = workspace.state_of(context)
    anew = {base.name for base in workspace.bases_named(context, names)}
    others = [name for name in names if name not in anew]
    folders = workspace.folders_named(context, others) if others else ()
    done: dict[str, BaseLock] = {}
    for name in names:
        if name in anew:
            _chain(context, state, name, done, anew)
    status = EXIT_DONE
    for folder in folders:
        try:
            _lock_package(context, state, load.load_recipe(folder), done)
        except UserError as err:
            if len(folders) == 1:
                raise
            click.echo(f"{key_of(folder)}: not locked", err=True)
            explain(err)
            status = max(status, err.exit_code)
    return status


def _lock_package(
    context: Context, state: State, recipe: Recipe, done: dict[str, BaseLock]
) -> None:
    base = _chain(context, state, recipe.base, done)
    made = locking.lock_package(recipe, base, state, at=clock.now(), console=context.console)
    write_package_lock(made, recipe.lock_file)
    python = len(made.python) + len(made.sdists)
    counts = f"{len(made.debian)} Debian and {python} Python packages"
    if made.node:
        counts += f", {len(made.node)} Node packages"
    click.echo(f"locked {recipe.name} {recipe.version}: {counts}")


def _chain(
    context: Context,
    state: State,
    name: str,
    done: dict[str, BaseLock],
    anew: Container[str] = (),
) -> BaseLock:
    """Return the lock of a base after those that it stands on; `done` has what is known of them.

    What is in `anew` is locked again, once. Another is taken as it stands, or locked where there is
    no lock. A stale one is an error: to lock a base again makes other locks stale, so somebody asks
    for it.
    """
    below: BaseLock | None = None
    for base in workspace.bases_of(context, name):
        if base.name not in done:
            made = None if base.name in anew else _known(base, below)
            done[base.name] = made or _lock_base(context, state, base, below)
        below = done[base.name]
    return done[name]


def _known(base: BaseRecipe, below: BaseLock | None) -> BaseLock | None:
    """Return the base's lock as it stands, or None where there is none."""
    try:
        return read_base_lock(base, below)
    except InvalidInput:
        raise
    except UserError:
        return None


def _lock_base(
    context: Context, state: State, base: BaseRecipe, below: BaseLock | None
) -> BaseLock:
    made = locking.lock_base(base, below, state, at=clock.now(), console=context.console)
    write_base_lock(made, base.lock_file)
    counts = f"{len(made.own)} Debian and {len(made.python)} Python packages"
    click.echo(f"locked the base {base.name}: {counts}")
    return made


def _check(context: Context, names: Sequence[str], *, as_json: bool) -> int:
    """Print why locks no longer hold and return the exit code."""
    recipes, bases = _meant(context, names)
    needed = _chains(context, recipes, bases)
    stale = checking.stale_locks(
        recipes,
        needed,
        workspace.state_of(context),
        at=clock.now(),
        console=context.console,
    )
    if as_json:
        click.echo(readable_json([asdict(item) for item in stale]), nl=False)
    else:
        for name in dict.fromkeys(item.name for item in stale):
            of_it = [item for item in stale if item.name == name]
            for item in of_it:
                click.echo(f"{item.name}: {item.against}: {item.what}")
            click.echo(f"    mend it with: {of_it[0].mend}")
        if not stale:
            click.echo(f"all {len(recipes) + len(needed)} locks hold")
    return EXIT_USER if stale else 0


def _upgrade(context: Context, names: Sequence[str], *, write: bool, as_json: bool) -> int:
    """Print what new locks would change, and write them where wanted."""
    recipes, bases = _meant(context, names)
    wanted = {base.name for base in bases}
    chains = _chains(context, recipes, bases)
    bases = tuple(base for base in chains if base.name in wanted)
    fixed: dict[str, BaseLock] = {}
    for base in chains:
        if base.name not in wanted:
            fixed[base.name] = workspace.base_plan_of(context, base.name).lock
    state = workspace.state_of(context)
    found = upgrades(recipes, bases, fixed, state, at=clock.now(), console=context.console)
    news = [item for item in found if item.is_new]
    for item in news if write else ():
        item.write()
    if as_json:
        listed = [
            {"name": item.name, "changes": [asdict(change) for change in item.changes]}
            for item in news
        ]
        click.echo(readable_json({"written": write, "locks": listed}), nl=False)
        return 0
    for item in news:
        click.echo(f"{item.name}:")
        for change in item.changes:
            click.echo(f"    {change}")
        if not item.changes:
            click.echo("    the same inputs, for a changed recipe or on another lock of its base")
    verb = "were written" if write else "would be written"
    click.echo(f"{len(news)} of {len(found)} locks {verb}" if news else "nothing is newer")
    return 0


def _chains(
    context: Context, recipes: Iterable[Recipe], bases: Iterable[BaseRecipe]
) -> tuple[BaseRecipe, ...]:
    """Return these bases, those of the recipes and all that they stand on; the lowest come first."""
    names = dict.fromkeys((*(base.name for base in bases), *(recipe.base for recipe in recipes)))
    chains = [workspace.bases_of(context, name) for name in names]
    return tuple({base.name: base for chain in chains for base in chain}.values())


def _meant(
    context: Context, names: Sequence[str]
) -> tuple[tuple[Recipe, ...], tuple[BaseRecipe, ...]]:
    """Return the recipes and bases of these names, of all where none is given."""
    if not names:
        recipes = workspace.recipes_named(context, ())
        in_use = tuple(recipe for recipe in recipes if recipe.retire is None)
        return in_use, load.load_bases(context.project)
    bases = workspace.bases_named(context, names)
    others = [name for name in names if name not in {base.name for base in bases}]
    return (workspace.recipes_named(context, others) if others else ()), bases
