# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft lock`: say exactly which inputs a recipe means today, and write it down."""

from __future__ import annotations

import click

from builder.inputs import locking
from builder.inputs.lock import BaseLock, read_base_lock, write_base_lock, write_package_lock
from builder.recipes.recipe import BaseRecipe
from builder.state import State
from core.errors import InvalidInput, UserError
from pansoft import clock, workspace
from pansoft.context import Context


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.pass_obj
def lock(context: Context, *, names: tuple[str, ...]) -> None:
    """Resolve recipes and bases NAMES against this host's archives and write their lock.json.

    A base that has no lock yet is locked with the first recipe on it. Locking a base makes the
    locks of the recipes on it stale.

    Example: pansoft lock hdf5-tools
    """
    state = workspace.state_of(context)
    bases = workspace.bases_named(context, names)
    done: dict[str, BaseLock] = {base.name: _lock_base(context, state, base) for base in bases}
    others = [name for name in names if name not in done]
    for recipe in workspace.recipes_named(context, others) if others else ():
        base_recipe = workspace.base_of(context, recipe)
        base = done.get(base_recipe.name) or _known_base(context, state, base_recipe)
        done[base.name] = base
        made = locking.lock_package(recipe, base, state, at=clock.now(), console=context.console)
        write_package_lock(made, recipe.lock_file)
        counts = f"{len(made.debian)} Debian and {len(made.python)} Python packages"
        click.echo(f"locked {recipe.name} {recipe.version}: {counts}")


def _known_base(context: Context, state: State, base: BaseRecipe) -> BaseLock:
    """Return the base's lock as it stands, or a fresh one where there is none.

    A stale one is an error: to lock a base again makes other locks stale, so somebody asks for it.
    """
    try:
        return read_base_lock(base)
    except InvalidInput:
        raise
    except UserError:
        return _lock_base(context, state, base)


def _lock_base(context: Context, state: State, base: BaseRecipe) -> BaseLock:
    made = locking.lock_base(base, state, at=clock.now(), console=context.console)
    write_base_lock(made, base.lock_file)
    click.echo(f"locked the base {base.name}: {len(made.packages)} Debian packages")
    return made
