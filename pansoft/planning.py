# SPDX-License-Identifier: BSD-3-Clause
"""What is to be done: git says what should be published, the repository says what is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from builder.images.built import built
from builder.images.plan import BuildPlan
from builder.recipes.recipe import Recipe
from builder.state import State
from catalog.entry import CatalogEntry
from core.errors import InvalidInput, UserError
from pansoft import published, workspace
from pansoft.context import Context


class Status(StrEnum):
    """How far a package is on its way."""

    NEW = "new"
    BUILT = "built"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe, its plan, and how far it is already; `why` says it in a sentence."""

    recipe: Recipe
    plan: BuildPlan
    status: Status
    why: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A recipe that has no plan, for instance for want of a lock, and why."""

    recipe: Recipe
    error: UserError

    @property
    def why(self) -> str:
        """Return the sentence for a table."""
        if isinstance(self.error, InvalidInput):
            return "; ".join(problem.message for problem in self.error.problems)
        return self.error.message


@dataclass(frozen=True, slots=True)
class Planning:
    """What is to be done for each recipe, and the recipes for which that cannot be said."""

    planned: tuple[Planned, ...]
    blocked: tuple[Blocked, ...]


def plan(context: Context, recipes: Sequence[Recipe], *, at: datetime) -> Planning:
    """Return what is to be done for each recipe, from git and the repository; nothing is changed."""
    entries = published.entries_in(State(context.state), at=at)
    planned: list[Planned] = []
    blocked: list[Blocked] = []
    for recipe in recipes:
        try:
            wanted = workspace.plan_of(context, recipe)
        except UserError as err:
            blocked.append(Blocked(recipe, err))
        else:
            planned.append(_compared(recipe, wanted, entries, State(context.state)))
    return Planning(tuple(planned), tuple(blocked))


def _compared(
    recipe: Recipe, wanted: BuildPlan, entries: Sequence[CatalogEntry], state: State
) -> Planned:
    """Return how far a recipe is."""
    versions = {entry.version: entry for entry in entries if entry.name == recipe.name}
    there = versions.get(recipe.version)
    if there is not None and there.plan == wanted.id:
        return Planned(recipe, wanted, Status.PUBLISHED, f"published on {there.published}")
    if built(wanted, state) is not None:
        return Planned(recipe, wanted, Status.BUILT, "built, not published")
    if there is not None:
        why = "its inputs differ from the published build of this version"
    elif versions:
        why = "a version that is not published"
    else:
        why = "a package that is not published"
    return Planned(recipe, wanted, Status.NEW, why)
