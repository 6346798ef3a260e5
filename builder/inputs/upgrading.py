# SPDX-License-Identifier: BSD-3-Clause
"""What new locks would bring: they are made, and compared with those that stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from builder.inputs import locking
from builder.inputs.changes import Change, changes
from builder.inputs.lock import (
    BaseLock,
    PackageLock,
    standing_base_lock,
    standing_package_lock,
    write_base_lock,
    write_package_lock,
)
from builder.recipes.recipe import BaseRecipe, Recipe
from builder.state import State
from core.console import Console
from core.errors import UserError


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The lock that would be made today for a recipe or a base, and what it changes.

    `is_new` is False where it is the one that stands.
    """

    of: Recipe | BaseRecipe
    lock: PackageLock | BaseLock
    changes: tuple[Change, ...]
    is_new: bool

    @property
    def name(self) -> str:
        """Return the name of the recipe or base."""
        return self.of.name

    def write(self) -> None:
        """Write the lock in the place of the one that stands."""
        if isinstance(self.lock, BaseLock):
            write_base_lock(self.lock, self.of.lock_file)
        else:
            write_package_lock(self.lock, self.of.lock_file)


def upgrades(
    recipes: Sequence[Recipe],
    bases: Sequence[BaseRecipe],
    fixed: Mapping[str, BaseLock],
    state: State,
    *,
    at: datetime,
    console: Console,
) -> tuple[Upgrade, ...]:
    """Return the locks that would be made today: of the bases, then of the recipes on those.

    Args:
        recipes: the recipes to lock.
        bases: the bases to lock, each after the one that it stands on.
        fixed: by name, the locks of bases that something is on and that stay as they are.
        state: where apt's private state and the inputs are; bases' packages are fetched.
        at: the time that new locks of bases carry.
        console: whom to tell.

    Raises:
        UserError: something cannot be resolved any more.
    """
    locks = dict(fixed)
    found: list[Upgrade] = []
    for base in bases:
        console.status(f"locking the base {base.name}")
        below = locks[base.on] if base.on else None
        made = locking.lock_base(base, below, state, at=at, console=console)
        old = _standing_base(base, below)
        differences = changes(old, made)
        if old is not None and not differences and old.asked == made.asked:
            made = old  # its time alone is newer, and that would rebuild every package on it
        locks[base.name] = made
        found.append(Upgrade(base, made, differences, made != old))
    for recipe in recipes:
        console.status(f"locking {recipe.name}")
        package = locking.lock_package(recipe, locks[recipe.base], state, at=at, console=console)
        was = _standing_package(recipe)
        found.append(Upgrade(recipe, package, changes(was, package), package != was))
    return tuple(found)


def _standing_base(base: BaseRecipe, below: BaseLock | None) -> BaseLock | None:
    try:
        return standing_base_lock(base, below)
    except UserError:
        return None


def _standing_package(recipe: Recipe) -> PackageLock | None:
    try:
        return standing_package_lock(recipe)
    except UserError:
        return None
