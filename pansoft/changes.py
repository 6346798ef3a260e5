# SPDX-License-Identifier: BSD-3-Clause
"""What a branch changes: which recipes, what in them, and which others follow from a changed base.

The recipes as they were are planned beside those that are, so the answer is not which files differ but
which images do. Only what differs is read: the cost grows with the change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from builder.images.plan import Retired
from builder.images.plan_difference import plan_difference, sentences
from builder.recipes import load
from builder.recipes.folders import BASES, RECIPES, VERSIONS, place_of_key, recipe_folders
from builder.recipes.recipe import Recipe
from core.errors import InvalidInput, UserError
from core.problems import Problem, in_order
from core.spread import spread
from pansoft import workspace
from pansoft.checkout import Checkout
from pansoft.context import Context
from pansoft.workspace import BasePlans


class Kind(StrEnum):
    """What became of a recipe."""

    NEW = "new"
    GONE = "gone"
    REBUILT = "rebuilt"
    """Its image has other bytes, for what the recipe says or for what it stands on."""
    TESTED = "tested"
    """Its image stays as it is; what is tested of it is another, or what it needs to run."""
    PROMOTED = "promoted"
    """Its image and its tests stay as they are and come into another channel."""
    RETIRED = "retired"
    """It is taken out of use; what is published of it stays."""
    RETURNED = "returned"
    """It was taken out of use and is not any more."""
    TOLD = "told"
    """Its image and its tests stay as they are; what is said or released of it is another."""


TRIED = (Kind.NEW, Kind.REBUILT, Kind.TESTED, Kind.RETURNED)
"""Where there is an image to build or to test before anybody merges it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the recipe `key` and why, in phrases; `place` is its folder in the project."""

    key: str
    place: str
    kind: Kind
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs from `commit`: recipes, the bases that changed, and other paths of the project."""

    commit: str
    recipes: tuple[Change, ...]
    bases: tuple[str, ...]
    others: tuple[str, ...]


def changes_since(context: Context, revision: str) -> Changes:
    """Return what differs from the commit at which the checkout left `revision`, committed or not.

    Raises:
        UserError: this is no git checkout, or there is no such revision.
        InvalidInput: recipes that differ are wrong as they are now, with every problem.
    """
    checkout = Checkout(context.project)
    commit = checkout.common_with(revision)
    touched = _sorted_out(checkout.changed_since(commit))
    keys = sorted({*touched.keys, *_on_bases(context, touched.bases)})
    with tempfile.TemporaryDirectory(prefix="pansoft-since-") as folder:
        before = replace(context, project=Path(folder))
        places = [place_of_key(key) for key in keys]
        checkout.export(commit, [*places, f"{RECIPES}/{BASES}"] if keys else (), before.project)
        found = _all_of(context, before, keys)
    return Changes(commit, found, touched.bases, touched.others)


def difference(context: Context, recipe: Recipe, commit: str) -> tuple[str, ...] | None:
    """Return in phrases what decides a recipe's image and differs from the recipe of a commit.

    None is returned where that cannot be told: the commit is not here, or had no such recipe.
    """
    checkout, place = Checkout(context.project), place_of_key(recipe.key)
    if not checkout.has(commit):
        return None
    with tempfile.TemporaryDirectory(prefix="pansoft-since-") as folder:
        before = replace(context, project=Path(folder))
        checkout.export(commit, [place, f"{RECIPES}/{BASES}"], before.project)
        try:
            old = workspace.plan_from_lock(before, load.load_recipe(before.project / place))
        except UserError:
            return None
    return sentences(plan_difference(old, workspace.plan_from_lock(context, recipe)))


@dataclass(frozen=True, slots=True)
class _Touched:
    """Changed paths, sorted out: the recipes and bases that they belong to, and those of neither."""

    keys: tuple[str, ...]
    bases: tuple[str, ...]
    others: tuple[str, ...]


def _sorted_out(paths: Iterable[str]) -> _Touched:
    keys: set[str] = set()
    bases: set[str] = set()
    others: list[str] = []
    for path in paths:
        match PurePosixPath(path).parts:
            case (top, kind, name, _, *_) if (top, kind) == (RECIPES, BASES):
                bases.add(name)
            case (top, name, kind, version, _, *_) if (top, kind) == (RECIPES, VERSIONS):
                keys.add(f"{name}@{version}")
            case (top, name, _, *_) if top == RECIPES and name != BASES:
                keys.add(name)
            case _:
                others.append(path)
    return _Touched(tuple(sorted(keys)), tuple(sorted(bases)), tuple(others))


def _on_bases(context: Context, names: Sequence[str]) -> Iterable[str]:
    """Return the recipes that stand on one of these bases, or on one that does."""
    if not names:
        return
    below: dict[str, frozenset[str]] = {}
    for reading in spread(load.read_recipe, recipe_folders(context.project)):
        if (recipe := reading.recipe) is None:
            continue  # told where it is planned, and by check
        if recipe.base not in below:
            chain = workspace.bases_of(context, recipe.base)
            below[recipe.base] = frozenset(base.name for base in chain)
        if not below[recipe.base].isdisjoint(names):
            yield recipe.key


def _all_of(context: Context, before: Context, keys: Sequence[str]) -> tuple[Change, ...]:
    """Return what became of each recipe.

    Raises:
        InvalidInput: some are wrong, with every problem.
    """
    plans: tuple[BasePlans, BasePlans] = ({}, {})
    found: list[Change] = []
    problems: list[Problem] = []
    for key in keys:
        reading = (
            load.read_recipe(context.project / place_of_key(key)) if _is_in(context, key) else None
        )
        if reading is not None and reading.recipe is None:
            problems += reading.problems
            continue
        now = reading.recipe if reading else None
        change = _change(key, now, _as_it_was(before, key), (before, context), plans)
        found += [change] if change else []
    if problems:
        raise InvalidInput(in_order(problems))
    return tuple(found)


def _is_in(context: Context, key: str) -> bool:
    return (context.project / place_of_key(key) / "recipe.yaml").is_file()


def _as_it_was(before: Context, key: str) -> Recipe | None:
    """Return the recipe of then; None where there was none that this program can read."""
    if not _is_in(before, key):
        return None
    return load.read_recipe(before.project / place_of_key(key)).recipe


def _change(
    key: str,
    now: Recipe | None,
    was: Recipe | None,
    contexts: tuple[Context, Context],
    bases: tuple[BasePlans, BasePlans],
) -> Change | None:
    """Return what became of a recipe; None where files changed that are no recipe then or now."""
    place = place_of_key(key)
    if now is None:
        return Change(key, place, Kind.GONE, ("its recipe is gone",)) if was else None
    if was is None:
        return Change(key, place, Kind.NEW, (f"a recipe of version {now.version}",))
    if now.retire is not None:
        said = () if was.retire == now.retire else (f"retired: {now.retire}",)
        kind = Kind.RETIRED if was.retire is None else Kind.TOLD
        return Change(key, place, kind, (*said, *_said(was, now)))
    try:
        plan = workspace.plan_from_lock(contexts[1], now, bases[1])
    except UserError as err:  # the table of plans says it with its hint
        return Change(key, place, Kind.REBUILT, (_in_short(err),))
    try:
        old = workspace.plan_from_lock(contexts[0], was, bases[0])
    except Retired:
        return Change(key, place, Kind.RETURNED, ("no longer retired",))
    except UserError as err:
        return Change(key, place, Kind.REBUILT, (f"had no plan: {_in_short(err)}",))
    differs = sentences(plan_difference(old, plan))
    is_tested = any(getattr(was, name) != getattr(now, name) for name in _TESTED)
    is_moved = was.release.channel != now.release.channel
    unbuilt = Kind.TESTED if is_tested else Kind.PROMOTED if is_moved else Kind.TOLD
    kind = Kind.REBUILT if differs else unbuilt
    return Change(key, place, kind, (*differs, *_said(was, now)))


_TESTED = ("tests", "commands", "runtime")
_PLANNED = {"folder", "name", "version", "base", "build", "environment", "retire", "licence_text"}


def _said(was: Recipe, now: Recipe) -> tuple[str, ...]:
    """Return which fields of a recipe differ that no image depends on."""
    was = replace(was, license=replace(was.license, spdx=now.license.spdx))  # that one is planned
    differ = [
        each.name
        for each in fields(Recipe)
        if each.name not in _PLANNED and getattr(was, each.name) != getattr(now, each.name)
    ]
    said = []
    if was.release.channel != now.release.channel:
        said.append(f"channel {was.release.channel} → {now.release.channel}")
    if differ:
        said.append(f"in the recipe: {', '.join(differ)}")
    return tuple(said)


def _in_short(err: UserError) -> str:
    if isinstance(err, InvalidInput):
        return "; ".join(problem.message for problem in err.problems)
    return err.message
