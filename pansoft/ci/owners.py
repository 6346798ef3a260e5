# SPDX-License-Identifier: BSD-3-Clause
"""Whose recipes a merge request changes, as the default branch says it and never the merge request itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.recipes import load
from builder.recipes.folders import BASES, RECIPES
from builder.recipes.recipe import BaseRecipe, Recipe
from pansoft.ci.note import Owned


@dataclass(frozen=True, slots=True)
class Owner:
    """A recipe or a base that a merge request changes, who looks after it, and their e-mail addresses."""

    owned: Owned
    addresses: frozenset[str]

    def is_looked_after_by(self, address: str | None) -> bool:
        """Return whether an address is that of one of these people."""
        return address is not None and address.casefold() in self.addresses


@dataclass(frozen=True, slots=True)
class Touched:
    """What a merge request changes: recipes and bases that there are already, and paths of no recipe."""

    owners: tuple[Owner, ...]
    beyond: tuple[str, ...]


def touched(project: Path, paths: Iterable[str]) -> Touched:
    """Return whose recipes some paths belong to.

    Args:
        project: a checkout of the default branch. A recipe that is new there belongs to nobody yet.
        paths: of files that are changed, from the project's folder on.
    """
    folders: set[Path] = set()
    beyond: list[str] = []
    for path in paths:
        match PurePosixPath(path).parts:
            case (top, kind, name, _, *_) if (top, kind) == (RECIPES, BASES):
                folders.add(project / RECIPES / BASES / name)
            case (top, name, _, *_) if top == RECIPES and name != BASES:
                folders.add(project / RECIPES / name)
            case _:
                beyond.append(path)
    found = (_owner(folder) for folder in sorted(folders))
    return Touched(tuple(owner for owner in found if owner is not None), tuple(beyond))


def _owner(folder: Path) -> Owner | None:
    """Return who looks after what is in a folder; None where there is no recipe, nobody of a wrong one."""
    if not (folder / "recipe.yaml").exists() and not (folder / "base.yaml").exists():
        return None
    is_base = folder.parent.name == BASES
    name = f"{BASES}/{folder.name}" if is_base else folder.name
    there: Recipe | BaseRecipe | None
    there = load.read_base(folder).base if is_base else load.read_recipe(folder).recipe
    if there is None:
        return Owner(Owned(name, ()), frozenset())
    facilities = there.facilities if isinstance(there, Recipe) else ()
    people = tuple(each.name for each in there.maintainers)
    addresses = frozenset(each.email.casefold() for each in there.maintainers if each.email)
    return Owner(Owned(name, people, facilities), addresses)
