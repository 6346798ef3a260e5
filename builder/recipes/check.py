# SPDX-License-Identifier: BSD-3-Clause
"""Recipes and bases checked without building anything: every file, every problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.recipes.folders import BASES, base_folders, key_of, recipe_folders
from builder.recipes.load import read_base, read_recipe
from builder.recipes.recipe import BaseRecipe, Recipe
from core.errors import UserError
from core.problems import Problem, errors, in_order


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found: every problem, and the recipes and bases that have no error."""

    problems: tuple[Problem, ...]
    recipes: tuple[Recipe, ...]
    bases: tuple[BaseRecipe, ...]

    @property
    def passed(self) -> bool:
        """Return whether no problem is an error."""
        return not errors(self.problems)


def check(project: Path, targets: Sequence[str] = ()) -> CheckReport:
    """Check recipes and bases.

    Args:
        project: the project, with its `recipes` folder.
        targets: names of recipes or bases, their folders, or files in them; all if there is none.

    Raises:
        UserError: a target is none of these.
    """
    folders = _all_folders(project) if not targets else _named(project, targets)
    problems: list[Problem] = []
    recipes: list[Recipe] = []
    bases: list[BaseRecipe] = []
    for folder in folders:
        if _is_base(folder):
            base = read_base(folder)
            problems += base.problems
            bases += [base.base] if base.base else []
        else:
            reading = read_recipe(folder, bases=project / "recipes" / BASES)
            problems += reading.problems
            recipes += [reading.recipe] if reading.recipe else []
    return CheckReport(in_order(problems), tuple(recipes), tuple(bases))


def _all_folders(project: Path) -> list[Path]:
    return [*base_folders(project), *recipe_folders(project)]


def _is_base(folder: Path) -> bool:
    return folder.parent.name == BASES or (folder / "base.yaml").is_file()


def _named(project: Path, targets: Sequence[str]) -> list[Path]:
    found = [_folder(project, target) for target in targets]
    return list(dict.fromkeys(found))


def _folder(project: Path, target: str) -> Path:
    """Return the recipe's or the base's folder that a target means."""
    named = {key_of(folder): folder for folder in _all_folders(project)}
    if target in named:
        return named[target]
    path = Path(target).absolute()
    for folder in (path, *path.parents[:2]):
        if (folder / "recipe.yaml").is_file() or (folder / "base.yaml").is_file():
            return folder
    raise UserError(
        f"there is no recipe '{target}'",
        hint=f"known are: {', '.join(named)}"
        if named
        else f"there is none in {project / 'recipes'}",
    )
