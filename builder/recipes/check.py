# SPDX-License-Identifier: BSD-3-Clause
"""Recipes and bases checked without building anything: every file, every problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from builder.recipes.folders import BASES, base_folders, hint_at, key_of, recipe_folders
from builder.recipes.load import BaseReading, Reading, read_base, read_recipe
from builder.recipes.recipe import BaseRecipe, Recipe
from core.errors import UserError
from core.problems import Problem, errors, in_order
from core.spread import spread


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
    read = spread(partial(_read, bases=project / "recipes" / BASES), folders)
    made = [one.base if isinstance(one, BaseReading) else one.recipe for one in read]
    return CheckReport(
        in_order(problem for one in read for problem in one.problems),
        tuple(one for one in made if isinstance(one, Recipe)),
        tuple(one for one in made if isinstance(one, BaseRecipe)),
    )


def _read(folder: Path, *, bases: Path) -> Reading | BaseReading:
    return read_base(folder) if _is_base(folder) else read_recipe(folder, bases=bases)


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
        hint=hint_at(target, named) if named else f"there is none in {project / 'recipes'}",
    )
