# SPDX-License-Identifier: BSD-3-Clause
"""From names on a command line to recipes and their plans, reading no more files than those need."""

from __future__ import annotations

import tempfile
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from builder.images.build_user import BuildUser, build_user
from builder.images.plan import (
    BasePlan,
    BuildPlan,
    Retired,
    plan_package,
    read_base_plan,
    refuse_retired,
)
from builder.inputs.downloads import NotHeld, held
from builder.inputs.lock import read_package_lock
from builder.recipes import load
from builder.recipes.folders import BASES, base_folders, hint_at, key_of, recipe_folders
from builder.recipes.recipe import BaseRecipe, Install, Recipe
from builder.state import State
from builder.stored import References
from core.errors import UserError
from pansoft.context import Context


def recipes_named(context: Context, names: Sequence[str]) -> tuple[Recipe, ...]:
    """Return the recipes with these names, each once; all of the project's where none is given.

    Raises:
        UserError: there is no such recipe.
        InvalidInput: one of them is wrong, with every problem.
    """
    if not names:
        return load.load_all(context.project)
    return tuple(load.load_recipe(folder) for folder in folders_named(context, names))


def folders_named(context: Context, names: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders of the recipes with these names, each once; of all where none is given.

    Raises:
        UserError: there is no such recipe.
    """
    known = {key_of(folder): folder for folder in recipe_folders(context.project)}
    return tuple(_folder(known, name) for name in dict.fromkeys(names or known))


def bases_named(context: Context, names: Sequence[str]) -> tuple[BaseRecipe, ...]:
    """Return those of `names` that are bases."""
    known = {folder.name: folder for folder in base_folders(context.project)}
    return tuple(load.load_base(known[name]) for name in dict.fromkeys(names) if name in known)


def bases_of(context: Context, name: str) -> tuple[BaseRecipe, ...]:
    """Return the base of a name after those that it stands on, the lowest first."""
    return load.load_chain(context.recipes / BASES / name)


BasePlans: TypeAlias = MutableMapping[str, BasePlan]
"""The plans of bases by name, for going through many recipes: each base is read once."""


def plan_of(context: Context, recipe: Recipe, bases: BasePlans | None = None) -> BuildPlan:
    """Return the plan of a recipe from its lock and its base's, and from a licence holder's files.

    `bases` are plans that were read already; what is read now is added.

    Raises:
        NotHeld: it is made from the download of a licence holder, which is not here.
        UserError: a lock is missing or stale.
    """
    plan = plan_from_lock(context, recipe, bases)
    if recipe.install is Install.PUBLISHER:
        return plan
    return replace(plan, sources=(*plan.sources, *held(recipe, State(context.state))))


def plan_from_lock(context: Context, recipe: Recipe, bases: BasePlans | None = None) -> BuildPlan:
    """Return the plan of a recipe without what a licence holder adds to it; `bases` as in `plan_of`.

    Raises:
        Retired: it is.
        UserError: a lock is missing or stale.
    """
    refuse_retired(recipe)  # it needs no lock
    bases = {} if bases is None else bases
    if recipe.base not in bases:
        bases[recipe.base] = base_plan_of(context, recipe.base)
    base = bases[recipe.base]
    return plan_package(recipe, read_package_lock(recipe, base.lock), base)


def base_plan_of(context: Context, name: str) -> BasePlan:
    """Return the plan of a base from its lock and those of the bases that it stands on.

    Raises:
        UserError: a lock is missing or stale.
    """
    return read_base_plan(context.recipes / BASES / name)


def plans_named(context: Context, names: Sequence[str]) -> tuple[BuildPlan | BasePlan, ...]:
    """Return the plans of the bases and recipes with these names, each once.

    Raises:
        UserError: there is none of that name, or a lock is missing or stale.
    """
    bases = bases_named(context, names)
    known = {base.name for base in bases}
    others = [name for name in names if name not in known]
    recipes = recipes_named(context, others) if others else ()
    return (
        *(base_plan_of(context, base.name) for base in bases),
        *(plan_of(context, recipe) for recipe in recipes),
    )


def references(context: Context) -> References:
    """Return what all recipes and bases of the project need as they are now.

    Raises:
        UserError: that cannot be said, for a recipe is wrong or has no lock.
    """
    bases: dict[str, BasePlan] = {}
    inputs: set[str] = set()
    images: set[str] = set()
    try:
        for recipe in load.load_bases(context.project):
            bases |= {layer.id: layer for layer in base_plan_of(context, recipe.name).layers}
        plans: dict[str, BasePlan] = {}
        for package in load.load_all(context.project):
            try:
                plan = plan_of(context, package, plans)
            except (NotHeld, Retired):
                continue  # nothing of it is here, or will be
            images.add(plan.id)
            inputs |= {item.sha256 for item in plan.inputs}
            bases |= {layer.id: layer for layer in plan.base.layers}
    except UserError as err:
        raise UserError(
            f"what the recipes need is not known: {err.message}",
            hint="mend it, or treat all alike with --even-needed",
        ) from err
    inputs |= {item.sha256 for base in bases.values() for item in base.lock.inputs}
    return References(frozenset(inputs), frozenset(bases), frozenset(images))


def state_of(context: Context) -> State:
    """Return the places of run state, whose folder is made where missing.

    Raises:
        UserError: it cannot be made or written to.
    """
    for folder, option in ((context.state, "state"), (context.local, "local")):
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as err:
            raise UserError(
                f"the {option} folder {folder} cannot be written to: {err.strerror}",
                hint=f"keep the state somewhere else: pansoft --{option} DIR …",
            ) from err
    return State(context.state, context.local)


def builder_of(context: Context) -> BuildUser:
    """Return who runs builds and tests for the caller."""
    del context  # the machine decides, not the project; a site may want to one day
    return build_user()


def _folder(known: dict[str, Path], name: str) -> Path:
    if name in known:
        return known[name]
    raise UserError(f"there is no recipe named '{name}'", hint=hint_at(name, known))
