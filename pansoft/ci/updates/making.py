# SPDX-License-Identifier: BSD-3-Clause
"""A step made in a copy of the recipe: the checkout stays as it is until somebody wants it otherwise."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder.images import build as building
from builder.inputs import locking
from builder.inputs.changes import Change, changes
from builder.inputs.lock import read_package_lock, standing_package_lock, write_package_lock
from builder.recipes import load
from builder.recipes.folders import RECIPES, VERSIONS
from builder.recipes.recipe import Recipe
from builder.recipes.step import Stepped, stepped
from builder.testing import reports
from builder.testing.run import test_image
from core.errors import InvalidInput, UserError
from pansoft import workspace
from pansoft.ci.apart import apart
from pansoft.ci.updates.bundles import Wanted
from pansoft.context import Context


@dataclass(frozen=True, slots=True)
class Trial:
    """How the tests of a new version went; `said` is what went wrong."""

    passed: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A step that was made.

    `files` has its texts by their path in the project, `changes` what the new lock changes, `left` the lines
    of the recipe in which the old version still stands, and `trial` how its tests went, where they were run.
    """

    wanted: Wanted
    files: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    left: tuple[int, ...]
    trial: Trial | None


def make(context: Context, wanted: Wanted, *, at: datetime, test: bool) -> Made:
    """Return what a step makes of a recipe and its lock.

    Args:
        context: the project and where its run state is.
        wanted: the step.
        at: the time, which decides whether package lists are read again.
        test: whether the new version is built and tested.

    Raises:
        UserError: the recipe or its inputs do not allow it.
    """
    with _copy(context, wanted) as (copied, recipe, text):
        state = workspace.state_of(context)
        base = workspace.base_plan_of(copied, recipe.base).lock
        lock = locking.lock_package(recipe, base, state, at=at, console=context.console)
        write_package_lock(lock, recipe.lock_file)
        return Made(
            wanted,
            _files(recipe),
            changes(standing_package_lock(wanted.look.recipe), lock),
            text.left,
            _tried(copied, recipe) if test else None,
        )


def fits(context: Context, wanted: Wanted, *, recipe_text: str | None, lock: str | None) -> bool:
    """Return whether a recipe and its lock are what a step would make of them, or as good as that."""
    if recipe_text is None or lock is None:
        return False
    with _copy(context, wanted) as (copied, recipe, text):
        if text.text != recipe_text:
            return False
        recipe.lock_file.write_text(lock, encoding="utf-8")
        try:
            read_package_lock(recipe, workspace.base_plan_of(copied, recipe.base).lock)
        except UserError:
            return False
        return True


def paths_of(wanted: Wanted) -> tuple[str, str]:
    """Return where the recipe and its lock are in the project."""
    folder = f"{RECIPES}/{wanted.name}"
    return f"{folder}/recipe.yaml", f"{folder}/lock.json"


@contextlib.contextmanager
def _copy(context: Context, wanted: Wanted) -> Iterator[tuple[Context, Recipe, Stepped]]:
    """Give a project with nothing but the bases and a copy of a recipe, in which the step is made.

    Raises:
        UserError: it cannot be made.
    """
    old = wanted.look.recipe
    if (old.folder / VERSIONS / wanted.step.new).exists():
        raise UserError(
            f"{old.name} {wanted.step.new} is kept beside the current version",
            hint=f"make it the current one: see {RECIPES}/{old.name}/{VERSIONS}",
        )
    with apart(context) as trial:
        copied = shutil.copytree(old.folder, trial.recipes / old.name)
        file = copied / "recipe.yaml"
        text = stepped(
            file.read_text(encoding="utf-8"), wanted.step, file=Path(paths_of(wanted)[0])
        )
        file.write_text(text.text, encoding="utf-8")
        recipe = load.load_recipe(copied)
        yield trial, recipe, text


def _files(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{RECIPES}/{recipe.name}/{file.name}", file.read_text(encoding="utf-8"))
        for file in (recipe.file, recipe.lock_file)
    )


def _tried(context: Context, recipe: Recipe) -> Trial:
    state, user = workspace.state_of(context), workspace.builder_of(context)
    try:
        plan = workspace.plan_of(context, recipe)
        built = building.build(plan, state, user=user, console=context.console)
        report = test_image(recipe, built.image, state, user=user, console=context.console)
    except UserError as err:
        return Trial(passed=False, said=words_of(err))
    return Trial(report.passed, "" if report.passed else reports.failures(report))


def words_of(err: UserError) -> str:
    """Return an error and its hint in one line for each problem."""
    if isinstance(err, InvalidInput):
        return "\n".join(str(problem) for problem in err.problems)
    return f"{err.message}\n{err.hint}" if err.hint else err.message
