# SPDX-License-Identifier: BSD-3-Clause
"""Where recipes and bases lie in a project, and what a command line calls them.

recipes/NAME/recipe.yaml                       the current version of a package
recipes/NAME/versions/VERSION/recipe.yaml      another one that is kept beside it: NAME@VERSION
recipes/bases/NAME/base.yaml                   a base
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

RECIPES = "recipes"
BASES = "bases"
VERSIONS = "versions"


def recipe_folders(project: Path) -> tuple[Path, ...]:
    """Return the folders of all recipes of a project by name; kept versions follow the current one."""
    return tuple(
        folder
        for current in folders_in(project / RECIPES)
        if current.name != BASES
        for folder in (current, *folders_in(current / VERSIONS))
    )


def base_folders(project: Path) -> tuple[Path, ...]:
    """Return the folders of all bases of a project, sorted by name."""
    return folders_in(project / RECIPES / BASES)


def folders_in(parent: Path) -> tuple[Path, ...]:
    """Return the folders in a folder that are not hidden, sorted by name; none where it is missing."""
    if not parent.is_dir():
        return ()
    return tuple(
        sorted(entry for entry in parent.iterdir() if entry.is_dir() and entry.name[0] != ".")
    )


def is_kept(folder: Path) -> bool:
    """Return whether a recipe's folder is that of a version which is kept beside the current one."""
    return folder.parent.name == VERSIONS


def name_of(folder: Path) -> str:
    """Return the name of the package whose recipe is in a folder."""
    return folder.parents[1].name if is_kept(folder) else folder.name


def key_of(folder: Path) -> str:
    """Return what a command line calls the recipe of a folder: NAME, or NAME@VERSION."""
    return f"{name_of(folder)}@{folder.name}" if is_kept(folder) else folder.name


def place_of(folder: Path) -> str:
    """Return where the recipe of a folder lies in its project, from the project's folder on."""
    if is_kept(folder):
        return f"{RECIPES}/{name_of(folder)}/{VERSIONS}/{folder.name}"
    return f"{RECIPES}/{folder.name}"


def place_of_key(key: str) -> str:
    """Return where the recipe that a command line calls so lies in its project, there or not."""
    name, _, version = key.partition("@")
    return f"{RECIPES}/{name}/{VERSIONS}/{version}" if version else f"{RECIPES}/{name}"


def recipes_around(folder: Path) -> Path:
    """Return the folder of all recipes that a recipe's folder lies in."""
    return folder.parents[2] if is_kept(folder) else folder.parent


def hint_at(name: str, known: Iterable[str]) -> str:
    """Return how to find what is called nearly as a name that there is not."""
    known = tuple(known)
    # among hundreds of names, a letter off is meant and half a word alike is not
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.85) or difflib.get_close_matches(
        name, known, n=3
    )
    return f"did you mean {' or '.join(near)}?" if near else "see them with: ls recipes"
